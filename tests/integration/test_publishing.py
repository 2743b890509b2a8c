"""Writing outside transactions: what is acknowledged is there once, in order; what is not is told.

And the worker path that is built on it, at least once: outputs first, then the offset.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex

import pytest

from penstock.events.alarm import Alarm
from penstock.events.event import Event
from penstock.events.log import (
    Headers,
    NewRecord,
    Partition,
    TopicMissing,
    WriteRefused,
    WriterStatistics,
    WriteUnknown,
)
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.schemas.errors import PenstockError
from penstock.workers import Delivery, Worker
from tests.integration.workbench import (
    LIMIT_S,
    eventually,
    make_topic,
    new_record,
    off_loop,
    opened_topics,
    play,
    read_committed,
    until_wide,
    values_in,
)
from tests.integration.worker_bench import Placed, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)


async def started(connection: KafkaConnection) -> KafkaWriter:
    """A writer that is connected."""
    writer = KafkaWriter(connection)
    await writer.start()
    return writer


async def write(writer: KafkaWriter, partition: Partition, *records: NewRecord) -> int:
    """Write records as one batch."""
    batch = writer.new_batch()
    for record in records:
        assert batch.append(record)
    return await writer.write(partition, batch, timeout_s=10.0)


@pytest.mark.parametrize("after_bytes", [20, 1_000_000], ids=["begun", "delivered"])
def test_a_write_that_is_cut_is_repeated_and_there_once(
    after_bytes: int, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The broker knows the sequence numbers, so the client may send again what it sent."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        place = await make_topic(direct, unique("topic"))
        writer = await started(KafkaConnection(bootstrap=fault_proxy.address))
        cut = fault_proxy.reset(ApiKey.PRODUCE, after_bytes=after_bytes)
        assert await write(writer, place, new_record(b"a"), new_record(b"b")) == 0
        assert cut.reached
        await writer.close()
        assert await values_in(direct, place) == [b"a", b"b"]

    play(scenario())


def test_writes_to_one_partition_keep_their_order_through_a_cut(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A later batch never overtakes one that must be sent again."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        place = await make_topic(direct, unique("topic"))
        writer = await started(KafkaConnection(bootstrap=fault_proxy.address))
        for skip in (2, 5):
            fault_proxy.reset(ApiKey.PRODUCE, after_bytes=1_000_000, skip=skip)
        wanted = [b"%d" % number for number in range(10)]
        await asyncio.gather(*(write(writer, place, new_record(value)) for value in wanted))
        await writer.close()
        assert await values_in(direct, place) == wanted

    play(scenario())


def test_a_write_that_never_left_is_not_called_refused(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A refusal condemns a record; a topic that nobody can look up in time condemns nothing."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        writer = await started(KafkaConnection(bootstrap=fault_proxy.address))
        place = await make_topic(direct, unique("topic"))  # which the writer does not know yet
        held = fault_proxy.hold(ApiKey.METADATA)
        batch = writer.new_batch()
        assert batch.append(new_record(b"a"))
        with pytest.raises(KafkaUnreachable) as told:
            await writer.write(place, batch, timeout_s=1.0)
        assert told.value.retryable
        assert held.reached
        held.release()
        assert await writer.write(place, batch, timeout_s=10.0) == 0  # the same batch
        await writer.close()
        assert await values_in(direct, place) == [b"a"]

    play(scenario())


def test_a_refused_batch_does_not_disturb_other_partitions(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """What is under way elsewhere ends as if nothing had happened."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        small = await make_topic(connection, unique("small"), config={"max.message.bytes": "2000"})
        other = await make_topic(connection, unique("other"))
        writer = await started(connection)
        values = [b"%d" % number for number in range(5)]
        refused, *written = await asyncio.gather(
            write(writer, small, new_record(b"x" * 3_000)),
            *(write(writer, other, new_record(value)) for value in values),
            return_exceptions=True,
        )
        assert isinstance(refused, WriteRefused)
        assert written == [0, 1, 2, 3, 4]
        await writer.close()
        assert await values_in(connection, other) == values
        assert await values_in(connection, small) == []

    play(scenario())


