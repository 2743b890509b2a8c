"""A cluster in memory as one process with a name sees it; fulfils log_cluster.LogCluster.

    first = MemoryProcess(cluster, "first")
    async with open_worker(settings, worker, cluster=first) as runner: ...
    cluster.expire("shop.clerk", "first")

Where several processes work on one cluster, faults and the history tell them apart by their names:
`first` is its member of a group, `first writer`, `first reader` and so on are its other clients.
Producers are told by their transactional ids, as everywhere, whoever has them.
"""

from collections.abc import Sequence
from typing import Final, final

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.infra.memory.gate import MemoryGate
from penstock.infra.memory.member import MemoryMember
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.reader import MemoryReader
from penstock.infra.memory.slot_log import MemorySlotLog
from penstock.infra.memory.topics import MemoryTopics
from penstock.infra.memory.writer import MemoryWriter
from penstock.workers.ports import Assignments

__all__ = ["MemoryProcess"]


@final
class MemoryProcess:
    """The cluster, for one process."""

    def __init__(self, cluster: MemoryCluster, name: str) -> None:
        """Stand before the cluster.

        Args:
            cluster: what all processes share.
            name: of this one.
        """
        self.name: Final = name
        """By which faults and the history know its clients."""
        self._cluster = cluster

    @property
    def clock(self) -> Clock:
        """The cluster's."""
        return self._cluster.clock

    @property
    def entropy(self) -> Entropy:
        """The cluster's."""
        return self._cluster.entropy

    def admin(self) -> MemoryTopics:
        """Administration of topics."""
        return self._cluster.admin(name=f"{self.name} admin")

    def writer(self) -> MemoryWriter:
        """A writer outside transactions."""
        return self._cluster.writer(name=f"{self.name} writer")

    async def reader(self, *partitions: Partition) -> MemoryReader:
        """A reader of these partitions; raises as the cluster's."""
        return await self._cluster.reader(*partitions, name=f"{self.name} reader")

    async def member(
        self,
        *,
        group: str,
        topics: Sequence[str],
        assignments: Assignments,
        session_timeout_s: float,
        rebalance_timeout_s: float,
        max_poll_interval_s: float,
    ) -> MemoryMember:
        """Become a member of a group, under the process' own name."""
        return await self._cluster.member(
            group=group,
            topics=topics,
            assignments=assignments,
            session_timeout_s=session_timeout_s,
            rebalance_timeout_s=rebalance_timeout_s,
            max_poll_interval_s=max_poll_interval_s,
            name=self.name,
        )

    def gate(self) -> MemoryGate:
        """Where transactional producers, and readers for restoring, come from."""
        return self._cluster.gate(name=f"{self.name} restorer")

    def slot_log(self, partitions: Sequence[Partition], transactional_id: str) -> MemorySlotLog:
        """The topic of a set of counters, as one slot writes it."""
        return self._cluster.slot_log(partitions, transactional_id)
