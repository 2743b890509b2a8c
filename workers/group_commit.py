"""Group commit: what is finished, and what the next transaction takes of it.

Records and timers finish in any order; each leaves its effects (outputs and state changes) here.
As soon as one commit has ended, the next takes all that is ready: idle, that is one record at once;
busy, batches grow by themselves and no waiting is needed. Computing goes on meanwhile, on state
that is not committed yet; that is right, because any doubt drops all of it together.

Laws:
1. A commit takes a PREFIX of the finish order, never a selection: a later record may have read
   what an earlier one wrote.
2. What a commit says about offsets fits into the metadata of an offset; where no prefix does, all
   of it waits for the watermark.
3. Of outputs that replace each other, a commit holds the last. They are absolute, each says all
   that those before it said, and a reader sees a transaction as a whole.
4. Pure: no client, no clock. The owner calls in one thread.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import final

from penstock.events.event import Event
from penstock.events.log import NewRecord, Partition
from penstock.workers.offsets import Finished, Watermark

__all__ = ["CommitLimits", "Effects", "Finish", "GroupCommit", "Work", "finished_work"]

Finish = Callable[[NewRecord], NewRecord]
"""Gives a record what was not known yet when it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitLimits:
    """How much one commit and the memory before it may hold."""

    records: int = 500
    """Records and timers of one commit."""
    bytes: int = 8 * 1024 * 1024
    """Bytes of outputs and state changes of one commit; a single record may exceed it."""
    runs: int = 240
    """Runs of finished offsets that the metadata holds (see offsets.runs_that_fit)."""


