"""URLs of registries: what is one, and that no password gets anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.schema_registry.registry_address import parse_registry_urls


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("http://localhost:8081", ("http://localhost:8081",)),
        ("http://a:1/, https://b/apis/ccompat/v7/", ("http://a:1", "https://b/apis/ccompat/v7")),
        ("http://a,http://a", ("http://a",)),
        ("http://[::1]:8081", ("http://[::1]:8081",)),
    ],
)
def test_urls(text: str, good: tuple[str, ...]) -> None:
    """Several with commas, with a base path, each once."""
    parsed = parse_registry_urls(text)
    assert parsed.good == good
    assert not parsed.problems


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:8081",
        "ftp://a",
        "http://",
        "http://a:0",
        "http://a:99999",
        "http://a:x",
        "http://[::1",
        "http://a?b=c",
        "http://a#b",
        "http://a b",
        "http://ä",
        "http://a\n",
        "http://a,",
        ",".join(f"http://a:{port}" for port in range(1, 30)),
    ],
)
def test_what_is_no_url(text: str) -> None:
    """Each is told of."""
    assert parse_registry_urls(text).problems


def test_all_problems_are_told_at_once() -> None:
    """Whoever mends an environment does it once."""
    assert len(parse_registry_urls("ftp://a,http://,http://ok").problems) == 2


def test_user_and_password_are_refused_and_never_repeated() -> None:
    """A URL ends up in logs."""
    parsed = parse_registry_urls("http://alice:hunter2@host:8081")
    assert not parsed.good
    assert "hunter2" not in str(parsed.problems)
    assert "alice" not in str(parsed.problems)


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    """Good URLs and problems; nothing is raised."""
    parsed = parse_registry_urls(text)
    assert parsed.good or parsed.problems
    assert all(url.startswith(("http://", "https://")) for url in parsed.good)
