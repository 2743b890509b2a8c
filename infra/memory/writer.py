"""Writing outside transactions: idempotent, acknowledged; fulfils events.log.BatchWriter.

A batch whose answer is lost is sent again with the same numbers, and the log knows it again, until
the time is over. After anything but success the producer is given up and the next write begins a
new one, as in infra/kafka: the numbers of a refused batch are lost, and a late copy of one in doubt
must not be counted into what is written from then on.
"""

import asyncio
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import (
    OpenBatch,
    Partition,
    TopicMissing,
    WriteRefused,
    WriterStatistics,
    WriteUnknown,
)
from penstock.infra.embedded.log.log_answers import Appended
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_answers import InitAnswer
from penstock.infra.kafka.error_codes import never_appended, perhaps_appended, too_large
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.partition_bounds import partition_counts
from penstock.infra.memory.producer_identity import ProducerIdentity
from penstock.infra.memory.record_batch import MemoryBatch
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.unreachable import described, unreachable

__all__ = ["MemoryWriter"]

START_LIMIT_S: Final = 10.0
"""Longest wait for a producer's id; as infra/kafka."""
METADATA_LIMIT_S: Final = 5.0
"""Longest wait for the count of a topic's partitions; as infra/kafka."""
REQUEST_LIMIT_S: Final = 10.0
"""Longest wait for the answer to one request; as infra/kafka."""
AGAIN_S: Final = 0.1
"""Before a batch is sent again; as infra/kafka."""

_PASSING: Final = frozenset(
    {
        ErrorCode.unknown_topic_or_partition,
        ErrorCode.leader_not_available,
        ErrorCode.not_leader_or_follower,
        ErrorCode.request_timed_out,
        ErrorCode.not_enough_replicas,
        ErrorCode.not_enough_replicas_after_append,
        ErrorCode.kafka_storage_error,
    }
)
"""What may be otherwise a moment later; Kafka calls them retriable."""


