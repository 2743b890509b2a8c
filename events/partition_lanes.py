"""Partitions side by side, each one record after the other, in order.

    take -> decode -> handler -> finish -> take ...        one lane for each partition

A lane begins when records of its partition wait, and ends when none do. There are no more of them
than partitions, and each holds one record.

Laws:
1. What a handler raises ends everything, and says where it was. The record is not finished, and so
   not committed; it is put back, and whoever reads on begins with it.
2. When it ends, every lane has ended: drained within a limit, else cancelled. None begins another
   record from then on, also where its handler takes no notice of being cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar, final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import LogRecord, Partition
from penstock.events.record_source import RecordSource
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["HandlerRaised", "PartitionLanes"]

ItemT = TypeVar("ItemT")
"""What a handler takes."""

_CANCEL_S: Final = 5.0
"""So long a handler that was cancelled may take to end; one that takes longer is left to itself."""
_BREATHE_S: Final = 0.02
"""So long handlers that never wait may keep everybody else waiting, heartbeats among them."""


@dataclass(eq=False, kw_only=True)
class HandlerRaised(CallerError):
    """A handler has raised an error; it is this one's cause."""

    topic: str
    """The record's topic."""
    partition: int
    """Its partition."""
    offset: int
    """Its offset."""
    kind: str
    """The class of the error."""

    code: ClassVar[str] = "PEN-E53"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = (
        "The handler raised {kind} for the record {topic}/{partition} at offset {offset}."
    )
    why: ClassVar[str] = "Going on behind the record would leave it out in silence."
    remedy: ClassVar[str] = (
        "Mend the handler; where some records may fail, handle that in it, or use a worker, which "
        "tries again and puts aside what cannot be handled."
    )


@final
class PartitionLanes(Generic[ItemT]):
    """Runs a handler over a source, once."""

    def __init__(
        self,
        source: RecordSource,
        read: Callable[[LogRecord], Awaitable[ItemT | None]],
        handler: Callable[[ItemT], Awaitable[object]],
        clock: Clock,
    ) -> None:
        """Stand ready.

        Args:
            source: where records come from.
            read: makes of a record what the handler takes; None where it takes nothing of it.
            handler: takes it.
            clock: the time.
        """
        self._source = source
        self._read = read
        self._handler = handler
        self._clock = clock
        self._lanes: dict[Partition, asyncio.Task[None]] = {}
        self._ending = self._cancelling = False
        self._breathed_s = clock.monotonic()

    async def run(self, *, drain_s: float) -> None:
        """Handle all that comes.

        Args:
            drain_s: how long other lanes may take to end when one has failed.

        Raises:
            HandlerRaised: the handler has raised.
            WorldError: a record cannot be decoded, or reading cannot go on.
        """
        more: asyncio.Task[bool] | None = asyncio.ensure_future(self._more())
        try:
            while self._begin_lanes() or more is not None:
                waited = {*self._lanes.values(), *([] if more is None else [more])}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                self._end_lanes()
                if more is not None and more.done():
                    more = asyncio.ensure_future(self._more()) if more.result() else None
        except Exception:
            await self._drain(drain_s)
            raise
        finally:
            await self._cancel(more)

    async def _more(self) -> bool:
        return await self._source.more()

    def _begin_lanes(self) -> bool:
        """Begin a lane where records wait and there is none; say whether there is any."""
        for partition in list(self._source.waiting()):
            if partition not in self._lanes:
                record = self._source.take_of(partition)
                assert record is not None, "it is waiting"
                self._lanes[partition] = asyncio.ensure_future(self._serve(partition, record))
        return bool(self._lanes)

    def _end_lanes(self) -> None:
        for partition in [each for each, lane in self._lanes.items() if lane.done()]:
            self._lanes.pop(partition).result()

    async def _serve(self, partition: Partition, first: LogRecord) -> None:
        record: LogRecord | None = first
        while record is not None:
            try:
                await self._handle(record)
            except BaseException:
                self._source.put_back(record)
                raise
            self._source.finish(record)
            if self._clock.monotonic() - self._breathed_s >= _BREATHE_S:
                await asyncio.sleep(0)
                self._breathed_s = self._clock.monotonic()
            record = None if self._ending else self._source.take_of(partition)

    async def _handle(self, record: LogRecord) -> None:
        item = await self._read(record)
        if item is None:
            return
        try:
            await self._handler(item)
        except asyncio.CancelledError as error:
            if self._cancelling:
                raise
            raise _raised(record, error) from error  # something that it waited for was cancelled
        except Exception as error:
            # Whatever it is: a handler is the user's code, and its errors are told, never judged.
            raise _raised(record, error) from error

    async def _drain(self, drain_s: float) -> None:
        """Let lanes end the record that each has in hand; what they raise besides adds nothing."""
        self._ending = True
        if self._lanes:
            await self._within(drain_s, list(self._lanes.values()))

    async def _within(self, limit_s: float, tasks: Sequence["asyncio.Task[Any]"]) -> None:
        """Wait for tasks to end, but not for longer."""
        deadline_s = self._clock.monotonic() + limit_s
        try:
            await before(self._clock, deadline_s, asyncio.wait(tasks))
        except TimeoutError:
            return

    async def _cancel(self, more: "asyncio.Task[bool] | None") -> None:
        # A handler that is cancelled may end its record all the same; its lane ends with it then.
        self._ending = self._cancelling = True
        tasks: list[asyncio.Task[Any]] = [*self._lanes.values(), *([] if more is None else [more])]
        self._lanes = {}
        for task in tasks:
            task.cancel()
            task.add_done_callback(_seen)
        if tasks and not all(task.done() for task in tasks):
            await self._within(_CANCEL_S, tasks)


def _seen(task: "asyncio.Task[Any]") -> None:
    """Look at what a task has raised, for the first error is the one that is told."""
    if not task.cancelled():
        task.exception()


def _raised(record: LogRecord, error: BaseException) -> HandlerRaised:
    return HandlerRaised(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        kind=type(error).__name__,
    )
