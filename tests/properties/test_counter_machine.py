"""Counters under all that may happen to them, on the real shells over a topic in memory.

Processes open slots, count, crash, pause and come back as zombies; commits are lost, left open, or
done without an answer; the topic is compacted at any moment; readers join late, read some records
twice, and take partitions in any order. Whatever happens:

- no acknowledged increment is lost, and none counts twice;
- what was not acknowledged counts once or not at all, and which of both is settled for ever when
  the slot is opened again;
- a reader that joins when all has come to rest sees what those see that were there all the time;
- no reader ever sees a counter fall, and no alarm of a regression is raised.

Take the fence away, or the restore, and the same plays find counts that are lost.
"""

import asyncio
from collections import defaultdict

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

from penstock.infra.replication.patience import CountersCut
from penstock.infra.replication.slot_hold import SlotTaken
from tests.infra.replication.counter_world import CounterWorld, LiveReader, SlotProcess

pytestmark = pytest.mark.timeout(300)

SLOTS = ("web-0", "web-1")
COUNTERS = ("a", "b", "c")
slots = st.sampled_from(SLOTS)
counters = st.sampled_from(COUNTERS)
amounts = st.integers(0, 5)
misfortunes = st.sampled_from(["not begun", "left open", "answer lost"])


class Books:
    """What must be counted at least, and what may be counted at most, for each slot's counter."""

    def __init__(self) -> None:
        """Nothing was counted."""
        self.least: dict[tuple[str, str], int] = defaultdict(int)
        self.most: dict[tuple[str, str], int] = defaultdict(int)


