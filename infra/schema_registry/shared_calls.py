"""One call at a time for each key: who asks for what is asked for already waits for that answer.

A call goes on when those who waited have gone: its answer is worth keeping, and its own deadline
ends it.

Laws:
1. Whoever waits may be cancelled, and nobody else notices.
2. Nobody sees a cancellation that is not their own: a call that `close` ended is RegistryClosed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar, final

from penstock.infra.schema_registry.registry_errors import RegistryClosed

__all__ = ["SharedCalls"]

_AnswerT = TypeVar("_AnswerT")


@final
class SharedCalls(Generic[_AnswerT]):
    """The calls of one client that are under way."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: dict[Hashable, asyncio.Task[_AnswerT]] = {}
        self._closed = False
        self.joined = 0
        """How many waited for a call that was under way already."""

    @property
    def under_way(self) -> int:
        """Calls that have not ended."""
        return len(self._tasks)

    async def share(
        self, key: Hashable, call: Callable[[], Coroutine[Any, Any, _AnswerT]]
    ) -> _AnswerT:
        """Return the answer to a call, together with all who wait for it.

        Args:
            key: what is asked for.
            call: asks, within a time limit of its own.

        Raises:
            RegistryClosed: the calls were ended.
            BaseException: what the call raised.
        """
        if self._closed:
            raise RegistryClosed
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(call())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        else:
            self.joined += 1
        await asyncio.wait({task})
        if task.cancelled():
            raise RegistryClosed
        return task.result()

    async def close(self) -> None:
        """End all calls."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, key: Hashable, task: asyncio.Task[_AnswerT]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Seen here too: where all who waited have gone, asyncio would complain about it at some
            # later time. The client has counted it.
            task.exception()
