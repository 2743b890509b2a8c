"""Publishing without waiting: taken at once or refused at once, and no failure passes unseen."""

import asyncio
import gc

import pytest

from penstock.events.batches import Batch
from penstock.events.event import Event
from penstock.events.flush import FlushIncomplete
from penstock.events.line import NotSent
from penstock.events.log import RecordTooLarge, WriteRefused
from penstock.events.publisher_errors import NoRoom, NotPrepared, PublisherClosed
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.receipt import Published, PublishUnknown
from tests.events.conftest import Fault, World
from tests.events.line_shop import NOTES, PLACE, Note, numbers, ready, run, small


def test_a_receipt_tells_where_the_event_was_written(world: World) -> None:
    """As `publish` would, each time that it is asked, and also long after the end."""

    async def scenario() -> None:
        publisher = await ready(world, world.writer())
        receipts = [publisher.publish_nowait(Note(number=n)) for n in range(3)]
        assert not receipts[0].done()
        ends = await asyncio.gather(*receipts)
        assert [end.offset for end in ends] == [0, 1, 2]
        assert ends[1] == Published(NOTES.name, 0, 1, receipts[1].event_id)
        assert await receipts[1] == ends[1]
        assert receipts[1].done()
        assert receipts[1].failure() is None
        await publisher.close()

    run(scenario())
    assert numbers(world) == [0, 1, 2]


def test_what_is_not_ready_is_refused_at_once(world: World) -> None:
    """Nothing is sent, and `prepare` helps."""
    writer = world.writer()

    async def scenario() -> None:
        world.log.create(NOTES.name, 1)
        publisher = world.publisher(writer)
        with pytest.raises(NotPrepared, match="Note"):
            publisher.publish_nowait(Note(number=1))
        await publisher.prepare([Note])
        await publisher.publish_nowait(Note(number=2))
        await publisher.close()
        with pytest.raises(PublisherClosed):
            publisher.publish_nowait(Note(number=3))

    run(scenario())
    assert numbers(world) == [2]


def test_where_there_is_no_room_it_is_refused_at_once(world: World) -> None:
    """The error says how much waits; with the acknowledgement comes room."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 100_000
        taken = [publisher.publish_nowait(Note(number=n, text=text)) for n in range(10)]
        with pytest.raises(NoRoom) as refused:
            publisher.publish_nowait(Note(number=10, text=text))
        assert refused.value.retryable
        assert 1_000_000 < refused.value.buffered_bytes <= refused.value.limit_bytes == 1024 * 1024
        await world.clock.advance(20)
        await asyncio.gather(*taken)
        last = publisher.publish_nowait(Note(number=10))
        await world.clock.advance(5)
        assert (await last).offset == 10
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(11))


def test_nobody_is_overtaken(world: World) -> None:
    """Where calls wait for room, a small event that would fit is refused all the same."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        text = "x" * 150_000
        calls = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=text))) for n in range(8)
        ]
        await asyncio.sleep(0)
        assert publisher.statistics().waiting > 0
        with pytest.raises(NoRoom):
            publisher.publish_nowait(Note(number=100))
        await world.clock.advance(20)
        await asyncio.gather(*calls)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(8))


def test_what_cannot_be_written_is_refused_in_the_callers_frame(world: World) -> None:
    """By its size before packing, as by `publish`."""

    async def scenario() -> None:
        publisher = await ready(world, world.writer(), small())
        with pytest.raises(RecordTooLarge):
            publisher.publish_nowait(Note(number=1, text="x" * 200_000))
        await publisher.close()

    run(scenario())


@pytest.mark.parametrize(
    ("fault", "error"),
    [("refused", WriteRefused), ("answer lost", PublishUnknown)],
)
def test_a_failure_is_raised_where_the_receipt_is_awaited(
    world: World, fault: Fault, error: type[Exception]
) -> None:
    """Once seen, it is told by nothing else."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append(fault)
        receipt = publisher.publish_nowait(Note(number=1))
        with pytest.raises(error):
            await receipt
        assert isinstance(receipt.failure(), error)
        del receipt
        gc.collect()
        await publisher.flush()
        await publisher.close()
        assert publisher.statistics().unseen_failures == 0

    run(scenario())
    assert world.alarms == []


def test_failures_whose_receipts_are_thrown_away_are_told_by_one_alarm(world: World) -> None:
    """A batch of five hundred that fails is one alarm and not five hundred."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("refused")
        for number in range(500):
            publisher.publish_nowait(Note(number=number))
        await world.clock.advance(1)
        (alarm,) = world.alarms
        assert alarm.name == "publish-failed-unseen"
        assert alarm.facts == {"events": 500, "code": WriteRefused.code}
        assert "MESSAGE_TOO_LARGE" in alarm.text
        assert publisher.statistics().unseen_failures == 500
        await publisher.close()

    run(scenario())
    assert len(world.alarms) == 1


