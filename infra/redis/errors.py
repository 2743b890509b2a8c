"""What can go wrong with Redis, as the rest of the product sees it.

Laws:
1. An error says whether its call may have taken effect, since nobody here asks twice.
2. No password, no value and no more than the beginning of what a server said gets into an error.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BadKey",
    "BadRedisUrl",
    "RedisRefused",
    "RedisStoreClosed",
    "RedisUnreachable",
    "ValueTooLarge",
]


@dataclass(eq=False, kw_only=True)
class RedisUnreachable(WorldError):
    """No connection, or no answer within the deadline."""

    address: str
    """`host:port`."""
    reason: str
    """How far it came."""
    may_have_happened: bool
    """True where the call had been sent, so that its effect may be there or may still come."""

    code: ClassVar[str] = "PEN-I72"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Redis at {address} gave no answer: {reason}."
    why: ClassVar[str] = (
        "The call had been sent: {may_have_happened}. What was sent may have taken effect; nothing "
        "is sent twice."
    )
    remedy: ClassVar[str] = (
        "Start Redis, or set PENSTOCK_REDIS to an address that this machine can reach."
    )


@dataclass(eq=False, kw_only=True)
class RedisRefused(WorldError):
    """The server answered with an error."""

    address: str
    """`host:port`."""
    kind: str
    """The first word of what it said: WRONGTYPE, NOPERM, OOM, READONLY, LOADING, ERR, ..."""
    reason: str
    """The beginning of what it said, `kind` included."""

    code: ClassVar[str] = "PEN-I73"
    what: ClassVar[str] = "Redis at {address} refused: {reason}."
    why: ClassVar[str] = (
        "A command that is refused has done nothing; a script, what came before its failure."
    )
    remedy: ClassVar[str] = (
        "Mend what it names: the user's rights (NOPERM, NOAUTH, WRONGPASS), the memory (OOM), "
        "another writer of the key (WRONGTYPE); LOADING passes by itself."
    )


@dataclass(eq=False, kw_only=True)
class ValueTooLarge(WorldError):
    """A value, or a whole answer, is longer than the caller takes."""

    subject: str
    """The beginning of the key, or the name of the script."""
    limit_bytes: int
    """The longest that would have been taken."""

    code: ClassVar[str] = "PEN-I74"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "What Redis holds for '{subject}' is longer than {limit_bytes} bytes."
    why: ClassVar[str] = "Nothing that this product writes there is, so somebody else wrote it."
    remedy: ClassVar[str] = "Delete the key, and see who else writes to this Redis."


@dataclass(eq=False, kw_only=True)
class BadRedisUrl(CallerError):
    """A URL does not say where a Redis is."""

    problem: str
    """What is wrong with it, without any part of it: it may hold a password."""

    code: ClassVar[str] = "PEN-I75"
    what: ClassVar[str] = "The URL of Redis cannot be used: {problem}."
    why: ClassVar[str] = "It is of the form redis://user:password@host:port/number."
    remedy: ClassVar[str] = "Set PENSTOCK_REDIS to such a URL; rediss:// is for TLS."


@dataclass(eq=False, kw_only=True)
class BadKey(CallerError):
    """A key in Redis cannot be made of this."""

    problem: str
    """What is wrong, in one clause."""

    code: ClassVar[str] = "PEN-I76"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "No key in Redis can be made: {problem}."
    why: ClassVar[str] = "Keys are bounded text, and no two of the product's may be alike."
    remedy: ClassVar[str] = "Use shorter and plain text; of what is long, take a hash."


@dataclass(eq=False, kw_only=True)
class RedisStoreClosed(CallerError):
    """A store was used after its end."""

    address: str
    """`host:port`."""

    code: ClassVar[str] = "PEN-I77"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = "The store of Redis at {address} is closed."
    why: ClassVar[str] = "Its connections are gone, and it makes no new ones."
    remedy: ClassVar[str] = "Stop what uses it before the end of open_redis()."
