"""The words in which `decide` speaks: what it notes, why a saga fails, why it waits, what alarms.

All of them are read by programs: callers find their answer among the notes of a history, dashboards
count them, operators filter by the reason of a parking.

Laws:
1. Words are on the wire (history, records): some may come, none changes its meaning.
2. An alarm's name is in lower case with hyphens, as everywhere in penstock.
"""

from enum import StrEnum

__all__ = ["AlarmName", "FailureCode", "Note", "ParkingCode"]


class Note(StrEnum):
    """The code of a NOTED fact: what became of something that came."""

    ACCEPTED = "ACCEPTED"
    """Answers a start, a cancel, an operator: it is done as asked."""
    ALREADY = "ALREADY"
    """Answers a start with the same input, or a cancel of what turns back already."""
    CONFLICT = "CONFLICT"
    """Answers a start: the key belongs to a saga with another input."""
    TOO_LATE = "TOO_LATE"
    """Answers a cancel, and says of a deadline: there is no way back by now (S10)."""
    NOT_FOUND = "NOT_FOUND"
    """Answers a cancel or an operator: there is no saga of that key."""
    NOT_POSSIBLE = "NOT_POSSIBLE"
    """Answers an operator: that cannot be done; the text says why, and what can."""
    LATE = "LATE"
    """An answer, or an event, that nothing waits for any more."""
    DUPLICATE = "DUPLICATE"
    """An answer that says once more what an earlier one said."""
    CONTRADICTION = "CONTRADICTION"
    """An answer that says the contrary of the one that counted; the first counts (S7)."""
    STALE = "STALE"
    """An error of an attempt that is over (S2)."""
    ORPHAN = "ORPHAN"
    """An answer or an event for a key without a saga."""
    FOREIGN = "FOREIGN"
    """Something that cannot belong to this saga: it is in the dead letters."""
    UNREADABLE = "UNREADABLE"
    """An unreadable answer that would have changed nothing: it is in the dead letters."""
    UNSENT = "UNSENT"
    """The broker refused what was to be sent, and there was nothing to park."""


class FailureCode(StrEnum):
    """Why a saga turned round, where no service says so by a code (S32)."""

    TIMEOUT = "timeout"
    ERROR = "error"
    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    REFUSED = "refused"
    """A service refused and gave no code. Only a saga's last event says so; elsewhere the code
    stays as empty as it came."""


class ParkingCode(StrEnum):
    """Why a saga waits for an operator. Where a message cannot be written, the error's own code."""

    GAVE_UP = "gave_up"
    """A step at or behind the pivot was tried for so long as its retry says."""
    NOT_RETRYABLE = "not_retryable"
    """A step at or behind the pivot ended in an error that no further attempt mends (S3)."""
    REFUSED = "refused"
    """A step behind the pivot was refused (S4)."""
    UNREADABLE = "unreadable"
    """A step was answered with what nobody can read (S16)."""
    STUCK = "stuck"
    """A step could not be undone (S5)."""
    NOT_SENT = "not_sent"
    """The broker refused twice what was to be sent (F18)."""
    NOT_ANNOUNCED = "not_announced"
    """The same, and among it was the event that says that everything is undone."""
    BUG = "bug"
    """Penstock itself could not decide what follows from what came."""


class AlarmName(StrEnum):
    """What people are told of."""

    PARKED = "saga-parked"
    """A saga waits for an operator, or one more of its steps needs one."""
    CONTRADICTION = "saga-contradiction"
    """A service gave two final answers that exclude each other."""
    LATE_EFFECT = "saga-late-effect"
    """A step turned out to be done after its saga had ended COMPENSATED."""
    DEADLINE = "saga-deadline-too-late"
    """A deadline ran out where there is no way back."""
    UNSENT = "saga-output-refused"
    """The broker refused what a saga wanted to send, and nothing could be parked for it."""
    UNANNOUNCED = "saga-end-not-announced"
    """A saga has ended COMPENSATED without the event that was to say so."""
