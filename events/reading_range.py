"""Which part of a log is read: where it begins in each partition, and where it ends.

    start="beginning" | "end" | an aware datetime | {partition: offset}
    until=None        | "end" | an aware datetime | {partition: offset}

Both become offsets once, when reading begins. An end is a position and no record: the record before
it may be a marker, aborted, or cleaned away, and a reader that waited to see it would wait forever.

Laws:
1. Nothing is moved in silence: an offset outside of the log is an error that names its bounds.
2. A time begins at the first record that is as late (`RangeReader.offset_at`). Without a zone it is
   refused: it would be another moment on each machine.
3. This is a core: whoever reads asks the log and brings what it answered.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias

from penstock.events.log import Partition
from penstock.schemas.errors import CallerError, ExitCode, WorldError

__all__ = [
    "BadRange",
    "PartitionAnswers",
    "PositionOutside",
    "Span",
    "Start",
    "Until",
    "check_group_range",
    "check_range",
    "chosen_partitions",
    "position_inside",
    "span_of",
    "start_in",
    "timestamp_ms_of",
]

Start: TypeAlias = Literal["beginning", "end"] | datetime | Mapping[Partition, int]
"""Where to begin: at the first record, behind the last one, at a time, or at an offset for each
partition; partitions that are not named begin at their first record."""

Until: TypeAlias = Literal["end"] | datetime | Mapping[Partition, int] | None
"""Where to end: at the ends that partitions have when reading begins, before the first record that
is as late as a time, or before an offset for each partition; partitions that are not named end as
with "end". None: nowhere, what comes is waited for."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class PartitionAnswers(NamedTuple):
    """What a log said of one partition."""

    first: int
    """The first offset that it holds, or would hold next."""
    end: int
    """The end of what committed readers may see."""
    start_at: int | None = None
    """Where the time of the start begins; asked for where the start is a time."""
    until_at: int | None = None
    """Where the time of the end begins; likewise."""


class Span(NamedTuple):
    """What is read of one partition."""

    begin: int
    """The offset of the first record, or of what is there in its place."""
    end: int | None
    """Behind the last one; None: what comes is waited for. Not before `begin`."""

    def is_over(self, position: int) -> bool:
        """Whether a reader at this position has read it all."""
        return self.end is not None and position >= self.end


@dataclass(eq=False, kw_only=True)
class BadRange(CallerError):
    """What is to be read cannot be said so."""

    argument: str
    """The argument that is wrong."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-E52"
    what: ClassVar[str] = "Nothing can be read with this {argument}: {reason}."
    why: ClassVar[str] = "Whatever it might mean is a guess, and a guess skips or repeats records."
    remedy: ClassVar[str] = "Mend the argument."


@dataclass(eq=False, kw_only=True)
class PositionOutside(WorldError):
    """An offset that is to be read, or read up to, lies outside of the log."""

    partition: Partition
    """The partition."""
    position: int
    """The offset."""
    whence: str
    """Who named it."""
    first: int
    """The first offset of the log."""
    end: int
    """The end of what committed readers may see."""

    code: ClassVar[str] = "PEN-E51"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "{whence} names offset {position} of {partition}, which is not there."
    why: ClassVar[str] = (
        "The log goes from {first} to {end}: records have expired, or the topic was made again, "
        "and beginning elsewhere would skip or repeat records in silence."
    )
    remedy: ClassVar[str] = (
        "Decide what the missing records mean, then name an offset within the log; a group begins "
        "anew under another name, or where Kafka's own tools set its offsets."
    )


def check_range(start: Start, until: Until, partitions: Collection[Partition]) -> None:
    """Refuse what can be seen to be wrong without asking the log.

    Args:
        start: where to begin.
        until: where to end.
        partitions: all that are read.

    Raises:
        BadRange: it is nothing of what may be said, a time has no zone, a partition is not read, an
            offset is negative, or the end lies before the beginning.
    """
    _check_kind("start", start, ("beginning", "end"))
    _check_kind("until", until, ("end", None))
    for argument, wish in (("start", start), ("until", until)):
        if isinstance(wish, datetime) and wish.tzinfo is None:
            raise BadRange(argument=argument, reason="the time has no zone")
        if isinstance(wish, Mapping):
            _check_offsets(argument, wish, partitions)
    if isinstance(start, datetime) and isinstance(until, datetime) and until < start:
        raise BadRange(argument="until", reason="it is earlier than start")
    if isinstance(start, Mapping) and isinstance(until, Mapping):
        for partition in sorted(start.keys() & until.keys()):
            if until[partition] < start[partition]:
                raise BadRange(argument="until", reason=f"{partition} ends before it begins")


def chosen_partitions(
    every: Sequence[Partition], chosen: Iterable[Partition] | None
) -> tuple[Partition, ...]:
    """Return the partitions that are read, in order.

    Args:
        every: all of the topics.
        chosen: those that are wanted; None: all.

    Raises:
        BadRange: one that is wanted is none of them, or none is wanted.
    """
    if chosen is None:
        return tuple(every)
    wanted = set(chosen)
    if strange := sorted(map(str, wanted - set(every))):
        reason = f"no type that is read travels on {', '.join(strange)}"
        raise BadRange(argument="partitions", reason=reason)
    if not wanted:
        raise BadRange(argument="partitions", reason="there is none")
    return tuple(sorted(wanted))


def check_group_range(
    start: Start,
    until: Until,
    every: Collection[Partition],
    chosen: Iterable[Partition] | None,
) -> None:
    """Refuse what cannot be said of a group, whose partitions come and go.

    Args:
        start: where to begin, where the group has no offset.
        until: where to end.
        every: all partitions of the topics.
        chosen: those that are wanted.

    Raises:
        BadRange: start is wrong as for `check_range`, or something else was asked for at all.
    """
    for argument, wish in (("until", until), ("partitions", chosen)):
        if wish is not None:
            reason = (
                "a group gives its members the partitions that it likes, for as long as it likes"
            )
            raise BadRange(argument=argument, reason=reason)
    check_range(start, None, every)


def _check_kind(argument: str, wish: object, words: tuple[str | None, ...]) -> None:
    """Refuse what only looks like a place, as Kafka's own "earliest" does: it would be the end."""
    if not isinstance(wish, datetime | Mapping) and wish not in words:
        meant = ", ".join(map(repr, words))
        reason = f"{wish!r} is none of {meant}, an aware datetime, and offsets by partition"
        raise BadRange(argument=argument, reason=reason)


