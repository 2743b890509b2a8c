"""What one flush waits for: everything that was taken before it, and nothing that comes later.

It follows two kinds of things to their end: batches, in which records are already, and records that
still stand in line for room or for their class. When the last has ended, it is settled. Which
batches there are is decided by batches.py.

Laws:
1. Nothing here waits; the shell is told when nothing is outstanding any more.
2. A failure counts as told only when the flush tells it. Whoever has left, or ended with it being
   unsettled, has told nobody; what fails then is left to its receipt.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, final

from penstock.events.batch_parts import Parts
from penstock.events.batches import Batch
from penstock.events.line import End, InLine, Waiter
from penstock.events.receipt import Receipt
from penstock.schemas.errors import PenstockError, WorldError

__all__ = ["Flush", "FlushIncomplete"]


@dataclass(eq=False, kw_only=True)
class FlushIncomplete(WorldError):
    """Not all of what was published before a flush has been acknowledged."""

    failed: int
    """Events that failed while it waited, or before it with nobody looking at their receipts."""
    unsettled: int
    """Events of which nothing was known yet when its time was over."""
    reason: str
    """The first failure, or what they wait for."""

    code: ClassVar[str] = "PEN-E49"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = (
        "Of the events published before a flush {failed} failed, and {unsettled} have no end yet."
    )
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = (
        "Look at the receipts and errors of the single events for what to publish again; for those "
        "without an end, flush again."
    )


@final
class Flush:
    """The counts of one flush."""

    __slots__ = ("_failed", "_in_line", "_left", "_reason", "_shares", "failed", "on_settled")

    def __init__(self) -> None:
        """Begin with nothing to wait for."""
        self._shares: dict[Batch[Waiter], _Share] = {}
        self._in_line = 0
        # Receipts of what failed, kept until the flush tells it: thrown away, they would alarm.
        self._failed: list[Receipt] = []
        self._left = False
        self._reason: str | None = None
        self.failed = 0
        """Events that failed."""
        self.on_settled: Callable[[], None] | None = None
        """Called when nothing is outstanding."""

    @property
    def unsettled(self) -> int:
        """Events whose end is not known."""
        return self._in_line + sum(share.records for share in self._shares.values())

    def count_failures(self, failures: Iterable[PenstockError]) -> None:
        """Count events that had failed before, at whose receipts nobody has looked."""
        for failure in failures:
            self._count(1, failure)

    def follow_batch(self, batch: Batch[Waiter]) -> None:
        """Follow all records of a batch that takes no more."""
        share = self._shares[batch] = _Share(self, batch)
        share.places = [range(batch.count)]
        share.records = batch.count
        batch.waiters.append(share)

    def follow_entry(self, entry: InLine) -> InLine:
        """Follow a record that stands in line.

        Returns:
            What stands there in its place.
        """

        def join(batch: Batch[Waiter]) -> None:
            entry.join(batch)
            self._follow_record(batch)

        self._in_line += 1
        entry.admitted.add_done_callback(self._left_line)
        return entry._replace(join=join)

    def leave(self) -> None:
        """Tell nobody of anything: the flush was cancelled."""
        self._left = True
        self._failed = []

    def end(self) -> FlushIncomplete | None:
        """End with the error that says what is missing; with None where nothing is."""
        for receipt in self._failed:
            receipt.told()
        self.leave()
        unsettled = self.unsettled
        if not self.failed and not unsettled:
            return None
        reason = self._reason or "Its time was over before they were answered."
        return FlushIncomplete(failed=self.failed, unsettled=unsettled, reason=reason)

    def ended(self, share: "_Share", end: End) -> None:
        """Note how a batch ended."""
        del self._shares[share.batch]
        if self._left:
            return
        if isinstance(end, Parts):
            for failed in end.failed(share.places):
                self._count(failed.records, failed.failure)
        elif isinstance(end, PenstockError):
            self._count(share.records, end)
        if not isinstance(end, int):
            # Behind this share stand receipts of what came later; they have no end yet.
            waiters = share.batch.waiters
            self._failed += [each for each in waiters if isinstance(each, Receipt) and each.done()]
        self._look()

    def _follow_record(self, batch: Batch[Waiter]) -> None:
        share = self._shares.get(batch)
        if share is None:
            share = self._shares[batch] = _Share(self, batch)
            batch.waiters.append(share)
        share.places.append(range(batch.count - 1, batch.count))
        share.records += 1

    def _left_line(self, admitted: "asyncio.Future[PenstockError | None]") -> None:
        self._in_line -= 1
        if not admitted.cancelled():  # else its caller has left, and it is not published
            failure = admitted.exception() or admitted.result()
            if failure is not None:
                self._count(1, failure)
        self._look()

    def _count(self, records: int, failure: BaseException) -> None:
        self.failed += records
        text = failure.message if isinstance(failure, PenstockError) else repr(failure)
        self._reason = self._reason or text

    def _look(self) -> None:
        if not self._in_line and not self._shares and self.on_settled is not None:
            self.on_settled()


@final
class _Share:
    """The records of one batch that a flush follows. Waits for the batch as callers do."""

    __slots__ = ("_flush", "batch", "places", "records")

    def __init__(self, flush: Flush, batch: Batch[Waiter]) -> None:
        self._flush = flush
        self.batch = batch
        self.places: list[range] = []
        self.records = 0

    def done(self) -> bool:
        return False

    def set_result(self, end: End, /) -> None:
        self._flush.ended(self, end)
