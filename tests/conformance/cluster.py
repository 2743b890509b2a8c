"""A cluster as penstock's ports show it: one log_cluster.LogCluster, and each thing with its end.

The tests of ports (test_port_*.py) know this class and the ports, and nothing of what is behind
them. All that is opened here is closed with its `async with`, in bounded time.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

from penstock.events.log import BatchWriter, Partition, RangeReader, TopicAdmin
from penstock.infra.log_cluster import LogCluster
from penstock.workers.ports import Assignments, GroupMember, ProducerGate

__all__ = ["Cluster", "Seat"]

_POLL_INTERVAL_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """How a member joins."""

    group: str
    """The group's id."""
    topics: Sequence[str]
    """What it reads."""
    assignments: Assignments
    """Told of partitions that come and go."""
    session_timeout_s: float = 10.0
    """Without a heartbeat for so long, it is thrown out."""
    rebalance_timeout_s: float = 10.0
    """So long it may drain before the group goes on without it."""


@final
class Cluster:
    """One log with its groups and transactions."""

    def __init__(
        self, cluster: LogCluster, *, pass_time: Callable[[float], None] | None = None
    ) -> None:
        """Stand over a cluster.

        Args:
            cluster: what is under test.
            pass_time: moves the broker's clock on by seconds; where there is none, time passes by
                itself.
        """
        self.moves_time: Final = pass_time is not None
        """Whether `pass_time` moves the broker's clock."""
        self._cluster = cluster
        self._pass_time = pass_time

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
    async def reader(self, *partitions: Partition) -> AsyncIterator[RangeReader]:
        """A reader of these partitions, at their beginnings."""
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
        try:
            yield topics
        finally:
            await topics.close()

    @asynccontextmanager
    async def member(self, seat: Seat) -> AsyncIterator[GroupMember]:
        """A member of a group, which leaves it at the end."""
        member = await self._cluster.member(
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
        return self._cluster.gate()

    async def pass_time(self, seconds: float) -> None:
        """Move the broker's clock on, where it can be moved."""
        if self._pass_time is not None:
            self._pass_time(seconds)
