"""Sagas beside the bytes of their records, so that a record is read once and not at each input.

Laws:
1. The bytes are the truth: what is kept counts only while a partition's state holds the very bytes
   that it was read from or written as. A restore makes other bytes, and so makes it worthless.
2. Bounded by number and by bytes: what is kept may be of partitions that are somebody else's by
   now.
3. A record that cannot be read is never guessed: `StateUnreadable`.
"""

from typing import Final, final

from penstock.sagas.engine.state import SagaState
from penstock.sagas.records import SAGA_TABLE, RecordReader
from penstock.schemas.errors import PenstockError
from penstock.workers.state_table import StateUnreadable
from penstock.workers.timers import Timing

__all__ = ["DecodedSagas"]

NUMBER_LIMIT: Final = 50_000
"""Sagas that are kept, at most."""
BYTES_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of their records, at most."""


@final
class DecodedSagas:
    """The sagas of one orchestrator that were used lately."""

    def __init__(self, reader: RecordReader) -> None:
        """Begin with none; read records with this reader."""
        self._reader = reader
        self._kept: dict[bytes, tuple[bytes, SagaState]] = {}
        self.size_bytes = 0
        """Bytes of the records of what is kept."""

    def read(self, entry: bytes, key: str, value: bytes) -> SagaState:
        """Return the saga of an entry of state.

        Args:
            entry: its changelog key.
            key: the saga's.
            value: what the partition's state holds.

        Raises:
            StateUnreadable: the record cannot be read.
        """
        kept = self._kept.get(entry)
        if kept is not None and kept[0] is value:
            return kept[1]
        try:
            saga = self._reader.saga(key, value)
        except PenstockError as error:
            raise StateUnreadable(table=SAGA_TABLE, reason=error.code) from error
        self.keep(entry, value, saga)
        return saga

    def timing(self, entry: bytes, value: bytes) -> Timing:
        """Return when a saga is due; what is not kept is read no further than that.

        Raises:
            StateUnreadable: the record cannot be read.
        """
        kept = self._kept.get(entry)
        if kept is not None and kept[0] is value:
            return Timing(kept[1].due_ms, kept[1].updated_ms)
        try:
            updated_ms, due_ms = self._reader.times(value)
        except PenstockError as error:
            raise StateUnreadable(table=SAGA_TABLE, reason=error.code) from error
        return Timing(due_ms, updated_ms)

    def keep(self, entry: bytes, value: bytes, saga: SagaState) -> None:
        """Keep a saga beside the bytes that are about to become its record."""
        self.forget(entry)
        if len(self._kept) >= NUMBER_LIMIT or self.size_bytes + len(value) > BYTES_LIMIT:
            self._kept.clear()
            self.size_bytes = 0
        self._kept[entry] = value, saga
        self.size_bytes += len(value)

    def forget(self, entry: bytes) -> None:
        """Keep an entry no longer; one that is not kept is no error."""
        if (kept := self._kept.pop(entry, None)) is not None:
            self.size_bytes -= len(kept[0])

    def __len__(self) -> int:
        """The number of sagas that are kept."""
        return len(self._kept)
