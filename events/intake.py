"""Records between the log and the one who handles them: bounded, in turn, and none forgotten.

    offered -> waiting -> in hand -> finished, or put back to where it was

Laws:
1. Of one partition one record is in hand at a time, and its records come in the order in which they
   were offered. A partition that has been served for a while lets the others in.
2. A partition's position is that of the first record that was offered and is not finished. It is
   never beyond a record that is waiting or in hand.
3. What was forgotten is gone: to finish a record of a life that has ended changes nothing.
4. It is full before memory is: whoever offers looks at `is_full`, and rests that partition.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from penstock.events.log import LogRecord, Partition

__all__ = ["Intake", "IntakeLimits"]

_TURN: Final = 100
"""Records of one partition in a row, while others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """When it is full. One more fetch may come on top."""

    records: int = 5_000
    """Waiting records of one partition."""
    partition_bytes: int = 4 * 1024 * 1024
    """Bytes of keys, values and headers of one partition's waiting records."""
    total_bytes: int = 32 * 1024 * 1024
    """The same, of all partitions together."""


@final
class _Shelf:
    """One partition."""

    __slots__ = ("bytes", "in_hand", "is_open", "next_offset", "partition", "waiting")

    def __init__(self, partition: Partition, position: int) -> None:
        self.partition = partition
        self.waiting: deque[LogRecord] = deque()
        self.bytes = 0
        self.in_hand: LogRecord | None = None
        self.next_offset = position
        self.is_open = True


