"""One group of the classic protocol: its members, their votes, its generation and state.

Bookkeeping only: it knows no deadlines and sends no answers. When something happens is decided by
`membership` and `rebalances`; whether it can, by `group_state`.

Laws:
1. The leader is a member; a group without members has none.
2. Every member supports a protocol that all support, so an election always has a winner.
3. An instance id belongs to at most one member.
"""

from collections.abc import Iterable, Mapping
from typing import Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.consumer_subscription import subscribed_topics
from penstock.infra.embedded.groups.group_answers import JoinedMember
from penstock.infra.embedded.groups.group_entry import GroupStored
from penstock.infra.embedded.groups.group_member import GroupMember, Protocols
from penstock.infra.embedded.groups.group_state import GroupEvent, GroupState, next_state
from penstock.infra.embedded.groups.memory_gauge import GROUP_WEIGHT, MEMBER_WEIGHT, MemoryGauge
from penstock.infra.embedded.groups.protocol_vote import elect

__all__ = ["ClassicGroup"]

_CONSUMERS: Final = "consumer"
"""The protocol type whose metadata is a subscription."""


@final
class ClassicGroup:
    """A group."""

    def __init__(self, group_id: str, *, gauge: MemoryGauge, now_ms: int) -> None:
        """Make an empty group.

        Args:
            group_id: its id.
            gauge: counts what it holds.
            now_ms: since then it is empty.
        """
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.previous_state = GroupState.DEAD
        self.state_time_ms = now_ms
        self.generation = 0
        self.protocol_type: str | None = None
        """None until somebody joins."""
        self.protocol_name: str | None = None
        self.leader_id: str | None = None
        self.members: dict[str, GroupMember] = {}
        self.pending_joins: set[str] = set()
        """Ids that were given out and have not joined yet."""
        self.pending_syncs: set[str] = set()
        """Members of this generation that have not synced yet."""
        self.awaiting_join = 0
        """Members whose join waits."""
        self.member_came_late = False
        """Somebody joined during the initial delay, which is therefore made longer."""
        self.initial_step_ms = 0
        """The part of the initial delay that runs now; see `rebalances`."""
        self.initial_remaining_ms = 0
        """How much longer the initial delay may become."""
        self.subscriptions: frozenset[str] | None = None
        """Topics that the members read; None where that cannot be known."""
        self._static: dict[str, str] = {}
        self._supporters: dict[str, int] = {}
        self._gauge = gauge
        gauge.held += GROUP_WEIGHT + len(group_id)

    @property
    def is_consumer_group(self) -> bool:
        """True where the members' metadata are subscriptions."""
        return self.protocol_type == _CONSUMERS

    @property
    def rebalance_timeout_ms(self) -> int:
        """The longest of its members'; 0 and more."""
        longest = max((member.rebalance_timeout_ms for member in self.members.values()), default=0)
        return max(longest, 0)

    @property
    def all_joined(self) -> bool:
        """True when nobody has to be waited for in a rebalance."""
        return len(self.members) == self.awaiting_join and not self.pending_joins

    def happen(self, event: GroupEvent, now_ms: int) -> None:
        """Move to the next state.

        Args:
            event: what happened.
            now_ms: when.
        """
        following = next_state(self.group_id, self.state, event)
        self.previous_state = self.state
        self.state = following
        self.state_time_ms = now_ms

    def is_leader(self, member_id: str) -> bool:
        """Say whether this member leads.

        Args:
            member_id: a member's id.
        """
        return self.leader_id == member_id

    def static_member_id(self, instance_id: str) -> str | None:
        """Say which member has an instance id.

        Args:
            instance_id: name of a static member.

        Returns:
            Its member id; None where there is no such member.
        """
        return self._static.get(instance_id)

    def fault_of(self, member_id: str, instance_id: str | None) -> ErrorCode:
        """Check that a request comes from a member.

        Args:
            member_id: what it says it is.
            instance_id: what it says it is, if it is static.

        Returns:
            FENCED_INSTANCE_ID where another has its instance id; UNKNOWN_MEMBER_ID; or none.
        """
        if instance_id is not None:
            owner = self._static.get(instance_id)
            if owner is None:
                return ErrorCode.unknown_member_id
            if owner != member_id:
                return ErrorCode.fenced_instance_id
        return ErrorCode.none if member_id in self.members else ErrorCode.unknown_member_id

    def supports(self, protocol_type: str, protocols: Protocols) -> bool:
        """Say whether somebody with these protocols fits in.

        Args:
            protocol_type: of the one who asks.
            protocols: of the one who asks.

        Returns:
            True where all members support one of them.
        """
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and bool(protocols)
        return self.protocol_type == protocol_type and any(
            self._supporters.get(name, 0) == len(self.members) for name, _ in protocols
        )

    def add_pending(self, member_id: str) -> None:
        """Remember an id that was given out.

        Args:
            member_id: the id.
        """
        self.pending_joins.add(member_id)
        self._gauge.held += _pending_weight(member_id)

    def drop_pending(self, member_id: str) -> bool:
        """Forget an id that was given out.

        Args:
            member_id: the id.

        Returns:
            Whether it was one.
        """
        if member_id not in self.pending_joins:
            return False
        self.pending_joins.discard(member_id)
        self._gauge.held -= _pending_weight(member_id)
        return True

    def add(self, member: GroupMember, protocol_type: str | None) -> None:
        """Take a member in.

        Args:
            member: the new member.
            protocol_type: the first member decides for all.
        """
        if not self.members:
            self.protocol_type = protocol_type
        if member.instance_id is not None:
            self._static[member.instance_id] = member.member_id
        if self.leader_id is None:
            self.leader_id = member.member_id
        self.members[member.member_id] = member
        self._count_support(member, 1)
        self._gauge.held += member.weight
        self.drop_pending(member.member_id)

    def remove(self, member_id: str) -> None:
        """Take a member or a pending id out; another member becomes leader if need be.

        Args:
            member_id: who goes; may be nobody.
        """
        member = self.members.pop(member_id, None)
        if member is not None:
            self._count_support(member, -1)
            self._gauge.held -= member.weight
            self.awaiting_join -= member.join_token is not None
            if member.instance_id is not None:
                self._static.pop(member.instance_id, None)
        if self.leader_id == member_id:
            self.leader_id = next(iter(self.members), None)
        self.drop_pending(member_id)
        self.pending_syncs.discard(member_id)

    def replace_static(self, old: GroupMember, new: GroupMember) -> None:
        """Put a static member in the place of its former self, leadership included.

        Args:
            old: a member that waits for nothing.
            new: of the same instance, under another id.
        """
        del self.members[old.member_id]
        self.members[new.member_id] = new
        self._count_support(old, -1)
        self._count_support(new, 1)
        self._gauge.held += new.weight - old.weight
        if self.leader_id == old.member_id:
            self.leader_id = new.member_id
        if new.instance_id is not None:
            self._static[new.instance_id] = new.member_id

    def update(
        self,
        member: GroupMember,
        *,
        protocols: Protocols,
        session_timeout_ms: int,
        rebalance_timeout_ms: int,
    ) -> None:
        """Take over what a member says anew.

        Args:
            member: the member.
            protocols: what it supports now.
            session_timeout_ms: counts from its next heartbeat.
            rebalance_timeout_ms: counts from the next rebalance.
        """
        self._count_support(member, -1)
        self._gauge.held -= member.weight
        member.protocols = protocols
        self._gauge.held += member.weight
        self._count_support(member, 1)
        member.session_timeout_ms = session_timeout_ms
        member.rebalance_timeout_ms = rebalance_timeout_ms

    def assign(self, assignments: Mapping[str, bytes]) -> None:
        """Give every member its assignment; those that are not named get an empty one.

        Args:
            assignments: by member id.
        """
        for member in self.members.values():
            assignment = assignments.get(member.member_id, b"")
            self._gauge.held += len(assignment) - len(member.assignment)
            member.assignment = assignment

    def begin_join_wait(self, member: GroupMember, token: int) -> None:
        """Let a member's join wait.

        Args:
            member: a member that waits for no join.
            token: its request.
        """
        member.join_token = token
        self.awaiting_join += 1

    def end_join_wait(self, member: GroupMember) -> int | None:
        """End a member's wait.

        Args:
            member: the member.

        Returns:
            Its request, to be answered; None where it did not wait.
        """
        token = member.join_token
        if token is not None:
            member.join_token = None
            self.awaiting_join -= 1
        return token

    def elect_leader(self) -> bool:
        """Make sure that the leader is one who has joined.

        Returns:
            False when nobody has joined.
        """
        if self.leader_id is None:
            return False
        if self.members[self.leader_id].join_token is not None:
            return True
        joined = (one.member_id for one in self.members.values() if one.join_token is not None)
        successor = next(joined, None)
        if successor is None:
            return False
        self.leader_id = successor
        return True

    def elect_protocol(self) -> str | None:
        """Count the members' votes; None without members."""
        everybody = len(self.members)
        candidates = {name for name, count in self._supporters.items() if count == everybody}
        return elect((member.protocol_names for member in self.members.values()), candidates)

    def begin_generation(self, now_ms: int) -> None:
        """End the joining: count the generation up, choose the protocol.

        Args:
            now_ms: when.
        """
        self.generation += 1
        self.protocol_name = self.elect_protocol()
        self.learn_subscriptions()
        self.happen(GroupEvent.MEMBERS_JOINED if self.members else GroupEvent.NOBODY_JOINED, now_ms)
        self.pending_syncs.clear()

    def learn_subscriptions(self) -> None:
        """Look into the members' metadata for the topics that they read."""
        self.subscriptions = None
        if not self.is_consumer_group:
            return
        topics: set[str] = set()
        for member in self.members.values():
            subscription = subscribed_topics(member.metadata(self.protocol_name))
            if subscription is None:
                return
            topics |= subscription
        self.subscriptions = frozenset(topics)

    def reads(self, topic: str) -> bool:
        """Say whether its members read a topic; yes, where that cannot be known.

        Args:
            topic: a topic's name.
        """
        if self.subscriptions is None:
            return self.is_consumer_group
        return topic in self.subscriptions

    def joined_members(self) -> tuple[JoinedMember, ...]:
        """Show all members to the leader."""
        return tuple(member.joined(self.protocol_name) for member in self.members.values())

    def entry(self, assignments: Mapping[str, bytes]) -> GroupStored:
        """Show the group to the journal.

        Args:
            assignments: by member id; those that are not named get an empty one.
        """
        return GroupStored(
            group=self.group_id,
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol_name=self.protocol_name,
            leader=self.leader_id,
            state_time_ms=self.state_time_ms,
            members=tuple(
                member.kept(self.protocol_name, assignments.get(member.member_id, b""))
                for member in self.members.values()
            ),
        )

    def restore(self, entry: GroupStored) -> None:
        """Become the group that was kept; must be new.

        Args:
            entry: what `entry` returned.
        """
        for kept in entry.members:
            member = GroupMember(
                member_id=kept.member_id,
                instance_id=kept.instance_id,
                client_id=kept.client_id,
                client_host=kept.client_host,
                protocols=((entry.protocol_name or "", kept.metadata),),
                session_timeout_ms=kept.session_timeout_ms,
                rebalance_timeout_ms=kept.rebalance_timeout_ms,
                assignment=kept.assignment,
            )
            self.add(member, entry.protocol_type)
        if entry.leader in self.members:
            self.leader_id = entry.leader
        self.generation = entry.generation
        self.protocol_type = entry.protocol_type
        self.protocol_name = entry.protocol_name
        self.state = GroupState.STABLE if entry.members else GroupState.EMPTY
        self.state_time_ms = entry.state_time_ms
        self.learn_subscriptions()

    def release(self) -> None:
        """Give back what the group holds; it is not used again."""
        for member_id in [*self.members, *self.pending_joins]:
            self.remove(member_id)
        self._gauge.held -= GROUP_WEIGHT + len(self.group_id)

    def _count_support(self, member: GroupMember, change: int) -> None:
        for name in _distinct(member.protocol_names):
            count = self._supporters.get(name, 0) + change
            if count:
                self._supporters[name] = count
            else:
                self._supporters.pop(name, None)


def _distinct(names: Iterable[str]) -> Iterable[str]:
    """A client may name a protocol twice; it still has one vote."""
    return dict.fromkeys(names)


def _pending_weight(member_id: str) -> int:
    return MEMBER_WEIGHT // 2 + len(member_id)
