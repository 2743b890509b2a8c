"""Publishing: order, honesty at deadlines, back-pressure, and nobody disturbed by others."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextvars import Context
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeVarTuple
from uuid import UUID

import pytest

from penstock.events.bulk import PublishIncomplete
from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.entrance import TopicTooNarrow
from penstock.events.envelope import BadTime
from penstock.events.event import BadKey, Event
from penstock.events.headers import IllegalHeader, parse_headers
from penstock.events.line import NotSent
from penstock.events.log import (
    Partition,
    RecordTooLarge,
    TopicMissing,
    WriteRefused,
    WriteUnknown,
)
from penstock.events.publisher_errors import BadTimeout, PublisherClosed
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.receipt import Published, PublishUnknown
from penstock.events.schema_judgement import SchemaConflict
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of
from penstock.schemas.decimal_digits import money
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

if TYPE_CHECKING:
    from tests.events.conftest import StoredRecord, World

ORDERS = Topic("shop.orders", partitions=2)
ONLY = Partition("shop.lines", 0)


class Placed(Event, topic=ORDERS, key="order_id"):
    """Keyed."""

    order_id: str
    number: int = 0


class Line(Event, topic=Topic("shop.lines", partitions=1)):
    """On a topic of one partition, so that all of its records are in one order."""

    number: int
    text: str = ""


class Ended(Event, topic=Topic("shop.lines", partitions=1)):
    """Another type on the same topic."""

    number: int


class Base(Event, abstract=True):
    """A base."""


@pytest.fixture
def shop(world: World) -> World:
    """A world with the topics of these types."""
    world.log.create("shop.orders", 2)
    world.log.create("shop.lines", 1)
    return world


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario; nothing may be left behind, neither a task nor an unseen failure."""

    async def whole() -> None:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        await scenario
        gc.collect()
        await asyncio.sleep(0)
        assert unseen == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def small(**changes: Any) -> PublisherSettings:
    """Settings with a buffer of 1 MiB."""
    return PublisherSettings(**{"buffer_bytes": 1024 * 1024, "record_bytes": 200_000, **changes})


def lines(world: World) -> list[int]:
    """The numbers of all lines on the log, in their order."""
    return [number_of(record) for record in world.log.records(ONLY)]


def number_of(record: StoredRecord) -> int:
    """The number in a line."""
    assert record.value is not None
    return decoder_of(declaration_of(Line).schema, Line)(record.value).number


def test_a_published_event_is_on_the_log_where_the_answer_says(shop: World) -> None:
    """With the id that the answer names."""

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        published = await publisher.publish(Placed(order_id="o-1", number=7))
        partition = Partition(published.topic, published.partition)
        assert published.offset is not None
        record = shop.log.records(partition)[published.offset]
        assert record.value is not None
        found = decoder_of(declaration_of(Placed).schema, Placed)(record.value)
        assert found == Placed(order_id="o-1", number=7)
        headers = parse_headers(record.headers)
        assert headers.id == published.event_id
        assert UUID(published.event_id).version == 4
        assert headers.source == "shop.test"
        assert record.timestamp == shop.clock.wall_ms()
        assert headers.time == shop.clock.wall()
        await publisher.close()

    run(scenario())


def test_the_schema_stands_in_the_catalogue_before_the_first_event(shop: World) -> None:
    """So no reader meets a fingerprint that it cannot look up."""
    writer = shop.writer()
    seen: list[int] = []
    append = shop.log.append

    def watching(partition: Partition, records: Any) -> int:
        if partition != SCHEMAS_PARTITION:
            keys = [record.key or b"" for record in shop.log.records(SCHEMAS_PARTITION)]
            seen.append(sum(b"/" not in key for key in keys))
        return append(partition, records)

    shop.log.append = watching  # type: ignore[method-assign]  # looks on, changes nothing

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.publish(Placed(order_id="o-1"))
        await publisher.publish(Line(number=1))
        await publisher.close()

    run(scenario())
    assert seen == [1, 2]


