"""Batches: order, one under way per partition, when one is due, and the bound on bytes."""

import pytest

from penstock.events.batches import Batch, Batches, BatchTooSmall
from penstock.events.log import NewRecord, Partition

HERE = Partition("shop.orders", 0)
THERE = Partition("shop.orders", 1)


class Counted:
    """Takes three records."""

    def __init__(self) -> None:
        """Begin empty."""
        self.taken: list[bytes] = []
        self.records: list[NewRecord] = []

    def append(self, record: NewRecord) -> bool:
        """Take it unless there are three, or it is marked as too large."""
        if len(self.taken) == 3 or record.value == b"huge":
            return False
        self.taken.append(record.value or b"")
        self.records.append(record)
        return True

    def content(self) -> list[NewRecord]:
        """What was taken."""
        return self.records

    def __len__(self) -> int:
        """Records taken."""
        return len(self.taken)

    @property
    def size_bytes(self) -> int:
        """Ten for each."""
        return 10 * len(self.taken)


def made(limit_bytes: int = 1_000) -> Batches[str]:
    """Batches of three with thirty seconds each."""
    return Batches(Counted, limit_bytes=limit_bytes, timeout_s=30.0)


def add(
    batches: Batches[str],
    value: str,
    *,
    partition: Partition = HERE,
    due_s: float = 0.0,
    now_s: float = 0.0,
) -> Batch[str] | None:
    """Add a record of ten bytes."""
    return batches.add(partition, NewRecord(None, value.encode(), (), 0), 10, due_s, now_s)


def values(batch: Batch[str] | None) -> str:
    """The records of a batch, one letter each."""
    assert batch is not None
    assert isinstance(batch.records, Counted)
    return b"".join(batch.records.taken).decode()


def test_records_of_a_partition_gather_in_order() -> None:
    """And partitions do not mix."""
    batches = made()
    for value, partition in (("a", HERE), ("x", THERE), ("b", HERE)):
        add(batches, value, partition=partition)
    assert values(batches.take(HERE, 0)) == "ab"
    assert values(batches.take(THERE, 0)) == "x"


def test_one_batch_of_a_partition_is_under_way_at_a_time() -> None:
    """The next is taken when it has ended, with all that gathered meanwhile."""
    batches = made()
    add(batches, "a")
    first = batches.take(HERE, 0)
    assert first is not None
    assert batches.is_under_way(HERE)
    for value in "bcdef":
        add(batches, value)
    assert batches.take(HERE, 0) is None
    batches.end(first)
    assert not batches.is_under_way(HERE)
    second = batches.take(HERE, 0)
    assert values(second) == "bcd"
    assert second is not None
    batches.end(second)
    assert values(batches.take(HERE, 0)) == "ef"


def test_a_batch_is_due_when_its_most_urgent_record_is() -> None:
    """Company may come early; it never makes others late."""
    batches = made()
    add(batches, "a", due_s=5.0)
    assert batches.take(HERE, 4.9) is None
    assert batches.next_due(HERE) == 5.0
    add(batches, "b", due_s=3.0)
    add(batches, "c", due_s=9.0)
    assert batches.next_due(HERE) == 3.0
    assert values(batches.take(HERE, 3.0)) == "abc"
    assert batches.next_due(HERE) is None


def test_a_full_batch_is_due_at_once() -> None:
    """Nothing more can join it."""
    batches = made()
    for value in "abcd":
        add(batches, value, due_s=100.0)
    full = batches.take(HERE, 0)
    assert values(full) == "abc"
    assert full is not None
    batches.end(full)
    assert batches.take(HERE, 0) is None


def test_a_batch_takes_records_for_a_thirtieth_of_its_time() -> None:
    """Its deadline counts from its opening; who came later would have too little of it."""
    batches = made()
    add(batches, "a", now_s=0.0)
    late = add(batches, "b", now_s=1.0)
    later = add(batches, "c", now_s=1.1)
    assert late is not None
    assert later is not None
    assert (late.deadline_s, later.deadline_s) == (30.0, 31.1)
    assert values(batches.take(HERE, 0)) == "ab"


def test_bytes_count_from_admission_to_the_end() -> None:
    """What does not fit is not taken, and what ends makes room."""
    batches = made(limit_bytes=25)
    assert add(batches, "a") is not None
    assert add(batches, "b", partition=THERE) is not None
    assert add(batches, "c") is None
    assert batches.size_bytes == 20
    taken = batches.take(HERE, 0)
    assert taken is not None
    assert batches.size_bytes == 20
    batches.end(taken)
    assert batches.size_bytes == 10
    assert add(batches, "c") is not None


def test_a_record_that_fits_into_no_batch_is_refused_and_disturbs_none() -> None:
    """The open batch stays open, and no bytes are counted."""
    batches = made()
    add(batches, "a")
    with pytest.raises(BatchTooSmall):
        add(batches, "huge")
    assert batches.size_bytes == 10
    add(batches, "b")
    assert values(batches.take(HERE, 0)) == "ab"


def test_sealed_batches_take_no_more_and_are_due() -> None:
    """All that hold records are named, those under way and those that gather, in order."""
    batches = made()
    add(batches, "a", due_s=100.0)
    add(batches, "b", partition=THERE, due_s=100.0)
    done = batches.take(THERE, 100.0)
    assert done is not None
    assert [values(batch) for batch in batches.seal()] == ["a", "b"]
    add(batches, "c", due_s=100.0)
    assert [values(batch) for batch in batches.seal()] == ["a", "c", "b"]
    batches.end(done)
    assert [values(batch) for batch in batches.seal()] == ["a", "c"]
    assert values(batches.take(HERE, 1.0)) == "a"


def test_what_is_abandoned_comes_out_in_order_and_makes_room() -> None:
    """All but the batch under way, which somebody is writing."""
    batches = made()
    for value in "abcdefgh":
        add(batches, value)
    assert batches.take(HERE, 0) is not None
    assert [values(batch) for batch in batches.abandon()] == ["def", "gh"]
    assert batches.size_bytes == 30
    assert list(batches.abandon()) == []


def test_a_batch_knows_its_records() -> None:
    """The last one's place is the count less one, when it was added."""
    batches = made()
    places = []
    for value in "abcd":
        batch = add(batches, value)
        assert batch is not None
        places.append(batch.count - 1)
    assert places == [0, 1, 2, 0]
