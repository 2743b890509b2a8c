"""Flushing: all that was taken before has ended, or the error says how much has not."""

import asyncio
from typing import Any

import pytest

from penstock.events.flush import FlushIncomplete
from penstock.events.line import NotSent
from penstock.events.log import WriteRefused
from tests.events.conftest import World
from tests.events.line_shop import NOTES, Note, numbers, ready, run, small


def test_without_anything_it_returns_at_once(world: World) -> None:
    """Also where no class has ever been used, and after the end."""

    async def scenario() -> None:
        publisher = world.publisher(world.writer())
        await publisher.flush()
        await publisher.close()
        await publisher.flush()

    run(scenario())


def test_what_lingers_is_sent_at_once_and_waited_for(world: World) -> None:
    """A flush does not wait for company."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer, small(linger_s=1.0))
        receipts = [publisher.publish_nowait(Note(number=n)) for n in range(3)]
        assert world.clock.now_s == 1_000.0
        await publisher.flush()
        assert world.clock.now_s == 1_000.0
        assert all(receipt.done() for receipt in receipts)
        await publisher.close()

    run(scenario())
    assert numbers(world) == [0, 1, 2]


def test_what_comes_later_is_not_waited_for(world: World) -> None:
    """It goes with another batch, so a flush ends however busy the publisher is."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer)
        before = publisher.publish_nowait(Note(number=0))
        flushing = asyncio.ensure_future(publisher.flush())
        await asyncio.sleep(0)
        after = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1.0)
        assert flushing.done()
        assert (before.done(), after.done()) == (True, False)
        await flushing
        await world.clock.advance(5)
        await publisher.close()

    run(scenario())
    assert [count for _, count in writer.batches] == [1, 1]


def test_it_waits_for_those_who_stand_in_line(world: World) -> None:
    """For room, behind several batches; and what is taken later is no part of it."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 100_000
        calls = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=text))) for n in range(25)
        ]
        await asyncio.sleep(0)
        assert publisher.statistics().waiting == 15
        flushing = asyncio.ensure_future(publisher.flush())
        while not flushing.done():
            assert not all(call.done() for call in calls)
            await world.clock.advance(0.1)
        await flushing
        assert all(call.done() for call in calls)
        await asyncio.gather(*calls)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(25))


def test_it_waits_for_those_whose_class_is_not_ready(world: World) -> None:
    """Their schema and their topic are looked at first."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        world.log.create(NOTES.name, 1)
        publisher = world.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Note(number=1)))
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush())
        await world.clock.advance(5)
        assert flushing.done()
        assert call.done()
        await asyncio.gather(call, flushing)
        await publisher.close()

    run(scenario())
    assert numbers(world) == [1]


def test_it_tells_what_failed_while_it_waited(world: World) -> None:
    """Whoever else is told of it, too."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.extend(["refused", "refused"])
        receipts = [publisher.publish_nowait(Note(number=n)) for n in range(2)]
        call = asyncio.ensure_future(publisher.publish(Note(number=2)))
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush())
        await world.clock.advance(5)
        with pytest.raises(FlushIncomplete, match="MESSAGE_TOO_LARGE") as told:
            await flushing
        assert (told.value.failed, told.value.unsettled) == (3, 0)
        with pytest.raises(WriteRefused):
            await call
        del receipts
        await publisher.close()

    run(scenario())
    assert world.alarms == []


def test_it_tells_who_was_dismissed_from_the_line(world: World) -> None:
    """A class that cannot be made ready fails all who wait for it."""
    writer = world.writer()
    writer.unreachable_looks = 1_000

    async def scenario() -> None:
        publisher = world.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Note(number=1)))
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush(timeout_s=100.0))
        await world.clock.advance(40)
        with pytest.raises(FlushIncomplete) as told:
            await flushing
        assert (told.value.failed, told.value.unsettled) == (1, 0)
        with pytest.raises(NotSent):
            await call
        await publisher.close()

    run(scenario())


@pytest.mark.parametrize("timeout_s", [0.0, 1.0])
def test_it_tells_what_is_unsettled_when_its_time_is_over(world: World, timeout_s: float) -> None:
    """And disturbs nothing: the events end as they would have, and can be flushed again."""
    writer = world.writer()
    writer.delay_s = 2.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 100_000
        calls = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=text))) for n in range(12)
        ]
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush(timeout_s=timeout_s))
        await world.clock.advance(1.5)
        with pytest.raises(FlushIncomplete) as told:
            await flushing
        assert (told.value.failed, told.value.unsettled) == (0, 12)
        again = asyncio.ensure_future(publisher.flush())
        await world.clock.advance(20)
        await again
        await asyncio.gather(*calls)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(12))


def test_a_call_that_was_cancelled_in_line_is_no_failure(world: World) -> None:
    """Its caller has left and knows."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 100_000
        calls: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=text))) for n in range(12)
        ]
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush())
        await asyncio.sleep(0)
        calls[-1].cancel()
        await world.clock.advance(20)
        await flushing
        await asyncio.gather(*calls, return_exceptions=True)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(11))


@pytest.mark.parametrize("leaves", ["cancelled", "at once", "too early"])
def test_what_fails_behind_a_flush_is_told_by_the_alarm(world: World, leaves: str) -> None:
    """A flush that has ended tells nobody of it."""
    writer = world.writer()
    writer.faults.append("lost")

    async def scenario() -> None:
        publisher = await ready(world, writer)
        publisher.publish_nowait(Note(number=1))
        limit_s = {"cancelled": 20.0, "at once": 0.0, "too early": 1.0}[leaves]
        flushing = asyncio.ensure_future(publisher.flush(timeout_s=limit_s))
        await world.clock.advance(2)
        if leaves == "cancelled":
            flushing.cancel()
            await asyncio.wait({flushing})
        else:
            with pytest.raises(FlushIncomplete) as told:
                await flushing
            assert (told.value.failed, told.value.unsettled) == (0, 1)
        await world.clock.advance(60)
        assert [alarm.facts["events"] for alarm in world.alarms] == [1]
        await publisher.close()

    run(scenario())


def test_a_call_that_has_less_time_of_its_own_fails_in_line_like_any_other(world: World) -> None:
    """Its caller was told, and the flush tells it too."""
    writer = world.writer()
    writer.delay_s = 2.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 100_000
        calls = [
            asyncio.ensure_future(
                publisher.publish(Note(number=n, text=text), timeout_s=1.0 if n == 11 else None)
            )
            for n in range(12)
        ]
        await asyncio.sleep(0)
        flushing = asyncio.ensure_future(publisher.flush())
        await world.clock.advance(20)
        with pytest.raises(NotSent):
            await calls.pop()
        await asyncio.gather(*calls)
        with pytest.raises(FlushIncomplete) as told:
            await flushing
        assert (told.value.failed, told.value.unsettled) == (1, 0)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(11))