def test_what_a_caller_says_about_an_event_stands_in_its_headers(shop: World) -> None:
    """Id, time, flow, cause, trace and headers of its own."""

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        happened = datetime(2026, 2, 28, 23, 59, 59, 500_000, tzinfo=UTC)
        published = await publisher.publish(
            Line(number=1),
            event_id=UUID(int=9),
            time=happened,
            correlation_id="flow",
            causation_id="cause",
            traceparent="00-aa-bb-01",
            headers={"tenant": "blue"},
        )
        (record,) = shop.log.records(ONLY)
        headers = parse_headers(record.headers)
        assert headers.id == published.event_id == str(UUID(int=9))
        assert headers.time == happened
        assert record.timestamp == int(happened.timestamp() * 1_000)
        assert (headers.correlation_id, headers.causation_id) == ("flow", "cause")
        assert headers.traceparent == "00-aa-bb-01"
        assert ("tenant", b"blue") in record.headers
        await publisher.close()

    run(scenario())


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({"event_id": ""}, IllegalHeader),
        ({"correlation_id": "x" * 2_000}, IllegalHeader),
        ({"headers": {"ce_id": "x"}}, IllegalHeader),
        ({"key": 1.5}, BadKey),
        ({"time": datetime(2026, 3, 1)}, BadTime),  # noqa: DTZ001 - naive on purpose
        ({"timeout_s": 0.0}, BadTimeout),
        ({"timeout_s": 31.0}, BadTimeout),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    shop: World, arguments: dict[str, Any], refusal: type[Exception]
) -> None:
    """F18: in the caller's own frame."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        with pytest.raises(refusal):
            await publisher.publish(Line(number=1), **arguments)
        await publisher.close()

    run(scenario())
    assert writer.batches == []


def test_a_record_over_the_limit_and_a_base_are_refused(shop: World) -> None:
    """The one by its bytes, the other by its class."""

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer(), small())
        with pytest.raises(RecordTooLarge):
            await publisher.publish(Line(number=1, text="x" * 200_000))
        with pytest.raises(AbstractRecord):
            await publisher.publish(Base())
        await publisher.close()

    run(scenario())


def test_calls_side_by_side_go_in_one_batch_in_their_order(shop: World) -> None:
    """One turn of the event loop is one batch, without any linger."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        answers = await asyncio.gather(*(publisher.publish(Line(number=n)) for n in range(50)))
        assert [answer.offset for answer in answers] == list(range(50))
        await publisher.close()

    run(scenario())
    assert writer.batches == [(ONLY, 50)]
    assert lines(shop) == list(range(50))


def test_a_busy_partition_gathers_and_has_one_batch_under_way(shop: World) -> None:
    """What comes during a write goes with the next one, all together."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        writer.delay_s = 0.95
        calls = []
        for number in range(30):
            calls.append(asyncio.ensure_future(publisher.publish(Line(number=number))))
            await shop.clock.advance(0.1)
        await shop.clock.advance(5)
        await asyncio.gather(*calls)
        await publisher.close()

    run(scenario())
    assert writer.most_under_way == 1
    assert [count for _, count in writer.batches] == [1, 9, 9, 10, 1]
    assert lines(shop) == list(range(30))


def test_order_survives_the_first_use_of_types(shop: World) -> None:
    """Two types with one topic, one ready before the other: nobody overtakes."""
    writer = shop.writer()
    writer.delay_s = 0.5

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        preparing = asyncio.ensure_future(publisher.prepare([Ended]))
        await shop.clock.advance(1)
        await preparing
        calls: list[asyncio.Future[Published]] = [
            asyncio.ensure_future(publisher.publish(event))
            for event in (Line(number=0), Ended(number=1), Line(number=2), Ended(number=3))
        ]
        await shop.clock.advance(5)
        offsets = [(await call).offset for call in calls]
        assert offsets == [0, 1, 2, 3]
        await publisher.close()

    run(scenario())


def test_order_survives_a_full_buffer(shop: World) -> None:
    """Who comes while others stand in line stands behind them."""
    writer = shop.writer()
    writer.delay_s = 0.1

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        text = "x" * 90_000
        calls = []
        for number in range(60):
            calls.append(asyncio.ensure_future(publisher.publish(Line(number=number, text=text))))
            if number % 7 == 0:
                await shop.clock.advance(0.05)
            assert publisher.statistics().buffered_bytes <= 1024 * 1024
        assert publisher.statistics().waiting > 0
        await shop.clock.advance(20)
        await asyncio.gather(*calls)
        assert publisher.statistics().buffered_bytes == 0
        await publisher.close()

    run(scenario())
    assert lines(shop) == list(range(60))


def test_a_cancelled_call_disturbs_no_other(shop: World) -> None:
    """Neither in a batch nor in line; what had been admitted is written."""
    writer = shop.writer()
    writer.delay_s = 1.0

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        preparing = asyncio.ensure_future(publisher.prepare([Line]))
        await shop.clock.advance(1)
        await preparing
        text = "x" * 100_000
        calls = [
            asyncio.ensure_future(publisher.publish(Line(number=n, text=text))) for n in range(13)
        ]
        await asyncio.sleep(0)
        assert publisher.statistics().waiting == 3
        calls[4].cancel()
        calls[11].cancel()
        await shop.clock.advance(20)
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end).__name__ for end in ends].count("CancelledError") == 2
        assert sum(isinstance(end, Published) for end in ends) == 11
        await publisher.close()

    run(scenario())
    assert lines(shop) == [n for n in range(13) if n != 11]


def test_a_refused_batch_is_told_to_each_of_its_callers(shop: World) -> None:
    """Each gets an error of its own; the next batch goes on."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        writer.faults.append("refused")
        ends = await asyncio.gather(
            *(publisher.publish(Line(number=n)) for n in range(3)), return_exceptions=True
        )
        assert all(isinstance(end, WriteRefused) for end in ends)
        assert len({id(end) for end in ends}) == 3
        await publisher.publish(Line(number=9))
        statistics = publisher.statistics()
        assert (statistics.refused, statistics.acknowledged) == (3, 1)
        await publisher.close()

    run(scenario())
    assert lines(shop) == [9]


