"""How one event has ended, and the promise to tell it, which `publish_nowait` gives.

    receipt = publisher.publish_nowait(event)     the event is in a batch, and on its way
    ...                                           go on
    await receipt                                 Published, or the error, as from `publish`

Laws:
1. Whoever waits for a receipt may be cancelled, time out or come back: the event is not disturbed,
   and the receipt tells every time.
2. A failure at which nobody looks is told by an alarm; see unseen.py.
3. Its end comes in bounded time: that of its batch, which has a deadline (batches.py).
"""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

from penstock.events.batch_parts import PartEnd, Parts
from penstock.events.batches import Batch
from penstock.events.envelope import Outgoing
from penstock.events.line import End, Waiter
from penstock.events.log import Partition, WriteUnknown
from penstock.events.sender import raise_again
from penstock.events.unseen import UnseenFailures
from penstock.schemas.errors import PenstockError

__all__ = ["PublishUnknown", "Published", "Receipt", "published", "unknown"]


@dataclass(eq=False, kw_only=True)
class PublishUnknown(WriteUnknown):
    """An event was sent and never answered; it may have been written."""

    event_id: str
    """Its id, to publish it again with."""

    code: ClassVar[str] = "PEN-E36"
    what: ClassVar[str] = "Event {event_id} for {partition} got no answer: {reason}."
    why: ClassVar[str] = "It may or may not have been written."
    remedy: ClassVar[str] = (
        "Publish it again with the same event_id; readers that remember ids see it once."
    )


class Published(NamedTuple):
    """Where an event was written."""

    topic: str
    """The topic."""
    partition: int
    """The partition."""
    offset: int | None
    """The offset; None where the broker acknowledged without saying it."""
    event_id: str
    """The id in its headers."""


def published(partition: Partition, event_id: str, index: int, end: End) -> Published:
    """Return where an event was written.

    Args:
        partition: where it went.
        event_id: its id.
        index: the place of the record in its batch.
        end: how the batch ended.

    Raises:
        NotSent: the batch was not sent in time.
        WriteRefused: the broker refused it.
        PublishUnknown: it was sent and no answer came in time.
    """
    if isinstance(end, Parts):
        end, index = end.of(index)
    if isinstance(end, int):
        offset = None if end < 0 else end + index
        return Published(partition.topic, partition.number, offset, event_id)
    if isinstance(end, WriteUnknown):
        raise unknown(partition, event_id, end.reason) from end
    return raise_again(end)


def unknown(partition: Partition, event_id: str, reason: str) -> PublishUnknown:
    """Return the error for an event that was sent and of which nothing more is known."""
    return PublishUnknown(partition=partition, reason=reason, event_id=event_id)


@final
class Receipt:
    """The end of one event, which may be awaited. Belongs to one event loop."""

    __slots__ = (
        "__weakref__",
        "_end",
        "_index",
        "_partition",
        "_unseen",
        "_waiting",
        "event_id",
    )

    def __init__(self, outgoing: Outgoing, unseen: UnseenFailures) -> None:
        """Begin with an event that is in no batch yet.

        Args:
            outgoing: its record.
            unseen: is told of its failure, until somebody looks at it.
        """
        self.event_id = outgoing.event_id
        """The id in the event's headers."""
        self._partition = outgoing.partition
        self._unseen = unseen
        self._index = 0
        self._end: PartEnd | None = None
        self._waiting: tuple[asyncio.Future[None], ...] = ()

    def __await__(self) -> Generator[Any, None, Published]:
        """Wait for the end.

        Returns:
            Where the event was written.

        Raises:
            NotSent: it was not sent in time.
            WriteRefused: the broker refused it.
            PublishUnknown: it was sent and no answer came in time.
        """
        return self._ended().__await__()

    def done(self) -> bool:
        """Whether the end is known."""
        return self._end is not None

    def failure(self) -> PenstockError | None:
        """Look at how it failed; None where it did not, or is still on its way."""
        self._unseen.seen(self)
        if isinstance(self._end, WriteUnknown):
            return unknown(self._partition, self.event_id, self._end.reason)
        return self._end if isinstance(self._end, PenstockError) else None

    async def _ended(self) -> Published:
        if self._end is None:
            future = asyncio.get_running_loop().create_future()
            self._waiting = (*self._waiting, future)
            await future
        assert self._end is not None
        self._unseen.seen(self)
        return published(self._partition, self.event_id, self._index, self._end)

    # What the sender calls.

    def join(self, batch: Batch[Waiter]) -> None:
        """Note the place of the record, which is the last one of a batch, and wait for it."""
        batch.waiters.append(self)
        self._index = batch.count - 1

    def set_result(self, end: End, /) -> None:
        """Take the end of the batch."""
        if isinstance(end, Parts):
            end, self._index = end.of(self._index)
        self._end = end
        if isinstance(end, PenstockError):
            self._unseen.add(self, end)
        waiting, self._waiting = self._waiting, ()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def told(self) -> None:
        """Note that somebody has been told of the failure, by a flush."""
        self._unseen.seen(self)
