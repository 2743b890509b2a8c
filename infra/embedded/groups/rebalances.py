"""What a group does by itself: it gathers its members, waits, gives up on the silent ones.

A rebalance gathers joins until all members have joined or the rebalance timeout is over; those who
have not are out, unless they are static. Then all learn the new generation, and the leader's sync
brings the assignment. An empty group waits for the initial delay first, and longer while members
keep coming, but never longer than their rebalance timeout.

The rules and their order are Apache Kafka 4.1's GroupMetadataManager.

Laws:
1. Every join and every sync that waits is answered in the end: by the next step of the group, or
   because a deadline is over.
2. A generation's answers go out at one moment, with one leader and one protocol.
"""

from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.classic_group import ClassicGroup
from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer
from penstock.infra.embedded.groups.group_member import GroupMember
from penstock.infra.embedded.groups.group_state import GroupEvent, GroupState
from penstock.infra.embedded.groups.group_table import GroupTable, Timer, TimerKind

__all__ = ["Rebalances"]

_LEAST_PATIENCE_MS: Final = 100
"""Between two attempts to complete a rebalance that nobody has joined. Kafka waits for the members'
rebalance timeout, which a client may set to zero: that would be a loop without end."""


@final
class Rebalances:
    """Moves groups on."""

    def __init__(self, table: GroupTable) -> None:
        """Work on a table.

        Args:
            table: the groups.
        """
        self._table = table
        self.completed = 0
        """Generations that became stable."""
        self.sessions_expired = 0
        """Members and pending ids that were removed for their silence."""

    def watch(self, group: ClassicGroup, member: GroupMember, now_ms: int) -> None:
        """Give a member a fresh session.

        Args:
            group: its group.
            member: who was heard of.
            now_ms: when.
        """
        self.watch_for(group, member.member_id, member.session_timeout_ms, now_ms)

    def watch_for(self, group: ClassicGroup, member_id: str, timeout_ms: int, now_ms: int) -> None:
        """Let a member or a pending id expire.

        Args:
            group: its group.
            member_id: who.
            timeout_ms: after so long.
            now_ms: from then on.
        """
        timer = Timer(TimerKind.SESSION, group.group_id, member_id)
        self._table.deadlines.set(timer, now_ms + timeout_ms)

    def unwatch(self, group: ClassicGroup, member_id: str) -> None:
        """Forget a member's session.

        Args:
            group: its group.
            member_id: who is gone.
        """
        self._table.deadlines.cancel(Timer(TimerKind.SESSION, group.group_id, member_id))

    def answer_join(self, group: ClassicGroup, member: GroupMember, answer: JoinAnswer) -> None:
        """Answer a member's join, if one waits.

        Args:
            group: its group.
            member: the member.
            answer: what it gets.
        """
        token = group.end_join_wait(member)
        if token is not None:
            self._table.answers.put(token, answer)

    def answer_sync(self, member: GroupMember, answer: SyncAnswer) -> bool:
        """Answer a member's sync, if one waits.

        Args:
            member: the member.
            answer: what it gets.

        Returns:
            Whether one waited.
        """
        token, member.sync_token = member.sync_token, None
        if token is None:
            return False
        self._table.answers.put(token, answer)
        return True

    def joined_answer(self, group: ClassicGroup, member: GroupMember) -> JoinAnswer:
        """Make the answer that tells a member its generation.

        Args:
            group: its group.
            member: the member; the leader also learns who the others are.
        """
        leads = group.is_leader(member.member_id)
        return JoinAnswer(
            generation=group.generation,
            protocol_type=group.protocol_type,
            protocol_name=group.protocol_name,
            leader=group.leader_id or "",
            member_id=member.member_id,
            members=group.joined_members() if leads else (),
        )

    def prepare_or_complete(self, group: ClassicGroup, now_ms: int) -> None:
        """Begin a rebalance; where one is under way, end its joining if all are there.

        Args:
            group: whose members have changed.
            now_ms: when.
        """
        if group.state is GroupState.PREPARING_REBALANCE:
            self.complete_if_all_joined(group, now_ms)
        else:
            self.prepare(group, now_ms)

    def prepare(self, group: ClassicGroup, now_ms: int) -> None:
        """Begin a rebalance.

        Args:
            group: empty, completing or stable.
            now_ms: when.
        """
        if group.state is GroupState.COMPLETING_REBALANCE:
            self.drop_assignments(group, ErrorCode.rebalance_in_progress, now_ms)
        group.pending_syncs.clear()
        self._table.deadlines.cancel(Timer(TimerKind.SYNC, group.group_id))
        was_empty = group.state is GroupState.EMPTY
        group.happen(GroupEvent.REBALANCE_BEGINS, now_ms)
        if was_empty:
            delay_ms = self._table.config.initial_rebalance_delay_ms
            remaining_ms = max(group.rebalance_timeout_ms - delay_ms, 0)
            self._delay(group, delay_ms, remaining_ms, now_ms)
        elif group.all_joined:
            self._complete(group, now_ms)
        else:
            timer = Timer(TimerKind.JOIN, group.group_id)
            self._table.deadlines.set(timer, now_ms + group.rebalance_timeout_ms)

    def complete_if_all_joined(self, group: ClassicGroup, now_ms: int) -> None:
        """End the joining if all are there; the initial delay is waited out in any case.

        Args:
            group: any group.
            now_ms: when.
        """
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.previous_state is not GroupState.EMPTY
            and group.all_joined
        ):
            self._complete(group, now_ms)

    def drop_assignments(self, group: ClassicGroup, error: ErrorCode, now_ms: int) -> None:
        """Answer all syncs that wait with an error.

        Args:
            group: one that waits for its leader.
            error: why there will be no assignment.
            now_ms: when.
        """
        group.assign({})
        self.spread(group, error, now_ms)

    def spread(self, group: ClassicGroup, error: ErrorCode, now_ms: int) -> None:
        """Answer all syncs that wait, each with its member's assignment.

        Args:
            group: one that waits for its leader.
            error: none, or why the assignments are empty.
            now_ms: when; from then on the members must send heartbeats again.
        """
        good = error is ErrorCode.none
        for member in group.members.values():
            answer = SyncAnswer(
                error=error,
                protocol_type=group.protocol_type if good else None,
                protocol_name=group.protocol_name if good else None,
                assignment=member.assignment,
            )
            if self.answer_sync(member, answer):
                self.watch(group, member, now_ms)

    def end_sync_wait(self, group: ClassicGroup, member_id: str) -> None:
        """Note that a member has synced; when all have, nobody needs to be waited for.

        Args:
            group: its group.
            member_id: the member.
        """
        group.pending_syncs.discard(member_id)
        if not group.pending_syncs:
            self._table.deadlines.cancel(Timer(TimerKind.SYNC, group.group_id))

    def be_due(self, timer: Timer, now_ms: int) -> None:
        """Do what a deadline asks for.

        Args:
            timer: which deadline is over; not one of offsets.
            now_ms: when it was due.
        """
        group = self._table.find(timer.group)
        if group is None:
            return
        match timer.kind:
            case TimerKind.SESSION:
                self._expire_session(group, timer.member, now_ms)
            case TimerKind.INITIAL_DELAY:
                self._end_delay(group, now_ms)
            case TimerKind.JOIN:
                self._complete(group, now_ms)
            case TimerKind.SYNC:
                self._expire_syncs(group, now_ms)

    def _delay(self, group: ClassicGroup, step_ms: int, remaining_ms: int, now_ms: int) -> None:
        group.initial_step_ms = step_ms
        group.initial_remaining_ms = remaining_ms
        timer = Timer(TimerKind.INITIAL_DELAY, group.group_id)
        self._table.deadlines.set(timer, now_ms + step_ms)

    def _end_delay(self, group: ClassicGroup, now_ms: int) -> None:
        """Wait one more step if somebody came meanwhile, as long as the timeout allows."""
        remaining_ms = group.initial_remaining_ms
        if not group.member_came_late or remaining_ms == 0:
            self._complete(group, now_ms)
            return
        group.member_came_late = False
        step_ms = min(self._table.config.initial_rebalance_delay_ms, remaining_ms)
        self._delay(group, step_ms, max(remaining_ms - group.initial_step_ms, 0), now_ms)

    def _complete(self, group: ClassicGroup, now_ms: int) -> None:
        """End the joining: those who have not joined are out, the others are a generation."""
        self._table.deadlines.cancel(Timer(TimerKind.JOIN, group.group_id))
        self._table.deadlines.cancel(Timer(TimerKind.INITIAL_DELAY, group.group_id))
        for member in list(group.members.values()):
            if member.join_token is None and not member.is_static:
                group.remove(member.member_id)
                self.unwatch(group, member.member_id)
        if not group.elect_leader() and group.members:
            patience_ms = max(group.rebalance_timeout_ms, _LEAST_PATIENCE_MS)
            timer = Timer(TimerKind.JOIN, group.group_id)
            self._table.deadlines.set(timer, now_ms + patience_ms)
            return
        group.begin_generation(now_ms)
        if group.members:
            self._announce(group, now_ms)
        else:
            self._table.store(group, {})

    def _announce(self, group: ClassicGroup, now_ms: int) -> None:
        """Tell all members the new generation, and wait for their syncs."""
        for member in group.members.values():
            if member.join_token is not None:
                self.answer_join(group, member, self.joined_answer(group, member))
            self.watch(group, member, now_ms)
            member.is_new = False
            group.pending_syncs.add(member.member_id)
        timer = Timer(TimerKind.SYNC, group.group_id)
        self._table.deadlines.set(timer, now_ms + group.rebalance_timeout_ms)

    def _expire_syncs(self, group: ClassicGroup, now_ms: int) -> None:
        """Members that joined and did not sync are out."""
        if not group.pending_syncs:
            return
        for member_id in list(group.pending_syncs):
            group.remove(member_id)
            self.unwatch(group, member_id)
        self.prepare(group, now_ms)

    def _expire_session(self, group: ClassicGroup, member_id: str, now_ms: int) -> None:
        if member_id in group.pending_joins:
            self.sessions_expired += 1
            group.remove(member_id)
        else:
            member = group.members.get(member_id)
            if member is None or member.needs_no_heartbeat:
                return
            self.sessions_expired += 1
            self.answer_join(group, member, JoinAnswer(error=ErrorCode.unknown_member_id))
            group.remove(member_id)
            if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
                self.prepare(group, now_ms)
                return
        # Unlike a leave, an expiry ends even the initial delay, as in Kafka.
        if group.state is GroupState.PREPARING_REBALANCE and group.all_joined:
            self._complete(group, now_ms)
