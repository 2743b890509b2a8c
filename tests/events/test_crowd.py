"""A crowd of calls costs each of them no more than a few do: nobody is woken who need not be.

Counted, not timed: the callbacks that the event loop is given, the functions that are called, and
what a waiting call keeps. Kafka's own client wakes every waiting call whenever a batch has left,
and so needs quadratically many. The garbage collector walks through all that waits, again and
again, so what is kept costs time.
"""

import asyncio
import gc
import itertools
import sys
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import TypeVarTuple

import pytest

from penstock.events.envelope import Outgoing
from tests.events.conftest import World
from tests.events.line_shop import Note, numbers, ready, run, small

_Arguments = TypeVarTuple("_Arguments")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts callbacks."""

    callbacks = 0

    def call_soon(
        self,
        callback: Callable[[*_Arguments], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Count one."""
        self.callbacks += 1
        return super().call_soon(callback, *args, context=context)


def crowd(world: World, count: int, text: str, *, functions: Callable[[], object]) -> float:
    """Callbacks for each of so many calls side by side, through a buffer of 1 MiB.

    Args:
        world: a fresh one.
        count: how many.
        text: of each event.
        functions: called whenever a function is, where anybody wants to know.
    """
    loop = CountingLoop()

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            functions()

    async def scenario() -> None:
        writer = world.writer()
        publisher = await ready(world, writer, small(timeout_s=600.0))
        notes = [Note(number=n, text=text) for n in range(count)]
        begun, before = loop.callbacks, sys.getprofile()
        if functions is not nobody:
            sys.setprofile(called)
        try:
            await asyncio.gather(*map(publisher.publish, notes))
        finally:
            sys.setprofile(before)
        scenario_callbacks.append(loop.callbacks - begun)
        await publisher.close()

    scenario_callbacks: list[int] = []
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scenario())
    assert numbers(world) == list(range(count))
    return scenario_callbacks[0] / count


def nobody() -> None:
    """Nobody wants to know."""


@pytest.mark.parametrize("text", ["", "x" * 1_000], ids=["most fit in", "most wait for room"])
def test_twenty_thousand_calls_cost_each_what_a_thousand_do(text: str) -> None:
    """With room for all of the thousand or not.

    A call takes a turn to begin, one when there is room, one when its batch has ended, and one to
    tell whoever gathers.
    """
    few, many = (crowd(World(), count, text, functions=nobody) for count in (1_000, 20_000))
    assert 3 <= few <= many < 4.1


def test_no_call_looks_through_the_others() -> None:
    """Where nearly all wait for room, as many functions are called for each as in a small crowd."""
    each: list[float] = []
    for count in (2_000, 8_000):
        numbered = itertools.count()
        crowd(World(), count, "x" * 1_000, functions=numbered.__next__)
        each.append(next(numbered) / count)
    assert each[1] < 1.15 * each[0]


def test_a_waiting_call_keeps_neither_event_nor_record(world: World) -> None:
    """The batch has its bytes."""

    def alive() -> int:
        return sum(type(each) in {Note, Outgoing} for each in gc.get_objects())

    async def scenario() -> None:
        writer = world.writer()
        publisher = await ready(world, writer)
        writer.delay_s = 1.0
        gc.collect()
        before = alive()
        calls = [asyncio.ensure_future(publisher.publish(Note(number=n))) for n in range(500)]
        await asyncio.sleep(0)
        assert publisher.statistics().buffered_bytes > 0
        assert alive() == before
        await world.clock.advance(2.0)
        assert len(await asyncio.gather(*calls)) == 500
        await publisher.close()

    run(scenario())


def test_a_crowd_that_waits_for_its_class_is_let_in_at_once(world: World) -> None:
    """The first of them looks, and all others wait for that one look."""

    async def scenario() -> None:
        writer = world.writer()
        world.log.create("shop.notes", 1)
        publisher = world.publisher(writer)
        await asyncio.gather(*(publisher.publish(Note(number=n)) for n in range(5_000)))
        assert writer.looks == 1
        await publisher.close()

    run(scenario())
