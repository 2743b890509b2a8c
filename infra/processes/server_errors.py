"""What can go wrong with a server that was started here or is given, whatever it serves."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, WorldError

__all__ = ["GivenServerSilent", "ServerDidNotStart", "WrongServerState"]


@dataclass(eq=False, kw_only=True)
class ServerDidNotStart(WorldError):
    """A server was started and did not serve clients in time."""

    server: str
    """What it is: Apache Kafka, Redis, the embedded broker."""
    reason: str
    """How far it came."""
    log_tail: str
    """The last lines of its log."""

    code: ClassVar[str] = "PEN-I42"
    what: ClassVar[str] = "{server} did not start: {reason}."
    why: ClassVar[str] = "Its last lines were:\n{log_tail}\n"
    remedy: ClassVar[str] = "Mend what they name; a slow machine may need a longer start_timeout_s."


@dataclass(eq=False, kw_only=True)
class WrongServerState(CallerError):
    """Something was asked of a server that runs, or of one that does not."""

    server: str
    """Its address."""
    state: str
    """What it does."""

    code: ClassVar[str] = "PEN-I43"
    what: ClassVar[str] = "The server at {server} {state}."
    why: ClassVar[str] = "What was asked of it needs the contrary."
    remedy: ClassVar[str] = "Call start() or stop() first; log_tail() says why one ended by itself."


@dataclass(eq=False, kw_only=True)
class GivenServerSilent(WorldError):
    """A variable names an address where no such server answers."""

    server: str
    """What it should be: Kafka, Redis."""
    address: str
    """`host:port`, as it was given."""
    variable: str
    """The variable."""

    code: ClassVar[str] = "PEN-I45"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "No {server} answers at {address}, which {variable} names."
    why: ClassVar[str] = "What is given is not replaced by something else."
    remedy: ClassVar[str] = "Start that {server}, mend the address, or unset the variable."
