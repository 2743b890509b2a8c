"""The end of a batch that was written in parts, since its topic takes none as large.

A broker measures a batch, not its records: it refuses all of them although each alone would fit.
So the batch is divided, and each part is written on its own and ends on its own. Whoever waits for
a record is told the end of the part in which it went.

Laws:
1. Parts are runs of records in the order of the batch: no gap, no record twice.
2. A part has one end, and no part's end is taken for another's.
3. This is a core: it knows no event loop and no writer.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias, final

from penstock.schemas.errors import PenstockError

__all__ = ["Failed", "Part", "PartEnd", "Parts", "divided"]

PartEnd: TypeAlias = int | PenstockError
"""How records that were written together ended: with the first one's offset, or with an error."""


class Part(NamedTuple):
    """Records of a batch that were written together: all of them, mostly."""

    first: int
    """The place of its first record in the batch."""
    records: int
    """Records in it."""
    size_bytes: int
    """Their size."""
    attempts: int
    """How often it was handed to the writer."""
    end: PartEnd
    """How it ended."""


class Failed(NamedTuple):
    """Some of the records that somebody waits for, which failed together."""

    before: int
    """Records before these for which he waits, too."""
    records: int
    """How many these are."""
    failure: PenstockError
    """Why they failed."""


@final
class Parts:
    """How a batch ended that was written in parts."""

    __slots__ = ("_firsts", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        """Take the parts of one batch, all of them and in order."""
        self.parts = tuple(parts)
        self._firsts = [part.first for part in parts]

    def of(self, index: int) -> tuple[PartEnd, int]:
        """Return the end of one record's part, and the record's place in that part.

        Args:
            index: the record's place in the batch.
        """
        part = self.parts[bisect_right(self._firsts, index) - 1]
        return part.end, index - part.first

    def failed(self, runs: Iterable[range]) -> Iterator[Failed]:
        """Give what failed of some records.

        Args:
            runs: their places in the batch, ascending.
        """
        before = 0
        for run in runs:
            start = run.start
            while start < run.stop:
                part = self.parts[bisect_right(self._firsts, start) - 1]
                stop = min(run.stop, part.first + part.records)
                if isinstance(part.end, PenstockError):
                    yield Failed(before, stop - start, part.end)
                before += stop - start
                start = stop


def divided(sizes: Sequence[int], limit_bytes: float) -> list[range]:
    """Divide records into runs within a limit; what exceeds it alone stays alone.

    Args:
        sizes: of the records, in bytes.
        limit_bytes: of a run.

    Returns:
        The runs' places, in order.
    """
    runs: list[range] = []
    start, size_bytes = 0, 0
    for place, each_bytes in enumerate(sizes):
        if place > start and size_bytes + each_bytes > limit_bytes:
            runs.append(range(start, place))
            start, size_bytes = place, 0
        size_bytes += each_bytes
    if sizes:
        runs.append(range(start, len(sizes)))
    return runs
