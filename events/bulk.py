"""What became of the many events of one `publish_many`.

It counts by batch, not by event: which batches hold some of its events, how many, and the first of
each. When a batch ends, what it held is acknowledged or not. From this follows what a caller needs
after a failure: how many leading events of its source are certainly written, so that it can go on
from there.

Law: nothing here waits; the shell is told when nothing is outstanding any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, final

from penstock.events.batch_parts import PartEnd, Parts
from penstock.events.batches import Batch
from penstock.schemas.errors import PenstockError, WorldError

__all__ = ["Bulk", "PublishIncomplete"]

_AnyBatch: TypeAlias = Batch[Any]


@dataclass(eq=False, kw_only=True)
class PublishIncomplete(WorldError):
    """Some of many events could not be published, or nobody knows."""

    taken: int
    """Events that were taken from the source."""
    acknowledged: int
    """Events of these that are certainly written."""
    prefix: int
    """Leading events of the source that are all certainly written."""
    reason: str
    """The first thing that went wrong."""

    code: ClassVar[str] = "PEN-E24"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = (
        "{acknowledged} of {taken} events were published, the first {prefix} of them without a gap."
    )
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = (
        "Go on from event {prefix} of the source, counted from 0; some behind it may then be "
        "written twice."
    )


@final
class _Share:
    """The events of one `publish_many` in one batch. Waits for the batch as callers do."""

    __slots__ = ("_batch", "_bulk", "count", "first", "runs", "start", "stop")

    def __init__(self, bulk: "Bulk", batch: _AnyBatch, first: int) -> None:
        self._bulk = bulk
        self._batch = batch
        self.first = first
        self.count = 0
        # Places in the batch, where others publish too: runs that were left behind, and the last.
        self.runs: list[range] = []
        self.start = self.stop = batch.count - 1

    def places(self) -> list[range]:
        """Where in the batch its events are."""
        return [*self.runs, range(self.start, self.stop)]

    def done(self) -> bool:
        return False

    def set_result(self, end: PartEnd | Parts, /) -> None:
        self._bulk.ended(self._batch, end)


@final
class Bulk:
    """The counts of one `publish_many`."""

    __slots__ = ("_failed_first", "_shares", "acknowledged", "failure", "on_idle", "taken")

    def __init__(self) -> None:
        """Begin with nothing taken."""
        self._shares: dict[_AnyBatch, _Share] = {}
        self._failed_first: int | None = None
        self.taken = 0
        """Events taken from the source and put into batches."""
        self.acknowledged = 0
        """Events certainly written."""
        self.failure: PenstockError | None = None
        """The first thing that went wrong."""
        self.on_idle: Callable[[], None] | None = None
        """Called when nothing is outstanding."""

    @property
    def outstanding(self) -> int:
        """Batches whose end is not known yet."""
        return len(self._shares)

    @property
    def prefix(self) -> int:
        """Leading events of the source that are all certainly written."""
        unwritten = [share.first for share in self._shares.values()]
        if self._failed_first is not None:
            unwritten.append(self._failed_first)
        return min(unwritten, default=self.taken)

    def join(self, batch: _AnyBatch) -> None:
        """Note that the next event is in a batch, and wait for it from its first event on."""
        share = self._shares.get(batch)
        if share is None:
            share = self._shares[batch] = _Share(self, batch, self.taken)
            batch.waiters.append(share)
        elif share.stop != batch.count - 1:
            share.runs.append(range(share.start, share.stop))
            share.start = batch.count - 1
        share.stop = batch.count
        share.count += 1
        self.taken += 1

    def fail(self, failure: PenstockError) -> None:
        """Note why the next event could not be put into a batch."""
        self.failure = self.failure or failure

    def ended(self, batch: _AnyBatch, end: PartEnd | Parts) -> None:
        """Note how a batch ended: with the offset of its first record, an error, or in parts."""
        share = self._shares.pop(batch)
        if isinstance(end, int):
            self.acknowledged += share.count
        elif isinstance(end, Parts):
            self.acknowledged += share.count
            for failed in end.failed(share.places()):
                self.acknowledged -= failed.records
                # Events of other partitions may stand between: its number is no lower than this.
                self._fail_from(share.first + failed.before, failed.failure)
        else:
            self._fail_from(share.first, end)
        if not self._shares and self.on_idle is not None:
            self.on_idle()

    def _fail_from(self, number: int, failure: PenstockError) -> None:
        self.fail(failure)
        first = self._failed_first
        self._failed_first = number if first is None else min(first, number)

    def incomplete(self) -> PublishIncomplete:
        """Return the error that says how far this came."""
        assert self.failure is not None
        return PublishIncomplete(
            taken=self.taken,
            acknowledged=self.acknowledged,
            prefix=self.prefix,
            reason=self.failure.message,
        )
