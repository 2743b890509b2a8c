"""What is read of a partition, against a twin that looks at every offset."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import Partition
from penstock.events.reading_range import (
    PartitionAnswers,
    PositionOutside,
    Span,
    Start,
    Until,
    span_of,
    timestamp_ms_of,
)

PLACE = Partition("t", 0)
TIME = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(
    datetime(1960, 1, 1),  # noqa: DTZ001 - the strategy takes bounds without a zone, and adds one
    datetime(2100, 1, 1),  # noqa: DTZ001 - likewise
    timezones=ZONES,
)
OFFSETS = st.integers(0, 12)


@st.composite
def logs(draw: st.DrawFn) -> PartitionAnswers:
    """A log with or without records, and where two times begin in it."""
    first = draw(OFFSETS)
    end = first + draw(OFFSETS)
    times = sorted(draw(st.lists(st.integers(first, end), min_size=2, max_size=2)))
    return PartitionAnswers(first, end, *times)


def at(offset: int) -> dict[Partition, int]:
    """Name an offset."""
    return {PLACE: offset}


SOME_STARTS: list[Start] = ["beginning", "end", TIME, {}]
STARTS: st.SearchStrategy[Start] = st.sampled_from(SOME_STARTS) | OFFSETS.map(at)
SOME_UNTILS: list[Until] = [None, "end", TIME, {}]
UNTILS: st.SearchStrategy[Until] = st.sampled_from(SOME_UNTILS) | OFFSETS.map(at)


def named(wish: Start | Until, log: PartitionAnswers) -> bool:
    """Whether an offset is named that the log does not reach."""
    offset = wish.get(PLACE) if isinstance(wish, dict) else None
    return offset is not None and offset not in range(log.first, log.end + 1)


def is_read(offset: int, start: Start, until: Until, log: PartitionAnswers) -> bool:
    """The twin: whether a record at an offset is read, said one offset at a time."""
    begins: dict[object, int | None] = {"beginning": log.first, "end": log.end, TIME: log.start_at}
    ends: dict[object, int | None] = {"end": log.end, TIME: log.until_at, None: None}
    begin = start.get(PLACE, log.first) if isinstance(start, dict) else begins[start]
    end = until.get(PLACE, log.end) if isinstance(until, dict) else ends[until]
    assert begin is not None
    return begin <= offset and (end is None or offset < end)


@given(STARTS, UNTILS, logs())
def test_exactly_what_was_asked_for_is_read(
    start: Start, until: Until, log: PartitionAnswers
) -> None:
    """And an offset that the log does not reach is an error, never moved."""
    if named(start, log) or named(until, log):
        with pytest.raises(PositionOutside) as outside:
            span_of(PLACE, start, until, log)
        assert (outside.value.first, outside.value.end) == (log.first, log.end)
        return
    span = span_of(PLACE, start, until, log)
    for offset in range(30):
        read = span.begin <= offset and (span.end is None or offset < span.end)
        assert read == is_read(offset, start, until, log)


@given(OFFSETS, st.none() | OFFSETS, OFFSETS)
def test_a_span_is_over_at_its_end_and_never_before(
    begin: int, length: int | None, read: int
) -> None:
    """Whatever lies at the end: the position counts."""
    end = None if length is None else begin + length
    span = Span(begin, end)
    assert span.is_over(begin + read) == (end is not None and begin + read >= end)


@given(MOMENTS)
def test_a_time_is_the_first_millisecond_that_is_not_before_it(moment: datetime) -> None:
    """A record of the millisecond before is earlier; what lies before 1970 begins at 0."""
    epoch, found = datetime(1970, 1, 1, tzinfo=UTC), timestamp_ms_of(moment)
    assert epoch + timedelta(milliseconds=found) >= moment
    assert found == 0 or epoch + timedelta(milliseconds=found - 1) < moment
