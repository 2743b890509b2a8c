"""What is said to and by a partition's life: the inputs it takes, the commands it gives.

Inputs report what the world did; commands say what the shell must do next. Both are plain values
without behaviour, so that transcripts and the explorer can write them down and compare them. What
they mean together stands in partition_life.py.
"""

from dataclasses import dataclass
from enum import StrEnum

from penstock.workers.offsets import CommittedOffset, Finished

__all__ = [
    "AskMembership",
    "Assigned",
    "Barrier",
    "BarrierCommitted",
    "Begin",
    "Command",
    "CommitBarrier",
    "Committed",
    "Doubt",
    "Drain",
    "Drained",
    "DropEverything",
    "Fail",
    "Failed",
    "Fault",
    "Fence",
    "Fenced",
    "Hold",
    "Input",
    "Inspect",
    "Inspected",
    "Keep",
    "Locate",
    "Located",
    "Member",
    "MemberLost",
    "MemberUncertain",
    "Release",
    "Restore",
    "Restored",
    "Revoked",
    "Run",
    "Stop",
]


class Fault(StrEnum):
    """What kind of trouble made a partition give up."""

    DOUBTS = "doubts"
    """Too many doubts in a row."""
    OFFSETS = "offsets"
    """Committed offset and changelog or log do not belong together."""
    UNREACHABLE = "unreachable"
    """The coordinator stayed silent."""
    CHANGELOG = "changelog"
    """The changelog holds what this version cannot read."""
    PERMISSION = "permission"
    """The cluster forbids it."""
    SILENCE = "silence"
    """The consumer gives no records although there are some."""
    UNFIT = "unfit"
    """Something outside is wrong, and its own error says how to mend it."""
    BUG = "bug"
    """Penstock itself is wrong."""


# --- inputs: what the world reports ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assigned:
    """The group's assignment names the partition; the callback has not returned yet."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The assignment callback has returned: from here on waiting blocks nobody."""


@dataclass(frozen=True, slots=True)
class Member:
    """One Heartbeat of this generation was answered with 0."""


@dataclass(frozen=True, slots=True)
class MemberUncertain:
    """A rebalance is under way (27) or the coordinator did not answer."""

    why: str
    """What the coordinator said, or that it said nothing."""


@dataclass(frozen=True, slots=True)
class MemberLost:
    """The generation is over (22) or the member unknown (25): the partition is somebody else's."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """A new producer holds the transactional id; its predecessor's markers are written."""


@dataclass(frozen=True, slots=True)
class Located:
    """What the group's coordinator and the input's leader answered after the fence."""

    committed: CommittedOffset | None
    """The committed offset with its metadata; None where the group has none."""
    first: int
    """The first offset that the log still holds."""
    end: int
    """The end of what committed readers may see."""
    changelog_end: int | None = None
    """The end of the changelog; None where there is none to look at."""

    @property
    def outside(self) -> bool:
        """Whether there is a committed offset, and the log no longer or not yet holds it."""
        return self.committed is not None and not self.first <= self.committed.position <= self.end

    @property
    def complaint(self) -> str:
        """What is wrong with an offset outside the log."""
        position = None if self.committed is None else self.committed.position
        return (
            f"the committed offset {position} lies outside the log, which holds {self.first} to "
            f"{self.end}: it has expired or the topic was made again"
        )

    @property
    def start(self) -> "Barrier":
        """Where to begin: at the committed offset, else explicitly at the log's beginning."""
        if self.committed is None or self.committed.position > self.end:
            return Barrier(self.first, Finished())
        if self.committed.position < self.first:
            # What is done beyond the position, and still lies in the log, stays done.
            runs = self.committed.finished.runs
            left = tuple((max(first, self.first), end) for first, end in runs if end > self.first)
            return Barrier(self.first, Finished(left))
        return Barrier(self.committed.position, self.committed.finished)


@dataclass(frozen=True, slots=True)
class Inspected:
    """The changelog was read to its end in search of the last barrier."""

    last_barrier: int | None
    """The position that barrier committed; None where there never was one."""


@dataclass(frozen=True, slots=True)
class BarrierCommitted:
    """The barrier transaction was answered with success."""

    offset: int
    """The barrier record's offset in the changelog; -1 where the broker did not say."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The changelog was read up to the barrier, and the barrier was seen there."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit of work succeeded: earlier doubts are forgiven."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something happened whose outcome cannot be known, or a producer that cannot be trusted."""

    why: str
    """What happened, for people."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """The group takes the partition away; it may come back."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The process ends: the partition will not come back."""


@dataclass(frozen=True, slots=True)
class Drained:
    """Collecting has stopped, and what could be committed within the limit is committed."""

    at: "Barrier | None"
    """Where the next record would be, where nothing uncommitted is left in memory and the outcome
    of every commit is known; else None."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that no retry mends, found by the shell (an undecodable changelog, say)."""

    why: str
    """What it is and what to do."""
    fault: Fault = Fault.BUG
    """Which kind of trouble it is."""


Input = (
    Assigned
    | Begin
    | Member
    | MemberUncertain
    | MemberLost
    | Fenced
    | Located
    | Inspected
    | BarrierCommitted
    | Restored
    | Committed
    | Doubt
    | Revoked
    | Stop
    | Drained
    | Failed
)


# --- commands: what the shell must do ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause the partition and seek it to 0, before the callback's first await.

    A paused partition without a position makes the client raise thousands of errors a second.
    """


@dataclass(frozen=True, slots=True)
class AskMembership:
    """Send one Heartbeat of the generation of this assignment, after a wait."""

    after_s: float
    """Seconds to wait first."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Start a new producer with the static transactional id."""


@dataclass(frozen=True, slots=True)
class Locate:
    """Read the committed offset by name, the first offset and the end of the input."""

    after_s: float = 0.0
    """Seconds to wait first."""


@dataclass(frozen=True, slots=True)
class Inspect:
    """Read the changelog to its end and report the last barrier's position."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """What a barrier transaction commits."""

    position: int
    """The offset that is committed again, as located."""
    finished: Finished
    """The records beyond the position that are already done."""


@dataclass(frozen=True, slots=True)
class CommitBarrier:
    """Commit one barrier record to the changelog, and the located offset, in one transaction."""

    barrier: Barrier
    """Position and finished records."""


@dataclass(frozen=True, slots=True)
class Restore:
    """Read the changelog, committed records only, up to the barrier's offset."""

    until: int
    """Offset of the barrier."""


@dataclass(frozen=True, slots=True)
class Run:
    """Seek, resume, and begin to collect, compute and commit."""

    position: int
    """The first offset to read."""
    finished: Finished
    """Offsets beyond it that must not be processed again."""
    caught_up_at: int
    """End of the input when it was located: timers wait until the position has passed it."""
    unmarked: bool = False
    """True where the group has no offset of ours yet: commit the position before any record, so
    that a group that crashed before its first commit begins at the same place again."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Stop collecting; commit what is finished within the limit; report Drained."""


@dataclass(frozen=True, slots=True)
class DropEverything:
    """Cancel the producer's sender, close its sockets, forget all memory. Never flush."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Hold the producer and the memory: the partition may be regained."""


@dataclass(frozen=True, slots=True)
class Release:
    """Close the producer in an orderly way and forget all memory."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Say why and end the process."""

    why: str
    """The reason, for people."""
    fault: Fault
    """Which kind of trouble it is."""


Command = (
    Hold
    | AskMembership
    | Fence
    | Locate
    | Inspect
    | CommitBarrier
    | Restore
    | Run
    | Drain
    | DropEverything
    | Keep
    | Release
    | Fail
)
