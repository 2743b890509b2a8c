"""The watermark against a dumb twin, and offset metadata against everything it may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.workers.offsets import (
    CommittedOffset,
    Finished,
    UnknownOffsetMetadata,
    Watermark,
    metadata_of,
    parse_metadata,
    runs_that_fit,
)


@st.composite
def plays(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """A start, delivered offsets with gaps, and the order in which some of them finish."""
    start = draw(st.integers(0, 10**12))
    gaps = draw(st.lists(st.integers(1, 3), min_size=1, max_size=60))
    offsets, at = [], start - 1
    for gap in gaps:
        at += gap
        offsets.append(at)
    finishing = draw(st.permutations(offsets))
    return start, offsets, finishing[: draw(st.integers(0, len(offsets)))]


def dumb_position(start: int, offsets: list[int], done: set[int]) -> int:
    """The first delivered offset that is not done, else the one after the last."""
    return next((o for o in offsets if o not in done), offsets[-1] + 1 if offsets else start)


@given(plays())
def test_watermark_agrees_with_its_dumb_twin(play: tuple[int, list[int], list[int]]) -> None:
    """After each finish: the same position, and exactly the done offsets beyond it."""
    start, offsets, finishing = play
    mark, done = Watermark(start), set[int]()
    for offset in offsets:
        assert mark.deliver(offset)
    for offset in finishing:
        expected_runs = mark.runs_after(offset)
        head_moves = offset == mark.position
        mark.finish(offset)
        done.add(offset)
        finished = mark.finished()
        position = dumb_position(start, offsets, done)
        assert mark.position == position
        assert {o for o in offsets if o in finished} == {o for o in done if o > position}
        assert len(finished.runs) == mark.runs
        assert mark.runs == expected_runs or (head_moves and mark.runs <= expected_runs)


@given(plays(), st.data())
def test_restart_processes_exactly_what_was_not_done(
    play: tuple[int, list[int], list[int]], data: st.DataObject
) -> None:
    """Commit anywhere, restart, be interrupted anywhere, restart again: nothing twice, all once."""
    start, offsets, finishing = play
    mark = Watermark(start)
    for offset in offsets:
        mark.deliver(offset)
    for offset in finishing:
        mark.finish(offset)
    done = set(finishing)
    for _ in range(2):
        text = metadata_of(mark.position, mark.finished())
        committed = parse_metadata(mark.position, text)
        mark = Watermark(committed.position, committed.finished)
        again = [o for o in offsets if o >= committed.position]
        again = again[: data.draw(st.integers(0, len(again)))]
        fresh = [offset for offset in again if mark.deliver(offset)]
        assert not done & set(fresh)
        assert set(again) - set(fresh) <= done
        for offset in data.draw(st.permutations(fresh))[: len(fresh) // 2]:
            mark.finish(offset)
            done.add(offset)


@given(plays())
def test_metadata_round_trips_and_is_bounded(play: tuple[int, list[int], list[int]]) -> None:
    """What is written is read back, in ASCII, within the length that its runs promise."""
    start, offsets, finishing = play
    mark = Watermark(start)
    for offset in offsets:
        mark.deliver(offset)
    for offset in finishing:
        mark.finish(offset)
    text = metadata_of(mark.position, mark.finished())
    assert text.isascii()
    assert parse_metadata(mark.position, text) == CommittedOffset(mark.position, mark.finished())
    limit = len(text)
    while runs_that_fit(limit) < mark.runs:
        limit += 1
    assert len(metadata_of(mark.position, mark.finished())) <= limit


def test_the_largest_runs_fit_the_smallest_promise() -> None:
    """The bound holds for the largest numbers that a pair is said to hold."""
    widest = 36**7 - 1
    runs, at = [], 0
    for _ in range(runs_that_fit(4000)):
        runs.append((at + widest, at + 2 * widest))
        at += 2 * widest
    assert len(metadata_of(0, Finished(tuple(runs)))) <= 4000


@pytest.mark.parametrize("text", [None, "", "1700000000", "other/1:1.1", "consumer-1"])
def test_foreign_metadata_says_nothing(text: str | None) -> None:
    """Another program's metadata is not ours."""
    assert parse_metadata(7, text) == CommittedOffset(7, ours=False)


@pytest.mark.parametrize(
    "text",
    ["penstock/2", "penstock/", "penstock/1:1", "penstock/1:1.0", "penstock/1:A.1", "penstock/1:."],
)
def test_metadata_that_cannot_be_read_is_refused(text: str) -> None:
    """A newer version or damage is never guessed."""
    with pytest.raises(UnknownOffsetMetadata):
        parse_metadata(7, text)
