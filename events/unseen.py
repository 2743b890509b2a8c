"""Failures at which nobody has looked: told by an alarm, so that none is lost in silence.

Who publishes without waiting holds a receipt. Where the event fails, the receipt is kept in mind
here until somebody looks at it. If it is thrown away before, nobody ever will, and an alarm says
so: one for all that were thrown away in one turn of the event loop.

Laws:
1. A failure is told once: by its receipt, by a flush, or by an alarm.
2. No receipt is kept alive here, and nothing at all is kept of what succeeds.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, final
from weakref import ref

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.schemas.errors import PenstockError

__all__ = ["UnseenFailures"]


@final
class UnseenFailures:
    """The failures of one publisher at which nobody has looked yet. Belongs to one event loop."""

    __slots__ = ("_failures", "_first", "_loop", "_raise_alarm", "_thrown_away", "told_by_alarm")

    def __init__(self, raise_alarm: RaiseAlarm) -> None:
        """Begin with none.

        Args:
            raise_alarm: is told of failures at which nobody looks.
        """
        self._raise_alarm = raise_alarm
        self._failures: dict[ref[Any], PenstockError] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thrown_away = 0
        self._first: PenstockError | None = None
        self.told_by_alarm = 0
        """Failures at which nobody looked."""

    def add(self, receipt: object, failure: PenstockError) -> None:
        """Keep in mind how the event of a receipt has failed."""
        self._loop = asyncio.get_running_loop()
        self._failures[ref(receipt, self._gone)] = failure

    def seen(self, receipt: object) -> None:
        """Forget a receipt: somebody has been told."""
        self._failures.pop(ref(receipt), None)

    def kept(self) -> tuple[ref[Any], ...]:
        """Return marks of all failures that are kept in mind now, for `take`."""
        return tuple(self._failures)

    def take(self, marks: Iterable[ref[Any]]) -> list[PenstockError]:
        """Return those of these failures that are still kept in mind, and forget them.

        Args:
            marks: of failures whose telling is at hand.
        """
        taken = [self._failures.pop(mark, None) for mark in marks]
        return [failure for failure in taken if failure is not None]

    def close(self) -> None:
        """Tell what is left: after the end nobody will look."""
        for failure in self.take(self.kept()):
            self._throw_away(failure)
        self._tell()

    def _gone(self, receipt: ref[Any]) -> None:
        failure = self._failures.pop(receipt, None)
        if failure is None:
            return
        first = not self._thrown_away
        self._throw_away(failure)
        if first and self._loop is not None and not self._loop.is_closed():
            # The garbage collector may run in any thread.
            self._loop.call_soon_threadsafe(self._tell)
        elif first:
            self._tell()

    def _throw_away(self, failure: PenstockError) -> None:
        self._first = self._first or failure
        self._thrown_away += 1

    def _tell(self) -> None:
        count, first = self._thrown_away, self._first
        self._thrown_away, self._first = 0, None
        if first is None:
            return
        self.told_by_alarm += count
        self._raise_alarm(
            Alarm(
                name="publish-failed-unseen",
                text=f"{count} events that were published without waiting failed, and nobody "
                f"looked at their receipts. The first: {first.message}",
                facts={"events": count, "code": first.code},
            )
        )
