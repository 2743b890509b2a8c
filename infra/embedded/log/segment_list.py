"""The segments of a log, over its store.

Laws:
1. There is always at least one segment; the last is the active one, to which is appended.
2. What happens to a segment happens to the store's at the same time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import final, overload

from penstock.infra.embedded.log.log_errors import DamagedSegment
from penstock.infra.embedded.log.record_batch import BatchHeader
from penstock.infra.embedded.log.segment import Segment, scanned
from penstock.infra.embedded.log.segment_store import PartitionStore

__all__ = ["SegmentList"]


@final
class SegmentList(Sequence[Segment]):
    """All segments, by base offset ascending."""

    __slots__ = ("_bases", "_segments", "_store", "size_bytes")

    def __init__(self, store: PartitionStore) -> None:
        """Begin without any: `scan` opens them.

        Args:
            store: where their bytes are.
        """
        self._store = store
        self._segments: list[Segment] = []
        self._bases: list[int] = []
        self.size_bytes = 0
        """The bytes of all batches; whoever appends to the active segment adds to it."""

    def scan(self, partition: str, *, now_ms: int) -> Iterator[tuple[BatchHeader, bytes]]:
        """Open what the store holds; must be walked to its end.

        Args:
            partition: its name, for errors.
            now_ms: the time.

        Yields:
            Header of each batch and, of control batches only, its bytes.

        Raises:
            DamagedSegment: the store holds what no log has written.
        """
        for base_offset, data in self._store.segments():
            if self._segments and base_offset < self.end_offset:
                raise DamagedSegment(
                    partition=partition,
                    base_offset=base_offset,
                    position=0,
                    reason=f"the segment before it ends at {self.end_offset}",
                )
            segment = Segment(base_offset, data, now_ms=now_ms)
            yield from scanned(segment, partition)
            self._add(segment)
        if not self._segments:
            base_offset = self._store.start()
            self._add(Segment(base_offset, self._store.create(base_offset), now_ms=now_ms))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._segments)

    @overload
    def __getitem__(self, key: int) -> Segment: ...
    @overload
    def __getitem__(self, key: slice) -> list[Segment]: ...
    def __getitem__(self, key: int | slice) -> Segment | list[Segment]:
        """Return one or some."""
        return self._segments[key]

    @property
    def active(self) -> Segment:
        """The last one."""
        return self._segments[-1]

    @property
    def end_offset(self) -> int:
        """The offset after the last batch's last."""
        return self._segments[-1].next_offset

    def number_at(self, offset: int) -> int:
        """Return the place of the segment whose range holds an offset; 0 if it lies before all."""
        return max(bisect_right(self._bases, offset) - 1, 0)

    def before(self, offset: int) -> list[Segment]:
        """Return the segments that begin before an offset."""
        return self._segments[: bisect_left(self._bases, offset)]

    def end_of(self, segment: Segment) -> int:
        """Return where the next segment begins; after the last, where the log ends."""
        number = bisect_right(self._bases, segment.base_offset)
        return self._bases[number] if number < len(self._bases) else self.end_offset

    def readable(self, offset: int, limit: int) -> tuple[Segment, int, int]:
        """Find what can be read from `offset` on, which lies before `limit`.

        Returns:
            A segment, the first batch, and the one after the last; none where compaction has left
            nothing before `limit`.
        """
        number = self.number_at(offset)
        segment = self._segments[number]
        start = segment.index_of(offset)
        while start == len(segment) and number + 1 < len(self._segments):
            number += 1
            segment, start = self._segments[number], 0
        stop = len(segment) if limit >= segment.next_offset else segment.index_of(limit)
        return segment, start, max(start, stop)

    def roll(self, now_ms: int) -> Segment:
        """Begin a new active segment; an empty one stays what it is."""
        base_offset = self.end_offset
        if self._bases[-1] != base_offset:
            self._add(Segment(base_offset, self._store.create(base_offset), now_ms=now_ms))
        return self._segments[-1]

    def begin_at(self, offset: int, *, now_ms: int) -> None:
        """Remove all segments, and begin with an empty one that lies behind them."""
        for segment in self._segments:
            self._store.remove(segment.base_offset)
        self._segments, self._bases, self.size_bytes = [], [], 0
        self._add(Segment(offset, self._store.create(offset), now_ms=now_ms))

    def remove_first(self, count: int) -> int:
        """Remove the first segments, fewer than there are; return their bytes."""
        size = 0
        for segment in self._segments[:count]:
            self._store.remove(segment.base_offset)
            # One by one: the store may refuse the next, and this one must not be removed again.
            del self._segments[0], self._bases[0]
            self.size_bytes -= segment.size
            size += segment.size
        return size

    def replace(self, old: Sequence[Segment], new: Segment, chunks: Iterable[bytes]) -> None:
        """Put one segment in the place of adjacent ones.

        Args:
            old: the segments that go.
            new: indexed, and still without bytes of its own.
            chunks: its bytes.
        """
        bases = [segment.base_offset for segment in old]
        new.data = self._store.replace(bases, new.base_offset, chunks)
        new.modified_ms = old[-1].modified_ms
        new.next_offset = max(new.next_offset, old[-1].next_offset)
        number = bisect_left(self._bases, bases[0])
        self._segments[number : number + len(old)] = [new]
        self._bases[number : number + len(old)] = [new.base_offset]
        self.size_bytes += new.size - sum(segment.size for segment in old)

    def _add(self, segment: Segment) -> None:
        self._segments.append(segment)
        self._bases.append(segment.base_offset)
        self.size_bytes += segment.size
