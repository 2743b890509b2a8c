"""One segment of a log: its bytes, and an index of the batches in them.

The index has three columns, 16 bytes for each batch: base offset and position in 32 bits relative
to the segment, and the largest time so far, which makes searching by time a bisection. All else
stands in the batches' own headers.

Laws:
1. Batches lie in the order of their offsets; after compaction there may be gaps between them.
2. Bytes are read whole batches at a time, and copied once.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, final

from penstock.infra.embedded.log.log_errors import DamagedSegment
from penstock.infra.embedded.log.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    header_at,
)
from penstock.infra.embedded.log.segment_store import SegmentBytes

__all__ = ["MOST_OFFSETS", "Segment", "scanned"]

MOST_OFFSETS: Final = 2**31 - 1
"""How far an offset may lie above the segment's first, as in Kafka."""
_NO_TIMESTAMP: Final = -1
_MAGIC: Final = 2


@final
class Segment:
    """A run of batches."""

    __slots__ = (
        "_bases",
        "_largest",
        "_positions",
        "base_offset",
        "created_ms",
        "data",
        "first_timestamp_ms",
        "modified_ms",
        "next_offset",
        "size",
    )

    def __init__(self, base_offset: int, data: SegmentBytes, *, now_ms: int) -> None:
        """Begin over empty bytes.

        Args:
            base_offset: the least offset that it may hold.
            data: where its bytes go.
            now_ms: the time.
        """
        self.base_offset = base_offset
        self.data = data
        self.size = 0
        self.next_offset = base_offset
        """The offset after the last batch's last."""
        self.created_ms = now_ms
        self.modified_ms = now_ms
        self.first_timestamp_ms = _NO_TIMESTAMP
        """The first batch's largest time: what `segment.ms` counts from."""
        self._bases = array("I")
        self._positions = array("I")
        self._largest = array("q")

    def __len__(self) -> int:
        """Return how many batches it holds."""
        return len(self._bases)

    @property
    def max_timestamp_ms(self) -> int:
        """The largest time in it; -1 where no record has one."""
        return self._largest[-1] if self._largest else _NO_TIMESTAMP

    @property
    def largest_timestamp_ms(self) -> int:
        """The largest time in it, or when it was last written where no record has a time."""
        largest = self.max_timestamp_ms
        return largest if largest >= 0 else self.modified_ms

    def append(self, header: BatchHeader, data: bytes, *, now_ms: int) -> None:
        """Append a batch."""
        self.data.append(data)
        self.index(header, len(data))
        self.modified_ms = now_ms

    def index(self, header: BatchHeader, size: int) -> None:
        """Note a batch whose bytes are there already, after all others."""
        if not self._bases:
            self.first_timestamp_ms = header.max_timestamp_ms
        self._bases.append(header.base_offset - self.base_offset)
        self._positions.append(self.size)
        self._largest.append(max(self.max_timestamp_ms, header.max_timestamp_ms))
        self.size += size
        self.next_offset = header.last_offset + 1

    def header(self, index: int) -> BatchHeader:
        """Return the header of a batch."""
        return header_at(self.data.read(self._positions[index], HEADER_BYTES))

    def batch(self, index: int) -> bytes:
        """Return the bytes of a batch."""
        return self.read(index, index + 1)

    def position(self, index: int) -> int:
        """Return where a batch begins; of the index after the last, where the segment ends."""
        return self._positions[index] if index < len(self._positions) else self.size

    def base(self, index: int) -> int:
        """Return a batch's base offset; of the index after the last, the next offset."""
        if index < len(self._bases):
            return self.base_offset + self._bases[index]
        return self.next_offset

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the batches from `start` up to, not including, `stop`."""
        position = self.position(start)
        return self.data.read(position, self.position(stop) - position)

    def index_of(self, offset: int) -> int:
        """Return the first batch that ends at or after an offset; `len` if there is none."""
        if offset >= self.next_offset:
            return len(self._bases)
        if offset < self.base_offset:
            return 0
        index = bisect_right(self._bases, offset - self.base_offset) - 1
        if index < 0:
            return 0
        return index if self.header(index).last_offset >= offset else index + 1

    def index_within(self, position: int) -> int:
        """Return the batch after the last that ends at or before a position."""
        if position >= self.size:
            return len(self._bases)
        return bisect_right(self._positions, position) - 1

    def first_as_late_as(self, timestamp_ms: int, start: int) -> int:
        """Return the first batch from `start` on whose largest time is so late; `len` if none."""
        index = bisect_left(self._largest, timestamp_ms)
        if index >= start:
            return index
        # A batch before `start` was late enough: the running maximum says nothing after it.
        for later in range(start, len(self._bases)):
            if self.header(later).max_timestamp_ms >= timestamp_ms:
                return later
        return len(self._bases)


def scanned(segment: Segment, partition: str) -> Iterator[tuple[BatchHeader, bytes]]:
    """Index all batches of a segment whose bytes are there, and yield each.

    Args:
        segment: still without an index.
        partition: its name, for errors.

    Yields:
        Header and, of control batches only, the bytes.

    Raises:
        DamagedSegment: the bytes are no batches of this segment.
    """
    total = segment.data.size
    while segment.size < total:
        position = segment.size
        head = segment.data.read(position, HEADER_BYTES)
        header = header_at(head.ljust(HEADER_BYTES, b"\x00"))
        fault = _fault(header, segment, total - position)
        if fault:
            raise DamagedSegment(
                partition=partition,
                base_offset=segment.base_offset,
                position=position,
                reason=fault,
            )
        segment.index(header, header.length_bytes)
        data = segment.data.read(position, header.length_bytes) if header.is_control else b""
        yield header, data


def _fault(header: BatchHeader, segment: Segment, left: int) -> str:
    if left < HEADER_BYTES:
        return "it ends within a batch"
    if header.magic != _MAGIC:
        return f"magic {header.magic} is not {_MAGIC}"
    if not HEADER_BYTES <= header.length_bytes <= left:
        return f"a batch of {header.length_bytes} bytes, where {left} are left"
    if header.base_offset < segment.next_offset or header.last_offset_delta < 0:
        return f"offset {header.base_offset} comes after {segment.next_offset - 1}"
    if header.last_offset - segment.base_offset > MOST_OFFSETS:
        return f"offset {header.base_offset} is too far from {segment.base_offset}"
    return ""
