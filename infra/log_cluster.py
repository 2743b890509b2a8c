"""The seam between programs and a cluster: all that the builders ask of a log with its groups.

    KafkaCluster     infra/kafka/cluster.py            what a program uses, as its settings say
    MemoryCluster    infra/memory/memory_cluster.py    the same in memory, in time that a test moves
    MemoryProcess    infra/memory/memory_process.py    that, as one process with a name sees it

Programs are opened over one of them (parts.py, bootstrap.py, sagas/bootstrap.py), and what they
process cannot tell which.

Laws:
1. A cluster itself holds nothing open: it is neither started nor closed, and many programs may
   share one. What it gives belongs to whoever asked for it, who closes it, in bounded time.
2. What is `start`ed connects then, so that a cluster that is away is told at once. A reader and a
   member of a group are connected when they are given. A gate and a slot's log connect with their
   use and hold nothing; what they give is closed by itself.
3. Time and chance belong to the cluster: whoever works on it waits by its clock, for a wait by
   another clock would never end, or be over before the log has moved.
"""

from collections.abc import Sequence
from typing import Protocol

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import BatchWriter, Partition, RangeReader, TopicAdmin
from penstock.infra.replication.counter_log import FollowingReader, SlotLog
from penstock.workers.ports import Assignments, GroupMember, ProducerGate

__all__ = ["Administration", "JoinedMember", "LogCluster", "OpenReader", "OpenWriter"]


class Administration(TopicAdmin, Protocol):
    """Administration of topics, and what workers must know of the brokers before they commit."""

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        ...

    async def offset_metadata_bytes(self) -> int:
        """The brokers' limit on the metadata of an offset, in bytes."""
        ...

    async def close(self) -> None:
        """Close the connections, in bounded time."""
        ...


class OpenWriter(BatchWriter, Protocol):
    """A writer with its lifetime."""

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        ...

    async def close(self) -> None:
        """Close the connections, in bounded time; what is under way may be lost."""
        ...


class OpenReader(RangeReader, FollowingReader, Protocol):
    """A reader, with all that anybody asks of one."""


class JoinedMember(GroupMember, Protocol):
    """A member of a group with the end of its lifetime."""

    async def stop(self) -> None:
        """Leave the group, in bounded time."""
        ...


class LogCluster(Protocol):
    """A log with its topics, groups and transactions."""

    @property
    def clock(self) -> Clock:
        """The time that passes on it."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Ids and randomness for whoever works on it."""
        ...

    def admin(self) -> Administration:
        """Administration of topics; to be started and closed."""
        ...

    def writer(self) -> OpenWriter:
        """A writer outside transactions; to be started and closed."""
        ...

    async def reader(self, *partitions: Partition) -> OpenReader:
        """A reader of these partitions, each at its beginning; to be closed.

        Raises:
            TopicMissing: one of them does not exist.
            KafkaUnreachable: no broker answered.
        """
        ...

    async def member(
        self,
        *,
        group: str,
        topics: Sequence[str],
        assignments: Assignments,
        session_timeout_s: float,
        rebalance_timeout_s: float,
        max_poll_interval_s: float,
    ) -> JoinedMember:
        """Become a member of a group; to be stopped.

        Args:
            group: the group's id.
            topics: what to read.
            assignments: told of partitions that come and go.
            session_timeout_s: without a heartbeat for so long, it is thrown out.
            rebalance_timeout_s: so long it may drain before the group goes on without it.
            max_poll_interval_s: without a poll for so long, it leaves by itself.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        ...

    def gate(self) -> ProducerGate:
        """Where transactional producers, and readers for restoring, come from."""
        ...

    def slot_log(self, partitions: Sequence[Partition], transactional_id: str) -> SlotLog:
        """The topic of a set of counters, as one slot writes it.

        Args:
            partitions: all of the topic, in order.
            transactional_id: the slot's.
        """
        ...
