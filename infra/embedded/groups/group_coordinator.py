"""The door to the group coordinator: every call of the outside, each with its time.

    answer = coordinator.join(request, now_ms=...)      # None: it comes later
    for token, answer in coordinator.take_answers(): ...    # after each call: it may answer others
    coordinator.tick(now_ms)                            # at next_deadline_ms

Laws:
1. Time only comes in as an argument. Whatever is due by then happens first, each thing at its own
   time: one large step of the clock leads where many small ones lead.
2. No call raises for what a client does; the answer carries Kafka's error code.
3. `keep` gets everything that must outlive the process before the call returns, but for deleted
   topics, which the caller keeps; `restore` with the same entries makes the same offsets, and the
   groups as they last were stable or empty.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_answers import (
    FetchedOffset,
    GroupDescription,
    GroupListing,
    JoinAnswer,
    LeaveAnswer,
    OffsetsDeleted,
    SyncAnswer,
)
from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_entry import (
    GroupEntry,
    GroupRemoved,
    GroupStored,
    PartitionsDeleted,
)
from penstock.infra.embedded.groups.group_offsets import GroupOffsets
from penstock.infra.embedded.groups.group_requests import (
    JoinRequest,
    LeavingMember,
    OffsetCommit,
    SyncRequest,
    TransactionalOffsetCommit,
)
from penstock.infra.embedded.groups.group_state import GroupState
from penstock.infra.embedded.groups.group_statistics import GroupStatistics
from penstock.infra.embedded.groups.group_table import GroupTable, Timer, TimerKind
from penstock.infra.embedded.groups.membership import Membership
from penstock.infra.embedded.groups.rebalances import Rebalances
from penstock.infra.embedded.topic_partition import TopicPartition

__all__ = ["GroupCoordinator"]

_CLASSIC = "classic"


@final
class GroupCoordinator:
    """Consumer groups and their offsets."""

    def __init__(
        self,
        *,
        config: GroupConfig,
        name_member: Callable[[str], str],
        keep: Callable[[GroupEntry], None],
        now_ms: int,
    ) -> None:
        """Begin without groups.

        Args:
            config: settings.
            name_member: makes a new member id, never the same twice, of a client id or an
                instance id; Kafka appends a hyphen and a random UUID.
            keep: takes each entry that must outlive the process.
            now_ms: what counts as now, in milliseconds since 1970, as everywhere here.
        """
        self._table = GroupTable(config=config, keep=keep)
        self._rebalances = Rebalances(self._table)
        self._membership = Membership(self._table, self._rebalances, name_member)
        self._offsets = GroupOffsets(self._table, self._rebalances)
        self._watch_offsets(now_ms, now_ms)

    @property
    def config(self) -> GroupConfig:
        """The settings; new ones count from the next call on."""
        return self._table.config

    @config.setter
    def config(self, config: GroupConfig) -> None:
        self._table.config = config
        self._table.gauge.limit = config.max_held_bytes

    def join(self, request: JoinRequest, *, now_ms: int) -> JoinAnswer | None:
        """Take a member into the group's next generation.

        Args:
            request: who joins.
            now_ms: when.

        Returns:
            The answer; None when it comes later, from `take_answers`.
        """
        self.tick(now_ms)
        answer = self._membership.join(request, now_ms)
        if answer is None:
            self.tick(now_ms)  # an initial delay of zero is over at once
            own = self._table.answers.take(request.token)
            answer = own if isinstance(own, JoinAnswer) else None
        return answer

    def sync(self, request: SyncRequest, *, now_ms: int) -> SyncAnswer | None:
        """Give a member its assignment; the leader brings all of them.

        Args:
            request: who asks.
            now_ms: when.

        Returns:
            The answer; None when it comes later, from `take_answers`.
        """
        self.tick(now_ms)
        answer = self._membership.sync(request, now_ms)
        if answer is None:
            own = self._table.answers.take(request.token)
            answer = own if isinstance(own, SyncAnswer) else None
        return answer

    def heartbeat(
        self,
        group: str,
        generation: int,
        member_id: str,
        instance_id: str | None = None,
        *,
        now_ms: int,
    ) -> ErrorCode:
        """Hear that a member lives.

        Args:
            group: the group's id.
            generation: the one that the member knows.
            member_id: what it was named.
            instance_id: name of a static member.
            now_ms: when.

        Returns:
            REBALANCE_IN_PROGRESS asks it to join again; none; or what is wrong.
        """
        self.tick(now_ms)
        return self._membership.heartbeat(group, generation, member_id, instance_id, now_ms)

    def leave(self, group: str, members: Sequence[LeavingMember], *, now_ms: int) -> LeaveAnswer:
        """Take members out.

        Args:
            group: the group's id.
            members: who goes; before version 3 one.
            now_ms: when.

        Returns:
            What became of each; before version 3 the one member's error is the whole answer's.
        """
        self.tick(now_ms)
        return self._membership.leave(group, members, now_ms)

    def commit_offsets(
        self, commit: OffsetCommit, *, now_ms: int
    ) -> Mapping[TopicPartition, ErrorCode]:
        """Commit offsets; that the topics exist is checked before.

        Args:
            commit: whose offsets, and who commits.
            now_ms: when.

        Returns:
            An error code for each partition.
        """
        self.tick(now_ms)
        return self._offsets.commit(commit, now_ms)

    def commit_in_transaction(
        self, commit: TransactionalOffsetCommit, *, now_ms: int
    ) -> Mapping[TopicPartition, ErrorCode]:
        """Commit offsets that wait for `finish_transaction`; the transaction is checked before.

        Args:
            commit: whose offsets, and who commits.
            now_ms: when.

        Returns:
            An error code for each partition.
        """
        self.tick(now_ms)
        return self._offsets.commit_in_transaction(commit, now_ms)

    def finish_transaction(self, producer_id: int, *, commit: bool, now_ms: int) -> None:
        """Let the offsets of a transaction count, or drop them, in all groups that have some.

        Args:
            producer_id: the producer whose marker is written.
            commit: False drops the offsets.
            now_ms: when.
        """
        self.tick(now_ms)
        self._offsets.finish_transaction(producer_id, commit=commit)

    def fetch_offsets(
        self, group: str, partitions: Iterable[TopicPartition] | None, *, require_stable: bool
    ) -> Mapping[TopicPartition, FetchedOffset]:
        """Fetch committed offsets.

        Args:
            group: the group's id; there may be no such group.
            partitions: which; None for all that are committed.
            require_stable: True gives UNSTABLE_OFFSET_COMMIT where an open transaction commits.

        Returns:
            An offset, -1 where there is none, or an error for each partition.
        """
        return self._offsets.fetch(group, partitions, require_stable=require_stable)

    def list_groups(
        self, states: Iterable[str] = (), types: Iterable[str] = ()
    ) -> tuple[GroupListing, ...]:
        """List the groups.

        Args:
            states: names of states, in upper or lower case; none for all.
            types: names of group types, in upper or lower case; none for all.

        Returns:
            The groups of these states and types.
        """
        wanted_states = {state.strip().lower() for state in states}
        wanted_types = {group_type.lower() for group_type in types}
        if wanted_types and _CLASSIC not in wanted_types:
            return ()
        return tuple(
            GroupListing(
                group=group.group_id, protocol_type=group.protocol_type or "", state=group.state
            )
            for group in self._table.groups.values()
            if not wanted_states or group.state.lower() in wanted_states
        )

    def describe(self, group: str) -> GroupDescription:
        """Describe a group; what its members told is shown only while it is stable, as in Kafka.

        Args:
            group: the group's id.

        Returns:
            The group; state Dead and GROUP_ID_NOT_FOUND where there is none.
        """
        found = self._table.find(group)
        if found is None:
            return GroupDescription(
                error=ErrorCode.group_id_not_found,
                error_message=f"Group {group} not found.",
                group=group,
                state=GroupState.DEAD,
            )
        shown = found.protocol_name if found.state is GroupState.STABLE else None
        return GroupDescription(
            group=group,
            state=found.state,
            protocol_type=found.protocol_type or "",
            protocol_data=shown or "",
            members=tuple(member.described(shown) for member in found.members.values()),
        )

    def delete_group(self, group: str, *, now_ms: int) -> ErrorCode:
        """Delete a group without members, and its offsets.

        Args:
            group: the group's id.
            now_ms: when.

        Returns:
            NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, or none.
        """
        self.tick(now_ms)
        return self._offsets.delete_group(group, now_ms)

    def delete_offsets(
        self, group: str, partitions: Iterable[TopicPartition], *, now_ms: int
    ) -> OffsetsDeleted:
        """Delete offsets of topics that no member reads.

        Args:
            group: the group's id.
            partitions: whose offsets.
            now_ms: when.

        Returns:
            What became of each.
        """
        self.tick(now_ms)
        return self._offsets.delete(group, partitions)

    def forget_partitions(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop the offsets of partitions of a deleted topic, in all groups.

        Nothing is kept of it: the deletion is, and `restore` is to be told of that.

        Args:
            partitions: which.
        """
        self._offsets.store.forget_everywhere(partitions)

    def forget_token(self, token: int) -> None:
        """Drop a request that waits: its connection is gone. The group does not notice.

        Args:
            token: named by the request.
        """
        self._table.answers.forget(token)

    def hear_from_all(self, *, now_ms: int) -> None:
        """Count every member as heard of at one moment, which may lie ahead.

        For a test that moves the clock by more than a session: its members live in real time, and
        could not send the heartbeats that they would have sent meanwhile. Nothing becomes due here.

        Args:
            now_ms: when.
        """
        for group in self._table.groups.values():
            for member in group.members.values():
                self._rebalances.watch(group, member, now_ms)

    def take_answers(self) -> list[tuple[int, JoinAnswer | SyncAnswer]]:
        """Take the answers of requests that waited; each is given once."""
        return self._table.answers.take_all()

    def next_deadline_ms(self) -> int | None:
        """Say when `tick` has something to do; None for never."""
        return self._table.deadlines.next_ms()

    def tick(self, now_ms: int) -> None:
        """Let happen what is due, each thing at its own time.

        Args:
            now_ms: what counts as now.
        """
        while (due := self._table.deadlines.pop_due(now_ms)) is not None:
            timer, due_ms = due
            if timer.kind is TimerKind.OFFSETS:
                self._watch_offsets(due_ms, now_ms)  # first: there is a next search in any case
                self._offsets.expire(due_ms)
            else:
                self._rebalances.be_due(timer, due_ms)

    def restore(self, entries: Iterable[GroupEntry | PartitionsDeleted], *, now_ms: int) -> None:
        """Become what was kept; every member gets a fresh session.

        Args:
            entries: what `keep` got, or what `snapshot` said and `keep` got after it, in order; and
                for each call of `forget_partitions`, at its place, the partitions.
            now_ms: what counts as now.
        """
        for entry in entries:
            if isinstance(entry, GroupStored | GroupRemoved):
                self._table.replay(entry, now_ms)
            elif isinstance(entry, PartitionsDeleted):
                self.forget_partitions(entry.partitions)
            else:
                self._offsets.replay(entry, now_ms)
        for group in list(self._table.groups.values()):
            for member in group.members.values():
                self._rebalances.watch(group, member, now_ms)
            if len(group.members) > self._table.config.max_size:  # the limit was lowered
                self._rebalances.prepare(group, now_ms)

    def snapshot(self) -> Iterator[GroupEntry]:
        """Say in few entries what all that was kept so far amounts to."""
        yield from self._table.stored.values()
        yield from self._offsets.store.entries()

    def statistics(self) -> GroupStatistics:
        """Return the coordinator in numbers."""
        groups = self._table.groups.values()
        states = Counter(group.state for group in groups)
        gauge = self._table.gauge
        return GroupStatistics(
            groups={state: states[state] for state in GroupState if state is not GroupState.DEAD},
            members=sum(len(group.members) for group in groups),
            pending_members=sum(len(group.pending_joins) for group in groups),
            waiting=self._table.answers.waiting,
            offsets=self._offsets.store.committed,
            pending_offsets=self._offsets.store.pending,
            rebalances=self._rebalances.completed,
            sessions_expired=self._rebalances.sessions_expired,
            offsets_expired=self._offsets.expired,
            held_bytes=gauge.held,
            held_bytes_limit=gauge.limit,
            refused_for_memory=gauge.refusals,
        )

    def _watch_offsets(self, from_ms: int, now_ms: int) -> None:
        """Set the next search for expired offsets, one or more intervals later.

        After a long sleep only the last of many searches would find anything, unless something
        else happens between them.
        """
        interval_ms = self._table.config.offsets_retention_check_interval_ms
        next_ms = self._table.deadlines.next_ms()
        until_ms = now_ms if next_ms is None else min(now_ms, next_ms)
        intervals = max((until_ms - from_ms) // interval_ms, 1)
        self._table.deadlines.set(Timer(TimerKind.OFFSETS), from_ms + intervals * interval_ms)
