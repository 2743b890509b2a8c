"""The wish for more partitions and the answer to it, as CreatePartitions has them."""

from dataclasses import dataclass
from typing import NamedTuple

from kio.schema.errors import ErrorCode

__all__ = ["PartitionGrowth", "TopicGrown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionGrowth:
    """A topic and how many partitions it is to have."""

    name: str
    count: int
    """The new total, more than there are now."""
    assignments: tuple[tuple[int, ...], ...] | None = None
    """Broker ids of each new partition, where the caller places them by hand."""


class TopicGrown(NamedTuple):
    """What became of the wish."""

    name: str
    error: ErrorCode = ErrorCode.none
    reason: str | None = None
