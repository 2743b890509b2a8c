"""Where a reading begins and ends, as people write it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import Partition
from penstock.infra.cli.event_span import (
    Offsets,
    Place,
    Unclear,
    offsets_in,
    partitions_within,
    place_of,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOPICS = {"shop.orders": 3, "shop.notes": 1}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("beginning", "beginning"),
        ("end", "end"),
        ("-10m", NOW - timedelta(minutes=10)),
        ("-90s", NOW - timedelta(seconds=90)),
        ("-3d", NOW - timedelta(days=3)),
        ("2026-01-31T09:30:00Z", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        (
            "2026-01-31T09:30:00.5+01:00",
            datetime(2026, 1, 31, 9, 30, 0, 500_000, tzinfo=timezone(timedelta(hours=1))),
        ),
        ("0:120", Offsets(by_partition={(None, 0): 120})),
        ("shop.orders/2:0", Offsets(by_partition={("shop.orders", 2): 0})),
    ],
)
def test_one_place(text: str, place: Place) -> None:
    """Each form means one thing."""
    assert place_of([text], now=NOW) == place


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["latest"], "none of beginning, end"),
        ([""], "none of beginning, end"),
        (["2026-01-31T09:30:00"], "needs its zone"),
        (["2026-01-31"], "needs its zone"),
        (["2026-01-31T12:00:01Z"], "lies ahead"),
        (["-10"], "whole number of s, m, h or d"),
        (["-1h30m"], "whole number of s, m, h or d"),
        (["-"], "whole number of s, m, h or d"),
        (["0:x"], "none of beginning, end"),
        (["0:1", "0:2"], "partition 0 is named twice"),
        (["0:1", "-10m"], "only offsets"),
        (["beginning", "end"], "only offsets"),
        (["0:" + "9" * 19], "none of beginning, end"),
    ],
)
def test_what_means_nothing_is_refused(texts: list[str], problem: str) -> None:
    """With what is wrong."""
    with pytest.raises(Unclear, match=problem):
        place_of(texts, now=NOW)


FORMS = st.text(max_size=40) | st.from_regex(
    r"\A(-[0-9]{1,4}[smhdx]|([a-z.]{1,5}/)?[0-9]{1,3}:[0-9]{1,3}|20[0-9]{2}-01-31T[0-2][0-9]:30Z)\Z"
)


@given(FORMS, st.booleans())
def test_any_text_has_one_meaning_or_none(text: str, several: bool) -> None:
    """Nothing else is raised, whatever is written; the same twice never means anything."""
    try:
        found = place_of([text, text] if several else [text], now=NOW)
    except Unclear:
        return
    assert not several
    assert isinstance(found, Offsets | datetime) or found in ("beginning", "end")
    assert not isinstance(found, datetime) or (found.tzinfo is not None and found <= NOW)


def test_all_partitions_are_read_unless_offsets_are_named() -> None:
    """Then those, and no others."""
    assert partitions_within(TOPICS, "beginning", None) == (
        Partition("shop.notes", 0),
        Partition("shop.orders", 0),
        Partition("shop.orders", 1),
        Partition("shop.orders", 2),
    )
    start = place_of(["shop.orders/2:5", "shop.orders/0:1"], now=NOW)
    assert partitions_within(TOPICS, start, "end") == (
        Partition("shop.orders", 0),
        Partition("shop.orders", 2),
    )
    end = place_of(["1:7"], now=NOW)
    assert partitions_within({"shop.orders": 3}, "beginning", end) == (Partition("shop.orders", 1),)


@pytest.mark.parametrize(
    ("topics", "start", "end", "problem"),
    [
        (TOPICS, ["0:1"], None, "several topics are read: say shop.notes/0:120"),
        (TOPICS, ["shop.order/0:1"], None, "not among the topics"),
        (
            TOPICS,
            ["shop.orders/3:1"],
            None,
            "no partition shop.orders/3, the last one is shop.orders/2",
        ),
        ({"shop.orders": 3}, ["0:1", "shop.orders/0:2"], None, "shop.orders/0 is named twice"),
        ({"shop.orders": 3}, ["0:1"], ["1:1"], "name different partitions"),
    ],
)
def test_offsets_of_other_partitions_are_refused(
    topics: dict[str, int], start: list[str], end: list[str] | None, problem: str
) -> None:
    """Nothing is read that was not meant."""
    with pytest.raises(Unclear, match=problem):
        partitions_within(
            topics,
            place_of(start, now=NOW),
            None if end is None else place_of(end, now=NOW),
        )


def test_offsets_find_their_partitions() -> None:
    """Named with the topic or, where there is one only, without."""
    start = place_of(["0:1", "shop.orders/2:5"], now=NOW)
    assert isinstance(start, Offsets)
    assert offsets_in(start, {"shop.orders": 3}) == {
        Partition("shop.orders", 0): 1,
        Partition("shop.orders", 2): 5,
    }
