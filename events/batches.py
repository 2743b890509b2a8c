"""How single records become batches: the pure half of publishing.

Records gather in one open batch per partition. A batch is due when it is full or when the
shortest linger of its records is over, and it is taken only if no other batch of its partition is
under way; what arrives meanwhile gathers in the next. So an idle partition sends at once, a busy
one sends ever larger batches, and no timer decides which it is.

Laws:
1. Records of one partition are taken in the order in which they were added.
2. At most one batch of a partition is under way.
3. The bytes of all records held here never exceed the limit; what does not fit is not taken.
4. A batch takes records for a thirtieth of its time only, so that its deadline, which counts from
   its opening, is fair to all of them.
5. A batch keeps within what its topic is known to take, unless it has one record only.
6. Time is an argument; who waits for a batch is the shell's business and kept for it unseen.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Final, Generic, TypeVar, final

from penstock.events.batch_parts import Part
from penstock.events.log import NewRecord, OpenBatch, Partition
from penstock.schemas.errors import CallerError

__all__ = ["Batch", "BatchTooSmall", "Batches", "joining_s"]

_JOINING_SHARE: Final = 30

_Waiter = TypeVar("_Waiter")


def joining_s(timeout_s: float) -> float:
    """Return for how many seconds an open batch takes records: one where it has thirty."""
    return timeout_s / _JOINING_SHARE


@dataclass(eq=False, kw_only=True)
class BatchTooSmall(CallerError):
    """A record within the limit for records does not fit into an empty batch."""

    partition: Partition
    """Where it was to be written."""
    size_bytes: int
    """Its size as encoded."""

    code: ClassVar[str] = "PEN-E23"
    what: ClassVar[str] = "A record of {size_bytes} bytes for {partition} fits into no batch."
    why: ClassVar[str] = "Batches are smaller than the largest record that may be published."
    remedy: ClassVar[str] = "Make the writer's batches larger than PENSTOCK_MAX_RECORD_BYTES."


@final
class Batch(Generic[_Waiter]):
    """Records for one partition that are written together."""

    __slots__ = (
        "attempts",
        "count",
        "deadline_s",
        "due_s",
        "opened_s",
        "partition",
        "parts",
        "records",
        "sent_s",
        "size_bytes",
        "waiters",
    )

    def __init__(
        self, partition: Partition, records: OpenBatch, opened_s: float, deadline_s: float
    ) -> None:
        """Open an empty batch.

        Args:
            partition: where its records go.
            records: takes and encodes them.
            opened_s: now.
            deadline_s: when it must be acknowledged, both in monotonic seconds.
        """
        self.partition = partition
        self.records = records
        self.opened_s = opened_s
        self.deadline_s = deadline_s
        self.due_s = deadline_s
        self.sent_s: float | None = None
        """When it was handed to the writer first, in monotonic seconds."""
        self.attempts = 0
        """How often what is being written now was handed to the writer."""
        self.parts: list[Part] = []
        """What of it has ended, while it is written."""
        self.count = 0
        self.size_bytes = 0
        self.waiters: list[_Waiter] = []


@final
class _Lane(Generic[_Waiter]):
    """The batches of one partition."""

    __slots__ = ("full", "limit_bytes", "open", "under_way")

    def __init__(self, limit_bytes: float) -> None:
        self.limit_bytes = limit_bytes
        self.open: Batch[_Waiter] | None = None
        self.full: deque[Batch[_Waiter]] = deque()
        self.under_way: Batch[_Waiter] | None = None


@final
class Batches(Generic[_Waiter]):
    """All batches of one publisher, by partition."""

    __slots__ = (
        "_joining_s",
        "_lanes",
        "_limit_bytes",
        "_new_records",
        "_timeout_s",
        "_topic_limits",
        "size_bytes",
    )

    def __init__(
        self, new_records: Callable[[], OpenBatch], *, limit_bytes: int, timeout_s: float
    ) -> None:
        """Begin with nothing.

        Args:
            new_records: makes the encoder of an empty batch.
            limit_bytes: bytes of all records held at once, at most.
            timeout_s: seconds from the opening of a batch to its deadline.
        """
        self._new_records = new_records
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._joining_s = joining_s(timeout_s)
        self._lanes: dict[Partition, _Lane[_Waiter]] = {}
        self._topic_limits: dict[str, float] = {}
        self.size_bytes = 0
        """Bytes of all records held: gathering, full and under way."""

    def add(
        self,
        partition: Partition,
        record: NewRecord,
        size_bytes: int,
        due_s: float,
        now_s: float,
    ) -> Batch[_Waiter] | None:
        """Take one record into the open batch of its partition.

        Args:
            partition: where it goes.
            record: the record.
            size_bytes: its size, for the limit.
            due_s: when it wants to be on its way; the earliest of a batch's records counts.
            now_s: now, both in monotonic seconds.

        Returns:
            The batch, in which it is the last one; None when there is no room.

        Raises:
            BatchTooSmall: not even an empty batch takes it.
        """
        if self.size_bytes + size_bytes > self._limit_bytes:
            return None
        lane = self._lanes.get(partition)
        if lane is None:
            lane = self._lanes[partition] = _Lane(self.topic_limit(partition.topic))
        batch = lane.open
        if (
            batch is None
            or now_s - batch.opened_s > self._joining_s
            or batch.size_bytes + size_bytes > lane.limit_bytes
            or not batch.records.append(record)
        ):
            batch = self._opened(lane, partition, record, size_bytes, now_s)
        batch.count += 1
        batch.size_bytes += size_bytes
        self.size_bytes += size_bytes
        batch.due_s = min(batch.due_s, due_s)
        return batch

    def narrow(self, topic: str, limit_bytes: float) -> None:
        """Let no batch of a topic grow beyond a limit any more, except that it takes one record.

        Args:
            topic: which refused a larger one.
            limit_bytes: of a batch; one that is not lower than before changes nothing.
        """
        if limit_bytes >= self.topic_limit(topic):
            return
        self._topic_limits[topic] = limit_bytes
        for partition, lane in self._lanes.items():
            if partition.topic == topic:
                lane.limit_bytes = limit_bytes

    def topic_limit(self, topic: str) -> float:
        """Return the bytes that a batch of a topic may have; infinite where none was refused."""
        return self._topic_limits.get(topic, inf)

    def take(self, partition: Partition, now_s: float) -> Batch[_Waiter] | None:
        """Take the next batch of a partition to send it, if one is due and none is under way."""
        lane = self._lanes[partition]
        if lane.under_way is not None:
            return None
        if lane.full:
            lane.under_way = lane.full.popleft()
        elif lane.open is not None and lane.open.due_s <= now_s:
            lane.under_way, lane.open = lane.open, None
        return lane.under_way

    def is_under_way(self, partition: Partition) -> bool:
        """Tell whether a batch of a partition was taken and has not ended."""
        return self._lanes[partition].under_way is not None

    def has_full(self, partition: Partition) -> bool:
        """Tell whether a batch of a partition that takes no more has not been taken."""
        return bool(self._lanes[partition].full)

    def next_due(self, partition: Partition) -> float | None:
        """Return when the open batch of a partition is due; None where there is none."""
        batch = self._lanes[partition].open
        return None if batch is None else batch.due_s

    def end(self, batch: Batch[_Waiter]) -> None:
        """Let go of a batch that was taken, however it ended."""
        self._lanes[batch.partition].under_way = None
        self.size_bytes -= batch.size_bytes

    def seal(self) -> list[Batch[_Waiter]]:
        """Let no open batch take more records, so that all are due; return all batches held."""
        held: list[Batch[_Waiter]] = []
        for lane in self._lanes.values():
            if lane.open is not None:
                lane.full.append(lane.open)
                lane.open = None
            if lane.under_way is not None:
                held.append(lane.under_way)
            held.extend(lane.full)
        return held

    def abandon(self) -> Iterator[Batch[_Waiter]]:
        """Let go of every batch that was not taken yet, in order within each partition."""
        self.seal()
        for lane in self._lanes.values():
            while lane.full:
                batch = lane.full.popleft()
                self.size_bytes -= batch.size_bytes
                yield batch

    def _opened(
        self,
        lane: _Lane[_Waiter],
        partition: Partition,
        record: NewRecord,
        size_bytes: int,
        now_s: float,
    ) -> Batch[_Waiter]:
        """Put a new batch, with its first record, in the place of the open one."""
        records = self._new_records()
        if not records.append(record):
            raise BatchTooSmall(partition=partition, size_bytes=size_bytes)
        if lane.open is not None:
            lane.full.append(lane.open)
        lane.open = Batch(partition, records, now_s, now_s + self._timeout_s)
        return lane.open
