"""Reading batches within limits, and saying which one cannot be read.

aiokafka unpacks a batch when its first record is asked for, in compiled code, without a limit, and
with an error that names no offset. Worse: where several partitions are handed out together, that
error throws away what was taken from the others, and their positions have moved already. So here

    unpacking       stops at a limit (unpacking.py); put in the place of aiokafka's functions
    a batch         that cannot be read is no exception: it ends the records of its partition with
                    an `UnreadableBatch`, behind all that stands before it and is good
    a fetch         ends early once it has unpacked enough; what is left is fetched again

and whoever polls tells the two apart (`UnreadableBatches`). The position stays before such a batch:
nothing is skipped unless somebody says so.

Law: one place for every consumer of this process, behind tests that fail when aiokafka changes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Final, final

from aiokafka.consumer import fetcher
from aiokafka.record import _crecords, default_records, legacy_records
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.empty_batches import SurvivingRecords
from penstock.infra.kafka.unpacking import (
    check_headers,
    unpack_gzip,
    unpack_lz4,
    unpack_snappy,
    unpack_zstd,
)
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "BatchUnreadable",
    "UnreadableBatch",
    "UnreadableBatches",
    "read_safely",
]


@dataclass(eq=False, kw_only=True)
class BatchUnreadable(WorldError):
    """A batch cannot be read: broken, or larger than allowed once it is unpacked."""

    partition: Partition
    """Where it is."""
    offset: int
    """The offset in it that is to be read next."""
    next_offset: int
    """The first offset behind it."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I180"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The batch at offset {offset} of {partition} cannot be read: {reason}."
    why: ClassVar[str] = "Nothing behind it is read before it, and nothing is skipped in silence."
    remedy: ClassVar[str] = (
        "Where it is trusted and only large, raise PENSTOCK_MAX_UNPACKED_BYTES. To go on without "
        "it, read from offset {next_offset}: of a group, set the offset with "
        "'kafka-consumer-groups --reset-offsets --to-offset {next_offset}' while it is stopped."
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableBatch:
    """Stands in the place of the records of a batch that cannot be read."""

    partition: Partition
    """Where it is."""
    offset: int
    """The offset in it that is to be read next."""
    next_offset: int
    """The first offset behind it."""
    reason: str
    """What is wrong with it."""
    cause: Exception
    """What reading it raised."""

    def error(self) -> BatchUnreadable:
        """Return the error to raise."""
        error = BatchUnreadable(
            partition=self.partition,
            offset=self.offset,
            next_offset=self.next_offset,
            reason=self.reason,
        )
        error.__cause__ = self.cause
        return error


def read_safely(limit_bytes: int) -> None:
    """Let every consumer of this process read within limits. Often is fine.

    Args:
        limit_bytes: that a batch may unpack to. Of several the greatest holds: a process has one
            copy of aiokafka.
    """
    _UNPACKER.limit_bytes = max(_UNPACKER.limit_bytes, limit_bytes)
    # The fetcher makes these objects itself, by this name, and offers no other way in.
    fetcher.PartitionRecords = _BoundedRecords
    for module in _MODULES:
        for codec, unpack in _UNPACKER.functions(with_headers="default" in module.__name__).items():
            if hasattr(module, codec):  # old formats know no zstd
                setattr(module, codec, unpack)


@final
class UnreadableBatches:
    """What one consumer met of such batches, told when all that is readable has been handed out."""

    __slots__ = ("_kept", "_position")

    def __init__(self, position: Callable[[Partition], int | None]) -> None:
        """Begin with none.

        Args:
            position: gives the offset that is read next; None where the partition is not read.
        """
        self._position = position
        self._kept: UnreadableBatch | None = None

    def tell(self) -> None:
        """Raise what was met beside records of other partitions, unless it was passed meanwhile.

        Raises:
            BatchUnreadable: its partition still stands before it.
        """
        kept, self._kept = self._kept, None
        if kept is not None and self._position(kept.partition) == kept.offset:
            raise kept.error()

    def take_out(self, chunks: dict[TopicPartition, list[Any]]) -> None:
        """Leave only records in what was polled.

        Args:
            chunks: what `getmany` gave.

        Raises:
            BatchUnreadable: there is nothing else in it.
        """
        ended = [place for place, chunk in chunks.items() if type(chunk[-1]) is UnreadableBatch]
        for place in ended:
            self._kept = chunks[place].pop()
            if not chunks[place]:
                del chunks[place]
        if self._kept is not None and not chunks:
            self.tell()


@final
class _Unpacker:
    """Unpacks for all consumers, and counts."""

    def __init__(self) -> None:
        self.limit_bytes = 0
        self.unpacked_bytes = 0
        """Of all batches together; differences of it say what a fetch has cost."""

    def functions(self, *, with_headers: bool) -> dict[str, Callable[[Any], bytes]]:
        """What stands in the place of aiokafka's functions, by their names."""

        def bounded(unpack: Callable[[Any, int], bytes]) -> Callable[[Any], bytes]:
            def unpacked(packed: Any) -> bytes:
                records = unpack(packed, self.limit_bytes)
                self.unpacked_bytes += len(records)
                if with_headers:
                    check_headers(records)
                return records

            return unpacked

        return {
            "gzip_decode": bounded(unpack_gzip),
            "snappy_decode": bounded(unpack_snappy),
            "lz4_decode": bounded(unpack_lz4),
            "zstd_decode": bounded(unpack_zstd),
        }


_UNPACKER: Final = _Unpacker()
_MODULES: Final[tuple[ModuleType, ...]] = (
    _crecords.default_records,
    _crecords.legacy_records,
    default_records,
    legacy_records,
)


@final
class _WatchedBatches:
    """The batches of one fetch; remembers the last, and ends when enough has been unpacked."""

    __slots__ = ("_batches", "_before_bytes", "last")

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self._before_bytes = _UNPACKER.unpacked_bytes
        self.last: Any = None

    def has_next(self) -> bool:
        if self.last is None:
            self._before_bytes = _UNPACKER.unpacked_bytes
        elif _UNPACKER.unpacked_bytes - self._before_bytes > _UNPACKER.limit_bytes:
            return False
        there: bool = self._batches.has_next()
        return there

    def next_batch(self) -> Any:
        self.last = self._batches.next_batch()
        return self.last


class _BoundedRecords(SurvivingRecords):
    """The records of one fetch."""

    def __init__(self, tp: TopicPartition, records: Any, *others: Any) -> None:
        self._watched = _WatchedBatches(records)
        super().__init__(tp, self._watched, *others)
        unguarded: Iterator[Any] = self._records_iterator
        self._records_iterator: Iterator[Any] = self._to_the_end(unguarded)

    def __iter__(self) -> Iterator[Any]:
        # The generator itself: aiokafka would come here for each record.
        return self._records_iterator

    def _to_the_end(self, records: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from records
        except Exception as error:  # noqa: BLE001 - whatever reading bytes raises, they are unreadable
            yield self._ending(error)

    def _ending(self, error: Exception) -> UnreadableBatch:
        offset: int = self.next_fetch_offset
        last = self._watched.last
        behind = offset + 1 if last is None else max(last.next_offset, offset + 1)
        return UnreadableBatch(
            partition=Partition(self._tp.topic, self._tp.partition),
            offset=offset,
            next_offset=behind,
            reason=str(error) or type(error).__name__,
            cause=error,
        )
