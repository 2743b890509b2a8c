"""The error of logs: a store that holds what no log has written."""

from dataclasses import dataclass
from typing import ClassVar, final

from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["DamagedSegment"]


@final
@dataclass(eq=False, kw_only=True)
class DamagedSegment(WorldError):
    """A store's segment holds bytes that are no record batch of this log."""

    code: ClassVar[str] = "PEN-I118"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "Segment {base_offset} of partition {partition} can't be read at position {position}: "
        "{reason}."
    )
    why: ClassVar[str] = "What lies after it can't be found, and nothing is guessed."
    remedy: ClassVar[str] = (
        "Restore the segment from a copy, or delete the partition's data and write it again."
    )
    partition: str
    base_offset: int
    position: int
    reason: str
