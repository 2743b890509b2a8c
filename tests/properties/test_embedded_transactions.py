"""The transaction coordinator under all that may happen to it.

Producers share transactional ids; some are zombies and do not know it. Transactions time out, ids
expire, epochs run out, the journal is full for a moment, markers are held back or written in part,
and the broker is killed at any moment. Beside the coordinator run a twin, which knows no more than
who may act and what is open, and logs that know their producers' open records.
Whatever happens:

- who may act is one producer at most: each producer id and epoch is given to one producer only,
  and whoever was fenced never acts again;
- a transaction has one outcome, the one that EndTxn acknowledged or an abort, at all of its
  partitions and groups, and none before it was settled;
- no marker ends the records of a later transaction;
- no producer id is given twice, restarts or not.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.marker_work import MarkerWork
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_coordinator import TransactionCoordinator
from penstock.infra.embedded.transactions.transaction_entry import (
    TransactionEntry,
    TransactionKept,
)
from penstock.infra.embedded.transactions.transaction_state import FOLLOWERS, TransactionState
from tests.properties.effort import LONG_PLAYS

pytestmark = pytest.mark.timeout(300)

IDS = ("x", "y")
PARTITIONS = tuple(TopicPartition(topic, number) for topic in "ab" for number in (0, 1))
GROUPS = ("g", "h")
TIMEOUTS_MS = (1_000, 30_000)
EXPIRY_MS = 100_000

ids = st.sampled_from(IDS)
places = st.sampled_from((*PARTITIONS, *GROUPS))
Place = TopicPartition | str


@dataclass(eq=False)
class Play:
    """One transaction, as it truly was."""

    transactional_id: str
    producer_id: int
    start_ms: int
    timeout_ms: int
    places: set[Place] = field(default_factory=set)
    outcome: bool | None = None


@dataclass(eq=False)
class Written:
    """A record, or an offset, in a log."""

    play: Play
    producer_id: int
    committed: bool | None = None


class JournalFull(Exception):
    """The journal takes no entry now."""


@dataclass(eq=False)
class Actor:
    """A producer's process: it believes what it was told last."""

    transactional_id: str
    timeout_ms: int
    producer: tuple[int, int]


def _places(work: MarkerWork) -> set[Place]:
    return {*work.partitions, *work.groups}


