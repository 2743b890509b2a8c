"""Small forms of a compose file: `${VAR:-default}`, `1m30s`, `127.0.0.1:80:80`, `data:/data:ro`.

Pure: a text goes in, a value comes out, or `NotUnderstood` whose text ends a sentence.

Laws:
1. A form that is not listed here is refused, never guessed at. Compose knows more of each.
2. A port that would be published beyond loopback is refused: what tests start is nobody else's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = [
    "Mount",
    "NotUnderstood",
    "PublishedPort",
    "duration_s",
    "mount_of",
    "published_port",
    "substituted",
]

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_DOLLAR: Final = re.compile(
    rf"\$(?:(?P<escaped>\$)|\{{(?P<name>{_NAME})(?::-(?P<default>[^}}$]*))?\}}|(?P<other>))",
    re.ASCII,
)
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(us|ms|s|m|h)", re.ASCII)
_PORT: Final = re.compile(r"127\.0\.0\.1:([0-9]{1,5}):([0-9]{1,5})", re.ASCII)
_PORTS: Final = range(1, 65_536)
_MOUNT: Final = re.compile(r"([^:]+):(/[^:]*)(?::(ro|rw))?")
_LONGEST: Final = 10_000
"""Characters of one value; a longer one is a mistake."""


class NotUnderstood(Exception):
    """A text has none of the forms that are known; its own text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """A port of a container that is reached from outside, on 127.0.0.1 only."""

    outside: int
    """Number on this machine, 1 to 65 535."""
    inside: int
    """Number in the container, 1 to 65 535."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something of the machine's that a container sees."""

    source: str
    """The name of a volume; or, with a slash or a dot in front, a path on the machine."""
    target: str
    """Path in the container."""
    read_only: bool
    """Whether the container may not write there."""

    @property
    def is_path(self) -> bool:
        """Whether the source is a path and not the name of a volume."""
        return self.source[0] in "./~"


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """Put variables into a text.

    Args:
        text: may hold `${NAME}`, `${NAME:-default}`, and `$$` for one dollar.
        variables: an empty value counts as none, as in `:-`.

    Raises:
        NotUnderstood: a dollar stands there otherwise, or a variable without a default is missing.
    """
    if len(text) > _LONGEST:
        raise NotUnderstood(f"is longer than {_LONGEST} characters")

    def value_of(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        if found["name"] is None:
            raise NotUnderstood("has a $ that begins neither ${NAME}, ${NAME:-default} nor $$")
        value = variables.get(found["name"]) or found["default"]
        if value is None:
            raise NotUnderstood(f"needs the variable {found['name']}, which is not set")
        return value

    return _DOLLAR.sub(value_of, text)


def duration_s(text: str) -> float:
    """Read a duration: `30s`, `1m30s`, `500ms`.

    Returns:
        Seconds, 0 or more.

    Raises:
        NotUnderstood: it is none.
    """
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise NotUnderstood("is no duration like 30s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def published_port(text: str) -> PublishedPort:
    """Read `127.0.0.1:OUTSIDE:INSIDE`.

    Raises:
        NotUnderstood: it is none, or would be published on another address.
    """
    found = _PORT.fullmatch(text)
    if found is None:
        raise NotUnderstood("is no 127.0.0.1:OUTSIDE:INSIDE; nothing is published beyond loopback")
    outside, inside = int(found[1]), int(found[2])
    if outside not in _PORTS or inside not in _PORTS:
        raise NotUnderstood("has a port that is not between 1 and 65535")
    return PublishedPort(outside=outside, inside=inside)


def mount_of(text: str) -> Mount:
    """Read `SOURCE:/TARGET`, with `:ro` where it is only read.

    Raises:
        NotUnderstood: it is none.
    """
    found = _MOUNT.fullmatch(text)
    if found is None:
        raise NotUnderstood("is no SOURCE:/TARGET, with :ro or :rw behind it or nothing")
    return Mount(source=found[1], target=found[2], read_only=found[3] == "ro")
