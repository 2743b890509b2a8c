"""Writing outside transactions: idempotent, acknowledged by all in-sync replicas.

An idempotent producer of aiokafka resends a batch for ever and, after some errors, fails every
later send until it is replaced. So each write here has a limit, and a producer that raised anything
is dropped with an alarm that says why; the next write starts a new one. Whoever waits is told
honestly whether the batch is certainly absent (refused, or never sent) or in doubt.
"""

import asyncio
from typing import Any, Final, final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.log import (
    OpenBatch,
    Partition,
    TopicMissing,
    WriteRefused,
    WriterStatistics,
    WriteUnknown,
)
from penstock.infra.kafka.abandoned import abandon, stop_or_abandon
from penstock.infra.kafka.batch import KafkaBatch
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe, never_appended, too_large
from penstock.infra.kafka.naming_sender import LeftUnsent, with_naming_sender
from penstock.infra.kafka.own_client import adapt
from penstock.infra.logs import log_alarm

__all__ = ["KafkaWriter", "idempotent_producer"]

START_LIMIT_S: Final = 10.0
"""Longest wait for a producer to start."""
METADATA_LIMIT_S: Final = 5.0
"""Longest wait for a topic's metadata: a missing topic is told within this time."""
METADATA_ATTEMPTS: Final = 3
"""A topic that was just created may be unknown to the broker that is asked first."""
CLOSE_LIMIT_S: Final = 5.0
"""Longest wait for an orderly close."""


def idempotent_producer(connection: KafkaConnection) -> AIOKafkaProducer:
    """A producer for writes outside transactions, not started yet. Must be called in a loop."""
    return with_naming_sender(
        AIOKafkaProducer(
            **connection.producer_arguments(), acks="all", enable_idempotence=True, linger_ms=0
        ),
        request_timeout_ms=connection.request_timeout_ms,
    )


