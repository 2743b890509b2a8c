import pytest

from penstock.infra.testing.redis_options import options, url


def test_nothing_is_kept() -> None:
    """Without wishes, no snapshot and no log is written; an empty value stays an argument."""
    assert options({}) == ["--save", "", "--appendonly", "no"]


def test_wishes_come_over_the_settings_for_tests() -> None:
    """Each name stands once, and a value is split as redis.conf does it."""
    assert options({"appendonly": "yes", "rename-command": 'GET ""', "requirepass": "'a b'"}) == [
        *["--save", "", "--appendonly", "yes"],
        *["--rename-command", "GET", "", "--requirepass", "a b"],
    ]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("p", "redis://:p@127.0.0.1:1"),
        ("'a b/:@'", "redis://:a%20b%2F%3A%40@127.0.0.1:1"),
        ('""', "redis://127.0.0.1:1"),
    ],
)
def test_the_password_is_in_the_url(password: str, expected: str) -> None:
    """As the server understands it: without its quotes."""
    assert url("127.0.0.1:1", {"requirepass": password}) == expected
    assert url("127.0.0.1:1", {}) == "redis://127.0.0.1:1"
