"""Writing outside transactions: what is acknowledged is there once, in order; what is not is told.

And the worker path that is built on it, at least once: outputs first, then the offset.
"""

import asyncio
from collections.abc import Callable

import pytest

from penstock.events.event import Event
from penstock.events.log import (
    Headers,
    NewRecord,
    Partition,
    TopicMissing,
    WriteRefused,
    WriteUnknown,
)
from penstock.infra.bootstrap import connect
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.workers import Delivery, Worker
from tests.integration.workbench import (
    LIMIT_S,
    make_topic,
    new_record,
    off_loop,
    play,
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
        assert await writer.partition_count(place.topic) == 1
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
