"""What can go wrong with a cache, as its users see it.

Laws:
1. What fails in the cache never becomes the failure of a read: the loader is asked instead. Only
   what a caller got wrong, and changes that may not have happened, are raised.
2. No key and no value gets into an error, since errors end up in logs: only what is wrong with it.
"""

from dataclasses import dataclass
from typing import ClassVar

from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BadCache",
    "CacheChangeFailed",
    "CacheNotOpen",
    "CachedValueUnreadable",
    "LoadNotFinished",
    "NotCacheable",
]


@dataclass(eq=False, kw_only=True)
class CacheNotOpen(CallerError):
    """A cache was used before it was opened, or after its end."""

    cache: str
    """Its name."""

    code: ClassVar[str] = "PEN-I87"
    what: ClassVar[str] = "The cache {cache} is not open."
    why: ClassVar[str] = "Where it keeps its values is known only while it is open."
    remedy: ClassVar[str] = (
        "Give its open() to the worker, as lifespan=[cache.open], or use it inside of "
        "`async with cache.open():`."
    )


@dataclass(eq=False, kw_only=True)
class BadCache(CallerError):
    """A cache, or a function that shall be cached, is declared or opened wrongly."""

    cache: str
    """Its name, or the beginning of what was given for one."""
    problem: str
    """What is wrong, as a sentence without its end."""
    cure: str
    """What to write instead, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I88"
    what: ClassVar[str] = "The cache {cache} cannot be used as declared."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{cure}."


@dataclass(eq=False, kw_only=True)
class CachedValueUnreadable(WorldError):
    """What Redis holds under a key of the cache is nothing that this cache could have written."""

    cache: str
    """Its name."""
    problem: str
    """What is wrong with the value, without any part of it."""

    code: ClassVar[str] = "PEN-I89"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A value of the cache {cache} cannot be read: {problem}."
    why: ClassVar[str] = (
        "Somebody else wrote it, or another function or another version of this one, so what it "
        "means would be guessed."
    )
    remedy: ClassVar[str] = (
        "Nothing, if it came with a new version: the next load overwrites it. Else see who uses "
        "the same key of this cache, or writes to this Redis."
    )


@dataclass(eq=False, kw_only=True)
class NotCacheable(CallerError):
    """A value, or an argument that is part of a key, has no form that would come back the same."""

    cache: str
    """Its name."""
    problem: str
    """What cannot be kept and why, without any part of it, as a sentence without its end."""
    cure: str
    """What to do, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I90"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The cache {cache} cannot keep this."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{cure}."


@dataclass(eq=False, kw_only=True)
class LoadNotFinished(WorldError):
    """A loader gave neither a value nor an error of its own."""

    cache: str
    """Its name."""
    reason: str
    """What ended it, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I91"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "A value for the cache {cache} was not loaded."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = (
        "See what the loader waits for; CacheLimits.load_timeout_s says for how long it may."
    )


@dataclass(eq=False, kw_only=True)
class CacheChangeFailed(WorldError):
    """A value was to be set or deleted, and that it happened is not known."""

    cache: str
    """Its name."""
    change: str
    """set or delete."""
    reason: str
    """What Redis said, or that it said nothing."""
    may_have_happened: bool
    """True where it was asked for, and no answer came in time."""

    code: ClassVar[str] = "PEN-I92"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "A {change} in the cache {cache} is not known to have happened: {reason}."
    why: ClassVar[str] = (
        "Readers may find the old value until its time to live ends (it may have happened: "
        "{may_have_happened})."
    )
    remedy: ClassVar[str] = (
        "Do it again, or catch this error where an old value is good enough for that long."
    )
