from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import NewRecord, Partition
from penstock.workers.group_commit import CommitLimits, Effects, GroupCommit
from penstock.workers.offsets import Finished, metadata_of, parse_metadata

OUT = Partition("shop.totals", 0)


def effects_of(offset: int, size: int = 0) -> Effects:
    """Effects that can be told apart: one output and one change of a shared key."""
    effects = Effects()
    effects.emit(OUT, NewRecord(b"%d" % offset, b"x" * size, [], 0))
    effects.change(b"s/last", b"%d" % offset)
    return effects


def group(limits: CommitLimits | None = None, delivered: int = 10) -> GroupCommit:
    """A group that begins at 0, with records delivered."""
    made = GroupCommit(0, Finished(), limits or CommitLimits())
    for offset in range(delivered):
        assert made.deliver(offset)
    return made


def test_a_commit_takes_all_that_is_ready_in_finish_order() -> None:
    """Outputs stand in finish order, and of each state key the last change counts."""
    made = group()
    for offset in (2, 0, 1):
        made.finish(offset, effects_of(offset))
    work = made.compose()
    assert work is not None
    assert work.offsets == (2, 0, 1)
    assert [record.key for record in work.outputs[OUT]] == [b"2", b"0", b"1"]
    assert work.state == {b"s/last": b"1"}
    assert work.position == 3
    assert not work.finished


def test_nothing_ready_makes_no_commit() -> None:
    """An idle partition commits nothing."""
    assert group().compose() is None


def test_a_commit_is_a_prefix_that_ends_before_the_limit_of_bytes() -> None:
    """A record is never split off the order, and one that exceeds the limit alone still goes."""
    made = group(CommitLimits(bytes=2_000))
    made.finish(0, effects_of(0, 5_000))
    made.finish(1, effects_of(1, 900))
    made.finish(2, effects_of(2, 900))
    assert [made.compose(), made.compose()] != [None, None]
    taken = group(CommitLimits(bytes=2_000))
    for offset, size in ((0, 5_000), (1, 900), (2, 900)):
        taken.finish(offset, effects_of(offset, size))
    commits = [taken.compose() for _ in range(3)]
    assert [work.offsets for work in commits if work] == [(0,), (1,), (2,)]


def test_the_prefix_ends_where_metadata_would_not_fit() -> None:
    """What cannot be written into the offset waits for the watermark."""
    made = group(CommitLimits(runs=2))
    for offset in (1, 3, 5, 7):
        made.finish(offset, effects_of(offset))
    first = made.compose()
    assert first is not None
    assert first.offsets == (1, 3)
    assert made.compose() is None
    made.finish(0, effects_of(0))
    assert made.compose() is None, "0 finished after 5, so it must not overtake it"


def test_one_suspected_record_is_committed_alone() -> None:
    """A smaller number than the limit is kept."""
    made = group()
    for offset in (0, 1):
        made.finish(offset, effects_of(offset))
    work = made.compose(at_most=1)
    assert work is not None
    assert work.offsets == (0,)


def test_an_idle_group_moves_over_markers() -> None:
    """Markers are never delivered; the lag of an idle group reaches zero all the same."""
    made = group(delivered=2)
    assert made.skip_to(5) is None, "records are in flight"
    for offset in (0, 1):
        made.finish(offset, Effects())
    work = made.compose()
    assert work is not None
    assert made.skip_to(5) is None, "they are not committed yet"
    made.committed(work)
    skip = made.skip_to(5)
    assert skip is not None
    assert (skip.position, skip.offsets, skip.outputs) == (5, (), {})
    assert made.skip_to(5) is None, "nothing lies between any more"


@given(
    st.permutations(range(30)),
    st.lists(st.integers(0, 2), min_size=30, max_size=30),
    st.integers(0, 30),
    st.integers(1, 5),
)
def test_crash_anywhere_repeats_exactly_what_was_not_committed(
    order: list[int], commits: list[int], crash: int, runs: int
) -> None:
    """After a restart from the last commit, each record is processed that no commit held."""
    made = GroupCommit(0, Finished(), CommitLimits(records=7, runs=runs))
    for offset in range(30):
        made.deliver(offset)
    done: set[int] = set()
    position, finished = 0, Finished()
    for step, offset in enumerate(order[:crash]):
        made.finish(offset, effects_of(offset))
        for _ in range(commits[step]):
            work = made.compose()
            if work is not None:
                made.committed(work)
                done.update(work.offsets)
                metadata = metadata_of(work.position, work.finished)
                committed = parse_metadata(work.position, metadata)
                position, finished = committed.position, committed.finished
    again = GroupCommit(position, finished, CommitLimits())
    repeated = [offset for offset in range(position, 30) if again.deliver(offset)]
    assert set(repeated) == set(range(30)) - done
