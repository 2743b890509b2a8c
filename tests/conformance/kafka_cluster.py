"""The ports over the protocol of Kafka: the adapters of infra/kafka, on whatever broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import final

from penstock.events.log import BatchWriter, LogReader, Partition, TopicAdmin
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.gate import KafkaGate
from penstock.infra.kafka.group import join_group
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.writer import KafkaWriter
from penstock.workers.ports import GroupMember, ProducerGate
from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.cluster import Seat

__all__ = ["KafkaCluster"]

_POLL_INTERVAL_S = 60.0


@final
class KafkaCluster:
    """Fulfils cluster.Cluster."""

    def __init__(self, broker: BrokerUnderTest) -> None:
        """Reach this broker."""
        self._broker = broker
        self._connection = KafkaConnection(bootstrap=broker.bootstrap)

    @property
    def moves_time(self) -> bool:
        """Whether the broker's clock can be moved."""
        return self._broker.moves_time

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[BatchWriter]:
        """A started writer."""
        writer = KafkaWriter(self._connection)
        await writer.start()
        try:
            yield writer
        finally:
            await writer.close()

    @asynccontextmanager
    async def reader(self, *partitions: Partition) -> AsyncIterator[LogReader]:
        """A reader of these partitions."""
        reader = await open_reader(self._connection, partitions)
        try:
            yield reader
        finally:
            await reader.close()

    @asynccontextmanager
    async def topics(self) -> AsyncIterator[TopicAdmin]:
        """Administration of topics."""
        topics = KafkaTopics(self._connection)
        await topics.start()
        try:
            yield topics
        finally:
            await topics.close()

    @asynccontextmanager
    async def member(self, seat: Seat) -> AsyncIterator[GroupMember]:
        """A member of a group."""
        member = await join_group(
            self._connection,
            group=seat.group,
            topics=seat.topics,
            assignments=seat.assignments,
            session_timeout_s=seat.session_timeout_s,
            rebalance_timeout_s=seat.rebalance_timeout_s,
            max_poll_interval_s=_POLL_INTERVAL_S,
        )
        try:
            yield member
        finally:
            await member.stop()

    def gate(self) -> ProducerGate:
        """Where transactional producers come from."""
        return KafkaGate(self._connection)

    async def pass_time(self, seconds: float) -> None:
        """Move the broker's clock on, where it can be moved."""
        self._broker.pass_time(int(seconds * 1000))
