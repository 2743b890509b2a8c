"""Batches that a topic finds too large go in parts: no event fails for the company it keeps."""

import asyncio
from collections.abc import Sequence

import pytest

from penstock.events.batch_report import BatchReport
from penstock.events.bulk import PublishIncomplete
from penstock.events.flush import FlushIncomplete
from penstock.events.line import NotSent
from penstock.events.log import WriteRefused
from penstock.events.receipt import Published, PublishUnknown
from tests.events.conftest import MemoryWriter, World
from tests.events.line_shop import PLACE, Note, numbers, ready, run, small

EACH = "x" * 1_000
LARGE = "x" * 6_000


def narrow(world: World) -> MemoryWriter:
    """A writer to a topic whose batches hold four notes of a thousand letters, and no large one."""
    writer = world.writer()
    writer.topic_bytes = 4 * 1_300
    return writer


def offsets(world: World, published: Sequence[Published]) -> None:
    """Each was written where its caller was told."""
    found = {record.offset: dict(record.headers) for record in world.log.records(PLACE)}
    for each in published:
        assert each.offset is not None
        assert each.event_id.encode() in found[each.offset].values()


def test_all_that_fit_alone_are_written_in_order(world: World) -> None:
    """And each caller is told its own place."""
    writer = narrow(world)

    async def scenario() -> None:
        publisher = await ready(world, writer)
        calls = (publisher.publish(Note(number=n, text=EACH)) for n in range(50))
        offsets(world, await asyncio.gather(*calls))
        statistics = publisher.statistics()
        assert (statistics.acknowledged, statistics.refused, statistics.divided) == (50, 0, 1)
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(50))
    assert writer.most_under_way == 1


def test_what_was_learned_is_kept_and_told_to_the_operator(world: World) -> None:
    """Few batches are refused, however many follow, on whatever partition."""
    writer = narrow(world)

    async def scenario() -> None:
        publisher = await ready(world, writer, small(bulk_linger_s=0.0))
        assert (
            await publisher.publish_many(Note(number=n, text=EACH) for n in range(3_000)) == 3_000
        )
        assert writer.refused_for_size < 10
        refused = writer.refused_for_size
        assert (
            await publisher.publish_many(Note(number=n, text=EACH) for n in range(3_000)) == 3_000
        )
        assert writer.refused_for_size == refused
        await publisher.close()

    run(scenario())
    assert numbers(world) == 2 * list(range(3_000))
    alarms = [alarm for alarm in world.alarms if alarm.name == "batches-too-large"]
    assert len(alarms) == writer.refused_for_size
    assert "shop.notes" in alarms[0].text


def test_what_is_too_large_alone_is_refused_alone(world: World) -> None:
    """Whoever came with it is written, and the receipts say which is which."""
    writer = narrow(world)

    async def scenario() -> None:
        publisher = await ready(world, writer)
        receipts = [
            publisher.publish_nowait(Note(number=n, text=LARGE if n in {0, 5} else EACH))
            for n in range(12)
        ]
        with pytest.raises(FlushIncomplete, match="MESSAGE_TOO_LARGE") as told:
            await publisher.flush()
        assert (told.value.failed, told.value.unsettled) == (2, 0)
        for n in (0, 5):
            with pytest.raises(WriteRefused):
                await receipts[n]
        offsets(world, [await receipts[n] for n in range(12) if n not in {0, 5}])
        assert publisher.statistics().refused == 2
        await publisher.close()
        assert publisher.statistics().unseen_failures == 0

    run(scenario())
    assert numbers(world) == [n for n in range(12) if n not in {0, 5}]


def test_a_stream_counts_each_of_its_events(world: World) -> None:
    """Beside calls that put events between its own."""
    writer = narrow(world)

    async def scenario() -> None:
        publisher = await ready(world, writer)
        stream = (Note(number=n, text=LARGE if n in {6, 7} else EACH) for n in range(20))
        streaming = asyncio.ensure_future(publisher.publish_many(stream))
        beside = asyncio.gather(*(publisher.publish(Note(number=100 + n)) for n in range(3)))
        await world.clock.advance(0.1)
        with pytest.raises(PublishIncomplete) as told:
            await streaming
        assert (told.value.taken, told.value.acknowledged, told.value.prefix) == (20, 18, 6)
        offsets(world, await beside)
        await publisher.close()

    run(scenario())
    assert [n for n in numbers(world) if n < 100] == [n for n in range(20) if n not in {6, 7}]


def test_the_deadline_of_the_batch_is_that_of_its_parts(world: World) -> None:
    """What was written is told so, what was under way is unknown, and the rest was not sent."""
    writer = narrow(world)
    writer.delay_s = 8.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small(timeout_s=20.0))
        calls = [
            asyncio.ensure_future(publisher.publish(Note(number=n, text=EACH))) for n in range(16)
        ]
        await world.clock.advance(21.0)
        assert all(call.done() for call in calls)
        ends = [call.exception() or call.result() for call in calls]
        kinds = [type(end) for end in ends]
        sent = kinds.count(Published)
        doubtful = kinds.count(PublishUnknown)
        assert sent > 0
        assert doubtful > 0
        assert kinds == sorted(kinds, key=[Published, PublishUnknown, NotSent].index)
        assert NotSent in kinds
        offsets(world, [end for end in ends if isinstance(end, Published)])
        assert publisher.statistics().buffered_bytes == 0
        await publisher.close()

    run(scenario())
    assert numbers(world) == list(range(len(numbers(world))))


def test_closing_tells_the_parts_that_were_written(world: World) -> None:
    """Those that were not are unknown, and nobody waits for ever."""
    writer = narrow(world)
    writer.delay_s = 8.0

    async def scenario() -> None:
        publisher = await ready(world, writer, small())
        receipts = [publisher.publish_nowait(Note(number=n, text=EACH)) for n in range(16)]
        await world.clock.advance(9.0)
        closing = asyncio.ensure_future(publisher.close(timeout_s=1.0))
        await world.clock.advance(2.0)
        await closing
        assert all(receipt.done() for receipt in receipts)
        written = len(numbers(world))
        assert written > 0
        offsets(world, [await receipt for receipt in receipts[:written]])
        for receipt in receipts[written:]:
            with pytest.raises(PublishUnknown, match="closed"):
                await receipt

    run(scenario())


def test_each_part_is_reported(world: World) -> None:
    """As the batch that it was."""

    class Kept:
        def __init__(self) -> None:
            self.reports: list[BatchReport] = []

        def batch_ended(self, report: BatchReport, /) -> None:
            self.reports.append(report)

    writer, kept = narrow(world), Kept()

    async def scenario() -> None:
        publisher = await ready(world, writer)
        publisher.observe(kept)
        texts = [EACH, EACH, LARGE, EACH]
        ends = await asyncio.gather(
            *(publisher.publish(Note(number=n, text=text)) for n, text in enumerate(texts)),
            return_exceptions=True,
        )
        assert sum(isinstance(end, WriteRefused) for end in ends) == 1
        await publisher.close()

    run(scenario())
    outcomes = [(report.outcome, report.records) for report in kept.reports]
    assert outcomes == [("acknowledged", 2), ("refused", 1), ("acknowledged", 1)]