@pytest.mark.parametrize("ends", ["refused", "unanswered"])
def test_a_producer_that_is_given_up_is_told_and_replaced(
    ends: str, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """Once, with the reason, and counted; the next write goes through another producer."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        place = await make_topic(direct, unique("topic"), config={"max.message.bytes": "2000"})
        alarms: list[Alarm] = []
        writer = KafkaWriter(
            KafkaConnection(bootstrap=fault_proxy.address), raise_alarm=alarms.append
        )
        await writer.start()
        assert await write(writer, place, new_record(b"a")) == 0
        assert writer.statistics() == WriterStatistics(producers_started=1, producers_given_up=0)
        if ends == "refused":
            with pytest.raises(WriteRefused):
                await write(writer, place, new_record(b"x" * 3_000))
            reason = "MESSAGE_TOO_LARGE (10)"
        else:
            held = fault_proxy.hold(ApiKey.PRODUCE)
            batch = writer.new_batch()
            assert batch.append(new_record(b"lost"))
            with pytest.raises(WriteUnknown):
                await writer.write(place, batch, timeout_s=0.5)
            assert held.reached
            reason = "got no answer"
        (alarm,) = alarms
        assert alarm.name == "producer-given-up"
        assert reason in alarm.text
        assert str(place) in alarm.text
        assert await write(writer, place, new_record(b"b")) == 1
        assert writer.statistics() == WriterStatistics(producers_started=2, producers_given_up=1)
        await writer.close()
        assert await values_in(direct, place) == [b"a", b"b"]

    play(scenario())


def test_keys_keep_their_order_through_cuts_and_fatal_errors(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """Batches that are resent, and producers that are replaced, overtake nobody."""

    async def scenario() -> None:
        shop = made_shop(
            fault_proxy.address, unique, partitions=2, outputs={"max.message.bytes": "3000"}
        )
        await shop.make_topics(Worker("clerk"))
        refused = 0

        async def publish(bus: Bus, key: int) -> None:
            nonlocal refused
            for number in range(60):
                text = "x" * 5_000 if number % 20 == 7 else ""
                event = shop.noted(order=f"{key}/{number:03}", text=text)
                try:
                    await bus.publisher.publish(event, key=f"key-{key}")
                except WriteRefused:
                    refused += 1

        for skip in (20, 45, 80):
            fault_proxy.reset(ApiKey.PRODUCE, after_bytes=1_000_000, skip=skip)
        async with connect(shop.settings) as bus:
            # The large ones and those that went with them are refused; the calls go on.
            await asyncio.gather(*(publish(bus, key) for key in range(8)))
            statistics = bus.publisher.statistics()
        assert statistics.producers_given_up >= 1
        assert statistics.refused == refused >= 8 * 3
        direct = KafkaConnection(bootstrap=direct_kafka)
        written: dict[str, list[str]] = {}
        for number in range(2):
            for record in await read_committed(direct, shop.output(number)):
                key, _, place = shop.read_noted(record).order.partition("/")
                written.setdefault(key, []).append(place)
        assert sum(map(len, written.values())) == statistics.acknowledged
        for places in written.values():
            assert places == sorted(set(places))

    play(scenario())


def test_a_missing_topic_is_told_and_forgotten(kafka: str, unique: Callable[[str], str]) -> None:
    """The client would ask for it with every refresh of its metadata, and warn for ever."""

    async def scenario() -> None:
        writer = await started(KafkaConnection(bootstrap=kafka))
        missing = unique("missing")
        with pytest.raises(TopicMissing) as told:
            await writer.partition_count(missing)
        assert told.value.facts == {"topics": missing}
        assert writer._producer is not None
        assert missing not in writer._producer.client._topics
        await writer.close()

    play(scenario())


def test_publishing_goes_on_after_a_refusal(kafka: str, unique: Callable[[str], str]) -> None:
    """An event that the broker refuses is its caller's trouble, and nobody else's."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, outputs={"max.message.bytes": "3000"})
        await shop.make_topics(Worker("clerk"))
        async with connect(shop.settings) as bus:
            await bus.publish(shop.noted(order="a"))
            for _ in range(2):
                with pytest.raises(WriteRefused, match="MESSAGE_TOO_LARGE"):
                    await bus.publish(shop.noted(order="large", text="x" * 5_000))
            await bus.publish(shop.noted(order="b"))
        assert await shop.noted_orders() == ["a", "b"]

    play(scenario())


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_batches_above_the_topic_s_limit_go_in_parts(
    compression: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """Each event would fit alone, so none is refused; their order stays, and few tries fail."""

    async def scenario() -> None:
        shop = made_shop(
            kafka, unique, outputs={"max.message.bytes": "3000"}, compression=compression
        )
        await shop.make_topics(Worker("clerk"))
        orders = [f"{number:04}" for number in range(2_000)]
        async with connect(shop.settings) as bus:
            events = (shop.noted(order=each, text=token_hex(100)) for each in orders)
            assert await bus.publisher.publish_many(events) == len(orders)
            statistics = bus.publisher.statistics()
        assert statistics.refused == 0
        assert 1 <= statistics.producers_given_up < 15
        assert statistics.producers_given_up < statistics.batches // 10
        notes = await shop.notes()
        assert [shop.read_noted(note).order for note in notes] == orders
        assert all(len(dict(note.headers)) >= 5 for note in notes)

    play(scenario())


async def written(
    writer: KafkaWriter, partition: Partition, value: bytes, *, timeout_s: float
) -> int | PenstockError:
    """How the write of one record ends."""
    batch = writer.new_batch()
    assert batch.append(new_record(value))
    try:
        return await writer.write(partition, batch, timeout_s=timeout_s)
    except PenstockError as error:
        return error


@pytest.mark.parametrize("goes", ["along", "behind"])
def test_who_sends_through_a_producer_that_is_given_up_is_told_at_once(
    goes: str, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """What went along with the batch in doubt is in doubt; what was never sent may be sent."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        silent = await make_topic(direct, unique("silent"))
        other = await make_topic(direct, unique("other"))
        writer = await started(KafkaConnection(bootstrap=fault_proxy.address))
        for place in (silent, other):
            await writer.partition_count(place.topic)
        held = fault_proxy.hold(ApiKey.PRODUCE)
        first = asyncio.ensure_future(written(writer, silent, b"a", timeout_s=1.0))
        if goes == "behind":
            await off_loop(held.wait_reached, LIMIT_S)
        second = asyncio.ensure_future(written(writer, other, b"b", timeout_s=50.0))
        await asyncio.wait({first, second}, timeout=20.0)
        assert isinstance(await first, WriteUnknown)
        assert second.done()
        expected = WriteUnknown if goes == "along" else KafkaUnreachable
        assert isinstance(await second, expected)
        assert await write(writer, other, new_record(b"c")) == 0
        await writer.close()

    play(scenario())


def test_a_refusal_behind_a_lost_answer_is_a_doubt(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The first copy is there; taken for refused, it would be divided and written again."""

    async def scenario() -> None:
        direct = KafkaConnection(bootstrap=direct_kafka)
        place = await make_topic(direct, unique("topic"), partitions=2)
        writer = await started(KafkaConnection(bootstrap=fault_proxy.address))
        lost = fault_proxy.reset(ApiKey.PRODUCE, after_bytes=0, direction="answer")
        second = fault_proxy.hold(ApiKey.PRODUCE, skip=1)
        writing = asyncio.ensure_future(written(writer, place, b"x" * 3_000, timeout_s=30.0))
        await off_loop(second.wait_reached, LIMIT_S)
        assert lost.reached
        async with opened_topics(direct) as topics:
            await topics.configure(place.topic, {"max.message.bytes": "1000"})
        await until_refused(direct, Partition(place.topic, 1), b"x" * 3_000)
        second.release()
        assert isinstance(await writing, WriteUnknown)
        await writer.close()
        assert await values_in(direct, place) == [b"x" * 3_000]

    play(scenario())


async def until_refused(connection: KafkaConnection, partition: Partition, value: bytes) -> None:
    """Wait until the limit of a topic is that of its partitions: the log learns of it behind all.

    The other partitions of the topic have it then, too; nothing is written there.
    """
    writer = await started(connection)

    async def is_refused() -> bool:
        return isinstance(await written(writer, partition, value, timeout_s=10.0), WriteRefused)

    await eventually(is_refused, what=f"{partition} to refuse {len(value)} bytes")
    await writer.close()


def test_a_topic_that_was_widened_is_counted_anew(kafka: str, unique: Callable[[str], str]) -> None:
    """What the client knows of it may be minutes old."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka)
        place = await make_topic(connection, unique("topic"))
        writer = await started(connection)
        assert await writer.partition_count(place.topic) == 1
        async with opened_topics(connection) as topics:
            await topics.add_partitions(place.topic, 3)
        await until_wide(connection, place.topic, 3)  # the broker itself learns of it a bit later
        assert await writer.partition_count(place.topic) == 3
        await writer.close()

    play(scenario())


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_closed_writer_starts_no_producer(
    when: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """Nobody would close it; `play` finds what is left open."""

    async def scenario() -> None:
        writer = KafkaWriter(KafkaConnection(bootstrap=kafka))
        if when == "before":
            await writer.close()
        looking = asyncio.ensure_future(writer.partition_count(unique("topic")))
        await asyncio.sleep(0)
        await writer.close()
        with pytest.raises(KafkaUnreachable, match="the writer was closed"):
            await looking

    play(scenario())


# --- at least once ------------------------------------------------------------------------------


def two_notes(shop: Shop) -> Worker:
    """An at-least-once worker with two outputs for each input."""
    worker = Worker("clerk")

    @worker.on(shop.placed)
    async def note(event: Placed, _: Delivery) -> list[Event]:
        return [shop.noted(order=event.order, text=text) for text in ("one", "two")]

    return worker


def test_outputs_are_there_before_the_offset_is_committed(
    fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """While the commit is held back, the outputs can be read already."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        worker = two_notes(shop)
        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
            held = fault_proxy.hold(ApiKey.OFFSET_COMMIT)
            await shop.publish(shop.orders(1, first=1))
            await off_loop(held.wait_reached, LIMIT_S)
            assert await shop.noted_orders() == ["o00000", "o00000", "o00001", "o00001"]
            assert await shop.offset() == 1
            held.release()
            await run.done(2)
        assert await shop.offset() == 2

    play(scenario())


def test_a_record_that_is_repeated_puts_out_the_same_ids(
    fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """The commit is lost, the record is handled again: readers that remember ids see it once."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        worker = two_notes(shop)
        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
            lost = fault_proxy.reset(ApiKey.OFFSET_COMMIT, after_bytes=0)
            await shop.publish(shop.orders(1, first=1))
            await run.until_partition(lambda one: one.records == 2, what="the second commit")
            assert lost.reached
            assert run.partitions[0].doubts == 1
        assert await shop.offset() == 2
        ids = [(shop.read_noted(note).text, ce_id(note.headers)) for note in await shop.notes()]
        assert len(ids) == 6
        assert ids[2:4] == ids[4:6]
        assert len(set(ids)) == 4

    play(scenario())


def ce_id(headers: Headers) -> bytes:
    """The event id among headers."""
    return dict(headers)["ce_id"]


@pytest.mark.parametrize("ends", ["cancelled", "too late"])
def test_a_write_that_is_given_up_leaves_nothing_that_nobody_has_seen(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str], ends: str
) -> None:
    """Its batch fails with its connection; `play` finds what is thrown away unseen."""

    async def scenario() -> None:
        place = await make_topic(KafkaConnection(bootstrap=direct_kafka), unique("topic"))
        writer = KafkaWriter(KafkaConnection(bootstrap=fault_proxy.address))
        await writer.start()
        assert await write(writer, place, new_record(b"first")) == 0  # it waits for nothing else
        batch = writer.new_batch()
        batch.append(new_record(b"lost"))
        held = fault_proxy.hold(ApiKey.PRODUCE)
        timeout_s = 30.0 if ends == "cancelled" else 0.5
        writing = asyncio.ensure_future(writer.write(place, batch, timeout_s=timeout_s))
        await off_loop(held.wait_reached, LIMIT_S)
        if ends == "cancelled":
            writing.cancel()
        await asyncio.wait({writing})
        assert writing.cancelled() or isinstance(writing.exception(), WriteUnknown)
        await writer.close()

    play(scenario())
