"""One member of a consumer group; fulfils workers.ports.GroupMember.

How it comes to its partitions and keeps them stands in group_place.py; here is what a worker asks.
What a callback of its has raised, `poll` raises.
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import LogRecord, Partition, PositionLost
from penstock.infra.memory.fetcher import Fetcher, OutOfRange
from penstock.infra.memory.group_place import LOADING, OVER, GroupPlace
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.membership_requests import ASK_LIMIT_S, MembershipRequests
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.partition_bounds import ask_bounds, ask_time
from penstock.infra.memory.unreachable import described
from penstock.workers.ports import (
    Assignments,
    CommitRefused,
    CommitUncertain,
    Membership,
    NotAMember,
)

__all__ = ["MemoryMember"]

_ASK_AGAIN_S: Final = 0.05
"""Before a committed offset is asked for again."""


@final
class MemoryMember:
    """A member; it joins when `begin` is called."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        link: Link,
        requests: MembershipRequests,
        *,
        topics: Sequence[str],
        assignments: Assignments,
        session_timeout_s: float,
        max_poll_interval_s: float,
    ) -> None:
        """Stand ready.

        Args:
            broker: where the group is.
            clock: the time.
            link: the way there.
            requests: of this member.
            topics: what it reads.
            assignments: told of partitions that come and go.
            session_timeout_s: without a heartbeat for so long, it is thrown out.
            max_poll_interval_s: without a poll for so long, it leaves by itself.
        """
        self._broker = broker
        self._clock = clock
        self._link = link
        self._requests = requests
        self._topics = tuple(topics)
        self._fetcher = Fetcher(broker, clock, link)
        self._place = GroupPlace(
            broker,
            clock,
            requests,
            self._fetcher,
            assigned=lambda given: assignments.assigned(self, given),
            revoked=assignments.revoked,
            session_timeout_s=session_timeout_s,
            max_poll_interval_s=max_poll_interval_s,
            name=link.client,
        )

    def begin(self) -> None:
        """Join the group, in the background."""
        self._place.begin()

    async def poll(
        self, *, timeout_s: float, max_records: int
    ) -> Mapping[Partition, Sequence[LogRecord]]:
        """Fetched records by partition.

        Raises:
            PositionLost: the log no longer holds the position that is to be read.
            KafkaUnreachable: the coordinator refuses this member.
        """
        place = self._place
        if place.failure is not None:
            raise place.failure
        trouble, place.trouble = place.trouble, None
        if trouble is not None:
            raise trouble
        until_s = self._clock.monotonic() + timeout_s
        try:
            with place.polling():
                return await self._fetcher.take(until_s=until_s, most=max_records)
        except OutOfRange as lost:
            raise PositionLost(partition=lost.partition, position=lost.position) from lost

    def missing(self) -> Sequence[str]:
        """Topics that the group is to read and the broker does not know."""
        known = self._broker.core.topics
        return [topic for topic in self._topics if known.get(topic) is None]

    def pause(self, partition: Partition) -> None:
        """Fetch no more of a partition."""
        if cursor := self._fetcher.cursor(partition):
            cursor.is_paused = True

    def resume(self, partition: Partition) -> None:
        """Fetch a partition again."""
        if cursor := self._fetcher.cursor(partition):
            cursor.is_paused = False
            self._fetcher.nudge()

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset."""
        cursor = self._fetcher.cursor(partition)
        assert cursor is not None, f"{partition} is not assigned"
        cursor.seek(offset)
        self._fetcher.nudge()

    def position(self, partition: Partition) -> int | None:
        """The offset that will be read next, past markers."""
        cursor = self._fetcher.cursor(partition)
        return None if cursor is None else cursor.position

    def end(self, partition: Partition) -> int | None:
        """The last known end of what committed readers may see."""
        cursor = self._fetcher.cursor(partition)
        return None if cursor is None else cursor.end

    async def membership(self) -> Membership:
        """Send one Heartbeat of the generation of the current assignment."""
        if self._place.generation < 0 or not self._place.member_id:
            return Membership.LOST
        try:
            error = await self._requests.heartbeat(self._place.generation, self._place.member_id)
        except (NeverSent, NoAnswer):
            return Membership.UNCERTAIN
        if error is ErrorCode.none:
            return Membership.MEMBER
        return Membership.LOST if error in OVER else Membership.UNCERTAIN

    async def committed(self, partition: Partition) -> tuple[int, str] | None:
        """The committed offset and its metadata; None where the group has none.

        Raises:
            CommitUncertain: no trustworthy answer within the limit.
            CommitRefused: the coordinator refused to tell.
        """
        until_s = self._clock.monotonic() + ASK_LIMIT_S
        while True:
            try:
                found = await self._requests.committed(partition, until_s)
            except (NeverSent, NoAnswer) as error:
                reason = str(error)  # reading twice does no harm
            else:
                if found.error is ErrorCode.none:
                    return (found.offset, found.metadata) if found.offset >= 0 else None
                reason = described(found.error)
                if found.error not in LOADING:
                    raise CommitRefused(partition=partition, reason=reason)
            again_s = self._clock.monotonic() + _ASK_AGAIN_S
            if again_s >= until_s:
                raise CommitUncertain(partition=partition, reason=reason)
            await self._clock.sleep_until(again_s)

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end of what committed readers may see.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        return await ask_bounds(self._broker, self._clock, self._link, partition)

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins.

        Raises:
            KafkaUnreachable: no answer in time.
        """
        return await ask_time(self._broker, self._clock, self._link, partition, timestamp_ms)

    async def commit(self, partition: Partition, offset: int, metadata: str) -> None:
        """Commit one offset, checked against the generation."""
        if self._place.generation < 0:
            # Thrown out and not yet back. Without a generation the commit would count as that of
            # a tool, and a group that is empty by now would take it.
            raise NotAMember(partition=partition)
        try:
            error = await self._requests.commit(
                self._place.generation, self._place.member_id, partition, offset, metadata
            )
        except (NeverSent, NoAnswer) as lost:
            raise CommitUncertain(partition=partition, reason=str(lost)) from lost
        if error in OVER:
            raise NotAMember(partition=partition)
        if error in LOADING or error is ErrorCode.rebalance_in_progress:
            raise CommitUncertain(partition=partition, reason=described(error))
        if error is not ErrorCode.none:
            raise CommitRefused(partition=partition, reason=described(error))

    async def stop(self) -> None:
        """Leave the group and end, or only end where that takes too long."""
        await self._place.leave()
        self._fetcher.assign(())

    def drop(self) -> None:
        """End now, without leaving the group."""
        self._place.drop()
