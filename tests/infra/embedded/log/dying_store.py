"""A store over another one that fails at its n-th change, as a process dies between two of them."""

from collections.abc import Iterable, Sequence
from typing import final

from penstock.infra.embedded.log.segment_store import PartitionStore, SegmentBytes

__all__ = ["DyingStore"]


@final
class DyingStore:
    """Fulfils PartitionStore until it dies. Mutable."""

    def __init__(self, store: PartitionStore, *, changes: int) -> None:
        """Stand before a store.

        Args:
            store: where everything is.
            changes: how many more it makes, below 0 all; may be set again.
        """
        self._store = store
        self.changes = changes
        self.segments, self.start, self.producers = store.segments, store.start, store.producers

    def create(self, base_offset: int) -> SegmentBytes:
        """Begin a segment."""
        self._live()
        return self._store.create(base_offset)

    def remove(self, base_offset: int) -> None:
        """Remove a segment."""
        self._live()
        self._store.remove(base_offset)

    def replace(
        self, old: Sequence[int], base_offset: int, chunks: Iterable[bytes]
    ) -> SegmentBytes:
        """Put one segment in the place of several."""
        self._live()
        return self._store.replace(old, base_offset, chunks)

    def keep_start(self, offset: int) -> None:
        """Remember where the log begins."""
        self._live()
        self._store.keep_start(offset)

    def keep_producers(self, known: bytes) -> None:
        """Remember what is known of producers."""
        self._live()
        self._store.keep_producers(known)

    def clear(self) -> None:
        """Forget everything."""
        self._live()
        self._store.clear()

    def _live(self) -> None:
        if self.changes == 0:
            raise OSError(5, "Input/output error")
        self.changes -= 1
