"""Producer ids: taken in blocks, so that the journal has one entry for a thousand of them.

A block is kept before the first of its ids is given. After a restart the rest of it is left: which
of its ids were given is not known, and no id may ever be given twice. Kafka does the same, with
blocks of the same size.
"""

from collections.abc import Callable
from typing import Final, final

from penstock.infra.embedded.transactions.transaction_entry import ProducerIdBlockKept

__all__ = ["BLOCK_SIZE", "ProducerIds"]

BLOCK_SIZE: Final = 1_000
"""ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE."""


@final
class ProducerIds:
    """Gives producer ids, 0 first. Mutable."""

    def __init__(self, keep: Callable[[ProducerIdBlockKept], None]) -> None:
        """Have given none.

        Args:
            keep: Keeps an entry over a restart; what it raises comes out of `draw`.
        """
        self._keep = keep
        self._next = 0
        self._end_of_block = 0
        self._given = 0

    @property
    def given(self) -> int:
        """How many were given since the start."""
        return self._given

    @property
    def kept(self) -> ProducerIdBlockKept:
        """What a journal that is written anew has to say."""
        return ProducerIdBlockKept(next_block=self._end_of_block)

    def restore(self, entry: ProducerIdBlockKept) -> None:
        """Leave out all blocks that were kept before."""
        self._next = self._end_of_block = max(self._end_of_block, entry.next_block)

    def skip(self, producer_id: int) -> None:
        """Never give this id, which somebody has; a journal that says so of no block is cut."""
        if producer_id >= self._end_of_block:
            blocks = producer_id // BLOCK_SIZE + 1
            self._next = self._end_of_block = blocks * BLOCK_SIZE

    def draw(self) -> int:
        """Give an id that was never given before."""
        if self._next == self._end_of_block:
            end = self._end_of_block + BLOCK_SIZE
            self._keep(ProducerIdBlockKept(next_block=end))
            self._end_of_block = end
        drawn = self._next
        self._next += 1
        self._given += 1
        return drawn