@final
class Intake:
    """The records of several partitions."""

    def __init__(self, limits: IntakeLimits = IntakeLimits()) -> None:
        """Begin empty, with no partition.

        Args:
            limits: when it is full.
        """
        self._limits = limits
        self._shelves: dict[Partition, _Shelf] = {}
        self._turns: deque[_Shelf] = deque()
        self._served = 0
        self._bytes = 0
        self._taken_of: _Shelf | None = None

    # --- from the log ---------------------------------------------------------------------------

    def open(self, partition: Partition, position: int) -> None:
        """Take a partition in; what was there of it is forgotten.

        Args:
            partition: which one.
            position: where its records begin.
        """
        self.forget(partition)
        self._shelves[partition] = _Shelf(partition, position)

    def offer(self, partition: Partition, records: Sequence[LogRecord]) -> None:
        """Let records wait.

        Args:
            partition: one that is open; what is offered of one that gives nothing is thrown away.
            records: the next ones of it, in order.
        """
        shelf = self._shelves[partition]
        if not records or not shelf.is_open:
            return
        if not shelf.waiting:
            self._turns.append(shelf)
        shelf.waiting.extend(records)
        size = sum(map(_size, records))
        shelf.bytes += size
        self._bytes += size

    def withhold(self, partition: Partition) -> None:
        """Give nothing more of a partition, and throw away what waits; what is in hand stays so."""
        shelf = self._shelves.get(partition)
        if shelf is not None:
            shelf.is_open = False
            self._clear(shelf)

    def withhold_all(self) -> None:
        """Give nothing more."""
        for partition in self._shelves:
            self.withhold(partition)

    def forget(self, partition: Partition) -> None:
        """Let go of a partition, whatever is in hand."""
        shelf = self._shelves.pop(partition, None)
        if shelf is not None:
            self._clear(shelf)

    def _clear(self, shelf: _Shelf) -> None:
        if shelf.waiting:
            self._turns.remove(shelf)
        self._bytes -= shelf.bytes
        shelf.bytes = 0
        shelf.waiting.clear()

    # --- to the one who handles them ------------------------------------------------------------

    def take(self) -> LogRecord | None:
        """Take the next record of whichever partition has its turn into the hand.

        Returns:
            None where none waits, or each partition that has some has one in hand.
        """
        for _ in self._shelves:
            if not self._turns:
                return None
            shelf = self._turns[0]
            if shelf.in_hand is None and (self._served < _TURN or len(self._turns) == 1):
                self._served += 1
                return self._take_of(shelf)
            self._served = 0
            self._turns.rotate(-1)
        if not self._turns or self._turns[0].in_hand is not None:
            return None
        # It has gone round: only the one that was served can give something, and gives on.
        return self._take_of(self._turns[0])

    def take_of(self, partition: Partition) -> LogRecord | None:
        """Take the next record of one partition into the hand.

        Returns:
            None where none waits, or one is in hand already.
        """
        shelf = self._shelves.get(partition)
        if shelf is None or not shelf.waiting or shelf.in_hand is not None:
            return None
        return self._take_of(shelf)

    def _take_of(self, shelf: _Shelf) -> LogRecord:
        # The mean in place of its own size, which would have to be reckoned once more.
        size = shelf.bytes // len(shelf.waiting)
        record = shelf.waiting.popleft()
        shelf.bytes -= size
        self._bytes -= size
        shelf.in_hand = record
        self._taken_of = shelf
        shelf.next_offset = record.offset + 1
        if not shelf.waiting:
            if self._turns[0] is shelf:
                self._turns.popleft()
                self._served = 0
            else:
                self._turns.remove(shelf)
        return record

    def finish(self, record: LogRecord) -> None:
        """Lay a record that was in hand aside, as done."""
        shelf: _Shelf | None = self._taken_of
        if shelf is None or shelf.in_hand is not record:
            shelf = self._shelves.get(Partition(record.topic, record.partition))
        if shelf is not None and shelf.in_hand is record:
            shelf.in_hand = None

    def put_back(self, record: LogRecord) -> None:
        """Let a record that was in hand wait again, before those behind it: it was not handled."""
        shelf = self._shelves.get(Partition(record.topic, record.partition))
        if shelf is None or shelf.in_hand is not record:
            return
        shelf.in_hand = None
        shelf.next_offset = record.offset
        if not shelf.is_open:
            return
        if not shelf.waiting:
            self._turns.append(shelf)
        shelf.waiting.appendleft(record)
        shelf.bytes += _size(record)
        self._bytes += _size(record)

    def waiting(self) -> Iterator[Partition]:
        """The partitions of which records wait, and none is in hand."""
        return (shelf.partition for shelf in self._turns if shelf.in_hand is None)

    # --- where things stand ---------------------------------------------------------------------

    def position(self, partition: Partition) -> int:
        """Return the offset of the first record that is not finished, as far as is known."""
        shelf = self._shelves[partition]
        if shelf.in_hand is not None:
            return shelf.in_hand.offset
        return shelf.next_offset

    def is_idle(self, partition: Partition) -> bool:
        """Whether all that was offered of a partition is finished, and nothing was thrown away."""
        shelf = self._shelves[partition]
        return shelf.is_open and shelf.in_hand is None and not shelf.waiting

    def in_hand(self, partitions: Collection[Partition]) -> list[LogRecord]:
        """Return the records of these partitions that are in hand."""
        shelves = filter(None, map(self._shelves.get, partitions))
        return [shelf.in_hand for shelf in shelves if shelf.in_hand is not None]

    def is_full(self, partition: Partition) -> bool:
        """Whether nothing more of a partition should be offered."""
        shelf, limits = self._shelves.get(partition), self._limits
        return (
            shelf is not None
            and bool(shelf.waiting)
            and (
                len(shelf.waiting) >= limits.records
                or shelf.bytes >= limits.partition_bytes
                or self._bytes >= limits.total_bytes
            )
        )

    def is_hungry(self, partition: Partition) -> bool:
        """Whether a partition that was full should be read again: less than half of it is left."""
        shelf, limits = self._shelves.get(partition), self._limits
        return (
            shelf is not None
            and shelf.is_open
            and (
                not shelf.waiting
                or (
                    len(shelf.waiting) < limits.records / 2
                    and shelf.bytes < limits.partition_bytes / 2
                    and self._bytes < limits.total_bytes / 2
                )
            )
        )

    @property
    def records(self) -> int:
        """Waiting records of all partitions."""
        return sum(len(shelf.waiting) for shelf in self._turns)

    @property
    def bytes(self) -> int:
        """Bytes of their keys, values and headers."""
        return self._bytes


def _size(record: LogRecord) -> int:
    size = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")  # Kafka has headers without a value
    return size
