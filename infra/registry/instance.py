"""What is known of one process: who it is, where it runs, and whether it takes new work.

Laws:
1. Everything in it has a limit, checked when it is made; so it fits into an entry, a log line and a
   table.
2. An id is used by one process and never again: a process that starts anew is another instance.
3. A state that a later version adds is one more word of `Status`; who does not know it does not
   hand out work to it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

from penstock.events.problems import Problems
from penstock.schemas.errors import CallerError

__all__ = [
    "ID_LIMIT",
    "SERVICE_LIMIT",
    "BadInstance",
    "Instance",
    "Status",
    "check_service",
    "is_service",
]

SERVICE_LIMIT: Final = 68
"""Characters of a service's name: `saga-` and 63 more."""
ID_LIMIT: Final = 128
"""Characters of an instance's id."""
_HOST_LIMIT: Final = 255
_VERSION_LIMIT: Final = 64
_PID_LIMIT: Final = 2**31
_MS_LIMIT: Final = 253_402_300_800_000
"""The year 10 000: what is below can be shown as a date."""
_METADATA_LIMIT: Final = 32
_VALUE_LIMIT: Final = 256

_SERVICE: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{SERVICE_LIMIT - 1}}}")
_ID: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{ID_LIMIT - 1}}}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_SERVICE_RULE: Final = (
    f"it begins with a letter a-z and goes on with at most {SERVICE_LIMIT - 1} of a-z, 0-9, hyphen "
    "and underscore"
)
_ID_RULE: Final = (
    f"1 to {ID_LIMIT} letters, digits, dots, colons, hyphens and underscores, the first of them a "
    "letter or a digit"
)
_METADATA_RULE: Final = (
    f"at most {_METADATA_LIMIT} names in small letters, each with at most {_VALUE_LIMIT} "
    "characters that UTF-8 can encode"
)


class Status(StrEnum):
    """Whether an instance takes new work."""

    UP = "up"
    """It does."""
    DRAINING = "draining"
    """It ends what it has begun, and then leaves."""


@dataclass(eq=False, kw_only=True)
class BadInstance(CallerError):
    """An instance cannot be described so."""

    problems: Problems
    """One sentence for each field that breaks its rule."""

    code: ClassVar[str] = "PEN-I80"
    what: ClassVar[str] = "An instance cannot be registered or looked for so."
    why: ClassVar[str] = "{problems}"
    remedy: ClassVar[str] = "Give it values within these rules."


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One process of a service.

    Raises:
        BadInstance: a field breaks its rule; all of them are named.
    """

    service: str
    """Name of the worker, or `saga-<name>`; 1 to 68 characters."""
    id: str
    """Unlike any other's, for ever; 1 to 128 of letters, digits, dot, colon, hyphen, underscore."""
    host: str
    """Name or address of its machine; 1 to 255 printable ASCII characters without spaces."""
    pid: int
    """Its process id there; 0 where it has none."""
    started_ms: int
    """When it started, by its own wall clock, in milliseconds since 1970: for people only."""
    version: str
    """Of its program, at most 64 printable characters."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """At most 32 names `[a-z][a-z0-9_.-]{0,63}`, each with at most 256 characters."""
    status: Status = Status.UP
    """Whether it takes new work."""

    def __post_init__(self) -> None:
        """Check each field, and keep the metadata from being changed."""
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        if problems := tuple(_problems_of(self)):
            raise BadInstance(problems=Problems(problems))


def is_service(name: str) -> bool:
    """Say whether a service may have this name."""
    return _SERVICE.fullmatch(name) is not None


def check_service(name: str) -> str:
    """Return the name of a service if it is legal.

    Raises:
        BadInstance: it is not.
    """
    if not is_service(name):
        raise BadInstance(problems=Problems((_sentence("service", _SERVICE_RULE),)))
    return name


def _problems_of(instance: Instance) -> list[str]:
    checks = {
        "service": (is_service(instance.service), _SERVICE_RULE),
        "id": (_ID.fullmatch(instance.id) is not None, _ID_RULE),
        "host": (
            0 < len(instance.host) <= _HOST_LIMIT
            and instance.host.isascii()
            and instance.host.isprintable()
            and " " not in instance.host,
            f"1 to {_HOST_LIMIT} printable ASCII characters without spaces",
        ),
        "pid": (0 <= instance.pid < _PID_LIMIT, "0 or more, and less than 2^31"),
        "started_ms": (
            0 <= instance.started_ms < _MS_LIMIT,
            "0 or more, and before the year 10 000",
        ),
        "version": (
            len(instance.version) <= _VERSION_LIMIT and instance.version.isprintable(),
            f"at most {_VERSION_LIMIT} printable characters",
        ),
        "metadata": (
            len(instance.metadata) <= _METADATA_LIMIT
            and all(map(_NAME.fullmatch, instance.metadata))
            and all(_is_value(value) for value in instance.metadata.values()),
            _METADATA_RULE,
        ),
    }
    return [_sentence(name, rule) for name, (is_good, rule) in checks.items() if not is_good]


def _is_value(value: str) -> bool:
    return len(value) <= _VALUE_LIMIT and not any("\ud800" <= each <= "\udfff" for each in value)


def _sentence(name: str, rule: str) -> str:
    return f"The rule for {name}: {rule}."
