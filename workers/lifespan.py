"""What a worker has open while it lives: a pool of connections, a cache, a client.

    @asynccontextmanager
    async def database() -> AsyncIterator[None]:
        async with create_pool(...) as pool:
            handle.pool = pool
            yield

    worker = Worker("payments", lifespan=[database, prices.open])

Functions, and not what they return: a worker is declared at import, when there is no event loop
yet, and one process may run it, stop, and run it again. They are called, entered and left in
infra/lifespan.py.

Pure: values and errors only.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, ClassVar, TypeAlias

from penstock.schemas.errors import CallerError, WorldError

__all__ = ["BadLifespan", "LifespanFunction", "LifespanUnreachable", "name_of", "problem_of"]

LifespanFunction: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
"""Takes nothing and returns an async context manager that nobody has entered."""


@dataclass(eq=False, kw_only=True)
class BadLifespan(CallerError):
    """What a worker has open while it lives cannot be opened, by whoever wrote or configured it."""

    worker: str
    """The worker's name."""
    function: str
    """The function, by module and name."""
    problem: str
    """What happened, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W39"
    what: ClassVar[str] = "The worker {worker} cannot open {function}: {problem}."
    why: ClassVar[str] = "Its handlers count on what stands in lifespan=."
    remedy: ClassVar[str] = (
        "Mend the function: it takes nothing and returns an async context manager, as one with "
        "@asynccontextmanager does."
    )


@dataclass(eq=False, kw_only=True)
class LifespanUnreachable(WorldError):
    """What a worker has open while it lives cannot be reached."""

    worker: str
    """The worker's name."""
    function: str
    """The function, by module and name."""
    problem: str
    """What happened, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W38"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The worker {worker} cannot open {function}: {problem}."
    why: ClassVar[str] = "Its handlers count on what stands in lifespan=."
    remedy: ClassVar[str] = "Look after what it connects to, then start the worker again."


def name_of(function: object) -> str:
    """Return a function's name: `module:qualified name`."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}:{name}"


def problem_of(function: object) -> str | None:
    """Return why something cannot stand in `lifespan=`; None where it can."""
    if hasattr(type(function), "__aenter__"):
        return "it was called already, and what it returns can be entered only once"
    if not callable(function):
        return f"it is a {type(function).__name__}, and no function"
    if iscoroutinefunction(function) or isasyncgenfunction(function):
        return "what it returns is no async context manager: @asynccontextmanager is missing"
    return None
