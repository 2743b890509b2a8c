"""Partition state: a dictionary whose every change is also a record of the changelog.

The state of a partition belongs to one machine. A record's handler sees it through a `StateView`
with a buffer of its own: what it writes becomes visible to other records only when it has
finished, and reaches the changelog in the transaction that commits the record's offset.

Values are bytes here (framed Avro records); state_table.py gives a handler one table of them with
types. Keys of the changelog are `s/<full name of the record>/<key>`; what else lives in a
changelog has another first letter (see barrier.py).

Laws:
1. An entry that several keys share must be read and written behind the handler's last await: lanes
   run side by side, and what a record writes counts when its handler has returned.
2. A value that cannot be decoded is never guessed: the partition fails with its coordinates.
3. A view that is kept beyond its handler's return changes nothing any more: the change would go
   into the changelog, and not into memory.
4. Pure: nothing here waits.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.schemas.errors import CallerError, ExitCode
from penstock.workers.group_commit import Effects

__all__ = [
    "STATE_PREFIX",
    "IllegalStateKey",
    "LateChange",
    "PartitionState",
    "StateView",
    "state_key",
    "table_prefix",
]

STATE_PREFIX: Final = b"s/"
"""What the changelog keys of all tables begin with."""
_LONGEST_KEY = 1024
"""Bytes of a state key at the most; it is repeated in each change."""
_SHOWN_BYTES = 128
_SORT_LATER = 1024
"""From so many keys on, an insertion in the middle costs more than a later sort."""


@dataclass(eq=False, kw_only=True)
class IllegalStateKey(CallerError):
    """A key that a table cannot hold."""

    table: str
    """Full name of the table's record."""
    problem: str
    """What is wrong with the key."""

    code: ClassVar[str] = "PEN-W4"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A key of the table {table} is illegal: {problem}."
    why: ClassVar[str] = "State keys are text of 1 to 1024 bytes in UTF-8."
    remedy: ClassVar[str] = "Take a shorter, non-empty text that names the entity."


@dataclass(eq=False, kw_only=True)
class LateChange(CallerError):
    """State was to be changed behind the handler's return."""

    key: str
    """The changelog key, escaped and cut."""

    code: ClassVar[str] = "PEN-W40"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The state {key} was to be changed when its handler had returned."
    why: ClassVar[str] = "What a handler changes counts when it returns, and is committed then."
    remedy: ClassVar[str] = "Await what changes state before the handler returns."


def state_key(table: str, key: str) -> bytes:
    """The changelog key of one entry of a table.

    Raises:
        IllegalStateKey: the key is empty, too long, or no legal text.
    """
    if not isinstance(key, str):
        raise IllegalStateKey(table=table, problem=f"it is a {type(key).__name__}")
    try:
        encoded = key.encode()
    except UnicodeEncodeError as error:
        raise IllegalStateKey(table=table, problem="it holds a lone surrogate") from error
    if not 0 < len(encoded) <= _LONGEST_KEY:
        raise IllegalStateKey(table=table, problem=f"it has {len(encoded)} bytes")
    return table_prefix(table) + encoded


def table_prefix(table: str) -> bytes:
    """What the changelog keys of one table begin with."""
    return b"%b%b/" % (STATE_PREFIX, table.encode())


@final
class PartitionState:
    """All state of one partition: finished work, committed or about to be."""

    def __init__(self) -> None:
        """Begin empty; a restore fills it."""
        self._values: dict[bytes, bytes] = {}
        self._sorted: list[bytes] | None = []

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Make one change; None deletes."""
        if value is None:
            if self._values.pop(key, None) is not None and self._sorted is not None:
                del self._sorted[bisect_left(self._sorted, key)]
            return
        if self._sorted is not None and key not in self._values:
            self._remember(key)
        self._values[key] = value

    def _remember(self, key: bytes) -> None:
        # A restore brings keys by the hundred thousand: sort once when a scan asks, not each time.
        assert self._sorted is not None
        if len(self._sorted) > _SORT_LATER and key < self._sorted[-1]:
            self._sorted = None
        else:
            insort(self._sorted, key)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._values.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All entries, in no order."""
        return self._values.items()

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """All keys that begin with a prefix, in order."""
        if self._sorted is None:
            self._sorted = sorted(self._values)
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            if not self._sorted[at].startswith(prefix):
                return
            yield self._sorted[at]

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._values)


@final
class StateView:
    """The state as one record's handler sees it: the partition's, under its own changes."""

    def __init__(self, state: PartitionState, effects: Effects) -> None:
        """Look at a partition's state and write into one record's effects."""
        self._state = state
        self._effects = effects

    def get(self, key: bytes) -> bytes | None:
        """The value of a key as this record left it, else as finished records left it."""
        own = self._effects.state
        return own[key] if key in own else self._state.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Change a key; None deletes.

        Raises:
            LateChange: the record is finished.
        """
        if self._effects.finished:
            raise LateChange(key=ascii(key[:_SHOWN_BYTES]))
        if value is None and self.get(key) is None:
            return
        self._effects.change(key, value)

    def keys(self, prefix: bytes) -> list[bytes]:
        """All keys with a prefix, in order, own changes included."""
        own = self._effects.state
        kept = [key for key in self._state.keys(prefix) if key not in own]
        added = [key for key, value in own.items() if value is not None and key.startswith(prefix)]
        return sorted(kept + added) if added else kept
