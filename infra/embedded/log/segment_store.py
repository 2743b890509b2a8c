"""Where a partition's bytes lie: the port that a disk can take, and the memory that does.

Laws:
1. A store knows bytes and positions; what a batch is, it must never know.
2. A segment is named by its base offset, and its name never changes.
3. Bytes that were appended are not changed; a segment is replaced or removed as a whole.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, final

__all__ = ["MemorySegment", "MemoryStore", "PartitionStore", "SegmentBytes"]


class SegmentBytes(Protocol):
    """The bytes of one segment."""

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        ...

    def append(self, data: bytes) -> int:
        """Append bytes.

        Args:
            data: one or more whole batches.

        Returns:
            The position of the first of them.
        """
        ...

    def read(self, position: int, size: int) -> bytes:
        """Return a copy of `size` bytes from `position`; fewer where the segment ends before."""
        ...


class PartitionStore(Protocol):
    """The segments of one partition."""

    def segments(self) -> Sequence[tuple[int, SegmentBytes]]:
        """Return base offset and bytes of each segment, by base offset ascending."""
        ...

    def create(self, base_offset: int) -> SegmentBytes:
        """Begin an empty segment after all others."""
        ...

    def remove(self, base_offset: int) -> None:
        """Remove a segment and its bytes."""
        ...

    def replace(
        self, old: Sequence[int], base_offset: int, chunks: Iterable[bytes]
    ) -> SegmentBytes:
        """Put one segment in the place of several, all or nothing.

        Args:
            old: base offsets of the segments that go, ascending; the first may be `base_offset`.
            base_offset: the new segment's base offset.
            chunks: the new segment's bytes.

        Returns:
            The new segment.
        """
        ...

    def keep_start(self, offset: int) -> None:
        """Remember where the log begins, since records before it were deleted."""
        ...

    def start(self) -> int:
        """Return where the log begins as it was last kept; 0 if never."""
        ...

    def keep_producers(self, known: bytes) -> None:
        """Remember what is known of producers from segments that are about to be removed.

        Args:
            known: the log's words (producer_snapshot.py), in the place of those before, all or
                nothing; empty: nothing is known.
        """
        ...

    def producers(self) -> bytes:
        """Return what was last kept of producers; empty if nothing was."""
        ...

    def clear(self) -> None:
        """Forget everything: the partition is deleted."""
        ...


@final
class MemorySegment:
    """The bytes of a segment, in memory."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes = b"") -> None:
        """Begin with these bytes."""
        self._data = bytearray(data)

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return len(self._data)

    def append(self, data: bytes) -> int:
        """Append bytes and return the position of the first."""
        position = len(self._data)
        self._data += data
        return position

    def read(self, position: int, size: int) -> bytes:
        """Return a copy of `size` bytes from `position`; fewer where the segment ends before."""
        # A view is sliced, not the bytearray: that would copy twice.
        with memoryview(self._data) as view:
            return bytes(view[position : position + size])


@final
class MemoryStore:
    """The segments of one partition, in memory."""

    __slots__ = ("_producers", "_segments", "_start")

    def __init__(self) -> None:
        """Begin empty."""
        self._segments: dict[int, MemorySegment] = {}
        self._start = 0
        self._producers = b""

    def segments(self) -> Sequence[tuple[int, SegmentBytes]]:
        """Return base offset and bytes of each segment, by base offset ascending."""
        return sorted(self._segments.items())

    def create(self, base_offset: int) -> SegmentBytes:
        """Begin an empty segment after all others."""
        segment = self._segments[base_offset] = MemorySegment()
        return segment

    def remove(self, base_offset: int) -> None:
        """Remove a segment and its bytes."""
        del self._segments[base_offset]

    def replace(
        self, old: Sequence[int], base_offset: int, chunks: Iterable[bytes]
    ) -> SegmentBytes:
        """Put one segment in the place of several."""
        segment = MemorySegment()
        for chunk in chunks:
            segment.append(chunk)
        for gone in old:
            del self._segments[gone]
        self._segments[base_offset] = segment
        return segment

    def keep_start(self, offset: int) -> None:
        """Remember where the log begins."""
        self._start = offset

    def start(self) -> int:
        """Return where the log begins as it was last kept."""
        return self._start

    def keep_producers(self, known: bytes) -> None:
        """Remember what is known of producers."""
        self._producers = known

    def producers(self) -> bytes:
        """Return what was last kept of producers."""
        return self._producers

    def clear(self) -> None:
        """Forget everything."""
        self._segments.clear()
        self._start = 0
        self._producers = b""
