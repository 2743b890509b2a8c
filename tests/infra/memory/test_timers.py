"""Calls by a clock: in order, not after a cancel, and no task for nothing."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.memory.broker_time import BrokerTime
from penstock.infra.memory.timers import Timers
from penstock.infra.virtual_clock import VirtualClock
from tests.infra.memory.turning import play


def tasks() -> int:
    """Tasks beside this one."""
    return len(asyncio.all_tasks()) - 1


def test_calls_come_in_the_order_of_their_times() -> None:
    """Equal times in the order of their making, each at its own time."""

    async def scenario() -> None:
        clock = VirtualClock()
        timers, called = Timers(clock), list[tuple[str, float]]()

        def note(name: str) -> Callable[[], None]:
            return lambda: called.append((name, clock.monotonic()))

        for name, at_s in (("c", 3.0), ("a", 1.0), ("d", 3.0), ("b", 2.0), ("now", 0.0)):
            timers.at(at_s, note(name))
        await clock.advance(3.0)
        assert called == [("now", 0.0), ("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 3.0)]
        assert timers.pending == 0

    play(scenario())


def test_a_cancelled_call_does_not_come() -> None:
    """Neither a later one nor one of this moment; and nobody sleeps for it."""

    async def scenario() -> None:
        clock = VirtualClock()
        timers, called = Timers(clock), list[str]()
        for at_s in (0.0, 1.0):
            timers.at(at_s, lambda: called.append("never")).cancel()
        assert timers.pending == 0
        await clock.advance(0)
        assert tasks() == 0
        await clock.advance(2.0)
        assert called == []

    play(scenario())


def test_many_cancelled_calls_cost_no_memory() -> None:
    """A request that is answered gives up its limit, and there are many requests."""

    async def scenario() -> None:
        timers = Timers(VirtualClock())
        last = timers.at(1.0, lambda: None)
        for _ in range(10_000):
            timers.at(10.0, lambda: None).cancel()
        assert timers.pending == 1
        assert len(timers._heap) < 200
        last.cancel()

    play(scenario())


def test_one_that_raises_does_not_take_the_others_along() -> None:
    """The event loop is told of it."""

    async def scenario() -> None:
        clock, told, called = VirtualClock(), list[object](), list[str]()
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        timers = Timers(clock)
        timers.at(1.0, lambda: 1 // 0)
        timers.at(1.0, lambda: called.append("second"))
        timers.at(2.0, lambda: called.append("third"))
        await clock.advance(2.0)
        assert called == ["second", "third"]
        assert len(told) == 1

    play(scenario())


@given(st.integers(0, 10**10), st.floats(0, 10**6))
def test_a_deadline_of_the_broker_is_reached_when_its_time_is(ms: int, slept_s: float) -> None:
    """Whoever sleeps until it finds it reached: else it would sleep again, and again."""
    clock = VirtualClock()
    clock._now_s = slept_s
    time = BrokerTime(clock)
    deadline_ms = time.now_ms() + ms
    clock._now_s = time.at_s(deadline_ms)
    assert time.now_ms() == deadline_ms
