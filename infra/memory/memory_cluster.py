"""The door: one cluster in memory, and a way to each of penstock's ports.

Programs are opened over it (`open_worker(..., cluster=cluster)`), as it fulfils
log_cluster.LogCluster; tests of ports and simulations take what they need of it:

    clock, entropy = VirtualClock(), SeededEntropy(7)
    cluster = MemoryCluster(clock=clock, entropy=entropy)
    await cluster.admin().create("orders", partitions=2, replication=1, config={})
    writer = cluster.writer()
    ...
    cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, loses=Loss.ANSWER))
    await clock.advance(10.0)

Nothing has to be opened or closed: what waits, waits on the clock, and when nobody waits no task is
left. Clients have names, by which faults and the history know them; where none is given, it is the
kind and a number.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Final, final

from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.groups.group_requests import LeavingMember
from penstock.infra.memory.fault import FaultPlan
from penstock.infra.memory.gate import MemoryGate
from penstock.infra.memory.history import History, HistoryEntry
from penstock.infra.memory.link import Link, LinkParts
from penstock.infra.memory.member import MemoryMember
from penstock.infra.memory.membership_requests import MembershipRequests
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.memory.memory_statistics import MemoryStatistics
from penstock.infra.memory.movable_clock import MovableClock
from penstock.infra.memory.reader import MemoryReader, open_reader
from penstock.infra.memory.slot_log import MemorySlotLog
from penstock.infra.memory.topics import MemoryTopics
from penstock.infra.memory.writer import MemoryWriter
from penstock.schemas.errors import CallerError
from penstock.workers.ports import Assignments

__all__ = ["MemoryCluster", "NoSuchMember"]

_DEFAULT_OPTIONS: Final = MemoryOptions()
_MOMENT_S: Final = 1.0
"""In which who was due acts, after a leap of time."""


@dataclass(eq=False, kw_only=True)
class NoSuchMember(CallerError):
    """A session that is to end is not there."""

    group: str
    """The group that was named."""
    client: str
    """The member that was named."""

    code: ClassVar[str] = "PEN-I155"
    what: ClassVar[str] = "The group {group} has no member of the name {client}."
    why: ClassVar[str] = "A session can only expire while the member is in its group."
    remedy: ClassVar[str] = "Wait until it has its partitions, or correct the name."


@final
class MemoryCluster:
    """One log with its groups and transactions."""

    def __init__(
        self, *, clock: MovableClock, entropy: Entropy, options: MemoryOptions = _DEFAULT_OPTIONS
    ) -> None:
        """Run, empty.

        Args:
            clock: the only time; a VirtualClock for tests that turn it.
            entropy: the only randomness: ids of topics and members, and latencies.
            options: how it is made.

        Raises:
            BrokerOptionUnknown: a configuration has no such name.
            BrokerOptionRefused: configurations are not allowed.
        """
        self.faults: Final = FaultPlan()
        """What is to befall the next requests."""
        self.clock: Final = clock
        self.entropy: Final = entropy
        self._latency = options.latency
        self._broker = MemoryBroker(
            clock=clock,
            entropy=entropy,
            config=options.config,
            log_memory_bytes=options.log_memory_bytes,
        )
        self._history = History(options.history_entries)
        self._names: Counter[str] = Counter()
        self._parts = LinkParts(
            broker=self._broker,
            clock=clock,
            faults=self.faults,
            history=self._history,
            draw_latency_s=self._draw_latency_s,
        )

    # --- ports ---

    def admin(self, *, name: str | None = None) -> MemoryTopics:
        """Administration of topics: events.log.TopicAdmin."""
        return MemoryTopics(self._broker, self.clock, self._link(name, "admin"))

    def writer(self, *, name: str | None = None) -> MemoryWriter:
        """A writer: events.log.BatchWriter."""
        return MemoryWriter(self._broker, self.clock, self._link(name, "writer"))

    async def reader(self, *partitions: Partition, name: str | None = None) -> MemoryReader:
        """A reader of these partitions, each at its beginning: events.log.LogReader.

        Raises:
            TopicMissing: one of them does not exist.
            KafkaUnreachable: the broker did not answer in time.
        """
        link = self._link(name, "reader")
        return await open_reader(self._broker, self.clock, link, partitions)

    async def member(
        self,
        *,
        group: str,
        topics: Sequence[str],
        assignments: Assignments,
        session_timeout_s: float = 10.0,
        rebalance_timeout_s: float = 30.0,
        max_poll_interval_s: float = 120.0,
        name: str | None = None,
    ) -> MemoryMember:
        """Become a member of a group: workers.ports.GroupMember.

        It joins by and by, and is told of its partitions then.

        Args:
            group: the group's id.
            topics: what to read.
            assignments: told of partitions that come and go.
            session_timeout_s: without a heartbeat for so long, it is thrown out.
            rebalance_timeout_s: so long it may drain before the group goes on without it.
            max_poll_interval_s: without a poll for so long, it leaves by itself.
            name: by which faults and the history know it.
        """
        link = self._link(name, "member")
        requests = MembershipRequests(
            self._broker,
            self.clock,
            link,
            group=group,
            topics=topics,
            session_timeout_s=session_timeout_s,
            rebalance_timeout_s=rebalance_timeout_s,
        )
        member = MemoryMember(
            self._broker,
            self.clock,
            link,
            requests,
            topics=topics,
            assignments=assignments,
            session_timeout_s=session_timeout_s,
            max_poll_interval_s=max_poll_interval_s,
        )
        member.begin()
        return member

    def gate(self, *, name: str | None = None) -> MemoryGate:
        """Where transactional producers come from: workers.ports.ProducerGate.

        A producer's name is its transactional id. To fence somebody, `fence` that id here.

        Args:
            name: of its readers.
        """
        reader = name or self._numbered("restorer")
        return MemoryGate(self._broker, self.clock, lambda each: Link(self._parts, each), reader)

    def slot_log(
        self, partitions: Sequence[Partition], transactional_id: str, *, name: str | None = None
    ) -> MemorySlotLog:
        """The topic of a set of counters: replication.counter_log.SlotLog.

        Args:
            partitions: all of the topic, in order.
            transactional_id: the slot's.
            name: by which faults and the history know it.
        """
        link = self._link(name or transactional_id, "slot")
        return MemorySlotLog(self._broker, self.clock, link, partitions, transactional_id)

    # --- what a test does to it ---

    async def pass_by(self, by: timedelta) -> None:
        """Let time pass at once, and then a second in which whoever was due on the way acts.

        For timers of hours, which would take long to be waited for step by step. Every member of a
        group was heard of all the while. Whatever is under way has waited for so long, too: so do
        it when all is quiet.

        Args:
            by: how much; not negative.

        Raises:
            ValueError: time does not go back.
        """
        self.clock.move(by)
        now_ms = self._broker.now_ms()
        self._broker.core.groups.hear_from_all(now_ms=now_ms)
        self._broker.catch_up()
        await self.clock.sleep_until(self.clock.monotonic() + _MOMENT_S)

    def stop(self) -> None:
        """Let the broker be away: nothing is taken, and nobody is answered."""
        self._broker.stop()

    def start(self) -> None:
        """Let the broker come back, with its logs, offsets, groups and transactions."""
        self._broker.start()

    def restart(self) -> None:
        """Stop and start: connections break, what was acknowledged stays."""
        self.stop()
        self.start()

    def expire(self, group: str, client: str) -> None:
        """End a member's session now. It learns of it as always: with its next request.

        Args:
            group: the group's id.
            client: the member's name.

        Raises:
            NoSuchMember: the group does not have it.
        """
        groups, now_ms = self._broker.core.groups, self._broker.catch_up()
        leaving = [
            LeavingMember(member_id=member.member_id)
            for member in groups.describe(group).members
            if member.client_id == client
        ]
        if not leaving:
            raise NoSuchMember(group=group, client=client)
        groups.leave(group, leaving, now_ms=now_ms)
        self._broker.settle()

    def hold_markers(self, *, held: bool) -> None:
        """Leave transactions undone between their decision and their markers, or go on."""
        self._broker.holds_markers = held
        self._broker.catch_up()

    @property
    def core(self) -> Broker:
        """The broker itself, to look into, and for what no port of penstock does."""
        self._broker.catch_up()
        return self._broker.core

    def history(self) -> tuple[HistoryEntry, ...]:
        """What became of the latest requests, in the order in which it happened."""
        return self._history.entries()

    def statistics(self) -> MemoryStatistics:
        """Return the cluster in numbers."""
        return MemoryStatistics(
            requests=self._history.counts(),
            faults_met=self.faults.used,
            faults_pending=len(self.faults.pending),
            waiting_readers=self._broker.arrivals.waiting,
            waiting_members=self._broker.waiting_members,
            timers=self._broker.timers.pending,
            incarnation=self._broker.incarnation,
            broker=self._broker.core.statistics(),
        )

    def _link(self, name: str | None, kind: str) -> Link:
        return Link(self._parts, name or self._numbered(kind))

    def _numbered(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}-{self._names[kind]}"

    def _draw_latency_s(self) -> float:
        least_s, most_s = self._latency.least_s, self._latency.most_s
        if most_s == least_s:
            return least_s
        return least_s + self.entropy.random() * (most_s - least_s)