class CounterMachine(RuleBasedStateMachine):
    """Two slots, a few readers, and everything that may happen."""

    fences_hold = True
    restores = True

    def __init__(self) -> None:
        """Begin with an empty topic."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.owners: dict[str, SlotProcess] = {}
        self.zombies: list[SlotProcess] = []
        self.readers: list[LiveReader] = []
        self.seen: dict[tuple[int, str], int] = {}
        self.books = Books()

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        """One reader is there from the beginning."""
        self.world = CounterWorld(seed=seed)
        self.world.topic.fences_hold = self.fences_hold
        self.world.topic.restores = self.restores
        self.loop.run_until_complete(self._join())

    async def _join(self) -> None:
        self.readers.append(self.world.reader())
        await self.world.clock.advance(0.0)

    # --- counting ---

    @rule(slot=slots)
    def open(self, slot: str) -> None:
        """A process opens a slot; whoever had it becomes a zombie, and knows nothing of it."""
        self.loop.run_until_complete(self._open(slot))

    async def _open(self, slot: str) -> None:
        if slot in self.owners:
            self.zombies.append(self.owners.pop(slot))
        self.owners[slot] = await self.world.opened(slot)
        # What is not acknowledged by now is settled: it is in the restored component or lost.
        for counter in COUNTERS:
            place = slot, counter
            found = self.owners[slot].slot.component(counter)
            restored = 0 if found is None else found.increments
            assert self.books.least[place] <= restored <= self.books.most[place], place
            self.books.least[place] = self.books.most[place] = restored

    @rule(slot=slots)
    def crash(self, slot: str) -> None:
        """Kill -9: what is pending is gone."""
        if slot in self.owners:
            self.loop.run_until_complete(self.owners.pop(slot).crash())

    @rule(slot=slots, counter=counters, by=amounts)
    def count(self, slot: str, counter: str, by: int) -> None:
        """Count and go on."""
        if slot in self.owners:
            self.owners[slot].slot.increment_nowait(counter, by)
            self.books.most[slot, counter] += by

    @rule(slot=slots, counter=counters, by=amounts)
    def count_and_wait(self, slot: str, counter: str, by: int) -> None:
        """Count and wait; the call may be acknowledged much later."""
        if slot not in self.owners:
            return
        owner = self.owners[slot]
        self.books.most[slot, counter] += by

        def acknowledged(call: "asyncio.Task[object]") -> None:
            if call.cancelled() or call.exception() is not None:
                return
            # A zombie's acknowledgement can only be one from before the slot was taken from it.
            if self.owners.get(slot) is owner:
                self.books.least[slot, counter] += by

        async def call() -> None:
            owner.call(counter, by).add_done_callback(acknowledged)
            await self.world.clock.advance(0.0)

        self.loop.run_until_complete(call())

    @precondition(lambda self: self.zombies)
    @rule(counter=counters, data=st.data())
    def zombie_counts(self, counter: str, data: st.DataObject) -> None:
        """A zombie goes on as if nothing had happened, and is told in the end that it is one."""
        zombie = data.draw(st.sampled_from(self.zombies))
        if zombie.error is not None:
            with pytest.raises(SlotTaken):
                zombie.slot.increment_nowait(counter)
        else:
            zombie.slot.increment_nowait(counter)

    # --- misfortunes ---

    @precondition(lambda self: len(self.world.topic.misfortunes) < 3)  # opening gives up at five
    @rule(kind=misfortunes)
    def commit_fails(self, kind: str) -> None:
        """The next commit meets something."""
        self.world.topic.misfortunes.append(kind)  # type: ignore[arg-type] # one of the three

    @rule(seconds=st.sampled_from([0.0, 0.004, 0.1, 0.5, 3.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        """From less than a commit takes to more than a transaction may stay open."""
        self.loop.run_until_complete(self.world.clock.advance(seconds))

    @rule(seconds=st.sampled_from([0.3, 5.0]))
    def kafka_is_away(self, seconds: float) -> None:
        """No broker answers for a while."""
        self.world.topic.away = True
        self.loop.run_until_complete(self.world.clock.advance(seconds))
        self.world.topic.away = False

    @rule()
    def compact(self) -> None:
        """At any moment."""
        self.world.topic.compact()

    # --- reading ---

    @precondition(lambda self: len(self.readers) < 3)
    @rule()
    def join(self) -> None:
        """A late joiner."""
        self.loop.run_until_complete(self._join())

    @rule(by=st.integers(1, 20), data=st.data())
    def read_again(self, by: int, data: st.DataObject) -> None:
        """A reader reads some records twice."""
        data.draw(st.sampled_from(self.readers)).rewind(by)

    @invariant()
    def no_counter_falls(self) -> None:
        """Each reader's values only grow."""
        for number, live in enumerate(self.readers):
            for counter, value in live.reader.values().items():
                assert value >= self.seen.get((number, counter), 0)
                self.seen[number, counter] = value

    # --- rest ---

    @rule()
    def rest(self) -> None:
        """All that is pending is written, and everybody sees the same, which is the truth."""
        self.loop.run_until_complete(self._rest())

    async def _rest(self) -> None:
        self.world.topic.misfortunes.clear()
        flushes = [
            asyncio.ensure_future(each.slot.flush(timeout_s=10_000.0))
            for each in self.owners.values()
        ]
        for _ in range(120):
            await self.world.clock.advance(0.5)
            if all(flush.done() for flush in flushes) and self._all_have_read():
                break
        for flush in flushes:
            assert flush.done()
            flush.result()
        for slot in self.owners:  # nobody has crashed in between: all that was counted counts
            for counter in COUNTERS:
                self.books.least[slot, counter] = self.books.most[slot, counter]
        fresh = await self.world.fresh_values()
        for live in self.readers:
            assert live.reader.values() == fresh
        for counter in COUNTERS:
            least = sum(self.books.least[slot, counter] for slot in SLOTS)
            most = sum(self.books.most[slot, counter] for slot in SLOTS)
            assert least <= fresh.get(counter, 0) <= most, counter
        assert not [each for each in self.world.alarms if each.name == "counter-regression"]

    def _all_have_read(self) -> bool:
        ends = {place: self.world.topic.end(place) for place in self.world.topic.partitions}
        return all(live.reader.value("").offsets == ends for live in self.readers)

    def teardown(self) -> None:
        """Come to rest once more, and leave nothing behind."""
        if not self.readers:
            return
        try:
            self.rest()
        finally:
            self.loop.run_until_complete(self._stop())
            self.loop.close()

    async def _stop(self) -> None:
        for process in (*self.owners.values(), *self.zombies):
            await process.crash()
        for live in self.readers:
            await live.stop()


def test_counts_are_exact_whatever_happens() -> None:
    """Duplicates, reorder, crashes, zombies, compaction, late joiners: each increment once."""
    run_state_machine_as_test(
        CounterMachine,
        settings=settings(stateful_step_count=40, suppress_health_check=list(HealthCheck)),
    )


class WithoutFences(CounterMachine):
    """A former owner may still commit."""

    fences_hold = False


class WithoutRestore(CounterMachine):
    """A new owner counts from nothing."""

    restores = False


@pytest.mark.parametrize("machine", [WithoutFences, WithoutRestore])
def test_each_rule_is_needed(machine: type[CounterMachine]) -> None:
    """Without one of them the same plays lose counts: the machine sees it, or the slot itself."""
    with pytest.raises((AssertionError, CountersCut)):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=2_000,
                stateful_step_count=40,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
