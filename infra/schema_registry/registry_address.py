"""Addresses of schema registries: URLs with commas between, with a base path where there is one.

    http://registry:8081
    https://one.example:8081,https://two.example:8081
    https://apicurio.example/apis/ccompat/v7

Laws:
1. All problems are found at once.
2. User and password stand in settings of their own: a URL gets into logs, so it may hold none, and
   one that does is never repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from penstock.infra.plain_text import excerpt

__all__ = ["ParsedUrls", "parse_registry_urls"]

_LONGEST: Final = 1_000
_MOST: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedUrls:
    """What a list of URLs holds."""

    good: tuple[str, ...]
    """Each without a slash at its end, in their order; none twice."""
    problems: tuple[str, ...]
    """A phrase for each that is none."""


def parse_registry_urls(text: str) -> ParsedUrls:
    """Read a list of URLs.

    Args:
        text: URLs with commas between.
    """
    parts = [part.strip(" ") for part in text.split(",")]
    good: dict[str, None] = {}
    problems: list[str] = []
    for part in parts:
        found = list(_problems(part))
        problems += found
        if not found:
            good[part.rstrip("/")] = None
    if len(good) > _MOST:
        problems.append(f"there are more than {_MOST} URLs")
    return ParsedUrls(good=tuple(good), problems=tuple(problems))


def _problems(part: str) -> Iterator[str]:
    shown = f"'{excerpt(part, 100)}'"
    if "@" in part:
        yield "a URL may hold no user and no password: give them in settings of their own"
        return
    if not part:
        yield "a URL is empty"
        return
    if len(part) > _LONGEST or not part.isascii() or not part.isprintable() or " " in part:
        yield f"{shown} is no URL"
        return
    try:
        split = urlsplit(part)
        port = split.port
    except ValueError:
        yield f"{shown} is no URL"
        return
    yield from _split_problems(split, port, shown)


def _split_problems(split: SplitResult, port: int | None, shown: str) -> Iterator[str]:
    if split.scheme not in {"http", "https"}:
        yield f"{shown} does not begin with http:// or https://"
    elif not split.hostname:
        yield f"{shown} names no host"
    elif port == 0:
        yield f"{shown} has port 0"
    elif split.query or split.fragment:
        yield f"{shown} has a query or a fragment, and only a base path may follow the host"
