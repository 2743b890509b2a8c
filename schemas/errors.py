"""What every penstock error is.

An error is made of facts. It states, in this order, what happened, why it is refused, and what to
do; the sentences are templates on the class, the facts are its fields, and the code never changes
once it is published: the code is the interface, the text is not.

Laws:
1. Three families, by whose fault it is: `CallerError`, `WorldError`, `InternalError`.
2. A leaf class has a `code` of its own; docs/errors.md lists them all and a test compares the two.
3. An error survives pickling, because errors cross process borders in tests and tools.

The base stands here, and not in a room of its own, because schemas is the lowest room.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, ClassVar

__all__ = ["CallerError", "ExitCode", "InternalError", "PenstockError", "WorldError"]


class ExitCode(IntEnum):
    """The exit codes of the command line. 1 is never used: Python itself exits with it."""

    OK = 0
    USAGE = 2
    CONFIGURATION = 3
    SCHEMA = 4
    UNREACHABLE = 5
    PERMISSION = 6
    DATA = 7
    BUG = 8


@dataclass(eq=False, kw_only=True)
class PenstockError(Exception):
    """The root of all penstock errors. Only leaves, which carry a code, are raised."""

    code: ClassVar[str] = ""
    """Stable identifier, `PEN-<letter of the room><number>`; empty on families."""
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    """What a command exits with when this error ends it."""
    retryable: ClassVar[bool] = False
    """True where the same call may succeed later with nothing changed by the caller."""
    what: ClassVar[str] = ""
    """Template: what happened. Facts stand in braces, as in `str.format`."""
    why: ClassVar[str] = ""
    """Template: why it is refused."""
    remedy: ClassVar[str] = ""
    """Template: what to do."""

    def __post_init__(self) -> None:
        """Build the message from the facts."""
        super().__init__(self.message)

    @property
    def facts(self) -> dict[str, Any]:
        """The error's fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def message(self) -> str:
        """The three sentences without the code."""
        facts = self.facts
        parts = (self.what, self.why, self.remedy)
        return " ".join(part.format(**facts) for part in parts if part)

    def __str__(self) -> str:
        """The code and the message, on one line."""
        return f"{self.code} {self.message}"

    def __reduce__(self) -> tuple[Callable[..., "PenstockError"], tuple[Any, ...]]:
        """Pickle the facts; the message is built again."""
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[PenstockError], facts: dict[str, Any]) -> PenstockError:
    return kind(**facts)


@dataclass(eq=False, kw_only=True)
class CallerError(PenstockError):
    """The caller asked for something that cannot be: change the call, the code or the settings."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION


@dataclass(eq=False, kw_only=True)
class WorldError(PenstockError):
    """The world outside did not play along: a broker, a network, bytes from somebody else."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE


@dataclass(eq=False, kw_only=True)
class InternalError(PenstockError):
    """Penstock itself is wrong. Please report it with the whole message."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG
