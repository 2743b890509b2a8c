"""What members ask: join, sync, heartbeat, leave.

Each call checks who asks, changes the group, and lets `rebalances` move it on. The rules and their
order are Apache Kafka 4.1's GroupMetadataManager.

In two places Kafka gives no answer at all, and this room does, because nobody waits for ever here:
a join or sync that is repeated on another connection ends the one before with
REBALANCE_IN_PROGRESS; a member that is taken out while its sync waits gets UNKNOWN_MEMBER_ID.
"""

from collections.abc import Callable, Sequence
from typing import final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.classic_group import ClassicGroup
from penstock.infra.embedded.groups.group_answers import (
    JoinAnswer,
    LeaveAnswer,
    LeftMember,
    SyncAnswer,
)
from penstock.infra.embedded.groups.group_member import GroupMember, weight_of
from penstock.infra.embedded.groups.group_requests import JoinRequest, LeavingMember, SyncRequest
from penstock.infra.embedded.groups.group_state import GroupEvent, GroupState
from penstock.infra.embedded.groups.group_table import GroupTable
from penstock.infra.embedded.groups.memory_gauge import MEMBER_WEIGHT
from penstock.infra.embedded.groups.rebalances import Rebalances

__all__ = ["Membership"]


@final
class Membership:
    """Answers members."""

    def __init__(
        self, table: GroupTable, rebalances: Rebalances, name_member: Callable[[str], str]
    ) -> None:
        """Work on a table.

        Args:
            table: the groups.
            rebalances: moves them on.
            name_member: makes a new member id of a client id or an instance id.
        """
        self._table = table
        self._rebalances = rebalances
        self._name_member = name_member

    def join(self, request: JoinRequest, now_ms: int) -> JoinAnswer | None:
        """Take a member into the next generation.

        Args:
            request: who joins.
            now_ms: when.

        Returns:
            The answer; None when it comes later.
        """
        config = self._table.config
        shortest, longest = config.min_session_timeout_ms, config.max_session_timeout_ms
        if not request.group:
            return _refused(ErrorCode.invalid_group_id, request.member_id)
        if not shortest <= request.session_timeout_ms <= longest:
            return _refused(ErrorCode.invalid_session_timeout, request.member_id)
        group = self._table.find(request.group)
        if group is None:
            if request.member_id:
                return _refused(ErrorCode.unknown_member_id, request.member_id)
            if self._table.is_full_for_group(request.group):
                return _refused(ErrorCode.group_max_size_reached)
            group = self._table.create(request.group, now_ms)
            self._table.store(group, {})
        return self._join(group, request, now_ms)

    def sync(self, request: SyncRequest, now_ms: int) -> SyncAnswer | None:
        """Give a member its assignment; take the leader's.

        Args:
            request: who asks.
            now_ms: when.

        Returns:
            The answer; None when it comes later.
        """
        if not request.group:
            return SyncAnswer(error=ErrorCode.invalid_group_id)
        group = self._table.find(request.group)
        fault = ErrorCode.unknown_member_id if group is None else _sync_fault(group, request)
        if group is None or fault is not ErrorCode.none:
            return SyncAnswer(error=fault)
        return self._sync(group, group.members[request.member_id], request, now_ms)

    def heartbeat(
        self, group_id: str, generation: int, member_id: str, instance_id: str | None, now_ms: int
    ) -> ErrorCode:
        """Hear that a member lives.

        Args:
            group_id: its group.
            generation: the one that it knows.
            member_id: what it was named.
            instance_id: name of a static member.
            now_ms: when.

        Returns:
            REBALANCE_IN_PROGRESS asks it to join again; none; or what is wrong.
        """
        if not group_id:
            return ErrorCode.invalid_group_id
        group = self._table.find(group_id)
        if group is None:
            return ErrorCode.unknown_member_id
        fault = group.fault_of(member_id, instance_id)
        if fault is not ErrorCode.none:
            return fault
        if generation != group.generation:
            return ErrorCode.illegal_generation
        self._rebalances.watch(group, group.members[member_id], now_ms)
        if group.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.rebalance_in_progress
        return ErrorCode.none

    def leave(self, group_id: str, leaving: Sequence[LeavingMember], now_ms: int) -> LeaveAnswer:
        """Take members out.

        Args:
            group_id: their group.
            leaving: who goes.
            now_ms: when.

        Returns:
            What became of each.
        """
        if not group_id:
            return LeaveAnswer(error=ErrorCode.invalid_group_id)
        group = self._table.find(group_id)
        left = tuple(
            LeftMember(
                member_id=one.member_id,
                instance_id=one.instance_id,
                error=ErrorCode.unknown_member_id if group is None else self._leave(group, one),
            )
            for one in leaving
        )
        if group is not None and any(one.error is ErrorCode.none for one in left):
            if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
                self._rebalances.prepare(group, now_ms)
            else:
                self._rebalances.complete_if_all_joined(group, now_ms)
        return LeaveAnswer(members=left)

    def _join(self, group: ClassicGroup, request: JoinRequest, now_ms: int) -> JoinAnswer | None:
        if self._is_full(group, request):
            group.remove(request.member_id)
            return _refused(ErrorCode.group_max_size_reached)
        if self._table.gauge.refuses(_growth(group, request)):
            return _refused(ErrorCode.group_max_size_reached)
        if not group.supports(request.protocol_type, request.protocols):
            return _refused(ErrorCode.inconsistent_group_protocol, request.member_id)
        if not request.member_id:
            return self._join_new(group, request, now_ms)
        return self._join_known(group, request, now_ms)

    def _sync(
        self, group: ClassicGroup, member: GroupMember, request: SyncRequest, now_ms: int
    ) -> SyncAnswer | None:
        if group.state is GroupState.PREPARING_REBALANCE:
            return SyncAnswer(error=ErrorCode.rebalance_in_progress)
        if group.state is GroupState.STABLE:
            self._rebalances.end_sync_wait(group, member.member_id)
            return SyncAnswer(
                protocol_type=group.protocol_type,
                protocol_name=group.protocol_name,
                assignment=member.assignment,
            )
        leads = group.is_leader(member.member_id)
        # First: where this cannot be kept, the leader has not synced, and the group waits for it.
        known = self._kept_assignments(group, dict(request.assignments)) if leads else None
        self._rebalances.end_sync_wait(group, member.member_id)
        self._rebalances.answer_sync(member, SyncAnswer(error=ErrorCode.rebalance_in_progress))
        member.sync_token = request.token
        self._table.answers.expect(request.token)
        if leads:
            self._end_sync(group, known, now_ms)
        return None

    def _is_full(self, group: ClassicGroup, request: JoinRequest) -> bool:
        """Whether the group has no room for one who joins.

        In a rebalance the joins that wait are counted and not the members, because the group may
        be over a limit that was lowered: then the last to join are out.
        """
        limit = self._table.config.max_size
        member = group.members.get(request.member_id)
        match group.state:
            case GroupState.EMPTY | GroupState.DEAD:
                return False
            case GroupState.PREPARING_REBALANCE:
                awaited = member is not None and member.join_token is not None
                return not awaited and group.awaiting_join >= limit
            case GroupState.COMPLETING_REBALANCE | GroupState.STABLE:
                return member is None and len(group.members) >= limit

    def _join_new(
        self, group: ClassicGroup, request: JoinRequest, now_ms: int
    ) -> JoinAnswer | None:
        if request.instance_id is not None:
            member_id = self._name_member(request.instance_id)
            former_id = group.static_member_id(request.instance_id)
            if former_id is None:
                self._add(group, request, member_id, now_ms)
                return None
            return self._replace(group, request, group.members[former_id], member_id, now_ms)
        member_id = self._name_member(request.client_id)
        if not request.requires_known_member:
            self._add(group, request, member_id, now_ms)
            return None
        group.add_pending(member_id)
        self._rebalances.watch_for(group, member_id, request.session_timeout_ms, now_ms)
        return _refused(ErrorCode.member_id_required, member_id)

    def _join_known(
        self, group: ClassicGroup, request: JoinRequest, now_ms: int
    ) -> JoinAnswer | None:
        if request.member_id in group.pending_joins:
            if request.instance_id is not None:  # Kafka fails on it: such a client does not exist
                return _refused(ErrorCode.unknown_server_error)
            self._add(group, request, request.member_id, now_ms)
            return None
        fault = group.fault_of(request.member_id, request.instance_id)
        if fault is not ErrorCode.none:
            return _refused(fault, request.member_id)
        member = group.members[request.member_id]
        unchanged = member.protocols == request.protocols
        match group.state:
            case GroupState.COMPLETING_REBALANCE if unchanged:
                # It may not have got its answer: here it is again.
                return self._rebalances.joined_answer(group, member)
            case GroupState.STABLE if unchanged and not group.is_leader(member.member_id):
                return self._rebalances.joined_answer(group, member)
            case _:  # a leader's join in a stable group asks for a rebalance: topics have changed
                self._await_join(group, member, request)
                self._rebalances.prepare_or_complete(group, now_ms)
                return None

    def _add(self, group: ClassicGroup, request: JoinRequest, member_id: str, now_ms: int) -> None:
        member = GroupMember(
            member_id=member_id,
            instance_id=request.instance_id,
            client_id=request.client_id,
            client_host=request.client_host,
            protocols=request.protocols,
            session_timeout_ms=request.session_timeout_ms,
            rebalance_timeout_ms=request.rebalance_timeout_ms,
        )
        member.is_new = True
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.previous_state is GroupState.EMPTY
        ):
            group.member_came_late = True
        group.add(member, request.protocol_type)
        group.begin_join_wait(member, request.token)
        self._table.answers.expect(request.token)
        # It does not know its id yet and cannot send heartbeats: only this limit applies.
        patience_ms = self._table.config.new_member_join_timeout_ms
        self._rebalances.watch_for(group, member_id, patience_ms, now_ms)
        self._rebalances.prepare_or_complete(group, now_ms)

    def _await_join(self, group: ClassicGroup, member: GroupMember, request: JoinRequest) -> None:
        self._rebalances.answer_join(
            group, member, _refused(ErrorCode.rebalance_in_progress, member.member_id)
        )
        group.update(
            member,
            protocols=request.protocols,
            session_timeout_ms=request.session_timeout_ms,
            rebalance_timeout_ms=request.rebalance_timeout_ms,
        )
        group.begin_join_wait(member, request.token)
        self._table.answers.expect(request.token)

    def _replace(
        self,
        group: ClassicGroup,
        request: JoinRequest,
        former: GroupMember,
        member_id: str,
        now_ms: int,
    ) -> JoinAnswer | None:
        """A static member is back under a new id: the old one is fenced (KIP-345).

        A stable group whose protocol stays the same goes on as it is. While the leader's assignment
        is awaited a new rebalance is needed, because the leader knows only the old id.
        """
        fenced = ErrorCode.fenced_instance_id
        self._rebalances.answer_join(group, former, _refused(fenced, former.member_id))
        self._rebalances.answer_sync(former, SyncAnswer(error=fenced))
        former_leader = group.leader_id or ""
        member = _returned(former, request, member_id)
        group.replace_static(former, member)
        goes_on = group.state is GroupState.STABLE and group.elect_protocol() == group.protocol_name
        if goes_on:
            self._keep_replaced(group, former, member)
        self._rebalances.unwatch(group, former.member_id)
        # Its first session is as long as the former's last one, as in Kafka.
        self._rebalances.watch_for(group, member_id, former.session_timeout_ms, now_ms)
        if goes_on:
            return _replaced_answer(group, request, member, former_leader)
        group.begin_join_wait(member, request.token)
        self._table.answers.expect(request.token)
        if group.state is GroupState.PREPARING_REBALANCE:
            self._rebalances.complete_if_all_joined(group, now_ms)
        else:
            self._rebalances.prepare(group, now_ms)
        return None

    def _keep_replaced(self, group: ClassicGroup, former: GroupMember, member: GroupMember) -> None:
        try:
            self._table.store(
                group, {one.member_id: one.assignment for one in group.members.values()}
            )
        except BaseException:  # what cannot be kept has not happened
            group.replace_static(member, former)
            raise

    def _kept_assignments(
        self, group: ClassicGroup, assignments: dict[str, bytes]
    ) -> dict[str, bytes] | None:
        """Keep each member's assignment; None where Kafka could not write the record."""
        known = {member_id: assignments.get(member_id, b"") for member_id in group.members}
        size = sum(
            len(member.metadata(group.protocol_name)) + len(known[member.member_id])
            for member in group.members.values()
        )
        too_large = size > self._table.config.group_record_max_bytes
        if too_large or self._table.gauge.refuses(size):
            return None
        self._table.store(group, known)
        return known

    def _end_sync(self, group: ClassicGroup, known: dict[str, bytes] | None, now_ms: int) -> None:
        """Make the group stable; without assignments all syncs fail instead."""
        if known is None:
            self._rebalances.drop_assignments(group, ErrorCode.unknown_server_error, now_ms)
            self._rebalances.prepare(group, now_ms)
            return
        group.assign(known)
        self._rebalances.spread(group, ErrorCode.none, now_ms)
        group.happen(GroupEvent.LEADER_ASSIGNED, now_ms)
        self._rebalances.completed += 1

    def _leave(self, group: ClassicGroup, one: LeavingMember) -> ErrorCode:
        member_id = one.member_id
        if not member_id:  # an administrator names a static member by its instance id
            named = None if one.instance_id is None else group.static_member_id(one.instance_id)
            if named is None:
                return ErrorCode.unknown_member_id
            member_id = named
        elif member_id not in group.pending_joins:
            fault = group.fault_of(member_id, one.instance_id)
            if fault is not ErrorCode.none:
                return fault
        member = group.members.get(member_id)
        if member is not None:
            gone = ErrorCode.unknown_member_id
            self._rebalances.answer_join(group, member, JoinAnswer(error=gone))
            self._rebalances.answer_sync(member, SyncAnswer(error=gone))
        self._rebalances.unwatch(group, member_id)
        group.remove(member_id)
        return ErrorCode.none


def _refused(error: ErrorCode, member_id: str = "") -> JoinAnswer:
    return JoinAnswer(error=error, member_id=member_id)


def _returned(former: GroupMember, request: JoinRequest, member_id: str) -> GroupMember:
    return GroupMember(
        member_id=member_id,
        instance_id=former.instance_id,
        client_id=former.client_id,
        client_host=former.client_host,
        protocols=request.protocols,
        session_timeout_ms=request.session_timeout_ms,
        rebalance_timeout_ms=request.rebalance_timeout_ms,
        assignment=former.assignment,
    )


def _growth(group: ClassicGroup, request: JoinRequest) -> int:
    """Bytes by which a join lets the group grow; below zero where a member says less now."""
    told = weight_of(request.protocols)
    member = group.members.get(request.member_id)
    return MEMBER_WEIGHT + told if member is None else told - weight_of(member.protocols)


def _replaced_answer(
    group: ClassicGroup, request: JoinRequest, member: GroupMember, former_leader: str
) -> JoinAnswer:
    """Tell a static member that nothing has changed but its id.

    Before version 9 a returning leader is told that its old self leads, so that it does not
    assign; since then it can be told just that (KIP-814).
    """
    leads = group.is_leader(member.member_id)
    tells = request.supports_skipping_assignment
    return JoinAnswer(
        generation=group.generation,
        protocol_type=group.protocol_type,
        protocol_name=group.protocol_name,
        leader=(group.leader_id or "") if tells else former_leader,
        skip_assignment=leads and tells,
        member_id=member.member_id,
        members=group.joined_members() if leads and tells else (),
    )


def _sync_fault(group: ClassicGroup, request: SyncRequest) -> ErrorCode:
    fault = group.fault_of(request.member_id, request.instance_id)
    if fault is not ErrorCode.none:
        return fault
    if request.generation != group.generation:
        return ErrorCode.illegal_generation
    for asked, actual in (
        (request.protocol_type, group.protocol_type),
        (request.protocol_name, group.protocol_name),
    ):
        if asked is not None and actual is not None and asked != actual:
            return ErrorCode.inconsistent_group_protocol
    return ErrorCode.none
