"""Which records of a partition are done, and how that is written into a committed offset.

A slow key holds only its lane, so records finish out of order. What is committed is the low
watermark (the first offset that is not done) and, in the offset's metadata, the runs of offsets
beyond it that are done already, so that a restart repeats none of them.

Metadata is ASCII: `penstock/1`, then, where something beyond is done, `:` and pairs `skip.length`
in base 36, joined by commas; `skip` counts the offsets since the end of the pair before (or since
the position). Its length is bounded by the broker (`offset.metadata.max.bytes`); one character
more kills a transactional producer, so the number of runs is bounded before anything is committed.

Laws:
1. Offsets that are never delivered (markers, aborted and compacted records) count as done.
2. Metadata that another program wrote is not ours and says nothing; metadata of a newer penstock
   is refused, never guessed.
3. Everything here is pure; a `Watermark` is changed by its owner only.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import ClassVar, Final

from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "CommittedOffset",
    "Finished",
    "UnknownOffsetMetadata",
    "Watermark",
    "metadata_of",
    "parse_metadata",
    "runs_that_fit",
]

MARK: Final = "penstock/"
"""Every offset that penstock commits begins its metadata with this."""
VERSION: Final = "1"
_DIGITS: Final = digits + ascii_lowercase
_LONGEST_RUN: Final = 16
"""Characters of one pair at the most: two numbers below 36**7, a point and a comma."""
_COMPACT_AFTER: Final = 4096
"""Delivered offsets that may lie before the head before memory is given back."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Runs of offsets that are done, beyond a position."""

    runs: tuple[tuple[int, int], ...] = ()
    """(first, end) with end excluded; ascending; the first may begin at the position itself."""

    def __contains__(self, offset: int) -> bool:
        """Whether this offset is done."""
        at = bisect_right(self.runs, (offset, 1 << 63)) - 1
        return at >= 0 and offset < self.runs[at][1]

    def __bool__(self) -> bool:
        """Whether anything is done beyond the position."""
        return bool(self.runs)


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """An offset as the group's coordinator holds it."""

    position: int
    """The first offset that is not done."""
    finished: Finished = Finished()
    """What is done beyond it."""
    ours: bool = True
    """False where another program wrote it."""


@dataclass(eq=False, kw_only=True)
class UnknownOffsetMetadata(WorldError):
    """An offset's metadata is of a newer penstock, or damaged."""

    metadata: str
    """The metadata, cut to 64 characters."""

    code: ClassVar[str] = "PEN-W2"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A committed offset carries the metadata {metadata!r}."
    why: ClassVar[str] = "It says which records are done, and this version cannot read it."
    remedy: ClassVar[str] = "Run the penstock version that wrote it, or a newer one."


