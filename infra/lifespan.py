"""What a worker has open while it lives, opened and closed around its run.

    opened in order -> the worker joins its group, runs, drains -> closed in reverse order

Laws:
1. All of it is open before the worker gets its first record, and until its last handler has ended.
2. What fails while it is opened ends the start, and what was opened before is closed.
3. Closing is tried for each, within one limit for all, and what fails there is logged: it must not
   hide what ended the worker, nor undo that all was committed. A cancellation ends the closing of
   one, and goes on when it was tried for all.
4. Each is entered and left in one and the same task, as task groups and time limits ask for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from penstock.events.dead_letter import failure_message
from penstock.schemas.errors import PenstockError
from penstock.workers.lifespan import (
    BadLifespan,
    LifespanFunction,
    LifespanUnreachable,
    name_of,
)
from penstock.workers.worker import Worker

__all__ = ["lifespan_of"]

OPEN_LIMIT_S: Final = 60.0
"""Longest opening of one of them; what hangs longer is as good as away."""
CLOSE_LIMIT_S: Final = 10.0
"""Longest closing of all of them together. With the longest drain it fills the 30 s that a
container has (formats.md F27): whoever needs both may be killed here, when all is committed."""

_log = logging.getLogger("penstock.worker")

_Opened = tuple[str, AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def lifespan_of(
    worker: Worker, *, open_s: float = OPEN_LIMIT_S, close_s: float = CLOSE_LIMIT_S
) -> AsyncIterator[None]:
    """Open what a worker has open while it lives.

    Args:
        worker: as declared.
        open_s: longest opening of each, in seconds.
        close_s: longest closing of all, in seconds.

    Raises:
        BadLifespan: a function cannot be used, or raised.
        LifespanUnreachable: what it connects to is away.
        PenstockError: what a function of penstock's own raised.
    """
    opened: list[_Opened] = []
    try:
        for function in worker.lifespan:
            await _open(worker.name, function, open_s, opened)
        yield
    finally:
        await _close(opened, close_s)


async def _open(
    worker: str, function: LifespanFunction, limit_s: float, opened: list[_Opened]
) -> None:
    name, task = name_of(function), _this_task()
    cancelled, limit = task.cancelling(), asyncio.timeout(limit_s)
    try:
        manager = _made(worker, name, function)
        async with limit:
            await manager.__aenter__()
    except PenstockError:
        raise
    except OSError as error:
        # TimeoutError is one, and so is what a socket says of a server that is away.
        problem = f"it took longer than {limit_s:g} s" if limit.expired() else _said(error)
        raise LifespanUnreachable(worker=worker, function=name, problem=problem) from error
    except (Exception, asyncio.CancelledError) as error:
        if task.cancelling() > cancelled:
            raise  # the start itself is to end
        raise BadLifespan(worker=worker, function=name, problem=_said(error)) from error
    opened.append((name, manager))


def _made(worker: str, name: str, function: LifespanFunction) -> AbstractAsyncContextManager[Any]:
    manager: object = function()
    if isinstance(manager, AbstractAsyncContextManager):
        return manager
    problem = f"it returned a {type(manager).__name__}, and no async context manager"
    raise BadLifespan(worker=worker, function=name, problem=problem)


async def _close(opened: list[_Opened], limit_s: float) -> None:
    deadline_s, task = asyncio.get_running_loop().time() + limit_s, _this_task()
    cancelled = task.cancelling()
    for name, manager in reversed(opened):
        try:
            # None: what ended the worker is not theirs to handle, and a function that cleans up
            # behind its `yield` alone would not clean up if it were thrown there.
            async with asyncio.timeout_at(deadline_s):
                await manager.__aexit__(None, None, None)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - see law 3
            _log.exception("closing %s failed: %s", name, _said(error))
    if task.cancelling() > cancelled:
        raise asyncio.CancelledError  # somebody does not want to wait any longer


def _this_task() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    assert task is not None, "what is awaited runs in a task"
    return task


def _said(error: BaseException) -> str:
    text = failure_message(error).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
