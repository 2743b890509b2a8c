"""When segments are closed, when they go, and when a compaction is due: Kafka's rules.

Laws:
1. Values in, values out: nothing here changes a segment.
2. Whole segments only, from the first on.
"""

from collections.abc import Sequence

from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.log.record_batch import BatchHeader
from penstock.infra.embedded.log.segment import MOST_OFFSETS, Segment

__all__ = ["is_dirty_enough", "must_roll", "too_large", "too_old", "too_young"]


def must_roll(
    active: Segment, header: BatchHeader, size: int, *, config: LogConfig, now_ms: int
) -> bool:
    """Tell whether a batch must begin a new segment.

    Time is that of records, as far as they have any: a log to which nobody writes keeps its active
    segment, however old.

    Args:
        active: where it would be appended.
        header: the batch's.
        size: its bytes.
        config: the topic's.
        now_ms: the time.
    """
    too_far = header.last_offset - active.base_offset > MOST_OFFSETS
    if active.size == 0:
        return too_far
    if active.first_timestamp_ms >= 0:
        waited_ms = header.max_timestamp_ms - active.first_timestamp_ms
    else:
        waited_ms = now_ms - active.created_ms
    too_big = active.size > config.segment_bytes - size
    return too_far or too_big or waited_ms > config.longest_segment_ms


def too_large(segments: Sequence[Segment], *, config: LogConfig, size_bytes: int) -> int:
    """Count the first segments without which the log still has `retention.bytes`."""
    if not config.cleanup_delete or config.retention_bytes < 0:
        return 0
    over = size_bytes - config.retention_bytes
    count = 0
    for segment in segments:
        over -= segment.size
        if over < 0:
            break
        count += 1
    return count


def too_old(segments: Sequence[Segment], *, config: LogConfig, now_ms: int) -> int:
    """Count the first segments whose newest record is older than `retention.ms`."""
    if not config.cleanup_delete or config.retention_ms < 0:
        return 0
    count = 0
    for segment in segments:
        if now_ms - segment.largest_timestamp_ms <= config.retention_ms:
            break
        count += 1
    return count


def too_young(segments: Sequence[Segment], *, config: LogConfig, now_ms: int) -> int:
    """Count the last segments that compaction must leave alone: the first that has a record younger
    than `min.compaction.lag.ms`, and all after it.
    """  # noqa: D205 - one sentence
    if config.min_compaction_lag_ms <= 0:
        return 0
    youngest_ms = now_ms - config.min_compaction_lag_ms
    for number, segment in enumerate(segments):
        if segment.largest_timestamp_ms > youngest_ms:
            return len(segments) - number
    return 0


def is_dirty_enough(
    dirty: Sequence[Segment], *, clean_bytes: int, config: LogConfig, now_ms: int
) -> bool:
    """Tell whether a compaction is due.

    Args:
        dirty: the segments that were not compacted yet and may be.
        clean_bytes: the bytes of those that were.
        config: the topic's.
        now_ms: the time.

    Returns:
        True where the dirty part is larger than `min.cleanable.dirty.ratio`, or has a record that
        is older than `max.compaction.lag.ms`.
    """
    dirty_bytes = sum(segment.size for segment in dirty)
    if dirty_bytes == 0:
        return False
    if dirty_bytes / (dirty_bytes + clean_bytes) > config.min_cleanable_dirty_ratio:
        return True
    times = [one.first_timestamp_ms for one in dirty if one.first_timestamp_ms > 0]
    return bool(times) and min(times) < now_ms - max(config.max_compaction_lag_ms, 0)
