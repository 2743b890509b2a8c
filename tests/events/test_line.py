"""The line: first come, first served, and nobody stands in it past his deadline."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events.batches import Batch
from penstock.events.envelope import Outgoing
from penstock.events.line import InLine, Line, NotSent, Waiter
from penstock.events.log import NewRecord, Partition
from penstock.schemas.errors import PenstockError

if TYPE_CHECKING:
    from tests.events.conftest import World


class Sort:
    """A class of messages."""

    ready = False


def entry(deadline_s: float, kind: Sort | None = None) -> InLine:
    """A record that waits until then."""
    outgoing = Outgoing(Partition("shop.lines", 0), NewRecord(None, b"", (), 0), 1, "id")
    joined: list[Batch[Waiter]] = []
    admitted: asyncio.Future[PenstockError | None] = asyncio.get_running_loop().create_future()
    return InLine(kind or Sort(), outgoing, 0.0, deadline_s, joined.append, admitted)


def line(world: World, served: list[Any] | None = None) -> Line:
    """A line that notes when it was asked to serve."""

    def serve(here: Line) -> None:
        if served is not None:
            served.append(world.clock.now_s)
        here.front()

    return Line(world.clock, "nothing moved", serve)


def test_the_front_is_who_came_first_and_still_waits(world: World) -> None:
    """Who was cancelled is passed over."""

    async def scenario() -> None:
        here = line(world)
        first, second, third = (entry(2_000.0) for _ in range(3))
        for each in (first, second, third):
            here.append(each)
        second.admitted.cancel()
        assert here.front() is first
        here.leave()
        assert here.front() is third
        await here.close("the end")

    asyncio.run(scenario())


def test_who_stands_too_long_is_dismissed_though_nothing_moves(world: World) -> None:
    """One timer, at the deadline of the front."""
    served: list[float] = []

    async def scenario() -> None:
        here = line(world, served)
        early, late = entry(1_010.0), entry(1_020.0)
        here.append(early)
        here.append(late)
        await world.clock.advance(9.9)
        assert not early.admitted.done()
        await world.clock.advance(0.1)
        told = early.admitted.result()
        assert isinstance(told, NotSent)
        assert "nothing moved" in str(told)
        assert not late.admitted.done()
        await world.clock.advance(10)
        assert late.admitted.done()
        assert not here
        assert served == [1_010.0, 1_020.0]
        await here.close("the end")

    asyncio.run(scenario())


def test_a_class_may_be_refused_and_the_others_stay(world: World) -> None:
    """Failures that are no penstock errors are raised as they are; who has left is not told."""

    async def scenario() -> None:
        here, bad, good = line(world), Sort(), Sort()
        mine, gone, other = entry(2_000.0, bad), entry(2_000.0, bad), entry(2_000.0, good)
        for each in (mine, gone, other):
            here.append(each)
        gone.admitted.cancel()
        here.refuse(bad, LookupError("odd"))
        with pytest.raises(LookupError):
            await mine.admitted
        assert here.front() is other
        await here.close("the end")
        told = other.admitted.result()
        assert isinstance(told, NotSent)
        assert "the end" in str(told)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
