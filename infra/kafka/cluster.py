"""A Kafka cluster, behind one connection's settings; fulfils log_cluster.LogCluster.

Each thing that is asked for makes connections of its own: aiokafka has a client for each.
"""

from collections.abc import Sequence
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.gate import KafkaGate
from penstock.infra.kafka.group import KafkaGroupMember, join_group
from penstock.infra.kafka.reader import KafkaReader, open_reader
from penstock.infra.kafka.slot_log import KafkaSlotLog
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.writer import KafkaWriter
from penstock.workers.ports import Assignments

__all__ = ["KafkaCluster"]


@final
class KafkaCluster:
    """The brokers that a connection reaches."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Connect to nothing yet.

        Args:
            connection: how to reach the cluster.
        """
        self.clock: Final[Clock] = SystemClock()
        self.entropy: Final[Entropy] = SystemEntropy()
        self._connection = connection

    def admin(self) -> KafkaTopics:
        """Administration of topics. Must be called in a running loop."""
        return KafkaTopics(self._connection)

    def writer(self) -> KafkaWriter:
        """A writer outside transactions."""
        return KafkaWriter(self._connection)

    async def reader(self, *partitions: Partition) -> KafkaReader:
        """A reader of these partitions, each at its beginning.

        Raises:
            TopicMissing: one of them does not exist.
            KafkaUnreachable: no broker answered.
        """
        return await open_reader(self._connection, partitions)

    async def member(
        self,
        *,
        group: str,
        topics: Sequence[str],
        assignments: Assignments,
        session_timeout_s: float,
        rebalance_timeout_s: float,
        max_poll_interval_s: float,
    ) -> KafkaGroupMember:
        """Become a member of a group; see `join_group`.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        return await join_group(
            self._connection,
            group=group,
            topics=topics,
            assignments=assignments,
            session_timeout_s=session_timeout_s,
            rebalance_timeout_s=rebalance_timeout_s,
            max_poll_interval_s=max_poll_interval_s,
        )

    def gate(self) -> KafkaGate:
        """Where transactional producers, and readers for restoring, come from."""
        return KafkaGate(self._connection)

    def slot_log(self, partitions: Sequence[Partition], transactional_id: str) -> KafkaSlotLog:
        """The topic of a set of counters, as one slot writes it."""
        return KafkaSlotLog(self._connection, partitions, transactional_id)