def test_what_got_no_answer_is_unknown_whether_it_was_written_or_not(shop: World) -> None:
    """Law 1: the record may be there; the error says its id, to publish it again with."""
    writer = shop.writer()
    ids: list[str] = []

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        for fault in ("answer lost", "lost"):
            writer.faults.append(fault)
            call = asyncio.ensure_future(publisher.publish(Line(number=1)))
            await shop.clock.advance(31)
            with pytest.raises(PublishUnknown) as told:
                await call
            ids.append(told.value.event_id)
        assert publisher.statistics().unknown == 2
        await publisher.publish(Line(number=2), event_id=ids[1])
        await publisher.close()

    run(scenario())
    assert lines(shop) == [1, 2]
    assert [parse_headers(record.headers).id for record in shop.log.records(ONLY)] == ids


def test_behind_a_silent_partition_nothing_is_sent_and_that_is_told(shop: World) -> None:
    """Law 1: after NotSent it is certainly absent. Each call is told near its own deadline."""
    writer = shop.writer()
    writer.silent.add(ONLY)

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line, Placed])
        ends: list[tuple[int, float, bool]] = []

        async def call(number: int, begun_s: float) -> None:
            with pytest.raises((NotSent, WriteUnknown)) as told:
                await publisher.publish(Line(number=number))
            waited_s = shop.clock.now_s - begun_s
            ends.append((number, waited_s, isinstance(told.value, WriteUnknown)))

        calls = []
        for number in range(20):
            calls.append(asyncio.ensure_future(call(number, shop.clock.now_s)))
            await shop.clock.advance(2.9)
        await publisher.publish(Placed(order_id="other partitions go on"))
        await shop.clock.advance(60)
        await asyncio.gather(*calls)
        assert [number for number, _, _ in ends] == list(range(20))
        assert all(28.9 <= waited_s <= 30.1 for _, waited_s, _ in ends)
        sent = sum(count for partition, count in writer.batches if partition == ONLY)
        assert sum(unknown for _, _, unknown in ends) == sent
        await publisher.close()

    run(scenario())
    assert lines(shop) == []


def test_a_batch_that_never_had_its_turn_is_not_sent(shop: World) -> None:
    """The one before it took all of the time that both had."""
    writer = shop.writer()
    writer.silent.add(ONLY)

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        text = "x" * 190_000
        calls = [
            asyncio.ensure_future(publisher.publish(Line(number=n, text=text))) for n in range(2)
        ]
        await shop.clock.advance(30)
        with pytest.raises(WriteUnknown):
            await calls[0]
        with pytest.raises(NotSent, match="earlier records"):
            await calls[1]
        assert publisher.statistics().not_sent == 1
        await publisher.close()

    run(scenario())
    assert writer.batches == [(ONLY, 1)]


