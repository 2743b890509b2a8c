"""Entries of state that say when they want to be looked at, for tests of timers.

A reminder's key is `t/<name>/<lane key>`, its value `<due> <seen>` in milliseconds, `-` for never.
One that runs out writes a record and then says never.
"""

from penstock.events.log import NewRecord, Partition
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.group_commit import Effects
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation
from penstock.workers.timers import Timed, Timers, Timing

__all__ = ["REMINDED", "START_MS", "Reminders", "reminder", "state_of", "timers_of"]

START_MS = VirtualClock().wall_ms()
"""What the wall clock shows when a test begins."""
REMINDED = Partition("shop.reminded", 0)
"""Where a reminder that has run out writes."""


def reminder(due_s: float | None, *, seen_s: float = 0.0) -> bytes:
    """Make an entry's value.

    Args:
        due_s: seconds after the test's beginning; None is never.
        seen_s: the latest time that it knows of, likewise.
    """
    due = b"-" if due_s is None else b"%d" % (START_MS + round(due_s * 1000))
    return b"%b %d" % (due, START_MS + round(seen_s * 1000))


def state_of(entries: dict[bytes, bytes]) -> PartitionState:
    """Make a state as a restore leaves it."""
    state = PartitionState()
    for key, value in entries.items():
        state.apply(key, value)
    return state


def timers_of(timed: Timed, state: PartitionState) -> Timers:
    """Take the times of a state at once; see timer_watch.restored_timers."""
    timers = Timers()
    timers.fill((key, timed.timing(key, value)) for key, value in state.items())
    return timers


class Reminders:
    """Knows the times of reminders and writes down which ran out; fulfils `Timed`."""

    def __init__(self) -> None:
        """Nothing has run out."""
        self.fired: list[tuple[bytes, float]] = []
        self.idle: list[bytes] = []
        self.condemned: dict[bytes, Condemnation] = {}
        self.leave_it = False

    def timing(self, key: bytes, value: bytes) -> Timing:
        """Read an entry; entries of other tables have no time."""
        if not key.startswith(b"t/"):
            return Timing(due_ms=None)
        due, seen = value.split()
        return Timing(due_ms=None if due == b"-" else int(due), seen_ms=int(seen))

    def lane_key(self, key: bytes) -> bytes:
        """Return the last part of its key."""
        return key.rpartition(b"/")[2]

    def fire(
        self, key: bytes, now_ms: int, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Write a record and say never, where it is due; else nothing."""
        value, effects = state.get(key), Effects()
        assert value is not None, "an entry that is gone does not fire"
        due_ms = self.timing(key, value).due_ms
        if due_ms is None or due_ms > now_ms:
            self.idle.append(key)
            return effects
        self.fired.append((key, (now_ms - START_MS) / 1000))
        if self.leave_it:
            return effects
        if condemned is None:
            effects.emit(REMINDED, NewRecord(key, value, [], now_ms))
        else:
            self.condemned[key] = condemned
        effects.change(key, b"- %d" % now_ms)
        return effects

    @property
    def names(self) -> list[bytes]:
        """The keys of what ran out, in order."""
        return [key for key, _ in self.fired]
