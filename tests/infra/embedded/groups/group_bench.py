"""A group coordinator on a bench: a clock to turn, a journal, and clients that do as told.

Nothing waits: a request's answer is in `answers` as soon as the coordinator has it.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import JoinAnswer, LeaveAnswer, SyncAnswer
from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_coordinator import GroupCoordinator
from penstock.infra.embedded.groups.group_entry import GroupEntry, PartitionsDeleted
from penstock.infra.embedded.groups.group_requests import (
    CommittedOffset,
    JoinRequest,
    LeavingMember,
    OffsetCommit,
    SyncRequest,
    TransactionalOffsetCommit,
)
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["BEGIN_MS", "GROUP", "ORDERS", "AtOnce", "Bench", "Member", "subscription"]

BEGIN_MS = 1_700_000_000_000
GROUP = "billing"
ORDERS = TopicPartition("orders", 0)
AtOnce = GroupConfig(initial_rebalance_delay_ms=0)
"""Kafka's defaults, but an empty group waits for nobody."""

Protocols = tuple[tuple[str, bytes], ...]


def subscription(*topics: str) -> bytes:
    """What a consumer tells about the topics that it reads."""
    names = b"".join(struct.pack(">h", len(topic)) + topic.encode() for topic in topics)
    return struct.pack(">hi", 1, len(topics)) + names + struct.pack(">i", -1) + b"later versions"


RANGE: Protocols = (("range", subscription("orders")),)


@final
@dataclass(slots=True, kw_only=True)
class Member:
    """What a client knows about itself."""

    member_id: str
    generation: int
    instance_id: str | None = None
    assignment: bytes = b""


