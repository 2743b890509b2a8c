"""What every group of workers is wired from, be it a user's worker or a saga's orchestrator.

    look_at_broker -> join -> contexts, one for each input topic -> leave

The parts that differ, what is done with a record and which topics are read, are given.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import final

from penstock.events.log import Partition
from penstock.events.names import consumer_group, transactional_id
from penstock.infra.log_cluster import JoinedMember
from penstock.infra.parts import Parts
from penstock.workers.committers import PlainCommitter
from penstock.workers.group_commit import CommitLimits
from penstock.workers.offsets import runs_that_fit
from penstock.workers.partition_context import PartitionContext
from penstock.workers.ports import Assignments, GroupMember
from penstock.workers.timers import Timed
from penstock.workers.work_seams import Committer, Processor, WorkLimits

__all__ = ["GroupBuild"]

METADATA_CHARACTERS = 4_000
"""Longest metadata of an offset, where the broker allows more (partition-life rules)."""
IN_FLIGHT = 2_000
"""Records of a partition that are read and not committed."""
PLAIN_COMMIT_INTERVAL_S = 0.1
"""Shortest time between two commits of offsets without transactions. Each takes all that is ready:
a bound as for transactions would be one on records a second."""
MAX_POLL_INTERVAL_S = 120.0
"""Without a poll for so long a member leaves its group. Polls do not wait for handlers, so only a
blocked process gets there."""


@final
class GroupBuild:
    """Wires one member of one group."""

    def __init__(
        self,
        parts: Parts,
        worker: str,
        topics: Sequence[str],
        accept_reset: frozenset[Partition],
    ) -> None:
        """Stand ready.

        Args:
            parts: of the app.
            worker: the worker's name, or a saga's.
            topics: what the group reads.
            accept_reset: partitions whose missing or earlier offset is meant.
        """
        self._parts = parts
        self._topics = topics
        self._accept_reset = accept_reset
        self.group = consumer_group(parts.settings.app, worker)
        """The consumer group."""
        self.gate = parts.cluster.gate()
        """Opens producers and readers."""
        self._runs = 0
        self._member: JoinedMember | None = None

    async def look_at_broker(self) -> None:
        """Learn how much an offset's metadata may hold."""
        allowed = await self._parts.topics.offset_metadata_bytes()
        self._runs = runs_that_fit(min(METADATA_CHARACTERS, allowed))

    async def join(self, assignments: Assignments) -> GroupMember:
        """Become a member of the group."""
        settings = self._parts.settings
        self._member = await self._parts.cluster.member(
            group=self.group,
            topics=list(self._topics),
            assignments=assignments,
            session_timeout_s=settings.session_timeout_s,
            rebalance_timeout_s=settings.drain_s + 10.0,
            max_poll_interval_s=MAX_POLL_INTERVAL_S,
        )
        return self._member

    async def leave(self) -> None:
        """Leave the group."""
        if self._member is not None:
            await self._member.stop()

    def context(
        self,
        member: GroupMember,
        processor: Processor,
        *,
        changelog: str,
        transactional: bool = True,
        tables: frozenset[bytes] = frozenset(),
        timed: Timed | None = None,
        learn: Callable[[], Awaitable[None]] | None = None,
    ) -> PartitionContext:
        """What the partitions of one input topic need.

        Args:
            member: of the group.
            processor: computes what records do.
            changelog: the topic that keeps their state.
            transactional: whether they are processed exactly once.
            tables: prefixes of the state keys that may be there.
            timed: knows the times of entries of state.
            learn: learns what former owners knew beside the state.
        """
        parts = self._parts

        def committer(partition: Partition) -> Committer:
            return PlainCommitter(parts.writer, member, partition)

        return PartitionContext(
            group=self.group,
            transactional=transactional,
            transactional_id=lambda source: transactional_id(self.group, *source),
            changelog=lambda source: Partition(changelog, source.number),
            tables=tables,
            plain_committer=committer,
            processor=processor,
            member=member,
            gate=self.gate,
            schemas=parts.catalogue,
            limits=_limits(self._runs, transactional=transactional),
            clock=parts.clock,
            entropy=parts.entropy,
            alarm=parts.alarm,
            timed=timed,
            learn=learn,
            accept_reset=self._accept_reset,
        )


def _limits(runs: int, *, transactional: bool) -> WorkLimits:
    if transactional:
        return WorkLimits(in_flight=IN_FLIGHT, commit=CommitLimits(runs=runs))
    return WorkLimits(
        in_flight=IN_FLIGHT,
        commit=CommitLimits(runs=runs, records=IN_FLIGHT),
        commit_interval_s=PLAIN_COMMIT_INTERVAL_S,
    )
