"""The timers of a partition against a dumb twin, and their waiter against the time."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.state import PartitionState
from penstock.workers.timer_watch import LOOK_S, TimerWatch
from penstock.workers.timers import Timers, Timing
from tests.workers.reminders import START_MS, Reminders, reminder, timers_of

KEYS = [b"k%d" % number for number in range(6)]
keys = st.sampled_from(KEYS)
times = st.integers(0, 60)
timings = st.builds(Timing, due_ms=st.one_of(st.none(), times), seen_ms=times)


class TimersMachine(RuleBasedStateMachine):
    """The twin is a dictionary of times that is scanned from end to end for each question."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.timers = Timers()
        self.dues: dict[bytes, int] = {}
        self.seen_ms = 0

    def first(self) -> tuple[int, bytes] | None:
        """The twin's first entry."""
        return min(((due, key) for key, due in self.dues.items()), default=None)

    @initialize(entries=st.dictionaries(keys, timings))
    def restore(self, entries: dict[bytes, Timing]) -> None:
        """A partition begins with whatever its changelog held."""
        self.timers.fill(entries.items())
        for key, timing in entries.items():
            self.take(key, timing)

    def take(self, key: bytes, timing: Timing) -> None:
        """What an entry says counts in place of what it said before."""
        self.seen_ms = max(self.seen_ms, timing.seen_ms)
        self.dues.pop(key, None)
        if timing.due_ms is not None:
            self.dues[key] = timing.due_ms

    @rule(key=keys, timing=timings)
    def note(self, key: bytes, timing: Timing) -> None:
        """An entry changes; whoever waits hears of it exactly where a new time is the first."""
        before = self.dues.get(key)
        self.take(key, timing)
        first = timing.due_ms != before and self.first() == (timing.due_ms, key)
        assert self.timers.note(key, timing) == first

    @rule(key=keys)
    def forget(self, key: bytes) -> None:
        """An entry is deleted."""
        self.timers.forget(key)
        self.dues.pop(key, None)

    @rule(key=keys, last=times)
    def move_again_and_again(self, key: bytes, last: int) -> None:
        """An entry moves so often that the heap is built anew."""
        for due_ms in (*range(100, 1_300), last):
            self.timers.note(key, Timing(due_ms=due_ms))
        self.dues[key] = last

    @rule(wall_ms=times, limit=st.integers(0, 7))
    def take_due(self, wall_ms: int, limit: int) -> None:
        """The wall clock shows anything, earlier times too; what is due comes in order, once."""
        self.seen_ms = now_ms = max(self.seen_ms, wall_ms)
        assert self.timers.now_ms(wall_ms) == now_ms
        due = sorted((due, key) for key, due in self.dues.items() if due <= now_ms)[:limit]
        assert self.timers.take_due(now_ms, limit) == [key for _, key in due]
        for _, key in due:
            del self.dues[key]

    @invariant()
    def agrees(self) -> None:
        """As many entries, and the same first time."""
        assert len(self.timers) == len(self.dues)
        first = self.first()
        assert self.timers.next_due_ms() == (None if first is None else first[0])


TestTimers = TimersMachine.TestCase
TestTimers.settings = settings(stateful_step_count=30)

# --- the waiter ---------------------------------------------------------------------------------

EIGHTH_MS = 125
"""All times below are eighths of a second, which a float holds exactly."""


@dataclass(frozen=True)
class Change:
    """An entry names a time, or none, or is deleted."""

    key: bytes
    due_ms: int | None
    deleted: bool = False


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    duration_ms: int


@dataclass(frozen=True)
class Jump:
    """The wall clock is set."""

    by_ms: int


def eighths(first: int, last: int) -> st.SearchStrategy[int]:
    """Milliseconds, in eighths of a second."""
    return st.integers(first, last).map(lambda number: number * EIGHTH_MS)


changes = st.builds(Change, keys, st.one_of(st.none(), eighths(0, 64)), st.booleans())
passes = st.builds(Pass, eighths(0, 24))
jumps = st.builds(Jump, eighths(-40, 40))


class Play:
    """A watch over entries that change; the twin is a dictionary of their times."""

    def __init__(self, restored: list[Change]) -> None:
        """Begin with a restored state."""
        self.clock, self.state = VirtualClock(), PartitionState()
        self.dues: dict[bytes, int] = {}
        self.begun: list[tuple[int, int, bytes]] = []
        for change in restored:
            self.state.apply(b"t/" + change.key, self.named(change))
        self.watch = TimerWatch(
            Reminders(),
            timers_of(Reminders(), self.state),
            self.clock,
            begin=self.begin,
            in_flight=lambda: 0,
        )
        self.watch.caught_up()

    def begin(self, key: bytes) -> None:
        """A timer has run out: it had a time, and has none until somebody names one."""
        now_ms = self.watch.now_ms() - START_MS
        self.begun.append((now_ms, self.dues.pop(key[2:]), key[2:]))

    def named(self, change: Change) -> bytes | None:
        """Take a change into the twin and return the entry's value."""
        self.dues.pop(change.key, None)
        if change.deleted:
            return None
        if change.due_ms is None:
            return reminder(None)
        self.dues[change.key] = change.due_ms
        return reminder(change.due_ms / 1000)

    def change(self, change: Change) -> None:
        """Change an entry."""
        key, value = b"t/" + change.key, self.named(change)
        self.state.apply(key, value)
        self.watch.changed(key, value)

    def due_within(self, duration_ms: int) -> list[tuple[int, int, bytes]]:
        """What the twin expects of a while in which nothing else happens."""
        now_ms = self.watch.now_ms() - START_MS
        due = sorted((due, key) for key, due in self.dues.items() if due <= now_ms + duration_ms)
        return [(max(due, now_ms), due, key) for due, key in due]


async def _played(play: Play, steps: list[Change | Pass | Jump], *, wall_is_set: bool) -> None:
    running = asyncio.ensure_future(play.watch.run())
    for step in (Pass(0), *steps, Pass(3_000)):
        if isinstance(step, Change):
            play.change(step)
        elif isinstance(step, Jump):
            play.clock.jump_wall(timedelta(milliseconds=step.by_ms))
        else:
            expected = play.begun + play.due_within(step.duration_ms)
            await play.clock.advance(step.duration_ms / 1000)
            if not wall_is_set:
                assert play.begun == expected
            elif step.duration_ms >= LOOK_S * 1000:
                assert play.due_within(0) == []
    running.cancel()
    await asyncio.wait({running})


@given(st.lists(changes, max_size=4), st.lists(st.one_of(changes, passes), max_size=25))
def test_each_time_that_is_named_is_met_exactly(
    restored: list[Change], steps: list[Change | Pass | Jump]
) -> None:
    """Whatever changes while the waiter sleeps; what has passed when it is named is met at once."""

    async def run() -> None:
        await _played(Play(restored), steps, wall_is_set=False)

    asyncio.run(run())


@given(st.lists(changes, max_size=4), st.lists(st.one_of(changes, passes, jumps), max_size=25))
def test_a_wall_clock_that_is_set_makes_nothing_early_nor_later_than_a_look(
    restored: list[Change], steps: list[Change | Pass | Jump]
) -> None:
    """By the time that the partition goes by, which never runs back."""

    async def run() -> None:
        play = Play(restored)
        await _played(play, steps, wall_is_set=True)
        assert all(due_ms <= now_ms for now_ms, due_ms, _ in play.begun)
        assert all(first[0] <= second[0] for first, second in pairwise(play.begun))

    asyncio.run(run())
