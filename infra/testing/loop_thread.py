"""An event loop in a thread of its own, for code that must run whatever its caller's loop does.

A proxy that shared the loop of the client under test would stand still whenever the client does,
and could not serve another process at all.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, final

__all__ = ["LoopThread"]

_Result = TypeVar("_Result")

_CALL_LIMIT_S = 10.0
"""What is asked of the loop takes milliseconds; beyond this it is stuck, and that is an error."""


@final
class LoopThread:
    """A running event loop. It ends with the process, or with `close`."""

    def __init__(self, name: str) -> None:
        """Start it.

        Args:
            name: of the thread.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def wait(
        self, coroutine: Coroutine[Any, Any, _Result], *, limit_s: float = _CALL_LIMIT_S
    ) -> _Result:
        """Run a coroutine in the loop and wait for it.

        Args:
            coroutine: what to run.
            limit_s: seconds until it counts as stuck.

        Returns:
            Its result.

        Raises:
            TimeoutError: it took longer. What it raises itself is passed on.
        """
        return self.begin(coroutine).result(limit_s)

    def begin(self, coroutine: Coroutine[Any, Any, _Result]) -> Future[_Result]:
        """Run a coroutine in the loop and wait for nothing.

        Returns:
            What becomes of it; cancelling that cancels the coroutine.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Run a function in the loop and wait for it.

        Returns:
            Its result.

        Raises:
            TimeoutError: it did not begin within 10 s. What it raises itself is passed on.
        """

        async def run() -> _Result:
            return function()

        return self.wait(run())

    def close(self) -> None:
        """Cancel all tasks, then stop the loop and its thread."""
        self.wait(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_LIMIT_S)
        self._loop.close()


async def _cancel_others() -> None:
    """Cancel every other task and wait until each has ended; its creator looks at how."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
