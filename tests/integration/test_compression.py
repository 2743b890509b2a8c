"""Packed batches on a cluster: all that is written is read, whoever packs it and however."""

from collections.abc import Callable

import pytest

from penstock.events.event import Event
from penstock.events.log import Partition
from penstock.infra.bootstrap import connect
from penstock.infra.kafka.connection import Compression, KafkaConnection
from penstock.infra.kafka.transactions import fence
from penstock.workers import Delivery, Worker
from penstock.workers.ports import Transaction
from tests.integration.workbench import make_topic, new_record, play, values_in
from tests.integration.worker_bench import Placed, made_shop, running

pytestmark = pytest.mark.timeout(60)

each_codec = pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])


@each_codec
def test_what_is_published_packed_is_read(
    kafka: str, unique: Callable[[str], str], codec: Compression
) -> None:
    """One by one and in a stream, in order; the broker checks every batch of it."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, compression=codec)
        await shop.make_topics(Worker("clerk"))
        text = "much of the same, " * 20
        events = [shop.noted(order=f"o{n:05}", text=text) for n in range(3_000)]
        async with connect(shop.settings) as bus:
            for event in events[:3]:
                await bus.publish(event)
            assert await bus.publish_many(events[3:]) == 2_997
        assert await shop.noted_orders() == [event.order for event in events]

    play(scenario())


@each_codec
def test_a_transaction_may_be_packed(
    kafka: str, unique: Callable[[str], str], codec: Compression
) -> None:
    """Several batches of it, and the next one of the same producer."""

    async def scenario() -> None:
        connection = KafkaConnection(bootstrap=kafka, compression=codec, batch_bytes=20_000)
        place: Partition = await make_topic(connection, unique("topic"))
        writer = await fence(connection, unique("writer"))
        values = [b"%d " % number * 200 for number in range(100)]
        for half in (values[:50], values[50:]):
            records = [new_record(value) for value in half]
            await writer.commit(Transaction(outputs={place: records}, offset=None))
        await writer.close()
        assert await values_in(connection, place) == values

    play(scenario())


@each_codec
def test_a_worker_writes_packed_and_reads_packed(
    kafka: str, unique: Callable[[str], str], codec: Compression
) -> None:
    """Exactly once: outputs, changelog and input."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, compression=codec)
        worker = Worker("clerk")

        @worker.on(shop.placed, exactly_once=True)
        async def note(event: Placed, _: Delivery) -> list[Event]:
            return [shop.noted(order=event.order, text="so it is " * 50)]

        await shop.make_topics(worker)
        await shop.publish(shop.orders(200))
        async with running(shop, worker) as run:
            await run.done(200)
        assert sorted(await shop.noted_orders()) == [f"o{n:05}" for n in range(200)]

    play(scenario())