class TransactionMachine(RuleBasedStateMachine):
    """Several producers, one coordinator."""

    remembers = True

    def __init__(self) -> None:
        """Begin with nobody."""
        super().__init__()
        self.now_ms = 1_000_000
        self.journal: list[TransactionEntry] = []
        self.is_full = False
        self.actors: list[Actor] = []
        self.holders: dict[str, Actor | None] = {}
        self.open: dict[str, Play] = {}
        self.settled: dict[str, Play] = {}
        self.given: dict[tuple[int, int], Actor | None] = {}
        self.logs: dict[Place, list[Written]] = defaultdict(list)
        self.held: list[MarkerWork] = []

    @initialize(epoch=st.sampled_from([None, 5, 32_763]))
    def begin(self, epoch: int | None) -> None:
        """With an id that is known already, whose epochs may be nearly used up."""
        if epoch is not None:
            kept = TransactionKept(
                transactional_id="x",
                producer_id=500,
                producer_epoch=epoch,
                previous_producer_id=500,
                timeout_ms=1_000,
                state=TransactionState.EMPTY,
                update_ms=self.now_ms,
            )
            self.journal.append(kept)
            self.given[500, epoch] = None
        self._start()

    def _start(self) -> None:
        self.coordinator = TransactionCoordinator(
            config=TransactionConfig(id_expiration_ms=EXPIRY_MS), keep=self._keep
        )
        self.coordinator.restore(self.journal)

    def _keep(self, entry: TransactionEntry) -> None:
        if self.is_full:
            raise JournalFull
        if isinstance(entry, TransactionKept):
            self._check_change(entry)
        if self.remembers or not isinstance(entry, TransactionKept):
            self.journal.append(entry)

    def _check_change(self, entry: TransactionKept) -> None:
        """What is kept follows from what was, by the table; a fence is two steps at once."""
        before = self.coordinator.describe(entry.transactional_id).state
        if before:
            allowed = FOLLOWERS[TransactionState(before)]
            assert entry.state in allowed or entry.state == before, (before, entry.state)

    # --- producers ---

    @rule(transactional_id=ids, timeout_ms=st.sampled_from(TIMEOUTS_MS))
    def a_producer_starts(self, transactional_id: str, timeout_ms: int) -> None:
        """It asks until it is told who it is, or gives up: its next attempt is another rule."""
        self._initialise(Actor(transactional_id, timeout_ms, (-1, -1)))

    @precondition(lambda self: self.actors)
    @rule(data=st.data())
    def a_producer_raises_its_epoch(self, data: st.DataObject) -> None:
        """As after an error that it can live with; a zombie may try as well."""
        self._initialise(data.draw(st.sampled_from(self.actors)))

    def _initialise(self, actor: Actor) -> None:
        name = actor.transactional_id
        try:
            answer = self.coordinator.init_producer(
                name, actor.timeout_ms, *actor.producer, now_ms=self.now_ms
            )
        except JournalFull:
            return
        if answer.error is ErrorCode.concurrent_transactions:
            if name in self.open:  # it was fenced; else its markers are awaited
                self._fence(name)
            return
        if answer.error is not ErrorCode.none:
            assert actor.producer != (-1, -1)
            assert self.holders.get(name) is not actor
            return
        given = answer.producer_id, answer.producer_epoch
        assert name not in self.open
        assert name not in self.settled
        # The same may be told once more to who was told before; to nobody else.
        assert self.given.setdefault(given, actor) is actor
        assert all(
            self.given[other] is None or self.given[other].transactional_id == name  # type: ignore[union-attr] # looked at just before
            for other in self.given
            if other[0] == given[0]
        )
        actor.producer = given
        self.holders[name] = actor
        if actor not in self.actors:
            self.actors.append(actor)

    @rule()
    def an_idempotent_producer_starts(self) -> None:
        """It gets a producer id that nobody had."""
        try:
            answer = self.coordinator.init_producer(None, 0, now_ms=self.now_ms)
        except JournalFull:
            return
        assert answer.producer_id not in {producer_id for producer_id, _ in self.given}
        self.given[answer.producer_id, 0] = None

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), place=places)
    def a_producer_adds(self, data: st.DataObject, place: Place) -> None:
        """A partition, or a group."""
        self._add(data.draw(st.sampled_from(self.actors)), place)

    def _add(self, actor: Actor, place: Place) -> None:
        try:
            added = self._added(actor, place)
        except JournalFull:
            return
        if added is not ErrorCode.none:
            assert not self._may_act(actor), added
            return
        self._must_hold(actor)
        play = self.open.setdefault(
            actor.transactional_id,
            Play(actor.transactional_id, actor.producer[0], self.now_ms, actor.timeout_ms),
        )
        play.places.add(place)

    def _added(self, actor: Actor, place: Place) -> ErrorCode:
        if isinstance(place, str):
            return self.coordinator.add_group(
                actor.transactional_id, *actor.producer, place, now_ms=self.now_ms
            )
        return self.coordinator.add_partitions(
            actor.transactional_id, *actor.producer, [place], now_ms=self.now_ms
        )

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), place=places)
    def a_producer_writes(self, data: st.DataObject, place: Place) -> None:
        """The log asks the coordinator first (KIP-890); so do groups, for this twin's sake."""
        self._write(data.draw(st.sampled_from(self.actors)), place)

    def _write(self, actor: Actor, place: Place) -> None:
        play = self.open.get(actor.transactional_id)
        is_in = play is not None and place in play.places and self._may_act(actor)
        if isinstance(place, TopicPartition):
            verified = self.coordinator.verify(actor.transactional_id, *actor.producer, [place])
            assert (verified[place] is ErrorCode.none) == is_in
        if is_in:
            assert play is not None
            self.logs[place].append(Written(play, actor.producer[0]))

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), commit=st.booleans())
    def a_producer_ends(self, data: st.DataObject, *, commit: bool) -> None:
        """What is acknowledged is what will be."""
        self._end(data.draw(st.sampled_from(self.actors)), commit=commit)

    def _end(self, actor: Actor, *, commit: bool) -> None:
        name = actor.transactional_id
        was_open = name in self.open
        try:
            ended = self.coordinator.end(name, *actor.producer, commit=commit, now_ms=self.now_ms)
        except JournalFull:
            return
        if ended is not ErrorCode.none:
            assert not (was_open and self._may_act(actor)), ended
            return
        self._must_hold(actor)
        if was_open:
            self._settle(name, commit=commit)

    @rule(
        transactional_id=ids,
        some=st.sets(places, min_size=1, max_size=3),
        commit=st.booleans(),
        is_finished=st.booleans(),
    )
    def all_goes_well(
        self, transactional_id: str, some: set[Place], *, commit: bool, is_finished: bool
    ) -> None:
        """As mostly: the holder goes through a transaction, or through all but its end."""
        if transactional_id in self.settled:
            return
        if self.holders.get(transactional_id) is None:
            self._initialise(Actor(transactional_id, 30_000, (-1, -1)))
        actor = self.holders.get(transactional_id)
        if actor is None:
            return
        for place in sorted(some, key=str):
            self._add(actor, place)
            self._write(actor, place)
        if is_finished:
            self._end(actor, commit=commit)
            self.take()
            for work in self._held(transactional_id):
                self._finish(work)

    def _may_act(self, actor: Actor) -> bool:
        return (
            self.holders.get(actor.transactional_id) is actor
            and actor.transactional_id not in self.settled
        )

    def _must_hold(self, actor: Actor) -> None:
        """Whoever acts is the one holder, and nobody waits for markers."""
        assert self.holders.get(actor.transactional_id) is actor
        assert actor.transactional_id not in self.settled

    def _settle(self, name: str, *, commit: bool) -> None:
        play = self.open.pop(name)
        play.outcome = commit
        self.settled[name] = play

    def _fence(self, name: str) -> None:
        self.holders[name] = None
        self._settle(name, commit=False)

    # --- markers ---

    @rule()
    def take(self) -> None:
        """The writer of markers takes what is due, and takes its time."""
        for work in self.coordinator.take_markers():
            play = self.settled[work.transactional_id]
            assert work.commit is play.outcome
            assert _places(work) == play.places
            assert work.transactional_id not in {held.transactional_id for held in self.held}
            self.held.append(work)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), part=st.sets(places), then=st.sampled_from(["hold", "finish", "refuse"]))
    def write(self, data: st.DataObject, part: set[Place], then: str) -> None:
        """Some markers or all; then wait, or say that all are written, or that it did not work."""
        work = data.draw(st.sampled_from(self.held))
        if then == "finish":
            self._finish(work)
            return
        for place in part & _places(work):
            self._mark(work, place)
        if then == "refuse":
            self.coordinator.markers_refused(work.transactional_id)
            self.held.remove(work)

    def _held(self, transactional_id: str) -> list[MarkerWork]:
        return [work for work in self.held if work.transactional_id == transactional_id]

    def _finish(self, work: MarkerWork) -> None:
        for place in _places(work):
            self._mark(work, place)
        try:
            self.coordinator.markers_written(work.transactional_id, now_ms=self.now_ms)
        except JournalFull:
            return
        self.held.remove(work)
        del self.settled[work.transactional_id]

    def _mark(self, work: MarkerWork, place: Place) -> None:
        """As a log does: all that is open of the producer gets the outcome."""
        for written in self.logs[place]:
            if written.producer_id == work.producer_id and written.committed is None:
                written.committed = work.commit
                assert written.play is self.settled[work.transactional_id]

    # --- misfortunes ---

    @rule(duration_ms=st.sampled_from([1, 900, 5_000, 31_000, EXPIRY_MS]))
    def time_passes(self, duration_ms: int) -> None:
        """Up to more than an id lives."""
        self.now_ms += duration_ms
        try:
            self.coordinator.tick(self.now_ms)
        except JournalFull:
            self.is_full = False
            self.coordinator.tick(self.now_ms)
        for name, play in tuple(self.open.items()):
            if play.start_ms + play.timeout_ms < self.now_ms:
                self._fence(name)
        assert (self.coordinator.next_deadline_ms() or self.now_ms + 1) > self.now_ms
        for name in IDS:
            if self.coordinator.describe(name).error is not ErrorCode.none:
                assert name not in self.open
                assert name not in self.settled
                self.holders[name] = None  # the id has expired

    @rule(compactly=st.booleans())
    def kill(self, *, compactly: bool) -> None:
        """Only the journal is left, as it was written or written anew; held work is gone."""
        if compactly and self.remembers:
            self.journal = list(self.coordinator.kept_entries())
        self.held.clear()
        self._start()

    @rule()
    def journal_is_full(self) -> None:
        """The next changes fail, until there is room again."""
        self.is_full = True

    @precondition(lambda self: self.is_full)
    @rule()
    def journal_has_room(self) -> None:
        """Somebody made room."""
        self.is_full = False

    # --- what always holds ---

    @invariant()
    def the_twin_agrees(self) -> None:
        """What is open and what is settled shows in the states."""
        for name in IDS:
            state = self.coordinator.describe(name).state
            assert (state == "Ongoing") == (name in self.open)
            settled = self.settled.get(name)
            expected = settled and ("PrepareCommit" if settled.outcome else "PrepareAbort")
            assert not state.startswith("Prepare") if expected is None else state == expected

    @invariant()
    def records_have_their_transactions_outcome(self) -> None:
        """What has one has the right one; what is complete has one everywhere."""
        unfinished = {*self.open.values(), *self.settled.values()}
        for written in (each for log in self.logs.values() for each in log):
            if written.committed is None:
                assert written.play in unfinished
            else:
                assert written.committed is written.play.outcome

    def teardown(self) -> None:
        """All that is open comes to its end, and every record has an outcome."""
        if not hasattr(self, "coordinator"):
            return
        self.is_full = False
        self.time_passes(31_000)
        self.take()
        for work in tuple(self.held):
            self._finish(work)
        assert not self.open
        assert not self.settled
        self.records_have_their_transactions_outcome()


def test_transactions_have_one_holder_and_one_outcome() -> None:
    """Zombies, time-outs, held markers, full journals, restarts at any moment."""
    run_state_machine_as_test(
        TransactionMachine,
        settings=settings(
            max_examples=LONG_PLAYS, stateful_step_count=60, suppress_health_check=list(HealthCheck)
        ),
    )


class Forgetful(TransactionMachine):
    """The journal loses what is known of transactional ids."""

    remembers = False


def test_the_journal_is_needed() -> None:
    """Without it the same plays find a holder or an outcome that is lost: the machine sees it."""
    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(
            Forgetful,
            settings=settings(
                max_examples=2_000,
                stateful_step_count=60,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
