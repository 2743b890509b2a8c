"""Who a producer is, and the numbers of what it has sent.

Law: this is a core.
"""

from typing import Final, final

from penstock.events.log import Partition

__all__ = ["ProducerIdentity"]

_SEQUENCES: Final = 2**31
"""After the largest number comes 0 (Kafka's DefaultRecordBatch.incrementSequence)."""


@final
class ProducerIdentity:
    """An id, an epoch, and the next number for each partition."""

    __slots__ = ("_next", "epoch", "producer_id")

    def __init__(self, producer_id: int, epoch: int) -> None:
        """Begin with nothing sent."""
        self.producer_id: Final = producer_id
        self.epoch: Final = epoch
        self._next: dict[Partition, int] = {}

    def take(self, partition: Partition, count: int) -> int:
        """Number the records of one batch.

        Args:
            partition: where it goes.
            count: how many records it has.

        Returns:
            The first one's number.
        """
        first = self._next.get(partition, 0)
        self._next[partition] = (first + count) % _SEQUENCES
        return first
