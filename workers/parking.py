"""Parking: the dead letter of a record that cannot be handled, and the alarm that tells of it.

Laws:
1. A dead letter is the record itself, untouched, plus the note that says why; it is the record's
   effect in place of those that it would have had.
2. Whoever parks says why in one word with hyphens, stable as a name.
3. Pure: time is an argument.
"""

from collections.abc import Callable
from typing import final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.dead_letter import dead_letter_headers, failure_code, failure_message
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.workers.group_commit import Effects

__all__ = ["Parking", "alarm_about"]


@final
class Parking:
    """Makes the dead letters of one worker."""

    def __init__(
        self,
        *,
        group: str,
        dead_letters: Callable[[str], str],
        alarm: RaiseAlarm,
    ) -> None:
        """Take what is the same for all records.

        Args:
            group: The consumer group.
            dead_letters: The dead-letter topic of an input topic.
            alarm: Told of each record that is parked.
        """
        self._group = group
        self._dead_letters = dead_letters
        self._alarm = alarm

    def park(
        self,
        record: LogRecord,
        failure: BaseException,
        reason: str,
        handler: str = "",
        attempts: int = 0,
        *,
        now_ms: int,
        bare: bool = False,
    ) -> Effects:
        """Make the dead letter of a record its only effect.

        Args:
            record: What cannot be handled.
            failure: What ended the last attempt.
            reason: The class of the failure, in one word with hyphens.
            handler: The handler; empty where none was reached.
            attempts: How often handling was begun.
            now_ms: Wall clock, milliseconds since 1970.
            bare: Leave out the value, where even the dead letter is too large.
        """
        effects = Effects()
        headers = dead_letter_headers(
            record,
            failure,
            reason=reason,
            group=self._group,
            handler=handler,
            attempts=attempts,
        )
        value = None if bare else record.value
        key = b"" if value is None and record.key is None else record.key
        effects.emit(
            Partition(self._dead_letters(record.topic), record.partition),
            NewRecord(key, value, list(headers), now_ms),
        )
        text = f"Parked as a dead letter ({reason}): {failure_message(failure)}"
        self._alarm(alarm_about(record, failure, name="record-parked", text=text, handler=handler))
        return effects


def alarm_about(
    record: LogRecord, failure: BaseException, *, name: str, text: str, handler: str
) -> Alarm:
    """Return an alarm with a record's coordinates."""
    return Alarm(
        name=name,
        text=text,
        facts={
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "handler": handler,
            "error_code": failure_code(failure),
        },
    )