@final
class MemoryWriter:
    """A writer; it asks for a producer's id with its first use."""

    def __init__(self, broker: MemoryBroker, clock: Clock, link: Link) -> None:
        """Stand ready."""
        self._broker = broker
        self._clock = clock
        self._link = link
        self._producer: ProducerIdentity | None = None
        self._started_producers = 0
        self._given_up = 0
        self._turns: dict[Partition, asyncio.Lock] = {}
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Ask for a producer's id now, so that a broker that is away is told at once.

        Raises:
            KafkaUnreachable: it did not answer.
        """
        await self._ready(self._clock.monotonic() + START_LIMIT_S)

    def new_batch(self) -> OpenBatch:
        """An empty batch, at any time."""
        return MemoryBatch()

    async def partition_count(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            TopicMissing: the topic does not exist.
            KafkaUnreachable: no answer in time.
        """
        counts = await partition_counts(
            self._broker, self._clock, self._link, [topic], limit_s=METADATA_LIMIT_S
        )
        if topic not in counts:
            raise TopicMissing(topics=topic)
        return counts[topic]

    async def write(self, partition: Partition, batch: OpenBatch, *, timeout_s: float) -> int:
        """Write one batch and wait for its acknowledgement."""
        assert isinstance(batch, MemoryBatch), "a batch of this writer"
        until_s = self._clock.monotonic() + timeout_s
        turn = self._turns.setdefault(partition, asyncio.Lock())
        if turn.locked():
            acquiring = asyncio.ensure_future(turn.acquire())
            try:
                await before(self._clock, until_s, acquiring)
            except TimeoutError as error:
                reason = f"earlier batches took longer than {timeout_s:g} s"
                raise unreachable(reason) from error
            except asyncio.CancelledError:
                if not acquiring.cancelled():  # it had the turn, and nobody would give it on
                    turn.release()
                raise
        else:
            await turn.acquire()
        try:
            return await self._write(partition, batch, until_s)
        finally:
            turn.release()

    async def _write(self, partition: Partition, batch: MemoryBatch, until_s: float) -> int:
        producer = await self._ready(until_s)
        records = batch.encoded(
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            base_sequence=producer.take(partition, len(batch)),
            is_transactional=False,
        )
        try:
            appended = await self._send(partition, records, until_s)
        except BaseException:
            self._retire(producer)
            raise
        if appended.error is ErrorCode.none:
            return appended.base_offset
        self._retire(producer)
        reason = described(appended.error)
        if never_appended(appended.error.value):
            size_at_fault = too_large(appended.error.value)
            raise WriteRefused(partition=partition, reason=reason, too_large=size_at_fault)
        raise WriteUnknown(partition=partition, reason=reason)

    async def _send(self, partition: Partition, records: bytes, until_s: float) -> Appended:
        """Send until there is a last word.

        Raises:
            KafkaUnreachable: nothing was sent.
            WriteUnknown: something was, and there was no answer in time; or another copy was
                refused behind one of which nobody knows.
        """
        doubt: Exception | None = None
        while True:
            request_until_s = min(until_s, self._clock.monotonic() + REQUEST_LIMIT_S)
            try:
                appended = await self._link.ask(
                    RequestKind.PRODUCE,
                    lambda now_ms: self._broker.core.produce(
                        TopicPartition(*partition),
                        records,
                        transactional_id=None,
                        acks=-1,
                        now_ms=now_ms,
                    ),
                    lambda error: Appended(error=error),
                    until_s=request_until_s,
                )
            except NeverSent as error:
                if doubt is None:
                    raise unreachable(error) from error
                raise WriteUnknown(partition=partition, reason=str(doubt)) from error
            except NoAnswer as error:
                doubt = error
            else:
                if perhaps_appended(appended.error.value):
                    doubt = NoAnswer(described(appended.error))
                if appended.error not in _PASSING:
                    return _last_word(partition, appended, doubt)
                missing = appended.error is ErrorCode.unknown_topic_or_partition
                if missing and doubt is None:
                    raise unreachable(described(appended.error))
            again_s = self._clock.monotonic() + AGAIN_S
            if again_s >= until_s:
                # Answered with an error or not: the last copy may still be on its way.
                reason = str(doubt or "no acknowledgement in time")
                raise WriteUnknown(partition=partition, reason=reason) from doubt
            await self._clock.sleep_until(again_s)

    async def _ready(self, until_s: float) -> ProducerIdentity:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._started(until_s)
            return self._producer

    async def _started(self, until_s: float) -> ProducerIdentity:
        try:
            given = await self._link.ask(
                RequestKind.INIT_PRODUCER,
                lambda now_ms: self._broker.core.transactions.init_producer(
                    None, -1, -1, -1, now_ms=now_ms
                ),
                lambda error: InitAnswer(error=error),
                until_s=min(until_s, self._clock.monotonic() + START_LIMIT_S),
            )
        except (NeverSent, NoAnswer) as error:
            raise unreachable(error) from error
        if given.error is not ErrorCode.none:
            raise unreachable(described(given.error))
        self._started_producers += 1
        return ProducerIdentity(given.producer_id, given.producer_epoch)

    def _retire(self, producer: ProducerIdentity) -> None:
        if self._producer is producer:
            self._producer = None
            self._given_up += 1

    def statistics(self) -> WriterStatistics:
        """Return the counts."""
        return WriterStatistics(
            producers_started=self._started_producers, producers_given_up=self._given_up
        )

    async def close(self) -> None:
        """Write nothing any more."""
        self._producer = None


def _last_word(partition: Partition, appended: Appended, doubt: Exception | None) -> Appended:
    """The answer to a copy of a batch, unless it refuses one that may be there already."""
    if doubt is None or appended.error is ErrorCode.none:
        return appended
    reason = f"{described(appended.error)}, and before that: {doubt}"
    raise WriteUnknown(partition=partition, reason=reason) from doubt