def test_a_receipt_of_a_failure_does_not_hold_its_batch(world: World) -> None:
    """Whoever keeps receipts keeps errors, and not the bytes of all that failed with them."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("answer lost")
        receipt = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1)
        assert isinstance(receipt.failure(), PublishUnknown)
        gc.collect()
        # Not isinstance: that asks any object for its class, also a proxy of what is no more.
        assert not [each for each in gc.get_objects() if type(each) is Batch]
        await publisher.close()

    run(scenario())


def test_a_receipt_that_is_kept_and_never_looked_at_is_told_at_the_end(world: World) -> None:
    """While it is held somebody may still look; at `close` nobody will."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("refused")
        kept = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1)
        assert kept.done()
        assert world.alarms == []
        await publisher.close()
        assert [alarm.facts["events"] for alarm in world.alarms] == [1]

    run(scenario())


@pytest.mark.parametrize("looks", [True, False])
def test_a_look_is_enough(world: World, *, looks: bool) -> None:
    """Without an await, too."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("refused")
        receipt = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1)
        if looks:
            assert isinstance(receipt.failure(), WriteRefused)
        del receipt
        await world.clock.advance(1)
        assert len(world.alarms) == (0 if looks else 1)
        await publisher.close()

    run(scenario())


def test_who_waits_for_a_receipt_may_be_cancelled(world: World) -> None:
    """The event is not disturbed, and the receipt can be awaited again."""
    writer = world.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = await ready(world, writer)
        receipt = publisher.publish_nowait(Note(number=1))

        async def wait() -> Published:
            return await receipt

        first, second = asyncio.ensure_future(wait()), asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        first.cancel()
        await world.clock.advance(2)
        assert first.cancelled()
        assert (await second).offset == (await receipt).offset == 0
        await publisher.close()

    run(scenario())


def test_a_publisher_that_is_closed_too_early_tells_every_receipt(world: World) -> None:
    """Nobody waits for ever: what is under way is unknown, what is behind it was not sent."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.delay_s = 20.0
        first = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1)
        second = publisher.publish_nowait(Note(number=2))
        closing = asyncio.ensure_future(publisher.close(timeout_s=1.0))
        await world.clock.advance(2)
        await closing
        assert isinstance(first.failure(), PublishUnknown)
        assert isinstance(second.failure(), NotSent)

    run(scenario())


def test_a_flush_tells_what_failed_before_it(world: World) -> None:
    """So a loop that publishes without waiting and flushes at its end misses nothing."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("refused")
        receipts = [publisher.publish_nowait(Note(number=n)) for n in range(3)]
        await world.clock.advance(1)
        with pytest.raises(FlushIncomplete) as told:
            await publisher.flush()
        assert (told.value.failed, told.value.unsettled) == (3, 0)
        del receipts
        gc.collect()
        await publisher.flush()
        await publisher.close()

    run(scenario())
    assert world.alarms == []


def test_a_flush_that_is_cancelled_has_told_nobody(world: World) -> None:
    """What it would have told is told by the alarm."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.faults.append("refused")
        receipt = publisher.publish_nowait(Note(number=1))
        await world.clock.advance(1)
        writer.delay_s = 5.0
        under_way = publisher.publish_nowait(Note(number=2))
        flushing = asyncio.ensure_future(publisher.flush())
        await world.clock.advance(1)
        flushing.cancel()
        await asyncio.wait({flushing})
        del receipt
        await world.clock.advance(10)
        assert [alarm.facts["events"] for alarm in world.alarms] == [1]
        assert (await under_way).offset == 0
        await publisher.close()

    run(scenario())


class _Unready(Event, topic=NOTES):
    """Shares its topic with a class that is ready."""

    number: int


def test_who_was_cancelled_in_line_stands_in_nobodys_way(world: World) -> None:
    """His class never gets ready; others of its topic do not wait for that."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        writer.unreachable_looks = 1_000
        gone = asyncio.ensure_future(publisher.publish(_Unready(number=1)))
        await asyncio.sleep(0)
        behind = asyncio.ensure_future(publisher.publish(Note(number=2)))
        await world.clock.advance(1)
        assert not behind.done()
        gone.cancel()
        await world.clock.advance(0)
        assert (await behind).offset == 0
        receipt = publisher.publish_nowait(Note(number=3))
        await world.clock.advance(0)
        assert (await receipt).offset == 1
        await world.clock.advance(40)
        await publisher.close()

    run(scenario())


def test_a_full_batch_does_not_linger(world: World) -> None:
    """Nothing more can join it."""
    writer = world.writer()

    async def scenario() -> None:
        publisher = await ready(world, writer, PublisherSettings(linger_s=1.0))
        writer.capacity_bytes = 1_000
        for number in range(5):
            publisher.publish_nowait(Note(number=number, text="x" * 300))
        await world.clock.advance(0)
        assert writer.batches == [(PLACE, 2), (PLACE, 2)]
        await world.clock.advance(1)
        assert writer.batches == [(PLACE, 2), (PLACE, 2), (PLACE, 1)]
        await publisher.close()

    run(scenario())


def test_who_is_let_in_while_a_publisher_closes_does_not_linger(world: World) -> None:
    """There may be no time for it."""
    writer = world.writer()
    writer.delay_s = 0.1

    async def scenario() -> None:
        publisher = await ready(world, writer, small(linger_s=1.0))
        text = "x" * 100_000
        calls = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=text))) for n in range(15)
        ]
        await asyncio.sleep(0)
        assert publisher.statistics().waiting > 0
        closing = asyncio.ensure_future(publisher.close(timeout_s=0.9))
        await world.clock.advance(1)
        await closing
        await asyncio.gather(*calls)

    run(scenario())
