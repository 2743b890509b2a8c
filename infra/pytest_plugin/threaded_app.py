"""A running app for tests without an event loop: the same words, each of which waits.

Law: the app is entered, used and left in one task of the thread's loop, as limits and task groups
ask for.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final, TypeVar, final

from penstock.events.event import Command, Event, Message
from penstock.events.receipt import Published
from penstock.infra.pytest_plugin.running_app import (
    SETTLE_S,
    START_S,
    DeadLetter,
    RunningApp,
)
from penstock.infra.testing.loop_thread import LoopThread
from penstock.sagas.engine.state import SagaState

__all__ = ["ThreadedApp", "threaded"]

CALL_S: Final = 30.0
"""Longest call that reads or publishes."""
_GRACE_S: Final = 5.0
"""How much later than its own limit a call's thread is given up."""
_END_S: Final = 60.0
"""Longest end."""

MessageT = TypeVar("MessageT", bound=Event | Command)
_Result = TypeVar("_Result")


@final
class ThreadedApp:
    """`RunningApp`, whose words wait."""

    def __init__(self, thread: LoopThread, app: RunningApp) -> None:
        """Made by `PenstockApp.in_thread`.

        Args:
            thread: the app's loop runs there.
            app: it runs.
        """
        self._thread = thread
        self.app = app
        """What runs in the thread, for `run`."""

    @property
    def name(self) -> str:
        """The app's name, which no other test has."""
        return self.app.name

    def run(self, coroutine: Coroutine[Any, Any, _Result], *, limit_s: float = CALL_S) -> _Result:
        """Run a coroutine in the app's loop: whatever has no word here.

        Args:
            coroutine: as of `self.app.bus`.
            limit_s: how long at most, in seconds.

        Raises:
            TimeoutError: it took longer.
        """
        return self._thread.wait(coroutine, limit_s=limit_s)

    def publish(self, message: Message) -> Published:
        """Publish one event or command."""
        return self.run(self.app.publish(message))

    def publish_many(self, messages: Iterable[Message]) -> int:
        """Publish many."""
        return self.run(self.app.publish_many(messages))

    def settled(self, *, limit_s: float = SETTLE_S) -> None:
        """Wait until all is done; see `RunningApp.settled`."""
        self.run(self.app.settled(limit_s=limit_s), limit_s=limit_s + _GRACE_S)

    def quiet(self, *, limit_s: float = SETTLE_S) -> None:
        """Wait until nothing moves; see `RunningApp.quiet`."""
        self.run(self.app.quiet(limit_s=limit_s), limit_s=limit_s + _GRACE_S)

    def published(self, *types: type[MessageT]) -> list[MessageT]:
        """Return all committed messages of some types."""
        return self.run(self.app.published(*types))

    def sagas(self, saga: str) -> Mapping[str, SagaState]:
        """Return all sagas of a name, by key."""
        return self.run(self.app.sagas(saga))

    def dead_letters(self) -> list[DeadLetter]:
        """Return all that could not be handled."""
        return self.run(self.app.dead_letters())


@contextmanager
def threaded(running: AbstractAsyncContextManager[RunningApp]) -> Iterator[ThreadedApp]:
    """Run an app in a thread of its own while a block lasts.

    Args:
        running: of `PenstockApp.running`.

    Raises:
        PenstockError: it cannot be started, or a worker has given up.
    """
    thread = LoopThread("penstock-app")
    try:
        entered: asyncio.Future[RunningApp] = thread.call(_future)
        leave: asyncio.Event = thread.call(asyncio.Event)
        life = thread.begin(_live(running, entered, leave))
        try:
            app = thread.wait(_awaited(entered), limit_s=START_S + CALL_S)
            yield ThreadedApp(thread, app)
        except BaseException as error:
            thread.call(leave.set)
            other = life.exception(_END_S)
            if other is not None and other is not error:
                error.add_note(f"The app had ended: {other}")
            raise
        thread.call(leave.set)
        life.result(_END_S)
    finally:
        thread.close()


def _future() -> "asyncio.Future[RunningApp]":
    return asyncio.get_running_loop().create_future()


async def _awaited(future: "asyncio.Future[RunningApp]") -> RunningApp:
    return await asyncio.shield(future)


async def _live(
    running: AbstractAsyncContextManager[RunningApp],
    entered: "asyncio.Future[RunningApp]",
    leave: asyncio.Event,
) -> None:
    try:
        async with running as app:
            entered.set_result(app)
            await leave.wait()
    except BaseException as error:
        if entered.done():
            raise
        entered.set_exception(error)