def _check_offsets(
    argument: str, wish: Mapping[Partition, int], partitions: Collection[Partition]
) -> None:
    if strange := sorted(map(str, wish.keys() - set(partitions))):
        raise BadRange(argument=argument, reason=f"{', '.join(strange)} is not read here")
    for partition, offset in wish.items():
        if offset < 0:
            raise BadRange(argument=argument, reason=f"the offset of {partition} is {offset}")


def timestamp_ms_of(moment: datetime) -> int:
    """Return the first millisecond since 1970 that is not before a moment; never below 0.

    Args:
        moment: aware.
    """
    return max(0, -((_EPOCH - moment) // _MILLISECOND))


def span_of(partition: Partition, start: Start, until: Until, log: PartitionAnswers) -> Span:
    """Return what is read of one partition.

    Args:
        partition: which one.
        start: where to begin.
        until: where to end.
        log: what the log said of it.

    Raises:
        PositionOutside: an offset was named that the log does not reach.
    """
    begin, end = start_in(partition, start, log), _end_in(partition, until, log)
    return Span(begin, None if end is None else max(begin, end))


def start_in(partition: Partition, start: Start, log: PartitionAnswers) -> int:
    """Return where one partition begins.

    Args:
        partition: which one.
        start: where to begin.
        log: what the log said of it.

    Raises:
        PositionOutside: an offset was named that the log does not reach.
    """
    if isinstance(start, Mapping):
        position = start.get(partition)
        return log.first if position is None else position_inside(partition, position, "start", log)
    if isinstance(start, datetime):
        assert log.start_at is not None, "the log was not asked for the time"
        return log.start_at
    return log.first if start == "beginning" else log.end


def _end_in(partition: Partition, until: Until, log: PartitionAnswers) -> int | None:
    if until is None:
        return None
    if isinstance(until, Mapping):
        position = until.get(partition)
        return log.end if position is None else position_inside(partition, position, "until", log)
    if isinstance(until, datetime):
        assert log.until_at is not None, "the log was not asked for the time"
        return log.until_at
    return log.end


def position_inside(partition: Partition, position: int, whence: str, log: PartitionAnswers) -> int:
    """Return a position that was named, if the log reaches it; its end counts as reached.

    Args:
        partition: which one.
        position: the offset.
        whence: who named it, for the error.
        log: what the log said.

    Raises:
        PositionOutside: the log does not reach it.
    """
    if not log.first <= position <= log.end:
        raise PositionOutside(
            partition=partition, position=position, whence=whence, first=log.first, end=log.end
        )
    return position
