"""What a member asks its group's coordinator: requests made, answers told, no decision taken."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import Partition
from penstock.infra.embedded.groups.group_answers import (
    FetchedOffset,
    JoinAnswer,
    LeaveAnswer,
    SyncAnswer,
)
from penstock.infra.embedded.groups.group_requests import (
    CommittedOffset,
    JoinRequest,
    LeavingMember,
    OffsetCommit,
    SyncRequest,
)
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.memory.consumer_protocol import (
    ASSIGNOR,
    PROTOCOL_TYPE,
    encode_assignment,
    encode_subscription,
)
from penstock.infra.memory.link import Link
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.request_kind import RequestKind

__all__ = ["ASK_LIMIT_S", "MembershipRequests"]

ASK_LIMIT_S: Final = 10.0
"""Longest wait for an answer that waits for nobody; as infra/kafka."""
_JOIN_GRACE_S: Final = 5.0
"""A join is answered when the slowest member's time is over; so much later it counts as lost."""
_HOST: Final = "/127.0.0.1"


@final
class MembershipRequests:
    """One member's way to its coordinator. Each call raises NeverSent or NoAnswer."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        link: Link,
        *,
        group: str,
        topics: Sequence[str],
        session_timeout_s: float,
        rebalance_timeout_s: float,
    ) -> None:
        """Stand ready.

        Args:
            broker: who is asked.
            clock: the time.
            link: the way to it.
            group: the group's id.
            topics: what the member reads.
            session_timeout_s: without a heartbeat for so long, it is thrown out.
            rebalance_timeout_s: so long the others wait for it.
        """
        self._broker = broker
        self._clock = clock
        self._link = link
        self._group = group
        self._topics = tuple(topics)
        self._session_timeout_s = session_timeout_s
        self._rebalance_timeout_s = rebalance_timeout_s

    async def join(self, member_id: str) -> JoinAnswer:
        """Ask for a place in the next generation; answered when all have come."""

        def ask(token: int, now_ms: int) -> JoinAnswer | None:
            request = JoinRequest(
                token=token,
                group=self._group,
                member_id=member_id,
                client_id=self._link.client,
                client_host=_HOST,
                protocol_type=PROTOCOL_TYPE,
                protocols=((ASSIGNOR, encode_subscription(self._topics)),),
                session_timeout_ms=int(self._session_timeout_s * 1000),
                rebalance_timeout_ms=int(self._rebalance_timeout_s * 1000),
                requires_known_member=True,
                supports_skipping_assignment=False,
            )
            return self._broker.core.groups.join(request, now_ms=now_ms)

        answer = await self._link.ask(
            RequestKind.JOIN,
            lambda now_ms: self._broker.ask_group(lambda token: ask(token, now_ms)),
            lambda error: JoinAnswer(error=error),
            until_s=self._until(self._rebalance_timeout_s + _JOIN_GRACE_S),
        )
        assert isinstance(answer, JoinAnswer), "a join is answered with one"
        return answer

    async def sync(
        self,
        generation: int,
        member_id: str,
        assignments: Mapping[str, Sequence[Partition]],
    ) -> SyncAnswer:
        """Ask for the own partitions; the leader brings everybody's."""
        encoded = tuple((each, encode_assignment(given)) for each, given in assignments.items())

        def ask(token: int, now_ms: int) -> SyncAnswer | None:
            request = SyncRequest(
                token=token,
                group=self._group,
                generation=generation,
                member_id=member_id,
                assignments=encoded,
            )
            return self._broker.core.groups.sync(request, now_ms=now_ms)

        answer = await self._link.ask(
            RequestKind.SYNC,
            lambda now_ms: self._broker.ask_group(lambda token: ask(token, now_ms)),
            lambda error: SyncAnswer(error=error),
            until_s=self._until(self._rebalance_timeout_s + _JOIN_GRACE_S),
        )
        assert isinstance(answer, SyncAnswer), "a sync is answered with one"
        return answer

    async def heartbeat(self, generation: int, member_id: str) -> ErrorCode:
        """Say that the member lives."""
        return await self._link.ask(
            RequestKind.HEARTBEAT,
            lambda now_ms: self._broker.core.groups.heartbeat(
                self._group, generation, member_id, now_ms=now_ms
            ),
            lambda error: error,
            until_s=self._until(ASK_LIMIT_S),
        )

    async def leave(self, member_id: str, *, limit_s: float) -> LeaveAnswer:
        """Go."""
        return await self._link.ask(
            RequestKind.LEAVE,
            lambda now_ms: self._broker.core.groups.leave(
                self._group, [LeavingMember(member_id=member_id)], now_ms=now_ms
            ),
            lambda error: LeaveAnswer(error=error),
            until_s=self._until(limit_s),
        )

    async def commit(
        self, generation: int, member_id: str, partition: Partition, offset: int, metadata: str
    ) -> ErrorCode:
        """Commit one offset."""
        place = TopicPartition(*partition)

        def take(now_ms: int) -> ErrorCode:
            if self._broker.core.log(*place) is None:
                return ErrorCode.unknown_topic_or_partition
            commit = OffsetCommit(
                group=self._group,
                generation=generation,
                member_id=member_id,
                offsets={place: CommittedOffset(offset=offset, metadata=metadata)},
                knows_missing_group=False,
            )
            return self._broker.core.groups.commit_offsets(commit, now_ms=now_ms)[place]

        return await self._link.ask(
            RequestKind.COMMIT_OFFSET,
            take,
            lambda error: error,
            until_s=self._until(ASK_LIMIT_S),
        )

    async def committed(self, partition: Partition, until_s: float) -> FetchedOffset:
        """Ask for the group's offset of one partition."""
        place = TopicPartition(*partition)
        return await self._link.ask(
            RequestKind.FETCH_OFFSET,
            lambda _: self._broker.core.groups.fetch_offsets(
                self._group, [place], require_stable=False
            )[place],
            lambda error: FetchedOffset(error=error),
            until_s=until_s,
        )

    def _until(self, limit_s: float) -> float:
        return self._clock.monotonic() + limit_s
