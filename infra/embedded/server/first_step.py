"""Begin a coroutine at once, and make a task only of what has to wait.

asyncio begins a task in the next turn of its loop (eager tasks came with Python 3.12). For a
request this would be too late: between the look at the log and the wait for it, another client's
record could come and nobody would be woken. And a coroutine that need not wait needs no task.

The first step runs outside of any task: it may await the broker's own futures, but not
`asyncio.timeout` or the like, which ask for the current task.
"""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, NamedTuple, final

__all__ = ["Finished", "begin"]


@final
class Finished(NamedTuple):
    """The coroutine ended without a wait."""

    value: Any


def begin(started: Coroutine[Any, Any, Any]) -> Finished | Coroutine[Any, Any, Any]:
    """Run a coroutine up to its first wait.

    Args:
        started: has not run yet.

    Returns:
        What it returned, or the rest of it, to be made a task in this turn of the loop.
    """
    try:
        awaited = started.send(None)
    except StopIteration as end:
        return Finished(end.value)
    return _wrapped(started, awaited)


async def _wrapped(started: Coroutine[Any, Any, Any], awaited: Any) -> Any:
    return await _rest(started, awaited)


@coroutine
def _rest(started: Coroutine[Any, Any, Any], awaited: Any) -> Generator[Any, Any, Any]:
    # Hands every future that the coroutine awaits to the task that runs this, the first included,
    # and every cancellation of the task to the coroutine.
    while True:
        thrown: BaseException | None = None
        sent = None
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
            thrown = error
        try:
            awaited = started.send(sent) if thrown is None else started.throw(thrown)
        except StopIteration as end:
            return end.value
