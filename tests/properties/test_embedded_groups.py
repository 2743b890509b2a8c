"""A consumer group under all that may happen to it.

Members come, change, sync, live, leave, vanish with their connection, come back as zombies, and are
replaced by others of the same instance; offsets are committed by members, by strangers and in
transactions; time moves in small steps and in large ones; the broker restarts. Whatever happens:

- a generation has one assignment, and every member that gets one gets its share of that;
- nobody commits (without a transaction) for a generation that is over;
- who is silent for long enough is out;
- every request that waits is answered as soon as the longest rebalance timeout is over;
- a fetched offset is the last one that was committed, and no other;
- a restart brings back the same offsets, and the group as it was kept last;
- a coordinator whose clock moves in one step does what one does that is woken at each deadline;
- the books agree: votes, waiting joins, memory.
"""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.classic_group import ClassicGroup
from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer
from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_requests import LeavingMember
from penstock.infra.embedded.groups.group_state import GroupState
from penstock.infra.embedded.groups.memory_gauge import GROUP_WEIGHT, MEMBER_WEIGHT
from penstock.infra.embedded.groups.offset_store import weight_of
from penstock.infra.embedded.topic_partition import TopicPartition
from tests.infra.embedded.groups.group_bench import GROUP, Bench, Member, subscription
from tests.properties.effort import LONG_PLAYS

pytestmark = pytest.mark.timeout(300)

CONFIG = GroupConfig(initial_rebalance_delay_ms=3_000, max_size=5)
REBALANCES_MS = (0, 5_000, 20_000)
LONGEST_WAIT_MS = max(*REBALANCES_MS, CONFIG.initial_rebalance_delay_ms)
LONGEST_SILENCE_MS = 400_000
"""A new member is waited for 300 s, and a rebalance and a session may follow."""
PARTITIONS = (TopicPartition("orders", 0), TopicPartition("payments", 0))
PRODUCERS = (500, 600)
PROTOCOLS = (
    (("range", subscription("orders")), ("sticky", b"s")),
    (("sticky", b"s"), ("range", subscription("orders"))),
    (("range", subscription("orders", "payments")),),
)

slots = st.integers(0, 5)
partitions = st.sampled_from(PARTITIONS)
producers = st.sampled_from(PRODUCERS)
offsets = st.integers(0, 1_000)
Result = TypeVar("Result")


class Client:
    """One process that may be a member."""

    def __init__(self, instance_id: str | None) -> None:
        """Know nothing."""
        self.instance_id = instance_id
        self.member = Member(member_id="", generation=-1, instance_id=instance_id)
        self.former: list[Member] = []
        self.token: int | None = None
        self.everybody: list[str] = []
        """Whom it must assign, if it leads."""


class Stepped(Bench):
    """A bench whose coordinator is woken at each deadline, and which notes when answers come."""

    def collect(self) -> None:
        """Take in the answers that have become due."""
        self.answered_ms = getattr(self, "answered_ms", {})
        before = set(self.answers)
        super().collect()
        self.answered_ms |= dict.fromkeys(self.answers.keys() - before, self.now_ms)

    def pass_time(self, ms: int) -> None:
        """Turn the clock from deadline to deadline."""
        end_ms = self.now_ms + ms
        while (due_ms := self.coordinator.next_deadline_ms()) is not None and due_ms < end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.coordinator.tick(self.now_ms)
            self.collect()
        self.now_ms = end_ms
        self.coordinator.tick(end_ms)
        self.collect()


