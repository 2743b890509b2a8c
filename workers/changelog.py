"""The changelog of a partition: barriers and state, and how they are read back.

A changelog partition holds one record per state change (see state.py) and, under one constant key,
the barrier of each start. Restoring means: read committed records from the beginning up to one's
own barrier, whose offset the barrier's transaction told. If that offset is passed and the barrier
was not there, somebody else's transaction lies in between: doubt.

Laws:
1. What cannot be understood is never guessed or skipped: `ChangelogUnreadable`.
2. A reader is closed on every way out.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from penstock.events.log import LogReader, LogRecord, Partition
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.errors import ExitCode, PenstockError, WorldError
from penstock.schemas.lookup import SchemaLookup
from penstock.schemas.record import Record
from penstock.schemas.single_object import fingerprint_in
from penstock.workers.ports import TransactionDoubt
from penstock.workers.state import STATE_PREFIX, PartitionState

__all__ = [
    "BARRIER_KEY",
    "RESTORE_LIMIT_S",
    "BarrierRecord",
    "ChangelogUnreadable",
    "barrier_value",
    "closing",
    "committed_records",
    "last_barrier",
    "restore",
]

BARRIER_KEY: Final = b"b/"
"""The constant key of all barriers: compaction keeps the last."""
READ_LIMIT_S: Final = 1.0
"""Longest wait for the next records of a changelog before the position is looked at again."""
RESTORE_LIMIT_S: Final = 6 * 3600.0
"""Longest restore. Compaction removes tombstones `delete.retention.ms` (24 h by default) after they
were cleaned, and a reader slower than that would miss deletes."""
SILENCE_LIMIT: Final = 30
"""So many waits in a row without progress are a doubt: the log's leader is away."""


class BarrierRecord(Record, namespace="penstock"):
    """Proof that a partition's owner held the transactional id and the committed offset at once."""

    nonce: UUID
    epoch: int
    position: int


@dataclass(eq=False, kw_only=True)
class ChangelogUnreadable(WorldError):
    """A changelog holds a record that this version cannot read."""

    partition: Partition
    """The changelog partition."""
    offset: int
    """The record's offset."""
    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-W20"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The changelog {partition} cannot be read at offset {offset}: {problem}."
    why: ClassVar[str] = "State that cannot be read in full would be wrong state."
    remedy: ClassVar[str] = (
        "Run the version that wrote it, or a newer one; nothing was changed by this start."
    )


_encode_barrier: Callable[[Record], bytes] = encoder_of(BarrierRecord)


def barrier_value(nonce: UUID, epoch: int, position: int) -> bytes:
    """The value of a barrier record."""
    return _encode_barrier(BarrierRecord(nonce=nonce, epoch=epoch, position=position))


def _barrier_in(record: LogRecord, partition: Partition, schemas: SchemaLookup) -> BarrierRecord:
    try:
        value = record.value or b""
        writer = schemas.find(fingerprint_in(value))
        if writer is None:
            raise _unreadable(record, partition, "its schema is not known here")
        barrier = decoder_of(writer, BarrierRecord)(value)
    except ChangelogUnreadable:
        raise
    except PenstockError as error:
        raise _unreadable(record, partition, error.code) from error
    assert isinstance(barrier, BarrierRecord)
    return barrier


def _unreadable(record: LogRecord, partition: Partition, problem: str) -> ChangelogUnreadable:
    return ChangelogUnreadable(partition=partition, offset=record.offset, problem=problem)


async def committed_records(
    reader: LogReader, partition: Partition, end: int
) -> AsyncIterator[LogRecord]:
    """All committed records before an offset, in order; ends once the position has reached it.

    Raises:
        TransactionDoubt: the log gives no records.
    """
    silent = 0
    while reader.position(partition) < end:
        before = reader.position(partition)
        for record in await reader.read(timeout_s=READ_LIMIT_S):
            if record.offset < end:
                yield record
        silent = 0 if reader.position(partition) > before else silent + 1
        if silent >= SILENCE_LIMIT:
            raise TransactionDoubt(reason=f"{partition} gives no records")


async def last_barrier(
    reader: LogReader, partition: Partition, schemas: SchemaLookup
) -> int | None:
    """The position of the last barrier in a changelog; None where there never was one.

    Raises:
        ChangelogUnreadable: a barrier cannot be read.
        TransactionDoubt: the changelog gives no records.
    """
    _, end = await reader.bounds(partition)
    position = None
    async for record in committed_records(reader, partition, end):
        if record.key == BARRIER_KEY:
            position = _barrier_in(record, partition, schemas).position
    return position


async def restore(
    reader: LogReader,
    partition: Partition,
    *,
    into: PartitionState,
    until: int,
    nonce: UUID,
    schemas: SchemaLookup,
    readable: frozenset[bytes],
) -> None:
    """Read a partition's state up to a barrier.

    Args:
        reader: Reads the changelog partition from its beginning.
        partition: The changelog partition.
        into: The state to fill; it grows as records are read.
        until: The barrier's offset.
        nonce: What the barrier must hold.
        schemas: Knows the schemas of barriers and values.
        readable: Prefixes of state keys that this worker has tables for.

    Raises:
        TransactionDoubt: the barrier is not where it was written.
        ChangelogUnreadable: a record cannot be read, or belongs to a table nobody declared.
    """
    known: set[bytes] = set()
    seen = False
    async for record in committed_records(reader, partition, until + 1):
        if record.key == BARRIER_KEY:
            if record.offset == until:
                seen = _barrier_in(record, partition, schemas).nonce == nonce
            continue
        _check(record, partition, schemas, readable, known)
        assert record.key is not None
        into.apply(record.key, record.value)
    if not seen:
        raise TransactionDoubt(reason=f"the barrier is not at offset {until} of {partition}")


def _check(
    record: LogRecord,
    partition: Partition,
    schemas: SchemaLookup,
    readable: frozenset[bytes],
    known: set[bytes],
) -> None:
    key = record.key
    if key is None or not key.startswith(STATE_PREFIX):
        raise _unreadable(record, partition, "its key is of no kind that this version knows")
    table = key[: key.find(b"/", len(STATE_PREFIX)) + 1]
    if table not in readable:
        raise _unreadable(record, partition, f"no handler declares the table {table!r}")
    if record.value is None:
        return
    try:
        fingerprint = fingerprint_in(record.value)
    except PenstockError as error:
        raise _unreadable(record, partition, error.code) from error
    if fingerprint not in known:
        if schemas.find(fingerprint) is None:
            raise _unreadable(record, partition, f"the schema {fingerprint.hex()} is not known")
        known.add(fingerprint)


@asynccontextmanager
async def closing(reader: LogReader) -> AsyncIterator[LogReader]:
    """Close a reader on every way out."""
    try:
        yield reader
    finally:
        await reader.close()
