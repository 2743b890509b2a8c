"""A sender whose errors keep the broker's code, also where aiokafka does not know it.

aiokafka's table of codes ends at 79; every other code becomes an UnknownError without a number. A
record that was refused by INVALID_RECORD (87) would look like one of which nobody knows anything.
"""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownError, for_code
from aiokafka.producer.sender import Sender, SendProduceReqHandler
from aiokafka.structs import TopicPartition

__all__ = ["NamingSender", "with_naming_sender"]


class _NamingProduce(SendProduceReqHandler):  # type: ignore[misc] # aiokafka ships no types
    """Fails a batch with the number that the broker answered."""

    def handle_response(self, response: Any) -> None:
        for topic, partitions in response.topics:
            for number, code, *_ in partitions:
                batch = self._batches.get(TopicPartition(topic, number))
                if batch is not None and for_code(code) is UnknownError:
                    error = UnknownError()
                    error.errno = code
                    batch.failure(exception=error)
        super().handle_response(response)  # what has failed already fails no second time


class NamingSender(Sender):  # type: ignore[misc] # aiokafka ships no types
    """aiokafka's sender with that handler."""

    async def _send_produce_req(self, node_id: int, batches: Any) -> None:
        await _NamingProduce(self, batches).do(node_id)
        self._in_flight.remove(node_id)
        for partition in batches:
            self._muted_partitions.remove(partition)


def with_naming_sender(producer: AIOKafkaProducer, *, request_timeout_ms: int) -> AIOKafkaProducer:
    """Give a producer that was not started yet such a sender; it acknowledges by all replicas."""
    producer._sender = NamingSender(  # noqa: SLF001 - there is no public way to another sender
        producer.client,
        acks=-1,
        txn_manager=producer._txn_manager,  # noqa: SLF001 - as above
        retry_backoff_ms=100,
        message_accumulator=producer._message_accumulator,  # noqa: SLF001 - as above
        request_timeout_ms=request_timeout_ms,
    )
    return producer