def test_in_line_for_a_full_buffer_the_deadline_holds_too(shop: World) -> None:
    """Also where nothing moves at all."""
    writer = shop.writer()
    writer.silent.add(ONLY)

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        text = "x" * 190_000
        calls = []
        for number in range(12):
            calls.append(asyncio.ensure_future(publisher.publish(Line(number=number, text=text))))
            await shop.clock.advance(1)
        assert publisher.statistics().waiting == 7
        await shop.clock.advance(30.1)
        assert all(call.done() for call in calls)
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, NotSent | WriteUnknown) for end in ends)
        closing = asyncio.ensure_future(publisher.close())
        await shop.clock.advance(11)
        await closing

    run(scenario())


def test_a_call_may_have_less_time_of_its_own(shop: World) -> None:
    """In a batch it is unknown, in line it is not sent; others keep their own time."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        writer.delay_s = 10.0
        text = "x" * 190_000
        patient = [
            asyncio.ensure_future(publisher.publish(Line(number=n, text=text))) for n in range(4)
        ]
        hurried = asyncio.ensure_future(publisher.publish(Line(number=4, text=text), timeout_s=2.0))
        in_line = asyncio.ensure_future(publisher.publish(Line(number=5, text=text), timeout_s=2.0))
        await shop.clock.advance(2.1)
        with pytest.raises(WriteUnknown, match="call's deadline"):
            await hurried
        with pytest.raises(NotSent):
            await in_line
        await shop.clock.advance(100)
        await asyncio.gather(*patient, return_exceptions=True)
        await publisher.close()

    run(scenario())
    assert 5 not in lines(shop)
    assert lines(shop) == sorted(lines(shop))


def test_while_no_broker_is_reached_a_batch_is_tried_again(shop: World) -> None:
    """It is certain that nothing was written; at the deadline it is told so."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        writer.faults.extend(["unreachable"] * 5)
        call = asyncio.ensure_future(publisher.publish(Line(number=1)))
        await shop.clock.advance(20)
        assert (await call).offset == 0
        writer.faults.extend(["unreachable"] * 500)
        call = asyncio.ensure_future(publisher.publish(Line(number=2)))
        await shop.clock.advance(31)
        with pytest.raises(NotSent, match="No broker could be reached"):
            await call
        await publisher.close()

    run(scenario())
    assert lines(shop) == [1]


def test_a_fault_of_the_adapter_is_unknown_and_keeps_its_cause(shop: World) -> None:
    """What it did before it failed nobody knows."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        writer.faults.append("broken")
        with pytest.raises(PublishUnknown, match="RuntimeError") as told:
            await publisher.publish(Line(number=1))
        first = told.value.__cause__
        assert first is not None
        assert isinstance(first.__cause__, RuntimeError)
        await publisher.publish(Line(number=2))
        await publisher.close()

    run(scenario())


def test_a_record_that_fits_into_no_batch_is_refused_in_line_and_out_of_it(shop: World) -> None:
    """Publisher and writer were set up against each other; nobody waits for ever."""
    writer = shop.writer()
    writer.capacity_bytes = 50_000

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        large = Line(number=1, text="x" * 60_000)
        calls = [
            asyncio.ensure_future(publisher.publish(event)) for event in (large, Line(number=2))
        ]
        await shop.clock.advance(1)
        with pytest.raises(Exception, match="fits into no batch"):
            await calls[0]
        await calls[1]
        with pytest.raises(Exception, match="fits into no batch"):
            await publisher.publish(large)
        await publisher.close()

    run(scenario())
    assert lines(shop) == [2]


def test_each_event_is_dated_when_it_is_published(shop: World) -> None:
    """The clock is read for each, also in a stream."""

    async def source() -> AsyncIterator[Line]:
        for number in range(1, 3):
            await shop.clock.sleep_until(shop.clock.now_s + 1)
            yield Line(number=number)

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        await publisher.publish(Line(number=0))
        stream = asyncio.ensure_future(publisher.publish_many(source()))
        await shop.clock.advance(5)
        assert await stream == 2
        await publisher.close()

    run(scenario())
    first, second, third = shop.log.records(ONLY)
    assert second.timestamp - first.timestamp == third.timestamp - second.timestamp == 1_000
    assert len({parse_headers(record.headers).time for record in (first, second, third)}) == 3


def test_a_missing_topic_is_told_to_all_who_wait_and_looked_at_anew(shop: World) -> None:
    """The first failure is not for life."""

    class Missed(Event, topic=Topic("shop.missed", partitions=1)):
        n: int

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        calls = [asyncio.ensure_future(publisher.publish(Missed(n=n))) for n in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        names = [type(end).__name__ for end in ends]
        assert names == ["TopicMissing", "CancelledError", "TopicMissing"]
        shop.log.create("shop.missed", 1)
        assert (await publisher.publish(Missed(n=3))).offset == 0
        await publisher.close()

    run(scenario())


def test_who_waits_for_a_type_goes_on_when_prepare_was_faster(shop: World) -> None:
    """The call's own attempt is in a pause; nobody waits for its end."""
    writer = shop.writer()
    writer.unreachable_looks = 1

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Line(number=1)))
        await shop.clock.advance(0.01)
        assert not call.done()
        await publisher.prepare([Line])
        await shop.clock.advance(0.01)
        assert (await call).offset == 0
        await shop.clock.advance(1)
        await publisher.close()

    run(scenario())