def runs_that_fit(limit: int) -> int:
    """The number of runs whose metadata surely fits into this many characters."""
    return max(0, (limit - len(MARK) - len(VERSION) - 1) // _LONGEST_RUN)


def metadata_of(position: int, finished: Finished) -> str:
    """Write what is done beyond a position as the metadata of its offset."""
    if not finished:
        return MARK + VERSION
    pairs = []
    last = position
    for first, end in finished.runs:
        pairs.append(f"{_base36(first - last)}.{_base36(end - first)}")
        last = end
    return f"{MARK}{VERSION}:{','.join(pairs)}"


def parse_metadata(position: int, metadata: str | None) -> CommittedOffset:
    """Read the metadata of a committed offset.

    Raises:
        UnknownOffsetMetadata: it is penstock's, but not of a version that this one can read.
    """
    if metadata is None or not metadata.startswith(MARK):
        return CommittedOffset(position, ours=False)
    version, _, pairs = metadata.removeprefix(MARK).partition(":")
    if version != VERSION:
        raise UnknownOffsetMetadata(metadata=metadata[:64])
    runs = []
    last = position
    for pair in pairs.split(",") if pairs else ():
        skip, length = _parse_pair(pair, metadata)
        runs.append((last + skip, last + skip + length))
        last += skip + length
    return CommittedOffset(position, Finished(tuple(runs)))


def _parse_pair(pair: str, metadata: str) -> tuple[int, int]:
    skip, point, length = pair.partition(".")
    legal = point and all(part and set(part) <= set(_DIGITS) for part in (skip, length))
    if not legal or int(length, 36) < 1:
        raise UnknownOffsetMetadata(metadata=metadata[:64])
    return int(skip, 36), int(length, 36)


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"


class Watermark:
    """The low watermark of a partition whose records finish in any order."""

    def __init__(self, position: int, finished: Finished = Finished()) -> None:
        """Begin at a committed position.

        Args:
            position: The first offset that is not done.
            finished: What is done beyond it.
        """
        self._offsets: list[int] = []
        self._done = bytearray()
        self._head = 0
        self._next = position
        self._resumed = finished
        self._resumed_at = 0
        self._inner_runs = 0
        self._pass_resumed()

    def deliver(self, offset: int) -> bool:
        """Take note of a record that was read.

        Returns:
            False where it was done before the restart and must not be processed again.
        """
        done = bool(self._resumed) and offset in self._resumed
        if offset < self._next:
            message = f"offset {offset} was delivered after {self._next - 1}"
            raise AssertionError(message)
        self._offsets.append(offset)
        self._done.append(0)
        self._next = offset + 1
        self._pass_resumed()
        if done:
            self.finish(offset)
        return not done

    def pass_to(self, position: int) -> None:
        """Move over offsets that will never be delivered, when all delivered records are done."""
        assert self._head == len(self._offsets), "records are outstanding"
        self._next = max(self._next, position)
        self._pass_resumed()

    def copy(self) -> "Watermark":
        """An independent twin, to try things on."""
        twin = Watermark(self._next, self._resumed)
        twin._offsets = self._offsets[self._head :]
        twin._done = self._done[self._head :]
        twin._inner_runs = self._inner_runs
        return twin

    def _pass_resumed(self) -> None:
        runs = self._resumed.runs
        while self._resumed_at < len(runs) and runs[self._resumed_at][1] <= self._next:
            self._resumed_at += 1

    @property
    def runs(self) -> int:
        """Runs of done records beyond the watermark, as metadata would hold them."""
        return self._inner_runs + len(self._resumed.runs) - self._resumed_at

    def runs_after(self, offset: int) -> int:
        """How many runs there would be once this record is done too."""
        at = self._index(offset)
        if at == self._head:
            return self.runs
        return self.runs + 1 - self._is_done(at - 1) - self._is_done(at + 1)

    def finish(self, offset: int) -> None:
        """Mark a delivered record as done."""
        at = self._index(offset)
        if self._done[at]:
            message = f"offset {offset} was finished twice"
            raise AssertionError(message)
        self._done[at] = 1
        if at != self._head:
            self._inner_runs += 1 - self._is_done(at - 1) - self._is_done(at + 1)
            return
        self._advance()

    def _advance(self) -> None:
        head = self._head + 1
        if head < len(self._done) and self._done[head]:
            self._inner_runs -= 1
            head = self._done.find(0, head)
            head = len(self._done) if head < 0 else head
        self._head = head
        if head > _COMPACT_AFTER:
            del self._offsets[:head]
            del self._done[:head]
            self._head = 0

    def _index(self, offset: int) -> int:
        # Where offsets have no gaps, and that is nearly always, arithmetic finds the place.
        guess = self._head + offset - self._offsets[self._head]
        if 0 <= guess < len(self._offsets) and self._offsets[guess] == offset:
            return guess
        at = bisect_left(self._offsets, offset, lo=self._head)
        assert self._offsets[at] == offset, f"offset {offset} was never delivered"
        return at

    def _is_done(self, at: int) -> int:
        return self._done[at] if self._head <= at < len(self._done) else 0

    @property
    def position(self) -> int:
        """The first offset that is not done."""
        if self._head < len(self._offsets):
            return self._offsets[self._head]
        return self._next

    @property
    def outstanding(self) -> int:
        """Delivered records from the watermark on, done or not."""
        return len(self._offsets) - self._head

    def finished(self) -> Finished:
        """What is done beyond the watermark."""
        runs: list[tuple[int, int]] = []
        open_at: int | None = None
        for at in range(self._head, len(self._offsets)) if self._inner_runs else ():
            if self._done[at]:
                open_at = self._offsets[at] if open_at is None else open_at
            elif open_at is not None:
                runs.append((open_at, self._offsets[at - 1] + 1))
                open_at = None
        if open_at is not None:
            runs.append((open_at, self._next))
        return Finished(tuple(runs) + self._still_to_come())

    def _still_to_come(self) -> tuple[tuple[int, int], ...]:
        # Runs from before the restart that have not been read again yet.
        ahead = self._resumed.runs[self._resumed_at :]
        return tuple((max(first, self._next), end) for first, end in ahead)
