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
    for offset in (2, 4, 6, 8, 9):
        made.finish(offset, effects_of(offset))
    rest = made.compose()
    assert rest is not None
    assert rest.offsets == (5, 7, 0, 2, 4, 6, 8, 9)


def test_uneven_lanes_do_not_stop_commits() -> None:
    """The record that the watermark waits for finished last: all before it go in one commit."""
    made = group(CommitLimits(records=5, runs=3), delivered=40)
    order = [*range(1, 40, 2), *range(2, 40, 2), 0]
    for offset in order:
        made.finish(offset, effects_of(offset))
    sizes = []
    while (work := made.compose()) is not None:
        sizes.append(len(work.offsets))
    assert sum(sizes) == 40
    assert sizes[0] == 3, "as much as fits"


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


@given(st.permutations(range(30)), st.integers(1, 30), st.integers(1, 4))
def test_what_has_finished_can_always_be_committed_in_the_end(
    order: list[int], records: int, runs: int
) -> None:
    """Once nothing is missing, commits take everything, whatever the order and the limits."""
    made = group(CommitLimits(records=records, runs=runs), delivered=30)
    taken: list[int] = []
    for offset in order:
        made.finish(offset, effects_of(offset))
        while (work := made.compose()) is not None:
            assert len(work.finished.runs) <= runs
            taken.extend(work.offsets)
    assert taken == order


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