def test_who_stands_behind_a_type_that_cannot_be_sent_goes_on(shop: World) -> None:
    """His own type is ready; the failure of another is not his."""

    class Conflicting(Event, topic=Topic("shop.lines", partitions=1)):
        total: Annotated[Decimal, money(12, 4)]

    class Agreed(Event, topic=Topic("shop.lines", partitions=1)):
        total: Annotated[Decimal, money(12, 2)]

    known = declaration_of(Agreed).schema.text.replace('"Agreed"', '"Conflicting"')
    asyncio.run(shop.catalogue().ensure([AvroSchema.parse(known)]))

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        await publisher.prepare([Ended])
        first = asyncio.ensure_future(publisher.publish(Conflicting(total=Decimal(1))))
        second = asyncio.ensure_future(publisher.publish(Ended(number=1)))
        await shop.clock.advance(0.01)
        with pytest.raises(SchemaConflict):
            await first
        assert (await second).offset == 0
        await publisher.close()

    run(scenario())


def test_a_broker_that_is_away_at_first_use_is_waited_for(shop: World) -> None:
    """Within the deadline, as for every write."""
    writer = shop.writer()
    writer.unreachable_looks = 4

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Line(number=1)))
        await shop.clock.advance(20)
        await call
        await publisher.close()

    run(scenario())
    assert writer.looks == 5


def test_a_type_that_cannot_be_made_ready_in_time_is_not_sent(shop: World) -> None:
    """The deadline covers the first use."""
    writer = shop.writer()
    writer.delay_s = 1_000.0

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Line(number=1)))
        brief = asyncio.ensure_future(publisher.publish(Line(number=2), timeout_s=3))
        await shop.clock.advance(3.1)
        with pytest.raises(NotSent):
            await brief
        await shop.clock.advance(27)
        with pytest.raises(NotSent, match="not confirmed"):
            await call
        await publisher.close()

    run(scenario())


def test_whoever_waits_in_vain_for_a_schema_is_told_why(shop: World) -> None:
    """Each is told at his own deadline, although the attempt that it ends had no answer yet."""
    registry = shop.registry_that_is_away(answers_after_s=9.9)

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer(), schemas=registry)
        calls = [
            asyncio.ensure_future(publisher.publish(Line(number=1))),
            asyncio.ensure_future(publisher.publish(Line(number=2), timeout_s=15)),
            asyncio.ensure_future(publisher.prepare([Line])),
        ]
        await shop.clock.advance(2)
        calls.append(asyncio.ensure_future(publisher.publish(Line(number=3))))
        await shop.clock.advance(60)
        for call in calls:
            assert call.done()
            with pytest.raises(NotSent, match="PEN-T2 The registry is away") as told:
                await call
            assert told.value.retryable
        await publisher.close()

    run(scenario())


