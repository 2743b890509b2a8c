"""The ports in memory: infra/memory, on a clock that goes by itself and can be moved."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, final

from penstock.events.log import BatchWriter, LogReader, Partition, TopicAdmin
from penstock.infra.clock import SystemEntropy
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.workers.ports import GroupMember, ProducerGate
from tests.conformance.cluster import Seat

__all__ = ["ClusterInMemory"]


@final
class ClusterInMemory:
    """Fulfils cluster.Cluster."""

    moves_time: Final = True

    def __init__(self, config: Mapping[str, str]) -> None:
        """Run with these configurations of a broker."""
        self._clock = PenstockClock()
        self._cluster = MemoryCluster(
            clock=self._clock, entropy=SystemEntropy(), options=MemoryOptions(config=config)
        )

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[BatchWriter]:
        """A started writer."""
        writer = self._cluster.writer()
        await writer.start()
        try:
            yield writer
        finally:
            await writer.close()

    @asynccontextmanager
    async def reader(self, *partitions: Partition) -> AsyncIterator[LogReader]:
        """A reader of these partitions."""
        reader = await self._cluster.reader(*partitions)
        try:
            yield reader
        finally:
            await reader.close()

    @asynccontextmanager
    async def topics(self) -> AsyncIterator[TopicAdmin]:
        """Administration of topics."""
        topics = self._cluster.admin()
        await topics.start()
        yield topics
        await topics.close()

    @asynccontextmanager
    async def member(self, seat: Seat) -> AsyncIterator[GroupMember]:
        """A member of a group."""
        member = self._cluster.member(
            group=seat.group,
            topics=seat.topics,
            assignments=seat.assignments,
            session_timeout_s=seat.session_timeout_s,
            rebalance_timeout_s=seat.rebalance_timeout_s,
        )
        try:
            yield member
        finally:
            await member.stop()

    def gate(self) -> ProducerGate:
        """Where transactional producers come from."""
        return self._cluster.gate()

    async def pass_time(self, seconds: float) -> None:
        """Move the clock on."""
        self._clock.move(timedelta(seconds=seconds))