@final
class KafkaWriter:
    """Fulfils events.log.BatchWriter."""

    def __init__(self, connection: KafkaConnection, *, raise_alarm: RaiseAlarm = log_alarm) -> None:
        """Make a writer; it connects with its first use.

        Args:
            connection: how to reach the cluster.
            raise_alarm: is told of producers that are given up.
        """
        self._connection = connection
        self._raise_alarm = raise_alarm
        self._started_producers = 0
        self._given_up = 0
        self._producer: AIOKafkaProducer | None = None
        self._newest: AIOKafkaProducer | None = None
        self._in_flight: dict[AIOKafkaProducer, int] = {}
        self._starting = asyncio.Lock()
        self._closed = False

    async def start(self) -> None:
        """Connect now, so that an unreachable broker is told at once.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._ready()

    async def _ready(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None and not self._closed:
                self._producer = await self._started()
            if self._producer is None or self._closed:
                # Nobody would close what is started now, or was while this was closed.
                self._abandon_late()
                reason = "the writer was closed"
                raise KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=reason)
            return self._producer

    def _abandon_late(self) -> None:
        late, self._producer = self._producer, None
        if late is not None:
            abandon(late)

    async def _started(self) -> AIOKafkaProducer:
        producer = idempotent_producer(self._connection)
        adapt(producer.client)
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await producer.start()
        except (TimeoutError, KafkaError) as error:
            abandon(producer)
            raise KafkaUnreachable(
                bootstrap=self._connection.bootstrap, reason=describe(error)
            ) from error
        except BaseException:
            abandon(producer)
            raise
        self._newest = producer
        self._started_producers += 1
        return producer

    def new_batch(self) -> OpenBatch:
        """An empty batch.

        Raises:
            RuntimeError: the writer was not started.
        """
        # A batch belongs to no producer until it is sent, so one that was retired makes them too:
        # the next one starts with the next write, and there would be none without a batch.
        if self._newest is None:
            message = "start() the writer before batches are made"
            raise RuntimeError(message)
        return KafkaBatch(self._newest)

    async def partition_count(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            TopicMissing: the topic does not exist.
        """
        client = (await self._ready()).client
        partitions = None
        try:
            async with asyncio.timeout(METADATA_LIMIT_S):
                for _ in range(METADATA_ATTEMPTS):
                    # Also of a topic that is known: what is known of it may be five minutes old.
                    await client.add_topic(topic)
                    await client.force_metadata_update()
                    partitions = client.cluster.partitions_for_topic(topic)
                    if partitions:
                        break
        except (TimeoutError, KafkaError) as error:
            raise KafkaUnreachable(
                bootstrap=self._connection.bootstrap, reason=describe(error)
            ) from error
        if not partitions:
            # Asking for it with every refresh of the metadata would warn for ever.
            client._topics.discard(topic)  # noqa: SLF001 - there is no remove_topic
            raise TopicMissing(topics=topic)
        return len(partitions)

    async def write(self, partition: Partition, batch: OpenBatch, *, timeout_s: float) -> int:
        """Write one batch and wait for its acknowledgement."""
        assert isinstance(batch, KafkaBatch), "a batch of this writer"
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline_s):
                producer = await self._ready()
        except TimeoutError as error:
            reason = f"no answer within {timeout_s:g} s"
            raise KafkaUnreachable(bootstrap=self._connection.bootstrap, reason=reason) from error
        self._in_flight[producer] = self._in_flight.get(producer, 0) + 1
        try:
            return await self._write(producer, partition, batch, deadline_s)
        finally:
            self._in_flight[producer] -= 1
            self._bury(producer)

    async def _write(
        self, producer: AIOKafkaProducer, partition: Partition, batch: KafkaBatch, deadline_s: float
    ) -> int:
        sent = False
        try:
            async with asyncio.timeout_at(deadline_s):
                acknowledged = await producer.send_batch(
                    batch.builder, partition.topic, partition=partition.number
                )
                sent = True
                metadata: Any = await acknowledged
        except (TimeoutError, KafkaError) as error:
            code, reason = getattr(error, "errno", None), describe(error)
            refused = isinstance(code, int) and never_appended(code)
            if sent and not refused and not isinstance(error, LeftUnsent):
                # A late resend must not land behind batches that are written from now on.
                self._drop(producer, f"a batch for {partition} got no answer: {reason}")
                raise WriteUnknown(partition=partition, reason=reason) from error
            # The sequence number of a refused batch is lost; the producer would fail every later
            # send to this partition. Batches of other partitions may still end well.
            what = "was refused" if refused else "could not be sent"
            self._retire(producer, f"a batch for {partition} {what}: {reason}")
            if isinstance(code, int) and refused:
                size_at_fault = too_large(code)
                raise WriteRefused(
                    partition=partition, reason=reason, too_large=size_at_fault
                ) from error
            # Not even the partition's leader was found. That says nothing about the batch.
            bootstrap = self._connection.bootstrap
            raise KafkaUnreachable(bootstrap=bootstrap, reason=reason) from error
        except asyncio.CancelledError:
            # Whoever cancelled no longer wants to know; the batch may still arrive.
            self._drop(producer, f"the write of a batch for {partition} was cancelled")
            raise
        offset: int = metadata.offset
        return offset

    def _retire(self, producer: AIOKafkaProducer, reason: str) -> None:
        """Give a producer up, and say so; of several writes that it fails, the first says why."""
        if self._producer is not producer:
            return
        self._producer = None
        self._given_up += 1
        self._raise_alarm(
            Alarm(
                name="producer-given-up",
                text=f"The Kafka producer was given up, since {reason}. What it had not been "
                "answered is told to whoever waits for it, and the next write starts a new one.",
                facts={"reason": reason, "given_up": self._given_up},
            )
        )

    def _drop(self, producer: AIOKafkaProducer, reason: str) -> None:
        self._retire(producer, reason)
        self._in_flight.setdefault(producer, 0)
        if not producer._closed:  # noqa: SLF001 - abandon sets it
            abandon(producer)
            producer._sender.give_up()  # noqa: SLF001 - our own; others may wait for its batches

    def _bury(self, producer: AIOKafkaProducer) -> None:
        if producer is not self._producer and not self._in_flight[producer]:
            del self._in_flight[producer]
            if not producer._closed:  # noqa: SLF001 - as above
                abandon(producer)

    def statistics(self) -> WriterStatistics:
        """Return the counts."""
        return WriterStatistics(
            producers_started=self._started_producers, producers_given_up=self._given_up
        )

    async def close(self) -> None:
        """Close in an orderly way, or drop where that takes too long."""
        self._closed = True
        producer, self._producer = self._producer, None
        if producer is None:
            return
        await stop_or_abandon(producer, CLOSE_LIMIT_S)