def test_a_hurried_first_call_does_not_take_the_time_of_others(shop: World) -> None:
    """Each has its own deadline, whoever came first."""
    writer = shop.writer()
    writer.unreachable_looks = 1_000

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        hurried = asyncio.ensure_future(publisher.publish(Line(number=1), timeout_s=2))
        begun_s = shop.clock.now_s
        first = asyncio.ensure_future(publisher.publish(Line(number=2)))
        await shop.clock.advance(20)
        with pytest.raises(NotSent):
            await hurried
        second = asyncio.ensure_future(publisher.publish(Line(number=3)))
        await shop.clock.advance(10.1)
        with pytest.raises(NotSent):
            await first
        assert not second.done()
        writer.unreachable_looks = 0
        await shop.clock.advance(15)
        assert (await second).offset == 0
        assert shop.clock.now_s - begun_s < 50
        await publisher.close()

    run(scenario())


def test_a_narrow_topic_is_refused_and_a_wide_one_is_told(shop: World) -> None:
    """Partition life, rule 8: keys are spread over the declared number, for life."""

    class Narrow(Event, topic=Topic("shop.narrow", partitions=4)):
        n: int

    class Wide(Event, topic=Topic("shop.wide", partitions=2)):
        n: int

    shop.log.create("shop.narrow", 3)
    shop.log.create("shop.wide", 5)

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        with pytest.raises(TopicTooNarrow):
            await publisher.publish(Narrow(n=1))
        for n in range(4):
            await publisher.publish(Wide(n=n))
        await publisher.close()

    run(scenario())
    assert {record.partition for record in shop.log.all("shop.wide")} == {0, 1}
    assert [alarm.name for alarm in shop.alarms] == ["topic-wider-than-declared"]


def test_a_schema_that_cannot_be_registered_stops_its_type_only(shop: World) -> None:
    """The error is the catalogue's own."""

    def priced(scale: int) -> Event:
        class Priced(Event, topic=Topic("shop.lines", partitions=1)):
            total: Annotated[Decimal, money(12, scale)]

        return Priced(total=Decimal(1))

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        await publisher.publish(priced(2))
        with pytest.raises(SchemaConflict, match="total"):
            await publisher.publish(priced(4))
        await publisher.publish(Line(number=1))
        await publisher.close()

    run(scenario())


def test_prepare_tells_at_start_what_is_missing(shop: World) -> None:
    """With one turn at the schemas topic for all types."""

    class Missed(Event, topic=Topic("shop.missed", partitions=1)):
        n: int

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        with pytest.raises(TopicMissing):
            await publisher.prepare([Line, Missed])
        await publisher.prepare([Line, Placed])
        await publisher.prepare([Line])
        await publisher.close()

    run(scenario())
    assert shop.turns.epoch == 2


def test_many_events_are_published_in_order_and_counted(shop: World) -> None:
    """From a list, from a generator, from an asynchronous one."""

    async def source() -> AsyncIterator[Line]:
        for number in range(600, 900):
            yield Line(number=number)

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        numbers = range(600)
        for events in ([Line(number=n) for n in numbers[:300]], map(line, numbers[300:]), source()):
            call = asyncio.ensure_future(publisher.publish_many(events))
            await shop.clock.advance(1)
            assert await call == 300
        assert await publisher.publish_many([]) == 0
        await publisher.close()

    run(scenario())
    assert lines(shop) == list(range(900))
    ids = {parse_headers(record.headers).id for record in shop.log.records(ONLY)}
    assert len(ids) == 900


def line(number: int) -> Line:
    """A short line."""
    return Line(number=number)


def test_a_stream_takes_no_more_than_the_buffer_holds(shop: World) -> None:
    """Its source may be endless, and memory stays bounded."""
    writer = shop.writer()
    taken: list[int] = []

    def source() -> Iterator[Line]:
        for number in range(100):
            taken.append(number)
            yield Line(number=number, text="x" * 50_000)

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        writer.delay_s = 1.0
        call = asyncio.ensure_future(publisher.publish_many(source()))
        await shop.clock.advance(0.5)
        assert publisher.statistics().buffered_bytes <= 1024 * 1024
        assert publisher.statistics().waiting == 1
        await shop.clock.advance(200)
        assert await call == 100
        await publisher.close()

    run(scenario())
    assert lines(shop) == list(range(100))


