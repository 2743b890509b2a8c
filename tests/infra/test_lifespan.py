"""What a worker has open while it lives: order, failures, limits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.events.log import TopicMissing
from penstock.infra.lifespan import lifespan_of
from penstock.schemas.errors import ExitCode, PenstockError
from penstock.workers import Worker
from penstock.workers.lifespan import BadLifespan, LifespanUnreachable


async def at_once() -> None:
    """Wait for nothing."""


async def for_ever() -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


@dataclass
class Diary:
    """Functions for a lifespan that write down what becomes of them."""

    lines: list[str] = field(default_factory=list)

    def entry(
        self,
        name: str,
        *,
        opening: Callable[[], Awaitable[None]] = at_once,
        closing: Callable[[], Awaitable[None]] = at_once,
    ) -> Callable[[], AbstractAsyncContextManager[None]]:
        """Make one that does something while it opens and while it closes."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[None]:
            await opening()
            self.lines.append(f"{name} opened")
            yield
            self.lines.append(f"{name} closes")
            await closing()

        return opened


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    """Make something that raises."""

    async def act() -> None:
        raise error

    return act


def live(
    *functions: Callable[[], AbstractAsyncContextManager[Any]],
    diary: Diary,
    body: Callable[[], Awaitable[None]] = at_once,
    **limits: float,
) -> None:
    """Run a worker that has these open."""

    async def scenario() -> None:
        async with lifespan_of(Worker("clerk", lifespan=functions), **limits):
            diary.lines.append("running")
            await body()

    asyncio.run(scenario())


@pytest.fixture
def diary() -> Diary:
    """An empty one."""
    return Diary()


def test_all_is_opened_in_order_and_closed_backwards(diary: Diary) -> None:
    """What comes later may need what came before it."""
    live(diary.entry("a"), diary.entry("b"), diary=diary)
    assert diary.lines == ["a opened", "b opened", "running", "b closes", "a closes"]


def test_a_worker_may_run_again(diary: Diary) -> None:
    """The functions are called anew."""
    entry = diary.entry("a")
    for _ in range(2):
        live(entry, diary=diary)
    assert diary.lines == ["a opened", "running", "a closes"] * 2


def test_what_ends_the_worker_closes_all_of_it_and_is_raised(diary: Diary) -> None:
    """Also behind a `yield` without a `finally`: closing does not depend on how the end came."""
    with pytest.raises(MemoryError):
        live(diary.entry("a"), diary=diary, body=raising(MemoryError()))
    assert diary.lines == ["a opened", "running", "a closes"]


@pytest.mark.parametrize(
    ("error", "kind", "exit_code"),
    [
        (KeyError("LEDGER_URL"), BadLifespan, ExitCode.CONFIGURATION),
        (ConnectionRefusedError("no"), LifespanUnreachable, ExitCode.UNREACHABLE),
        (TimeoutError(), LifespanUnreachable, ExitCode.UNREACHABLE),
        (asyncio.CancelledError(), BadLifespan, ExitCode.CONFIGURATION),
    ],
    ids=["bug", "away", "slow", "cancelled"],
)
def test_what_cannot_be_opened_ends_the_start(
    diary: Diary, error: BaseException, kind: type[PenstockError], exit_code: ExitCode
) -> None:
    """By its name and with its cause; what was opened before is closed."""
    bad = diary.entry("b", opening=raising(error))
    with pytest.raises(kind) as caught:
        live(diary.entry("a"), bad, diary.entry("c"), diary=diary)
    assert caught.value.exit_code is exit_code
    assert caught.value.__cause__ is error
    assert f"{bad.__module__}:{bad.__qualname__}" in str(caught.value)
    assert type(error).__name__ in str(caught.value)
    assert diary.lines == ["a opened", "a closes"]


def test_an_error_of_penstocks_own_says_enough_by_itself(diary: Diary) -> None:
    """Its code, exit code and remedy stay what they are."""
    error = TopicMissing(topics="shop.prices")
    with pytest.raises(TopicMissing) as caught:
        live(diary.entry("a", opening=raising(error)), diary=diary)
    assert caught.value is error


def test_what_returns_no_context_manager_is_told(diary: Diary) -> None:
    """A function can be looked at only when it is called."""
    bad: Any = lambda: 7  # noqa: E731 - it is given as one
    with pytest.raises(BadLifespan, match="returned a int, and no async context manager"):
        live(diary.entry("a"), bad, diary=diary)
    assert diary.lines == ["a opened", "a closes"]


def test_what_does_not_open_in_time_is_away(diary: Diary) -> None:
    """A start that hangs is seen by nobody."""
    with pytest.raises(LifespanUnreachable, match="longer than 0 s"):
        live(diary.entry("a", opening=for_ever), diary=diary, open_s=0.0)
    assert diary.lines == []


@pytest.mark.parametrize(
    "closing",
    [for_ever, raising(OSError("gone")), raising(asyncio.CancelledError())],
    ids=["hangs", "raises", "cancelled"],
)
def test_what_fails_while_it_closes_is_logged_and_hides_nothing(
    diary: Diary, caplog: pytest.LogCaptureFixture, closing: Callable[[], Awaitable[None]]
) -> None:
    """All was committed, or something worse has ended the worker: the others are closed, too."""
    functions = (diary.entry("a"), diary.entry("b", closing=closing), diary.entry("c"))
    with caplog.at_level(logging.ERROR, logger="penstock.worker"):
        live(*functions, diary=diary, close_s=0.0)
        with pytest.raises(MemoryError):
            live(*functions, diary=diary, body=raising(MemoryError()), close_s=0.0)
    closed = ["c closes", "b closes", "a closes"]
    assert diary.lines == ["a opened", "b opened", "c opened", "running", *closed] * 2
    assert [record.getMessage().split(" failed")[0] for record in caplog.records] == [
        f"closing {functions[1].__module__}:{functions[1].__qualname__}"
    ] * 2


def test_a_start_that_is_given_up_closes_what_was_opened(diary: Diary) -> None:
    """As a signal does it that comes too early."""

    async def scenario() -> None:
        opening = asyncio.Event()

        async def hang() -> None:
            opening.set()
            await for_ever()

        worker = Worker("clerk", lifespan=[diary.entry("a"), diary.entry("b", opening=hang)])

        async def start() -> None:
            async with lifespan_of(worker):
                raise AssertionError

        starting = asyncio.ensure_future(start())
        await opening.wait()
        starting.cancel()
        await asyncio.wait({starting})
        assert starting.cancelled()

    asyncio.run(scenario())
    assert diary.lines == ["a opened", "a closes"]


def test_who_waits_no_longer_for_one_leaves_the_others_closed(diary: Diary) -> None:
    """A cancellation ends the one that closes just then: it is not the reason to leave a lock."""

    async def scenario() -> None:
        closing = asyncio.Event()

        async def hang() -> None:
            closing.set()
            await for_ever()

        async def run() -> None:
            functions = (diary.entry("a"), diary.entry("b"), diary.entry("c", closing=hang))
            async with lifespan_of(Worker("clerk", lifespan=functions)):
                diary.lines.append("running")

        running = asyncio.ensure_future(run())
        await closing.wait()
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()

    asyncio.run(scenario())
    assert diary.lines[-4:] == ["running", "c closes", "b closes", "a closes"]


def test_task_groups_can_be_held_open(diary: Diary) -> None:
    """They ask to be left in the task that entered them."""
    left: list[bool] = []

    @asynccontextmanager
    async def background() -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(for_ever())
            yield
            task.cancel()
        left.append(task.cancelled())

    live(background, diary=diary)
    assert left == [True]