class Bench:
    """A coordinator and the hand that moves it."""

    def __init__(
        self,
        config: GroupConfig = AtOnce,
        *,
        entries: Iterable[GroupEntry | PartitionsDeleted] = (),
        now_ms: int = BEGIN_MS,
        names: Iterable[int] | None = None,
    ) -> None:
        """Begin, empty or with what was kept."""
        self.now_ms = now_ms
        self.journal: list[GroupEntry | PartitionsDeleted] = list(entries)
        self.answers: dict[int, JoinAnswer | SyncAnswer] = {}
        self.disk_is_full = False
        """While it is, the journal takes nothing."""
        self._names = iter(names or count(1))
        self._tokens = count(1)
        self.coordinator = GroupCoordinator(
            config=config,
            name_member=lambda prefix: f"{prefix}-{next(self._names)}",
            keep=self._keep,
            now_ms=now_ms,
        )
        self.coordinator.restore(list(self.journal), now_ms=now_ms)

    def restarted(self, config: GroupConfig = AtOnce) -> "Bench":
        """A new coordinator with the same journal."""
        return Bench(config, entries=self.journal, now_ms=self.now_ms, names=self._names)

    def pass_time(self, ms: int) -> None:
        """Turn the clock in one step."""
        self.now_ms += ms
        self.coordinator.tick(self.now_ms)
        self.collect()

    def collect(self) -> None:
        """Take in the answers that have become due."""
        for token, answer in self.coordinator.take_answers():
            assert token not in self.answers, "a token is answered once"
            self.answers[token] = answer

    def ask_join(
        self,
        client: str = "client",
        *,
        member_id: str = "",
        instance_id: str | None = None,
        protocols: Protocols = RANGE,
        protocol_type: str = "consumer",
        group: str = GROUP,
        version: int = 3,
        session_timeout_ms: int = 45_000,
        rebalance_timeout_ms: int = 60_000,
    ) -> int:
        """Send a join; the answer may come later."""
        token = next(self._tokens)
        answer = self.coordinator.join(
            JoinRequest(
                token=token,
                group=group,
                member_id=member_id,
                instance_id=instance_id,
                client_id=client,
                client_host="/127.0.0.1",
                protocol_type=protocol_type,
                protocols=protocols,
                session_timeout_ms=session_timeout_ms,
                rebalance_timeout_ms=rebalance_timeout_ms,
                requires_known_member=version >= 4,
                supports_skipping_assignment=version >= 9,
            ),
            now_ms=self.now_ms,
        )
        return self._noted(token, answer)

    def ask_sync(
        self,
        member: Member,
        assignments: Mapping[str, bytes] | None = None,
        *,
        protocol_type: str | None = None,
        protocol_name: str | None = None,
    ) -> int:
        """Send a sync; the answer may come later."""
        token = next(self._tokens)
        answer = self.coordinator.sync(
            SyncRequest(
                token=token,
                group=GROUP,
                generation=member.generation,
                member_id=member.member_id,
                instance_id=member.instance_id,
                protocol_type=protocol_type,
                protocol_name=protocol_name,
                assignments=tuple((assignments or {}).items()),
            ),
            now_ms=self.now_ms,
        )
        return self._noted(token, answer)

    def joined(self, token: int) -> JoinAnswer:
        """The answer to a join, which must be there."""
        answer = self.answers[token]
        assert isinstance(answer, JoinAnswer)
        return answer

    def synced(self, token: int) -> SyncAnswer:
        """The answer to a sync, which must be there."""
        answer = self.answers[token]
        assert isinstance(answer, SyncAnswer)
        return answer

    def waits(self, token: int) -> bool:
        """Whether a request has no answer yet."""
        return token not in self.answers

    def member(self, token: int, instance_id: str | None = None) -> Member:
        """Who a client is after its join."""
        answer = self.joined(token)
        assert answer.error is ErrorCode.none, answer
        return Member(
            member_id=answer.member_id, generation=answer.generation, instance_id=instance_id
        )

    def stable(self, *clients: str, protocols: Protocols = RANGE) -> list[Member]:
        """Bring members into a stable group; each is assigned its own id, the first one leads."""
        first = self.member(self.ask_join(clients[0], protocols=protocols))
        waiting = [self.ask_join(client, protocols=protocols) for client in clients[1:]]
        waiting.insert(0, self.ask_join(member_id=first.member_id, protocols=protocols))
        members = [self.member(token) for token in waiting]
        self.assign(members)
        return members

    def static(
        self, *instances: str, protocols: Protocols = RANGE, version: int = 5
    ) -> list[Member]:
        """Bring static members into a stable group; the first one leads."""
        waiting = {
            instance: self.ask_join(
                "client", instance_id=instance, protocols=protocols, version=version
            )
            for instance in instances
        }
        first = self.joined(waiting[instances[0]]).member_id
        waiting[instances[0]] = self.ask_join(
            member_id=first, instance_id=instances[0], protocols=protocols, version=version
        )
        members = [self.member(token, instance) for instance, token in waiting.items()]
        self.assign(members)
        return members

    def assign(self, members: Sequence[Member]) -> None:
        """Let all sync, the leader first; each is assigned its own id."""
        shares = {member.member_id: member.member_id.encode() for member in members}
        for member in members:
            answer = self.synced(self.ask_sync(member, shares if member is members[0] else None))
            assert answer.error is ErrorCode.none, answer
            assert answer.assignment == shares[member.member_id]
            member.assignment = answer.assignment

    def heartbeat(self, member: Member) -> ErrorCode:
        """Say that a member lives."""
        error = self.coordinator.heartbeat(
            GROUP, member.generation, member.member_id, member.instance_id, now_ms=self.now_ms
        )
        self.collect()
        return error

    def leave(self, *members: Member | LeavingMember) -> LeaveAnswer:
        """Take members out."""
        leaving = [
            LeavingMember(member_id=one.member_id, instance_id=one.instance_id) for one in members
        ]
        answer = self.coordinator.leave(GROUP, leaving, now_ms=self.now_ms)
        self.collect()
        return answer

    def commit(
        self,
        offset: int,
        member: Member | None = None,
        *,
        partition: TopicPartition = ORDERS,
        metadata: str | None = "",
        retention_ms: int = -1,
        group: str = GROUP,
        knows_missing_group: bool = True,
    ) -> ErrorCode:
        """Commit one offset, as a member or as nobody in particular."""
        who = member or Member(member_id="", generation=-1)
        errors = self.coordinator.commit_offsets(
            OffsetCommit(
                group=group,
                generation=who.generation,
                member_id=who.member_id,
                instance_id=who.instance_id,
                offsets={partition: CommittedOffset(offset=offset, metadata=metadata)},
                retention_ms=retention_ms,
                knows_missing_group=knows_missing_group,
            ),
            now_ms=self.now_ms,
        )
        self.collect()
        return errors[partition]

    def commit_in_transaction(
        self,
        offset: int,
        producer_id: int,
        member: Member | None = None,
        *,
        epoch: int = 0,
        partition: TopicPartition = ORDERS,
        group: str = GROUP,
    ) -> ErrorCode:
        """Commit one offset in a producer's transaction."""
        who = member or Member(member_id="", generation=-1)
        errors = self.coordinator.commit_in_transaction(
            TransactionalOffsetCommit(
                group=group,
                producer_id=producer_id,
                producer_epoch=epoch,
                generation=who.generation,
                member_id=who.member_id,
                instance_id=who.instance_id,
                offsets={partition: CommittedOffset(offset=offset)},
            ),
            now_ms=self.now_ms,
        )
        self.collect()
        return errors[partition]

    def finish(self, producer_id: int, *, commit: bool) -> None:
        """End a producer's transaction."""
        self.coordinator.finish_transaction(producer_id, commit=commit, now_ms=self.now_ms)
        self.collect()

    def forget_partitions(self, *partitions: TopicPartition) -> None:
        """Delete a topic, and keep that, as the broker does."""
        self.journal.append(PartitionsDeleted(partitions=partitions))
        self.coordinator.forget_partitions(partitions)

    def committed(
        self, partition: TopicPartition = ORDERS, *, group: str = GROUP, stable: bool = False
    ) -> int | ErrorCode:
        """The committed offset, -1 without one; or the error."""
        found = self.coordinator.fetch_offsets(group, [partition], require_stable=stable)[partition]
        return found.offset if found.error is ErrorCode.none else found.error

    def state(self) -> str:
        """The group's state."""
        return self.coordinator.describe(GROUP).state

    def _keep(self, entry: GroupEntry) -> None:
        if self.disk_is_full:
            raise OSError(28, "No space left on device")
        self.journal.append(entry)

    def _noted(self, token: int, answer: JoinAnswer | SyncAnswer | None) -> int:
        if answer is not None:
            self.answers[token] = answer
        self.collect()
        return token