def test_a_stream_waits_for_company_and_a_single_event_does_not(shop: World) -> None:
    """Five milliseconds, unless somebody in a greater hurry comes along."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        call = asyncio.ensure_future(publisher.publish_many([Line(number=0)]))
        await shop.clock.advance(0.004)
        assert writer.batches == []
        await shop.clock.advance(0.002)
        assert await call == 1
        call = asyncio.ensure_future(publisher.publish_many([Line(number=1)]))
        await shop.clock.advance(0.001)
        await publisher.publish(Line(number=2))
        assert await call == 1
        assert writer.batches == [(ONLY, 1), (ONLY, 2)]
        await shop.clock.advance(0.01)
        await publisher.close()

    run(scenario())


def test_a_stream_that_fails_says_from_where_to_go_on(shop: World) -> None:
    """Everything taken is settled first, and nothing more is taken."""
    writer = shop.writer()
    taken: list[int] = []

    def source() -> Iterator[Line]:
        for number in range(100_000):
            taken.append(number)
            yield Line(number=number, text="x" * 20_000)

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        await publisher.publish(Line(number=-1))
        publisher_writes = len(writer.batches)
        call = asyncio.ensure_future(publisher.publish_many(source()))
        while len(writer.batches) < publisher_writes + 2:
            await shop.clock.advance(0.001)
        writer.faults.append("refused")
        await shop.clock.advance(1)
        with pytest.raises(PublishIncomplete) as told:
            await call
        error = told.value
        assert error.taken < 2_000
        assert error.acknowledged < error.taken
        assert lines(shop)[1 : error.prefix + 1] == list(range(error.prefix))
        assert error.prefix not in lines(shop)
        assert isinstance(error.__cause__, WriteRefused)
        await publisher.close()

    run(scenario())


def test_an_asynchronous_stream_notices_a_failure_with_its_next_event(shop: World) -> None:
    """It takes that one event, and no further."""
    writer = shop.writer()
    taken: list[int] = []

    async def source() -> AsyncGenerator[Line, None]:
        for number in range(10):
            taken.append(number)
            yield Line(number=number)
            await shop.clock.sleep_until(shop.clock.now_s + 1)

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        await publisher.prepare([Line])
        writer.faults.append("refused")
        events = source()
        stream = asyncio.ensure_future(publisher.publish_many(events))
        await shop.clock.advance(20)
        with pytest.raises(PublishIncomplete) as told:
            await stream
        await events.aclose()
        assert (told.value.taken, told.value.acknowledged, told.value.prefix) == (2, 1, 0)
        await publisher.close()

    run(scenario())
    assert taken == [0, 1]
    assert lines(shop) == [1]


def test_a_stream_with_a_bad_event_settles_the_others_and_says_how_far_it_came(
    shop: World,
) -> None:
    """The error is the event's own, with a note."""

    def source() -> Iterator[Line]:
        yield from (Line(number=n) for n in range(5))
        yield Line(number=5, text="x" * 200_000)
        yield Line(number=6)

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer(), small())
        call = asyncio.ensure_future(publisher.publish_many(source()))
        await shop.clock.advance(1)
        with pytest.raises(RecordTooLarge) as told:
            await call
        assert "5 of 5" in told.value.__notes__[0]
        await publisher.close()

    run(scenario())
    assert lines(shop) == [0, 1, 2, 3, 4]


def test_a_source_that_raises_is_heard(shop: World) -> None:
    """What it gave before is written."""

    async def source() -> AsyncIterator[Line]:
        yield Line(number=0)
        raise LookupError

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        call = asyncio.ensure_future(publisher.publish_many(source()))
        await shop.clock.advance(1)
        with pytest.raises(LookupError) as told:
            await call
        assert "1 of 1" in told.value.__notes__[0]
        await publisher.close()

    run(scenario())
    assert lines(shop) == [0]


def test_a_long_stream_lets_others_run(shop: World) -> None:
    """Heartbeats and other callers must not wait for the end of a list."""

    async def scenario() -> None:
        publisher = shop.publisher(shop.writer())
        await publisher.prepare([Line])
        turns = 0
        turns_at_the_end = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        def source() -> Iterator[Line]:
            nonlocal turns_at_the_end
            yield from map(line, range(2_000))
            turns_at_the_end = turns

        counting = asyncio.ensure_future(count())
        call = asyncio.ensure_future(publisher.publish_many(source()))
        await shop.clock.advance(1)
        assert await call == 2_000
        counting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await counting
        assert turns_at_the_end >= 9
        await publisher.close()

    run(scenario())