@final
class Effects:
    """What one record's handlers want to happen, until it is committed or dropped.

    Most records want nothing to happen but to be done, and thousands are in flight: so nothing is
    made until somebody adds to it. Only its methods add, for they count what is there.
    """

    size_bytes: int = 0
    """Rough size of all of it; 0 where there is nothing."""
    finished: bool = False
    """Whether they were taken for a commit, and nothing may be added any more."""

    _outputs: list[tuple[Partition, NewRecord]] | None = None
    _state: dict[bytes, bytes | None] | None = None
    _latest: dict[tuple[Partition, bytes], NewRecord] | None = None
    _made_from: dict[bytes, bytes | None] | None = None
    _unprepared: frozenset[type[Event]] = frozenset()
    _unfinished: tuple[tuple[int, Finish], ...] = ()

    @property
    def outputs(self) -> Sequence[tuple[Partition, NewRecord]]:
        """Records to write, in order."""
        return self._outputs or []

    @property
    def state(self) -> Mapping[bytes, bytes | None]:
        """State changes by changelog key; None deletes."""
        return self._state or {}

    @property
    def latest(self) -> Mapping[tuple[Partition, bytes], NewRecord]:
        """Records to write that replace earlier ones of their key, by place and key."""
        return self._latest or {}

    @property
    def made_from(self) -> Mapping[bytes, bytes | None]:
        """By changelog key, the value that a state change was made from.

        Where it is another one by the time that the change is to count, somebody came between, and
        his change would be lost.
        """
        return self._made_from or {}

    @property
    def unprepared(self) -> frozenset[type[Event]]:
        """Types of outputs whose schemas must be published before this is committed."""
        return self._unprepared

    @property
    def unfinished(self) -> Sequence[tuple[int, Finish]]:
        """Outputs, by their place among `outputs`, to be finished when that is done.

        Their size does not change by it.
        """
        return self._unfinished

    def emit(self, partition: Partition, record: NewRecord) -> None:
        """Add an output."""
        if self._outputs is None:
            self._outputs = []
        self._outputs.append((partition, record))
        self.size_bytes += 70 + len(record.key or b"") + len(record.value or b"")

    def emit_unfinished(self, partition: Partition, record: NewRecord, finish: Finish) -> None:
        """Add an output that is to be finished before it is written."""
        self._unfinished = (*self._unfinished, (len(self.outputs), finish))
        self.emit(partition, record)

    def prepare_before(self, types: Iterable[type[Event]]) -> None:
        """Have the schemas of these types of its outputs published before this is committed."""
        self._unprepared = self._unprepared.union(types)

    def replace(self, partition: Partition, record: NewRecord) -> None:
        """Add an output that stands for all earlier ones of its key."""
        key = record.key or b""
        if self._latest is None:
            self._latest = {}
        self._latest[partition, key] = record
        self.size_bytes += 70 + len(key) + len(record.value or b"")

    def change(self, key: bytes, value: bytes | None) -> None:
        """Add a state change; a later one to the same key replaces it."""
        if self._state is None:
            self._state = {}
        self._state[key] = value
        self.size_bytes += 70 + len(key) + len(value or b"")

    def advance(self, key: bytes, before: bytes | None, value: bytes) -> None:
        """Add a state change that was made from the value before, and counts only behind that."""
        if self._made_from is None:
            self._made_from = {}
        self._made_from[key] = before
        self.change(key, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The content of one commit."""

    outputs: Mapping[Partition, Sequence[NewRecord]]
    """Records to write, by partition, in finish order; those that replace others are the last."""
    state: Mapping[bytes, bytes | None]
    """State changes, the last one of each key."""
    position: int
    """The offset to commit: the first record that is not done."""
    finished: Finished
    """What is done beyond it."""
    offsets: tuple[int, ...]
    """The input records that this commit finishes."""
    timers: tuple[bytes, ...] = ()
    """The state keys whose timers this commit finishes."""
    unprepared: frozenset[type[Event]] = frozenset()
    """Types of outputs whose schemas must be published first."""
    unfinished: tuple[tuple[Partition, int, Finish], ...] = ()
    """Outputs, by partition and place, that are to be finished when that is done."""


def finished_work(work: Work) -> Work:
    """Return a commit with all of its outputs finished, once their schemas are published."""
    if not work.unfinished:
        return work
    outputs = {partition: list(records) for partition, records in work.outputs.items()}
    for partition, place, finish in work.unfinished:
        outputs[partition][place] = finish(outputs[partition][place])
    return replace(work, outputs=outputs, unprepared=frozenset(), unfinished=())


class GroupCommit:
    """The finished records of one partition, and their way into commits."""

    def __init__(self, position: int, finished: Finished, limits: CommitLimits) -> None:
        """Begin at a committed position."""
        self._watermark = Watermark(position, finished)
        self._ready: deque[tuple[int | bytes, Effects]] = deque()
        self._limits = limits
        self._ready_bytes = 0
        self._in_flight = 0
        self._timers = 0
        self._committed_position = position

    def deliver(self, offset: int) -> bool:
        """Take note of a record that was read.

        Returns:
            False where it was finished before a restart and must be skipped.
        """
        fresh = self._watermark.deliver(offset)
        self._in_flight += fresh
        return fresh

    def begin_timer(self) -> None:
        """Take note of a timer that has run out."""
        self._timers += 1

    def finish(self, item: int | bytes, effects: Effects) -> None:
        """Take the effects of a record or a timer: it is finished.

        Args:
            item: A record's offset, or the state key of a timer.
            effects: What it did.
        """
        effects.finished = True
        self._ready.append((item, effects))
        self._ready_bytes += effects.size_bytes

    def compose(self, *, at_most: int | None = None) -> Work | None:
        """The next commit: a prefix of the finish order.

        Args:
            at_most: A smaller number of records than the limit, where a refused batch is hunted.

        Returns:
            None where nothing is ready, or nothing of it fits into an offset's metadata yet.
        """
        count = self._finish_prefix(at_most)
        if not count:
            return None
        outputs: dict[Partition, list[NewRecord]] = {}
        latest: dict[tuple[Partition, bytes], NewRecord] = {}
        state: dict[bytes, bytes | None] = {}
        offsets: list[int] = []
        timers: list[bytes] = []
        unprepared: set[type[Event]] = set()
        unfinished: list[tuple[Partition, int, Finish]] = []
        for _ in range(count):
            item, effects = self._ready.popleft()
            if isinstance(item, bytes):
                timers.append(item)
            else:
                offsets.append(item)
            if not effects.size_bytes:
                continue
            self._ready_bytes -= effects.size_bytes
            if effects.unfinished:
                unfinished += _places(effects, outputs)
            for partition, record in effects.outputs:
                outputs.setdefault(partition, []).append(record)
            latest.update(effects.latest)
            state.update(effects.state)
            unprepared |= effects.unprepared
        for (partition, _), record in latest.items():
            outputs.setdefault(partition, []).append(record)
        return self._work(
            outputs,
            state,
            tuple(offsets),
            tuple(timers),
            unprepared=frozenset(unprepared),
            unfinished=tuple(unfinished),
        )

    def _finish_prefix(self, at_most: int | None) -> int:
        """Finish the records that the next commit takes in the watermark; return how many."""
        wanted = self._within_limits(at_most)
        if self._watermark.runs + wanted <= self._limits.runs:
            # Each record adds one run at the most.
            self._finish_first(wanted)
            return wanted
        # Finishing may close gaps: a longer prefix may fit where a shorter one does not, and the
        # record that the watermark waits for may have finished last of all. So where nothing
        # within the limits fits, the first prefix beyond them that does is taken; without that, a
        # partition whose lanes ran unevenly would never commit again.
        trial, fitting, count = self._watermark.copy(), 0, 0
        for count, (item, _) in enumerate(self._ready, start=1):
            if not isinstance(item, bytes):
                trial.finish(item)
            if trial.runs <= self._limits.runs:
                fitting = count
            if count >= wanted and fitting:
                break
        if fitting == count:
            self._watermark = trial
        else:
            self._finish_first(fitting)
        return fitting

    def _finish_first(self, count: int) -> None:
        for item, _ in islice(self._ready, count):
            if not isinstance(item, bytes):
                self._watermark.finish(item)

    def _within_limits(self, at_most: int | None) -> int:
        limit = self._limits.records if at_most is None else min(at_most, self._limits.records)
        size = count = 0
        for _, effects in self._ready:
            size += effects.size_bytes
            if count == limit or (count and size > self._limits.bytes):
                break
            count += 1
        return count

    def committed(self, work: Work) -> None:
        """Take note that a commit succeeded."""
        self._in_flight -= len(work.offsets)
        self._timers -= len(work.timers)
        self._committed_position = work.position

    def idle_behind(self, position: int) -> bool:
        """Whether all is done and committed, and only markers lie before this position."""
        return not self._in_flight and not self._ready and position > self._watermark.position

    def skip_to(self, position: int) -> Work | None:
        """A commit that only moves over offsets that hold no record, if all is done.

        Markers and aborted records are never delivered; without this the lag of an idle group
        would never reach zero, and its offset would end up outside the log.
        """
        if not self.idle_behind(position):
            return None
        self._watermark.pass_to(position)
        return self._work({}, {}, ())

    def _work(
        self,
        outputs: Mapping[Partition, Sequence[NewRecord]],
        state: Mapping[bytes, bytes | None],
        offsets: tuple[int, ...],
        timers: tuple[bytes, ...] = (),
        *,
        unprepared: frozenset[type[Event]] = frozenset(),
        unfinished: tuple[tuple[Partition, int, Finish], ...] = (),
    ) -> Work:
        return Work(
            outputs=outputs,
            state=state,
            position=self._watermark.position,
            finished=self._watermark.finished(),
            offsets=offsets,
            timers=timers,
            unprepared=unprepared,
            unfinished=unfinished,
        )

    @property
    def position(self) -> int:
        """The first record that no commit has finished yet."""
        return self._watermark.position

    @property
    def finished(self) -> Finished:
        """What commits have finished beyond it."""
        return self._watermark.finished()

    @property
    def in_flight(self) -> int:
        """Records delivered and not committed."""
        return self._in_flight

    @property
    def timers_in_flight(self) -> int:
        """Timers that have run out and are not committed."""
        return self._timers

    @property
    def ready(self) -> int:
        """Records and timers finished and not yet part of a commit."""
        return len(self._ready)

    @property
    def ready_bytes(self) -> int:
        """Bytes of effects that wait for a commit."""
        return self._ready_bytes

    @property
    def committed_position(self) -> int:
        """The position that the last successful commit left."""
        return self._committed_position


def _places(
    effects: Effects, outputs: Mapping[Partition, Sequence[NewRecord]]
) -> list[tuple[Partition, int, Finish]]:
    """Where the unfinished of a record's outputs will be, behind those that are there by now."""
    finish_at, found = dict(effects.unfinished), []
    counts = {partition: len(records) for partition, records in outputs.items()}
    for number, (partition, _) in enumerate(effects.outputs):
        place = counts.get(partition, 0)
        counts[partition] = place + 1
        if number in finish_at:
            found.append((partition, place, finish_at[number]))
    return found
