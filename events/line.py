"""A line of records that wait to be admitted: in the order of the calls, and not for ever.

Records stand in line where their class of messages is not ready yet (entrance.py) and where there
is no room for them (sender.py). Whoever owns a line takes from its front; the line itself sees to
it that nobody stands in it past his deadline, also when nothing moves.

Laws:
1. First come, first served: only the front is taken.
2. One timer serves a line, however many stand in it: deadlines rise from front to back. A call
   that has asked for less time than others watches its own, and leaves by cancelling its future.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, final

from penstock.events.batch_parts import PartEnd, Parts
from penstock.events.batches import Batch
from penstock.events.clock import Clock
from penstock.events.envelope import Outgoing
from penstock.schemas.errors import PenstockError, WorldError

__all__ = ["End", "InLine", "Line", "NotSent", "Readiness", "Waiter"]


@dataclass(eq=False, kw_only=True)
class NotSent(WorldError):
    """The deadline came before a record was handed to the broker."""

    topic: str
    """Where it was to be written."""
    reason: str
    """What it waited for."""

    code: ClassVar[str] = "PEN-E21"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "A record for {topic} was not sent in time: {reason}."
    why: ClassVar[str] = "It is certainly not written."
    remedy: ClassVar[str] = "Publish it again, and look after the cluster if this goes on."


End = PartEnd | Parts
"""How a batch ended: with the offset of its first record, with an error, or in parts."""


class Waiter(Protocol):
    """Waits for the end of a batch: the future of a call, or the share of a `publish_many`."""

    def done(self) -> bool:
        """Whether it waits no more, since its caller was cancelled."""
        ...

    def set_result(self, end: End, /) -> None:
        """Take the end."""
        ...


class Readiness(Protocol):
    """Whether records of one class may be sent."""

    @property
    def ready(self) -> bool:
        """True from some moment on."""
        ...


class InLine(NamedTuple):
    """A record that waits to be admitted."""

    kind: Readiness
    """Its class."""
    outgoing: Outgoing
    """The record."""
    linger_s: float
    """Seconds for which it may wait for company, once admitted."""
    deadline_s: float
    """When it is given up, in monotonic seconds."""
    join: Callable[[Batch[Waiter]], None]
    """Called with its batch at admission, to fix who is told."""
    admitted: "asyncio.Future[PenstockError | None]"
    """Done when it has been admitted, or with the reason why it never will be."""

    def refuse(self, failure: BaseException) -> None:
        """Tell the caller that it never will be, unless he has left."""
        if self.admitted.done():
            return
        if isinstance(failure, PenstockError):
            self.admitted.set_result(failure)
        else:
            self.admitted.set_exception(failure)


@final
class Line:
    """Records in line for one thing. Belongs to one event loop."""

    __slots__ = ("_clock", "_entries", "_patrol", "_serve", "reason")

    def __init__(self, clock: Clock, reason: str, serve: "Callable[[Line], None]") -> None:
        """Begin empty.

        Args:
            clock: time.
            reason: what those who are dismissed have waited for.
            serve: looks at the front; called when the deadline there has come.
        """
        self._clock = clock
        self.reason = reason
        """What those who are dismissed have waited for; whoever learns more says so here."""
        self._serve = serve
        self._entries: deque[InLine] = deque()
        self._patrol: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Those who stand in line, and some who have left it without being noticed yet."""
        return len(self._entries)

    def append(self, entry: InLine) -> None:
        """Put a record at the end."""
        self._entries.append(entry)
        if self._patrol is None:
            self._patrol = asyncio.create_task(self._patrolling())

    def front(self) -> InLine | None:
        """Return the first that still waits, having dismissed those whose deadline has come."""
        now_s = self._clock.monotonic()
        while self._entries:
            entry = self._entries[0]
            if not entry.admitted.done():
                if entry.deadline_s > now_s:
                    return entry
                entry.refuse(self._not_sent(entry, self.reason))
            self._entries.popleft()
        return None

    def leave(self) -> None:
        """Take away the front."""
        self._entries.popleft()

    def exchange(self, exchanged: Callable[[InLine], InLine]) -> None:
        """Put something in the place of each that still waits; where it stands stays the same."""
        self._entries = deque(
            entry if entry.admitted.done() else exchanged(entry) for entry in self._entries
        )

    def refuse(self, kind: Readiness, failure: BaseException) -> None:
        """Tell all records of a class that they will not be admitted, and take them away."""
        stay = deque(entry for entry in self._entries if entry.kind is not kind)
        gone = [entry for entry in self._entries if entry.kind is kind]
        self._entries = stay
        for entry in gone:
            entry.refuse(failure)

    async def close(self, reason: str) -> None:
        """Dismiss all, and stop the timer."""
        for entry in self._entries:
            entry.refuse(self._not_sent(entry, reason))
        self._entries.clear()
        if self._patrol is not None:
            self._patrol.cancel()
            await asyncio.wait([self._patrol])

    async def _patrolling(self) -> None:
        while self._entries:
            await self._clock.sleep_until(self._entries[0].deadline_s)
            self._serve(self)
        self._patrol = None

    def _not_sent(self, entry: InLine, reason: str) -> NotSent:
        return NotSent(topic=entry.outgoing.partition.topic, reason=reason)
