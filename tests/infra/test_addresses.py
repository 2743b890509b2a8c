"""Addresses of brokers are judged by looking, all at once, and never repeat a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.addresses import Address, parse_addresses

PORTS = st.integers(1, 65_535)
HOSTS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z](\.[a-z]{2,5})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)


def written(address: Address) -> str:
    """Return an address as a setting holds it."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


@given(st.lists(st.builds(Address, host=HOSTS, port=PORTS), min_size=1, max_size=4))
def test_good_addresses_are_read_as_written(addresses: list[Address]) -> None:
    """Names, IPv4, and IPv6 in brackets, one or several."""
    found = parse_addresses(",".join(map(written, addresses)))
    assert found.good == tuple(addresses)
    assert found.problems == ()


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    """Each part is good or a problem; nothing raises."""
    found = parse_addresses(text)
    assert len(found.good) + len(found.problems) == text.count(",") + 1


@pytest.mark.parametrize(
    ("text", "part_of_problem"),
    [
        ("", "is empty"),
        ("localhost:9092,", "a comma too many"),
        ("localhost", "has no port"),
        ("localhost:", "has no port"),
        (":9092", "has no host"),
        ("localhost:0", "not from 1 to 65535"),
        ("localhost:70000", "not from 1 to 65535"),
        ("localhost:abc", "not a number"),
        ("localhost:\u0663", "not a number"),
        ("localhost:9092:9093", "without brackets"),
        ("::1:9092", "without brackets"),
        ("[::1]", "has no port"),
        ("[::1]9092", "not written as [IPv6]:port"),
        ("[::1", "not written as [IPv6]:port"),
        ("[localhost]:9092", "no IPv6 address in its brackets"),
        ("999.1.1.1:9092", "no IPv4 address"),
        ("http://169.254.169.254:80", "has a scheme"),
        ("file:///etc/passwd", "has a scheme"),
        ("localhost:9092/x", "has a path"),
        ("local host:9092", "white space"),
        ("a:1, b:2", "white space"),
        ("localhost\n:9092", "white space"),
        ("-broker:9092", "no host name"),
        ("bröker:9092", "no host name"),
    ],
)
def test_what_cannot_be_used_says_why(text: str, part_of_problem: str) -> None:
    """Each kind of mistake has its words."""
    (problem,) = parse_addresses(text).problems
    assert part_of_problem in problem


def test_all_problems_are_told_at_once() -> None:
    """One look finds every bad address, and keeps the good ones."""
    found = parse_addresses("a:1,b,c:0,d:4")
    assert [address.host for address in found.good] == ["a", "d"]
    assert len(found.problems) == 2


def test_what_may_be_a_password_is_not_repeated() -> None:
    """Before an @ stands a login; such an address is named by its number."""
    (problem,) = parse_addresses("a:1,user:s3cret@b:9092").problems[:1]
    assert "s3cret" not in problem
    assert "number 2" in problem


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("kafka", False),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - it is judged, nobody listens there
        ("fe80::1", False),
    ],
)
def test_loopback_is_known_by_its_name_or_number(host: str, is_loopback: bool) -> None:
    """Only what can be nothing but this machine counts as loopback."""
    assert Address(host=host, port=9092).is_loopback is is_loopback
