"""Reading in a consumer group: the port that an adapter fulfils.

A group shares partitions among its members and keeps, for each partition, the offset up to which it
is done. Workers ask more of a member than a subscriber does (workers/ports.py).

Laws:
1. Offsets are committed one by one and explicitly, never because something was fetched.
2. Nothing here waits without a limit; what cannot be said within it is a `WorldError`.
3. This file knows no client library and no schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from penstock.events.log import LogRecord, Partition
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["CommitMissed", "GroupReader"]


@dataclass(eq=False, kw_only=True)
class CommitMissed(WorldError):
    """Partitions went elsewhere before what was finished of them was committed."""

    partitions: str
    """Their names."""

    code: ClassVar[str] = "PEN-E44"
    exit_code: ClassVar[ExitCode] = ExitCode.UNREACHABLE
    what: ClassVar[str] = "Finished records were not committed, of {partitions}."
    why: ClassVar[str] = "The group gave these away meanwhile; whoever has them handles them again."
    remedy: ClassVar[str] = (
        "Nothing is lost: let what handles records bear repeats. Where this comes often, finish "
        "sooner, or raise PENSTOCK_DRAIN_S."
    )


class GroupReader(Protocol):
    """A member of a consumer group, as one that reads needs it."""

    async def poll(
        self, *, timeout_s: float, max_records: int
    ) -> Mapping[Partition, Sequence[LogRecord]]:
        """Fetched records by partition; keeps the membership alive, so call it often.

        Raises:
            PositionLost: the log no longer holds the position that is to be read.
        """
        ...

    def missing(self) -> Sequence[str]:
        """Topics that the group is to read and the cluster does not know, at the last look."""
        ...

    def pause(self, partition: Partition) -> None:
        """Fetch no more of a partition until it is resumed."""
        ...

    def resume(self, partition: Partition) -> None:
        """Fetch a partition again."""
        ...

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from this offset; fetched records before it are thrown away."""
        ...

    def position(self, partition: Partition) -> int | None:
        """The offset that will be read next, past markers.

        None while it is not known, and while records before it were not given out by `poll` yet.
        """
        ...

    async def committed(self, partition: Partition) -> tuple[int, str] | None:
        """The committed offset and its metadata, asked for by name; None where there is none.

        Raises:
            WorldError: no trustworthy answer in time.
        """
        ...

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """The first offset and the end of what committed readers may see."""
        ...

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """Where a time begins; see `RangeReader.offset_at` in log.py."""
        ...

    async def commit(self, partition: Partition, offset: int, metadata: str) -> None:
        """Commit one offset outside transactions, checked against the generation.

        Raises:
            WorldError: it was not committed, or nobody knows. One that is not retryable says that
                the coordinator does not take it.
        """
        ...
