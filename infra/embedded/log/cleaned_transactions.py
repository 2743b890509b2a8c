"""Which transactions were aborted, as a compaction walks over the log.

Both passes of a compaction keep one of these: it is told of each batch in order, and answers what
may go. The rules are those of Kafka's CleanedTransactionMetadata (KIP-98, KIP-534).

Laws:
1. A marker may go only when no batch of its transaction was met before it.
2. It is told of every batch from where it began, in order.
"""

from collections import deque
from collections.abc import Iterable
from typing import final

from penstock.infra.embedded.log.aborted_transactions import AbortedRange
from penstock.infra.embedded.log.control_marker import EndMarker
from penstock.infra.embedded.log.record_batch import BatchHeader

__all__ = ["CleanedTransactions"]


@final
class CleanedTransactions:
    """What is known of transactions at the place of the log where a compaction is."""

    __slots__ = ("_aborted", "_committed", "_pending", "emptied")

    def __init__(self, aborted: Iterable[AbortedRange]) -> None:
        """Begin before the first batch.

        Args:
            aborted: all aborted transactions that touch what will be walked over.
        """
        self._pending = deque(sorted(aborted, key=lambda one: one.first_offset))
        self._aborted: dict[int, tuple[AbortedRange, bool]] = {}
        self._committed: set[int] = set()
        self.emptied: list[AbortedRange] = []
        """Aborted transactions of which nothing but the marker was met."""

    def aborts(self, header: BatchHeader) -> bool:
        """Take a batch of data; tell whether it belongs to an aborted transaction."""
        self._advance(header.last_offset)
        if not header.is_transactional:
            return False
        aborted = self._aborted.get(header.producer_id)
        if aborted is None:
            self._committed.add(header.producer_id)
            return False
        self._aborted[header.producer_id] = (aborted[0], True)
        return True

    def ends_nothing(self, header: BatchHeader, marker: EndMarker | None) -> bool:
        """Take a control batch; tell whether nothing is left of the transaction that it ends."""
        self._advance(header.last_offset)
        if marker is None:
            return True
        producer_id = header.producer_id
        if marker.commit:
            if producer_id not in self._committed:
                return True
            self._committed.remove(producer_id)
            return False
        aborted, met = self._aborted.pop(producer_id, (None, False))
        if aborted is not None and not met:
            self.emptied.append(aborted)
        return not met

    def _advance(self, offset: int) -> None:
        while self._pending and self._pending[0].first_offset <= offset:
            aborted = self._pending.popleft()
            self._aborted.setdefault(aborted.producer_id, (aborted, False))
