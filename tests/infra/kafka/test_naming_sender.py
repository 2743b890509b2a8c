"""NamingSender: what a producer says of batches that it could not send."""

import asyncio
from typing import Any

from aiokafka.structs import TopicPartition

from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.naming_sender import LeftUnsent
from penstock.infra.kafka.writer import idempotent_producer
from tests.integration.workbench import play

PLACE = TopicPartition("t", 0)


def unstarted() -> Any:
    """A producer that has its id, and no connection."""
    producer = idempotent_producer(KafkaConnection(bootstrap="127.0.0.1:1"))
    producer._closed = True
    producer._txn_manager.set_pid_and_epoch(1, 0)
    return producer


async def hand_over(producer: Any) -> "asyncio.Future[Any]":
    """Give a producer a batch."""
    batch = producer.create_batch()
    batch.append(key=b"a", value=b"a", timestamp=1, headers=[])
    acknowledged: asyncio.Future[Any] = await producer._message_accumulator.add_batch(
        batch, PLACE, 1.0
    )
    return acknowledged


def test_a_batch_waits_for_a_leader_as_long_as_its_writer_does() -> None:
    """An election may take longer than a request; what was never sent must not be in doubt."""

    async def scenario() -> None:
        producer = unstarted()
        acknowledged = await hand_over(producer)
        accumulator = producer._message_accumulator
        accumulator._batches[PLACE][0]._ctime -= 3_600
        _, leaderless = accumulator.drain_by_nodes(ignore_nodes=set())
        assert leaderless
        await asyncio.sleep(0)
        assert not acknowledged.done()
        producer._sender.give_up()
        await asyncio.wait({acknowledged})
        assert isinstance(acknowledged.exception(), LeftUnsent)

    play(scenario())


def test_a_batch_that_was_to_be_sent_again_ends_once() -> None:
    """Its own account in the client is settled too: nothing complains about it in the loop."""

    async def scenario() -> None:
        producer = unstarted()
        acknowledged = await hand_over(producer)
        accumulator = producer._message_accumulator
        accumulator.reenqueue(accumulator._pop_batch(PLACE))
        producer._sender.give_up()
        await asyncio.wait({acknowledged})
        assert isinstance(acknowledged.exception(), LeftUnsent)
        assert not accumulator._pending_batches

    play(scenario())