def test_closing_sends_what_is_held(shop: World) -> None:
    """Lingering events too; from then on nothing can be published."""
    writer = shop.writer()

    async def scenario() -> None:
        publisher = shop.publisher(writer, small(bulk_linger_s=1.0))
        await publisher.prepare([Line])
        call = asyncio.ensure_future(publisher.publish_many([Line(number=0)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert writer.batches == []
        await publisher.close()
        assert await call == 1
        with pytest.raises(PublisherClosed):
            await publisher.publish(Line(number=1))
        with pytest.raises(PublisherClosed):
            await publisher.publish_many([Line(number=1)])
        await publisher.close()

    run(scenario())
    assert lines(shop) == [0]


def test_closing_is_bounded_and_honest(shop: World) -> None:
    """Under way: unknown. In a batch or in line: not sent."""
    writer = shop.writer()
    writer.silent.add(ONLY)

    async def scenario() -> None:
        publisher = shop.publisher(writer, small())
        await publisher.prepare([Line])
        text = "x" * 190_000
        calls = []
        for number in range(8):
            calls.append(asyncio.ensure_future(publisher.publish(Line(number=number, text=text))))
            await asyncio.sleep(0)
        await shop.clock.advance(0.1)
        closing = asyncio.ensure_future(publisher.close(timeout_s=5))
        await shop.clock.advance(5.1)
        await closing
        ends = [type(end).__name__ for end in await asyncio.gather(*calls, return_exceptions=True)]
        assert ends == ["PublishUnknown"] + ["NotSent"] * 7

    run(scenario())


def test_closing_while_a_type_is_being_made_ready_tells_who_waits(shop: World) -> None:
    """And leaves nothing running."""
    writer = shop.writer()
    writer.delay_s = 1_000

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        call = asyncio.ensure_future(publisher.publish(Line(number=0)))
        await shop.clock.advance(0.1)
        closing = asyncio.ensure_future(publisher.close(timeout_s=5))
        await shop.clock.advance(5.1)
        await closing
        with pytest.raises(NotSent, match="closed"):
            await call

    run(scenario())


def test_an_offset_that_the_broker_does_not_say_is_none(shop: World) -> None:
    """It acknowledged a repeat and has forgotten where the first went."""
    writer = shop.writer()

    async def forgetful(partition: Partition, batch: object, *, timeout_s: float) -> int:
        del partition, batch, timeout_s
        await asyncio.sleep(0)
        return -1

    writer.write = forgetful  # type: ignore[method-assign]  # another honest answer of the port

    async def scenario() -> None:
        publisher = shop.publisher(writer)
        assert (await publisher.publish(Line(number=0))).offset is None
        await publisher.close()

    run(scenario())


Ts = TypeVarTuple("Ts")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts what it is asked to run soon: wake-ups, above all."""

    soon = 0

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Count and do it."""
        self.soon += 1
        return super().call_soon(callback, *args, context=context)


@pytest.mark.parametrize("capacity_bytes", [1_000_000, 5_000])
def test_waking_callers_costs_the_same_for_each_however_many_there_are(
    world: World, capacity_bytes: int
) -> None:
    """With one batch and with hundreds: a caller wakes for its own batch and for nothing else."""

    def wakes(callers: int) -> float:
        here = type(world)()
        here.log.create("shop.lines", 1)
        writer = here.writer()
        writer.capacity_bytes = capacity_bytes

        async def scenario() -> None:
            publisher = here.publisher(writer, small(record_bytes=4_000))
            await publisher.prepare([Line])
            text = "x" * 1_500
            await asyncio.gather(
                *(publisher.publish(Line(number=n, text=text)) for n in range(callers))
            )
            assert len(asyncio.all_tasks()) <= 2
            await publisher.close()

        loop = CountingLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(scenario())
        assert lines(here) == list(range(callers))
        return loop.soon / callers

    few, many = wakes(1_000), wakes(4_000)
    assert many < 1.2 * few
    assert many < 6.5