class GroupMachine(RuleBasedStateMachine):
    """Six clients, two of them static, and one group."""

    def __init__(self) -> None:
        """Begin without a group."""
        super().__init__()
        self.bench = Bench(CONFIG)
        self.twin = Stepped(CONFIG)
        self.clients = [Client(f"i-{slot}" if slot < 2 else None) for slot in range(6)]
        self.asked: dict[int, tuple[Client, int]] = {}
        self.assignments: dict[int, dict[str, bytes]] = {}
        self.proposed: dict[int, tuple[int, dict[str, bytes]]] = {}
        self.generation = 0
        self.committed: dict[TopicPartition, tuple[int, int]] = {}
        self.pending: dict[int, dict[TopicPartition, tuple[int, int]]] = {}
        self.commits = 0
        self.compared = 0
        """Entries of the journal that were found alike."""

    def both(self, act: Callable[[Bench], Result]) -> Result:
        """Let both coordinators do the same, and take in what it leads to."""
        result, twin = act(self.bench), act(self.twin)
        assert result == twin
        assert self.bench.answers == self.twin.answers
        assert len(self.bench.journal) == len(self.twin.journal)
        assert self.bench.journal[self.compared :] == self.twin.journal[self.compared :]
        self.compared = len(self.bench.journal)
        self.take_answers()
        for token in [*self.bench.answers]:
            if token not in self.asked:
                del self.bench.answers[token], self.twin.answers[token]
        return result

    def take_answers(self) -> None:
        """Tell the clients what they were answered."""
        answered = [token for token in self.asked if token in self.bench.answers]
        # The leader's first: its share is what the others' shares are held against.
        for token in sorted(answered, key=lambda token: not self.proposed.get(token, (0, {}))[1]):
            client, asked_ms = self.asked.pop(token)
            answered_ms = self.twin.answered_ms.get(token, asked_ms)
            assert answered_ms - asked_ms <= LONGEST_WAIT_MS, "nobody waits longer"
            if client.token == token:
                client.token = None
            answer = self.bench.answers[token]
            if isinstance(answer, JoinAnswer):
                self.take_join(client, answer)
            else:
                self.take_sync(token, client, answer)

    def take_join(self, client: Client, answer: JoinAnswer) -> None:
        """A client is in a generation, or is told why not."""
        if answer.error is ErrorCode.none:
            assert answer.generation >= self.generation
            self.generation = answer.generation
            assert not answer.members or answer.member_id in {
                member.member_id for member in answer.members
            }
            self.be(client, answer.member_id, answer.generation)
            client.everybody = [member.member_id for member in answer.members]
        elif answer.error is ErrorCode.member_id_required:
            self.be(client, answer.member_id, -1)
        elif answer.error in (ErrorCode.unknown_member_id, ErrorCode.fenced_instance_id):
            self.be(client, "", -1)

    def take_sync(self, token: int, client: Client, answer: SyncAnswer) -> None:
        """A client has its share of its generation's one assignment."""
        generation, shares = self.proposed.pop(token)
        if answer.error is not ErrorCode.none:
            return
        if shares:
            known = self.assignments.setdefault(generation, shares)
            assert known is shares or self.bench.state() == "Stable", "one assignment only"
        assert generation in self.assignments, "only a leader's sync makes a generation stable"
        assert answer.assignment == self.assignments[generation].get(client.member.member_id, b"")

    def be(self, client: Client, member_id: str, generation: int) -> None:
        """Remember who a client was: it may come back as a zombie."""
        if client.member.member_id:
            client.former.append(client.member)
        client.member = Member(
            member_id=member_id, generation=generation, instance_id=client.instance_id
        )

    def as_known(self, client: Client, *, zombie: bool) -> Member:
        """Who a client says it is: what it last learned, or something that it was before."""
        return client.former[-1] if zombie and client.former else client.member

    @rule(
        slot=slots,
        version=st.sampled_from([3, 5, 9]),
        protocols=st.sampled_from(PROTOCOLS),
        session_ms=st.sampled_from([6_000, 30_000]),
        rebalance_ms=st.sampled_from(REBALANCES_MS),
        forgets=st.integers(0, 4),
    )
    def join(
        self,
        *,
        slot: int,
        version: int,
        protocols: tuple[tuple[str, bytes], ...],
        session_ms: int,
        rebalance_ms: int,
        forgets: int,
    ) -> None:
        """A client joins, as it is known or as a new one; now and then while it already waits."""
        client = self.clients[slot]
        member_id = client.member.member_id if forgets else ""
        instance_id = client.instance_id if version >= 5 else None

        def act(bench: Bench) -> int:
            return bench.ask_join(
                f"c{slot}",
                member_id=member_id,
                instance_id=instance_id,
                protocols=protocols,
                version=version,
                session_timeout_ms=session_ms,
                rebalance_timeout_ms=rebalance_ms,
            )

        self.ask(client, act)

    @rule(slot=slots, zombie=st.booleans(), salt=st.integers(0, 9))
    def sync(self, slot: int, zombie: bool, salt: int) -> None:
        """A client asks for its assignment; who was told that it leads brings all of them."""
        client = self.clients[slot]
        member = self.as_known(client, zombie=zombie)
        shares = (
            {member_id: f"{member_id}/{salt}".encode() for member_id in client.everybody}
            if member is client.member
            else {}
        )

        def act(bench: Bench) -> int:
            token = bench.ask_sync(member, shares)
            self.proposed[token] = (member.generation, shares)
            return token

        self.ask(client, act)

    @rule(away=slots, leader=st.sampled_from(["first", "last", "never"]))
    def settle(self, away: int, leader: str) -> None:
        """All do what a good client does, but one that is away: they join, and then they sync."""
        present = [client for client in self.clients if client is not self.clients[away]]
        for _ in range(2):  # new ones are told their id first
            for slot, client in enumerate(self.clients):
                if client in present and client.token is None:
                    self.join(
                        slot=slot,
                        version=5,
                        protocols=PROTOCOLS[slot % 3],
                        session_ms=30_000,
                        rebalance_ms=20_000,
                        forgets=1,
                    )
        self.wait(LONGEST_WAIT_MS)
        leaders = [client for client in present if client.everybody]
        others = [client for client in present if not client.everybody]
        order = {"first": leaders + others, "last": others + leaders, "never": others}[leader]
        for client in order:
            if client.token is None and client.member.generation >= 0:
                self.sync(slot=self.clients.index(client), zombie=False, salt=0)

    @rule(silent=slots)
    def live(self, silent: int) -> None:
        """All but one send a heartbeat, and time passes."""
        for slot, client in enumerate(self.clients):
            if slot != silent and client.token is None:
                self.heartbeat(slot=slot, zombie=False)
        self.wait(5_000)

    def ask(self, client: Client, act: Callable[[Bench], int]) -> None:
        """Send a request that may wait."""
        tokens = []

        def noted(bench: Bench) -> int:
            tokens.append(act(bench))
            self.asked[tokens[-1]] = (client, bench.now_ms)
            client.token = tokens[-1]
            return tokens[-1]

        self.both(noted)
        assert tokens[0] == tokens[1]

    @rule(slot=slots, zombie=st.booleans())
    def heartbeat(self, slot: int, zombie: bool) -> None:
        """A client says that it lives; who has to join again joins at its own time."""
        client = self.clients[slot]
        member = self.as_known(client, zombie=zombie)
        error = self.both(lambda bench: bench.heartbeat(member))
        if error is ErrorCode.none:
            assert member.generation == self.bench.coordinator._table.groups[GROUP].generation

    @rule(slot=slots, by_instance=st.booleans())
    def leave(self, slot: int, by_instance: bool) -> None:
        """A client leaves, or an administrator takes it out."""
        client = self.clients[slot]
        one = LeavingMember(
            member_id="" if by_instance else client.member.member_id,
            instance_id=client.instance_id,
        )
        self.both(lambda bench: bench.leave(one))

    @precondition(lambda self: any(client.token for client in self.clients))
    @rule(data=st.data())
    def lose_connection(self, data: st.DataObject) -> None:
        """A client that waits is gone; nobody tells the group."""
        waiting = [client for client in self.clients if client.token is not None]
        client = data.draw(st.sampled_from(waiting))
        token = client.token
        assert token is not None
        client.token = None
        self.asked.pop(token)
        self.both(lambda bench: bench.coordinator.forget_token(token))

    @rule(ms=st.sampled_from([1, 3_000, 6_000, 20_000, 30_000, 700_000]))
    def wait(self, ms: int) -> None:
        """Time passes, in one step or in many."""
        self.both(lambda bench: bench.pass_time(ms))
        if ms > LONGEST_SILENCE_MS:
            assert self.bench.coordinator.statistics().members == 0, "who is silent is out"

    @rule(slot=slots, partition=partitions, offset=offsets, as_whom=st.integers(0, 2))
    def commit(self, slot: int, partition: TopicPartition, offset: int, as_whom: int) -> None:
        """A member, a zombie or nobody in particular commits."""
        client = self.clients[slot]
        member = None if as_whom == 2 else self.as_known(client, zombie=as_whom == 1)
        error = self.both(lambda bench: bench.commit(offset, member, partition=partition))
        if error is ErrorCode.none:
            self.commits += 1
            self.committed[partition] = (self.commits, offset)
            group = self.bench.coordinator._table.groups[GROUP]
            assert group.state is GroupState.EMPTY or member is not None
            assert member is None or member.generation in (-1, group.generation)

    @rule(producer_id=producers, partition=partitions, offset=offsets, slot=slots)
    def commit_in_transaction(
        self, producer_id: int, partition: TopicPartition, offset: int, slot: int
    ) -> None:
        """A producer commits in its transaction, for a member."""
        member = self.clients[slot].member if slot else None
        error = self.both(
            lambda bench: bench.commit_in_transaction(
                offset, producer_id, member, partition=partition
            )
        )
        if error is ErrorCode.none:
            self.commits += 1
            self.pending.setdefault(producer_id, {})[partition] = (self.commits, offset)

    @rule(producer_id=producers, commit=st.booleans())
    def finish(self, producer_id: int, commit: bool) -> None:
        """A transaction ends."""
        self.both(lambda bench: bench.finish(producer_id, commit=commit))
        for partition, numbered in self.pending.pop(producer_id, {}).items():
            if commit:
                self.committed[partition] = max(self.committed.get(partition, (0, 0)), numbered)

    @rule()
    def delete(self) -> None:
        """An administrator deletes the group, if it is empty."""
        error = self.both(lambda bench: bench.coordinator.delete_group(GROUP, now_ms=bench.now_ms))
        if error is ErrorCode.none:
            self.committed.clear()
            self.pending.clear()

    @rule(partition=partitions)
    def delete_offset(self, partition: TopicPartition) -> None:
        """An administrator deletes an offset, if nobody reads the topic."""
        deleted = self.both(
            lambda bench: bench.coordinator.delete_offsets(GROUP, [partition], now_ms=bench.now_ms)
        )
        if deleted.partitions.get(partition) is ErrorCode.none:
            self.committed.pop(partition, None)
            for by_partition in self.pending.values():
                by_partition.pop(partition, None)

    @rule(partition=partitions)
    def delete_topic(self, partition: TopicPartition) -> None:
        """A topic goes, whoever reads it, and all offsets with it."""
        self.both(lambda bench: bench.forget_partitions(partition))
        for offsets in (self.committed, *self.pending.values()):
            offsets.pop(partition, None)

    @rule(from_snapshot=st.booleans())
    def restart(self, from_snapshot: bool) -> None:
        """The broker starts again with its journal; all connections are gone."""
        kept = self.bench.coordinator._table.stored.get(GROUP)
        entries = list(self.bench.coordinator.snapshot()) if from_snapshot else self.bench.journal
        names = self.bench._names
        now_ms = self.bench.now_ms
        following = range(next(names) + 1, 10**9)
        self.bench = Bench(CONFIG, entries=entries, now_ms=now_ms, names=following)
        self.twin = Stepped(CONFIG, entries=entries, now_ms=now_ms, names=following)
        self.compared = len(self.bench.journal)
        self.asked.clear()
        self.proposed.clear()
        for client in self.clients:
            client.token = None
        group = self.bench.coordinator._table.groups.get(GROUP)
        self.generation = 0 if group is None else group.generation
        if kept is not None:
            assert group is not None
            assert group.generation == kept.generation
            assert {member.member_id: member.assignment for member in kept.members} == {
                member.member_id: member.assignment for member in group.members.values()
            }

    @invariant()
    def offsets_are_the_last_committed(self) -> None:
        """And unstable where an open transaction commits."""
        for partition in PARTITIONS:
            _, offset = self.committed.get(partition, (0, -1))
            assert self.bench.committed(partition) == offset
            unstable = any(partition in one for one in self.pending.values())
            expected = ErrorCode.unstable_offset_commit if unstable else offset
            assert self.bench.committed(partition, stable=True) == expected

    @invariant()
    def nobody_waits_too_long(self) -> None:
        """The longest rebalance timeout is the longest wait."""
        for _, asked_ms in self.asked.values():
            assert self.bench.now_ms - asked_ms <= LONGEST_WAIT_MS
        assert self.bench.coordinator.statistics().waiting == len(self.asked)

    @invariant()
    def generations_only_grow(self) -> None:
        """While there is a group; a new one begins anew, and so do the books."""
        group = self.bench.coordinator._table.groups.get(GROUP)
        if group is None or group.generation < self.generation:
            assert group is None or group.generation == 0
            self.generation = 0
            self.assignments.clear()

    @invariant()
    def books_agree(self) -> None:
        """What is counted as it changes is what is there."""
        table = self.bench.coordinator._table
        group = table.groups.get(GROUP)
        held = 0 if group is None else held_by(group)
        store = self.bench.coordinator._offsets.store
        for entry in store.entries():
            held += sum(weight_of(partition, kept) for partition, kept in entry.offsets)
        assert table.gauge.held == held
        if group is None:
            return
        members = group.members.values()
        assert (group.leader_id in group.members) == bool(members)
        assert group.awaiting_join == sum(one.join_token is not None for one in members)
        votes = Counter(name for one in members for name in one.protocol_names)
        assert group._supporters == votes
        assert group.state is not GroupState.EMPTY or not members
        statics = {one.instance_id: one.member_id for one in members if one.is_static}
        assert group._static == statics


def held_by(group: ClassicGroup) -> int:
    """The memory of a group, counted anew."""
    members = sum(member.weight for member in group.members.values())
    pending = sum(MEMBER_WEIGHT // 2 + len(member_id) for member_id in group.pending_joins)
    return GROUP_WEIGHT + len(group.group_id) + members + pending


def test_a_group_keeps_its_promises() -> None:
    """Whatever happens to it."""
    run_state_machine_as_test(
        GroupMachine, settings=settings(max_examples=LONG_PLAYS, stateful_step_count=60)
    )
