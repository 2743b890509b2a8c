"""The counts of `publish_many`: what is acknowledged, and how far without a gap."""

from penstock.events.batch_parts import Part, PartEnd, Parts
from penstock.events.batches import Batch
from penstock.events.bulk import Bulk
from penstock.events.log import NewRecord, Partition, WriteRefused

HERE = Partition("a.b", 0)
REFUSED = WriteRefused(partition=HERE, reason="TOO_LARGE (10)")


class Endless:
    """Takes every record."""

    size_bytes = 0

    def append(self, record: NewRecord) -> bool:
        """Take it."""
        return bool(record)

    def content(self) -> list[NewRecord]:
        """Not kept."""
        return []

    def __len__(self) -> int:
        """Not counted."""
        return 0


def batch() -> Batch[Bulk]:
    """A new batch."""
    return Batch(HERE, Endless(), 0.0, 30.0)


def test_events_count_as_their_batches_end() -> None:
    """Each batch is waited for once, however many events it holds."""
    bulk, one, other = Bulk(), batch(), batch()
    for each in (one, other, one, one):
        bulk.join(each)
    assert (bulk.taken, bulk.outstanding, bulk.prefix) == (4, 2, 0)
    assert (len(one.waiters), len(other.waiters)) == (1, 1)
    bulk.ended(one, 17)
    assert (bulk.acknowledged, bulk.outstanding, bulk.prefix) == (3, 1, 1)
    bulk.ended(other, -1)
    assert (bulk.acknowledged, bulk.outstanding, bulk.prefix) == (4, 0, 4)
    assert bulk.failure is None


def test_the_prefix_ends_at_the_first_event_that_is_not_certain() -> None:
    """Also when a later batch has succeeded, and whichever failed first."""
    bulk, batches = Bulk(), [batch() for _ in range(4)]
    for each in batches:
        bulk.join(each)
    bulk.ended(batches[3], 0)
    bulk.ended(batches[2], REFUSED)
    assert bulk.prefix == 0
    bulk.ended(batches[0], 0)
    assert bulk.prefix == 1
    bulk.ended(batches[1], WriteRefused(partition=HERE, reason="later"))
    error = bulk.incomplete()
    assert (error.taken, error.acknowledged, error.prefix) == (4, 2, 1)
    assert "TOO_LARGE" in str(error)
    assert "event 1 of the source" in str(error)


def test_of_a_batch_in_parts_each_event_counts_as_its_part_has_ended() -> None:
    """Also where others publish into the same batch; the prefix is never said to be longer."""
    bulk, shared, other = Bulk(), batch(), batch()
    for place in (0, 1, 4, 5, 7):  # of eight; others hold 2, 3 and 6
        shared.count = place + 1
        bulk.join(shared)
    other.count = 1
    bulk.join(other)
    bulk.ended(other, 9)
    ends: list[tuple[int, int, PartEnd]] = [
        (0, 1, 30),
        (1, 3, REFUSED),
        (4, 3, 31),
        (7, 1, REFUSED),
    ]
    bulk.ended(shared, Parts([Part(first, n, 1, 1, end) for first, n, end in ends]))
    assert (bulk.taken, bulk.acknowledged, bulk.prefix) == (6, 4, 1)
    assert bulk.failure is REFUSED


def test_who_waits_is_called_when_nothing_is_outstanding() -> None:
    """And not before."""
    bulk, one, other = Bulk(), batch(), batch()
    calls: list[str] = []
    bulk.on_idle = lambda: calls.append("idle")
    bulk.join(one)
    bulk.join(other)
    one.waiters[0].set_result(0)  # type: ignore[attr-defined]  # what joined is no Bulk but its share
    assert calls == []
    other.waiters[0].set_result(REFUSED)  # type: ignore[attr-defined]  # see above
    assert calls == ["idle"]
