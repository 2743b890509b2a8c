import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.testing.compose_values import (
    Mount,
    NotUnderstood,
    PublishedPort,
    duration_s,
    mount_of,
    published_port,
    substituted,
)

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
plain = st.text(st.characters(exclude_characters="$"), max_size=40)


@given(plain, names, st.text(min_size=1, max_size=20), plain)
def test_a_variable_stands_for_its_value(before: str, name: str, value: str, after: str) -> None:
    """Whatever stands around it, and whatever the value holds: it is not looked at again."""
    assert substituted(f"{before}${{{name}}}{after}", {name: value}) == before + value + after


@given(names, st.from_regex(r"[^}$]{0,20}", fullmatch=True))
def test_a_default_stands_in(name: str, default: str) -> None:
    """For a variable that is not set, and for one that is empty."""
    assert substituted(f"${{{name}:-{default}}}", {}) == default
    assert substituted(f"${{{name}:-{default}}}", {name: ""}) == default


@given(st.text(max_size=60))
def test_two_dollars_are_one(text: str) -> None:
    """What is escaped comes out as it was."""
    assert substituted(text.replace("$", "$$"), {}) == text


@pytest.mark.parametrize("text", ["$HOME", "${", "${A:?}", "${A-b}", "a$", "${A:-${B}}", "${1}"])
def test_other_dollars_are_refused(text: str) -> None:
    """Compose knows more forms; guessing at them would start something else than users do."""
    with pytest.raises(NotUnderstood, match=r"has a \$"):
        substituted(text, {"A": "a", "HOME": "/root"})


def test_a_missing_variable_is_named() -> None:
    """Without a value and without a default there is no text."""
    with pytest.raises(NotUnderstood, match="needs the variable PORT"):
        substituted("127.0.0.1:${PORT}:80", {})


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(minutes: int, seconds: int, milliseconds: int) -> None:
    """Each unit counts."""
    text = f"{minutes}m{seconds}s{milliseconds}ms"
    assert duration_s(text) == pytest.approx(minutes * 60 + seconds + milliseconds / 1000)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1d", "1 s", "1s ", "1.s", "٣s"])
def test_no_duration(text: str) -> None:
    """A number without a unit is none: nobody knows of what."""
    with pytest.raises(NotUnderstood):
        duration_s(text)


@given(st.integers(1, 65_535), st.integers(1, 65_535))
def test_ports_on_loopback(outside: int, inside: int) -> None:
    """Address, port outside, port inside."""
    read = published_port(f"127.0.0.1:{outside}:{inside}")
    assert read == PublishedPort(outside=outside, inside=inside)


@pytest.mark.parametrize(
    "text", ["80:80", "80", "0.0.0.0:80:80", "127.0.0.1:0:80", "127.0.0.1:80:65536", "::1:80:80"]
)
def test_ports_elsewhere_are_refused(text: str) -> None:
    """What has no address would be published on every interface of the machine."""
    with pytest.raises(NotUnderstood):
        published_port(text)


def test_mounts() -> None:
    """A name is a volume; what begins with a dot or a slash is a path."""
    volume, path = mount_of("data:/data"), mount_of("./conf:/etc/conf:ro")
    assert volume == Mount(source="data", target="/data", read_only=False)
    assert path == Mount(source="./conf", target="/etc/conf", read_only=True)
    assert (volume.is_path, path.is_path, mount_of("/a:/b:rw").is_path) == (False, True, True)


@pytest.mark.parametrize("text", ["", "/data", "data:data", "a:/b:z", ":/b", "a:/b:ro:x"])
def test_no_mounts(text: str) -> None:
    """A mount without a source, without a full path inside, or with other options is refused."""
    with pytest.raises(NotUnderstood):
        mount_of(text)
