"""A place in a partition: what was fetched is given out once, and positions pass what is not."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.memory.committed_records import CommittedRecords
from penstock.infra.memory.memory_record import MemoryRecord
from penstock.infra.memory.partition_cursor import PartitionCursor


def read(*offsets: int, next_offset: int) -> CommittedRecords:
    """What a fetch has brought."""
    records = tuple(MemoryRecord("t", 0, offset, 0, None, b"", ()) for offset in offsets)
    return CommittedRecords(records, next_offset)


def standing(position: int) -> PartitionCursor:
    """A cursor at a position."""
    cursor = PartitionCursor()
    cursor.seek(position)
    return cursor


def test_it_stands_nowhere_at_first() -> None:
    """And nothing is fetched for it."""
    cursor = PartitionCursor()
    assert (cursor.position, cursor.is_hungry) == (None, False)


def test_the_position_is_behind_what_was_given() -> None:
    """And past the markers once all of it was."""
    cursor = standing(5)
    assert cursor.put(5, read(5, 6, 9, next_offset=11))
    assert not cursor.is_hungry
    assert [each.offset for each in cursor.take(2)] == [5, 6]
    assert cursor.position == 7
    assert [each.offset for each in cursor.take(2)] == [9]
    assert (cursor.position, cursor.is_hungry) == (11, True)


def test_nothing_but_markers_moves_it_at_once() -> None:
    """There is nothing that somebody would have to take first."""
    cursor = standing(5)
    assert cursor.put(5, read(next_offset=7))
    assert (cursor.position, cursor.is_hungry) == (7, True)
    assert not cursor.put(7, read(next_offset=7))


def test_what_was_asked_for_before_a_seek_is_thrown_away() -> None:
    """Fetched or still on its way."""
    cursor = standing(5)
    cursor.put(5, read(5, 6, next_offset=7))
    cursor.seek(6)
    assert cursor.take(10) == []
    assert not cursor.put(5, read(5, 6, next_offset=7))
    assert cursor.position == 6


def test_a_paused_one_gives_nothing_and_loses_nothing() -> None:
    """Resumed, it goes on where it stood."""
    cursor = standing(0)
    cursor.put(0, read(0, next_offset=1))
    cursor.is_paused = True
    assert (cursor.take(10), cursor.is_hungry) == ([], False)
    cursor.is_paused = False
    assert [each.offset for each in cursor.take(10)] == [0]


@given(st.lists(st.integers(1, 5), min_size=1), st.integers(1, 4))
def test_each_record_is_given_once(gaps: list[int], most: int) -> None:
    """In order, however many are taken at a time."""
    offsets = [sum(gaps[: count + 1]) for count in range(len(gaps))]
    cursor, given = standing(0), list[int]()
    cursor.put(0, read(*offsets, next_offset=offsets[-1] + 3))
    while taken := cursor.take(most):
        assert len(taken) <= most
        given += [each.offset for each in taken]
    assert given == offsets
    assert cursor.position == offsets[-1] + 3
