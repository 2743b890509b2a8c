"""Counts of what was skipped: each record, in bounded memory."""

from penstock.events.skipped_types import NAMED_TYPES, SkippedCounts, SkippedTypes


def test_records_are_counted_by_type() -> None:
    """What was told before does not change."""
    skipped = SkippedTypes()
    assert skipped.statistics() == SkippedCounts()
    skipped.count("shop.Paid")
    before = skipped.statistics()
    skipped.count("shop.Paid")
    skipped.count("shop.Noted")
    assert before.by_type == {"shop.Paid": 1}
    assert skipped.statistics().by_type == {"shop.Paid": 2, "shop.Noted": 1}


def test_ever_new_types_are_counted_together() -> None:
    """Whoever writes them decides how many there are; the first ones go on by name."""
    skipped = SkippedTypes()
    for _ in range(2):
        for number in range(NAMED_TYPES + 5):
            skipped.count(f"shop.T{number}")
    found = skipped.statistics()
    assert (len(found.by_type), found.others) == (NAMED_TYPES, 10)
    assert set(found.by_type.values()) == {2}
    assert found.records == 2 * (NAMED_TYPES + 5)
