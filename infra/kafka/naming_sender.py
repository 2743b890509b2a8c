"""A sender that says of each batch what is known of it, where aiokafka's own does not.

Laws:
1. Errors keep the broker's code. aiokafka's table of codes ends at 79; every other code becomes an
   UnknownError without a number, and a record that was refused by INVALID_RECORD (87) would look
   like one of which nobody knows anything.
2. A refusal behind a copy that got no answer is none. aiokafka sends such a batch again; the broker
   looks at size and timestamp before it looks whether it has the batch already, and its limits may
   have changed, or the time that it takes for the present.
3. A batch waits as long as its writer does. aiokafka fails one whose partition has no leader after
   the limit of one request, which an election takes as well.
4. Who is given up ends all that it holds; nobody else would. What it never sent may be sent by
   another.
"""

from math import inf
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, NodeNotReadyError, ProducerClosed, UnknownError, for_code
from aiokafka.producer.sender import Sender, SendProduceReqHandler
from aiokafka.structs import TopicPartition

from penstock.infra.kafka.abandoned import see
from penstock.infra.kafka.error_codes import describe_code, never_appended, perhaps_appended

__all__ = ["LeftUnsent", "NamingSender", "RefusedLate", "with_naming_sender"]


class LeftUnsent(KafkaError):  # type: ignore[misc] # aiokafka ships no types
    """A batch of a producer that was given up: it is certainly not written."""


class RefusedLate(KafkaError):  # type: ignore[misc] # aiokafka ships no types
    """A batch was refused, of which an earlier copy may have been written."""


class _NamingProduce(SendProduceReqHandler):  # type: ignore[misc] # aiokafka ships no types
    """Fails a batch with the number that the broker answered."""

    _answered = False

    def handle_response(self, response: Any) -> None:
        self._answered = True
        for topic, partitions in response.topics:
            for number, code, *_ in partitions:
                batch = self._batches.get(TopicPartition(topic, number))
                if batch is None:
                    continue
                if never_appended(code) and batch in self._sender.doubted:
                    text = f"{describe_code(code)}, behind a copy of which nobody knows"
                    batch.failure(exception=RefusedLate(text))
                elif for_code(code) is UnknownError:
                    error = UnknownError()
                    error.errno = code
                    batch.failure(exception=error)
                elif perhaps_appended(code):
                    self._sender.doubt(batch)
        super().handle_response(response)  # what has failed already fails no second time

    def _can_retry(self, error: KafkaError, batch: Any) -> bool:
        if not self._answered and not isinstance(error, NodeNotReadyError):
            self._sender.doubt(batch)
        return not self._sender.given_up and super()._can_retry(error, batch)


class NamingSender(Sender):  # type: ignore[misc] # aiokafka ships no types
    """aiokafka's sender with that handler."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take the arguments of aiokafka's sender."""
        super().__init__(*args, **kwargs)
        self.given_up = False
        """Whether nothing more is sent."""
        self.doubted: set[Any] = set()
        """Batches under way of which a copy may have been written."""

    def doubt(self, batch: Any) -> None:
        """Note that a copy of a batch may have been written."""
        self.doubted.add(batch)
        batch.future.add_done_callback(lambda _: self.doubted.discard(batch))

    def give_up(self) -> None:
        """Send nothing more, and end what is held. What is under way ends with its connection."""
        self.given_up = True
        self._message_accumulator._closed = True  # noqa: SLF001 - it shall take nothing more either
        self._end_what_is_held()

    async def _send_produce_req(self, node_id: int, batches: Any) -> None:
        await _NamingProduce(self, batches).do(node_id)
        self._in_flight.remove(node_id)
        for partition in batches:
            self._muted_partitions.remove(partition)
        if self.given_up:  # meanwhile, and it has put back what it would have sent again
            self._end_what_is_held()

    def _end_what_is_held(self) -> None:
        accumulator = self._message_accumulator
        lanes = accumulator._batches  # noqa: SLF001 - nobody else knows them
        held = [batch for lane in lanes.values() for batch in lane]
        lanes.clear()
        # What was put back is no longer counted as under way, and yet is counted off as it ends.
        again = [batch for batch in held if batch.retry_count]
        accumulator._pending_batches.update(again)  # noqa: SLF001 - as above
        for batch in held:
            batch.failure(exception=ProducerClosed() if batch in self.doubted else LeftUnsent())
            see(batch._drain_waiter)  # noqa: SLF001 - who waits for it sees it too


def with_naming_sender(producer: AIOKafkaProducer, *, request_timeout_ms: int) -> AIOKafkaProducer:
    """Give a producer that was not started yet such a sender; it acknowledges by all replicas."""
    accumulator = producer._message_accumulator  # noqa: SLF001 - as below
    accumulator._batch_ttl = inf  # noqa: SLF001 - law 3
    producer._sender = NamingSender(  # noqa: SLF001 - there is no public way to another sender
        producer.client,
        acks=-1,
        txn_manager=producer._txn_manager,  # noqa: SLF001 - as above
        retry_backoff_ms=100,
        message_accumulator=accumulator,
        request_timeout_ms=request_timeout_ms,
    )
    return producer
