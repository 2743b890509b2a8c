"""The sender by itself: persisting while it is certain that nothing was written, and its rhythm."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from penstock.events.envelope import Outgoing
from penstock.events.line import NotSent
from penstock.events.log import NewRecord, Partition, TopicMissing, WriteRefused, WriteUnknown
from penstock.events.sender import Sender, raise_again
from penstock.schemas.errors import PenstockError

if TYPE_CHECKING:
    from tests.events.conftest import MemoryWriter, World

HERE = Partition("shop.lines", 0)


def sender(world: World, writer: MemoryWriter) -> Sender:
    """A sender with a second's worth of everything."""
    return Sender(
        writer,
        world.clock,
        world.entropy,
        world.alarms.append,
        buffer_bytes=1_000,
        timeout_s=30.0,
    )


def unreachable(world: World) -> PenstockError:
    """What an adapter raises that reaches no broker."""
    writer = world.writer()
    writer.unreachable_looks = 1
    try:
        asyncio.run(writer.partition_count("shop.lines"))
    except PenstockError as error:
        return error
    raise AssertionError


def test_pauses_grow_and_attempts_end_at_the_deadline(world: World) -> None:
    """A tenth of a second at first, two seconds at most; the last reason is told."""
    failure = unreachable(world)
    times: list[float] = []

    async def attempt(left_s: float) -> None:
        times.append(world.clock.now_s)
        assert left_s == pytest.approx(1_030.0 - world.clock.now_s)
        await asyncio.sleep(0)
        raise failure

    async def scenario() -> None:
        persisting = asyncio.ensure_future(
            sender(world, world.writer()).writing.persist("shop.lines", 1_030.0, attempt)
        )
        await world.clock.advance(40)
        with pytest.raises(NotSent, match="No broker could be reached"):
            await persisting

    asyncio.run(scenario())
    pauses = [after - before for before, after in pairwise(times)]
    assert 0.05 <= pauses[0] <= 0.1
    assert max(pauses) <= 2.0
    assert min(pauses[6:]) >= 1.0
    assert times[-1] < 1_030.0


@pytest.mark.parametrize(
    "failure",
    [
        WriteUnknown(partition=HERE, reason="no answer"),
        WriteRefused(partition=HERE, reason="TOO_LARGE (10)"),
        TopicMissing(topics="shop.lines"),
    ],
)
def test_what_may_have_happened_and_what_stays_is_not_tried_again(
    world: World, failure: PenstockError
) -> None:
    """The first could be written twice, the others would be refused twice."""
    attempts: list[float] = []

    async def attempt(left_s: float) -> None:
        attempts.append(left_s)
        await asyncio.sleep(0)
        raise failure

    with pytest.raises(type(failure)):
        asyncio.run(sender(world, world.writer()).writing.persist("shop.lines", 1_030.0, attempt))
    assert len(attempts) == 1


def test_a_record_in_a_hurry_takes_along_who_lingers(world: World) -> None:
    """And the timer that was set for them finds nothing left to do."""
    world.log.create("shop.lines", 1)
    writer = world.writer()

    def outgoing(value: bytes) -> Outgoing:
        return Outgoing(HERE, NewRecord(None, value, (), 0), 10, "id")

    async def scenario() -> None:
        sending = sender(world, writer)
        slow = sending.admit(outgoing(b"slow"), 5.0, world.clock.now_s)
        await world.clock.advance(1)
        assert writer.batches == []
        fast = sending.admit(outgoing(b"fast"), 0.0, world.clock.now_s)
        await world.clock.advance(0.1)
        assert writer.batches == [(HERE, 2)]
        next_one = sending.admit(outgoing(b"next"), 5.0, world.clock.now_s)
        await world.clock.advance(4.5)
        assert writer.batches == [(HERE, 2)]
        await world.clock.advance(0.6)
        assert writer.batches == [(HERE, 2), (HERE, 1)]
        await sending.close(world.clock.now_s + 1)
        assert sending.statistics().acknowledged == 3
        assert slow is fast
        assert [batch.count for batch in (slow, next_one) if batch] == [2, 1]

    asyncio.run(scenario())


def test_an_error_that_many_share_is_raised_anew_for_each() -> None:
    """With the same facts, and the shared one as its cause."""
    shared = WriteRefused(partition=HERE, reason="TOO_LARGE (10)")
    with pytest.raises(WriteRefused) as raised:
        raise_again(shared)
    assert raised.value is not shared
    assert raised.value.facts == shared.facts
    assert raised.value.__cause__ is shared
