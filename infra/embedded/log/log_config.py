"""What a topic's configuration says about its partitions' logs.

The fields are Kafka's topic configurations; their names and defaults are Kafka's own. This file
must never know how they are written as text: infra/embedded/configs reads that.
"""

from dataclasses import dataclass
from typing import Final, final

__all__ = ["LONG_MAX", "LogConfig"]

LONG_MAX: Final = 2**63 - 1
"""Java's largest long: Kafka's way of saying "no limit" where there is one."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """The configuration of one partition's log; every default is Apache Kafka's."""

    cleanup_delete: bool = True
    """`cleanup.policy` names `delete`: old segments go by time and by size."""
    cleanup_compact: bool = False
    """`cleanup.policy` names `compact`: of each key the last record stays."""
    retention_ms: int = 604_800_000
    """`retention.ms`: how old a segment's newest record may be; -1 is for ever."""
    retention_bytes: int = -1
    """`retention.bytes`: how large the whole log may be; -1 is without limit."""
    segment_bytes: int = 1_073_741_824
    """`segment.bytes`: a segment that would become larger is closed first."""
    segment_ms: int = 604_800_000
    """`segment.ms`: a segment is closed when its records span more time than this."""
    max_message_bytes: int = 1_048_588
    """`max.message.bytes`: the largest batch, its header included."""
    log_append_time: bool = False
    """`message.timestamp.type` is `LogAppendTime`: the broker's time counts, not the client's."""
    timestamp_before_max_ms: int = LONG_MAX
    """`message.timestamp.before.max.ms`: how far in the past a record's time may lie."""
    timestamp_after_max_ms: int = 3_600_000
    """`message.timestamp.after.max.ms`: how far in the future a record's time may lie."""
    min_cleanable_dirty_ratio: float = 0.5
    """`min.cleanable.dirty.ratio`: compaction begins when more than this part is not yet clean."""
    delete_retention_ms: int = 86_400_000
    """`delete.retention.ms`: how long a compacted log keeps tombstones and end markers."""
    min_compaction_lag_ms: int = 0
    """`min.compaction.lag.ms`: a segment with a younger record is not compacted."""
    max_compaction_lag_ms: int = LONG_MAX
    """`max.compaction.lag.ms`: an older record makes compaction begin, whatever the ratio."""
    compression_type: str = "producer"
    """`compression.type`: `producer` keeps each batch's codec; else uncompressed, gzip, snappy, lz4
    or zstd."""

    @property
    def longest_segment_ms(self) -> int:
        """How much time one segment may span: `segment.ms`, or less for the compaction lag."""
        if self.cleanup_compact:
            return min(max(self.max_compaction_lag_ms, 0), self.segment_ms)
        return self.segment_ms
