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


# --- timers -------------------------------------------------------------------------------------


def reminded(name: bytes, size: int = 0) -> Effects:
    """What a timer does: one output and a change of its own entry."""
    effects = Effects()
    effects.emit(OUT, NewRecord(name, b"x" * size, [], 0))
    effects.change(name, b"done")
    return effects


def test_timers_stand_in_the_finish_order_and_move_no_offset() -> None:
    """Outputs and changes in order; the position is that of the records alone."""
    made = group()
    for _ in range(2):
        made.begin_timer()
    made.finish(b"t/a", reminded(b"t/a"))
    made.finish(1, effects_of(1))
    made.finish(b"t/b", reminded(b"t/b"))
    assert made.ready == 3
    work = made.compose()
    assert work is not None
    assert (work.offsets, work.timers) == ((1,), (b"t/a", b"t/b"))
    assert [record.key for record in work.outputs[OUT]] == [b"t/a", b"1", b"t/b"]
    assert work.state == {b"t/a": b"done", b"s/last": b"1", b"t/b": b"done"}
    assert (work.position, work.finished) == (0, Finished(((1, 2),)))
    assert made.ready_bytes == 0


def test_timers_are_in_flight_until_they_are_committed() -> None:
    """Beside the records, not among them: memory for records is theirs."""
    made = group(delivered=1)
    for _ in range(3):
        made.begin_timer()
    assert (made.in_flight, made.timers_in_flight) == (1, 3)
    made.finish(b"t/a", reminded(b"t/a"))
    made.finish(b"t/b", reminded(b"t/b"))
    work = made.compose()
    assert work is not None
    assert (made.in_flight, made.timers_in_flight) == (1, 3)
    made.committed(work)
    assert (made.in_flight, made.timers_in_flight) == (1, 1)


def test_a_commit_holds_so_many_records_and_timers_together() -> None:
    """Limits of number and of bytes count both alike, and so does the hunt for a refused one."""
    made = group(CommitLimits(records=3, bytes=4_000))
    for offset in range(4):
        made.finish(b"t/%d" % offset, reminded(b"t/%d" % offset))
        made.finish(offset, effects_of(offset))
    made.finish(b"t/large", reminded(b"t/large", 5_000))
    taken = [made.compose(at_most=1), *(made.compose() for _ in range(4))]
    assert [(work.timers, work.offsets) for work in taken if work] == [
        ((b"t/0",), ()),
        ((b"t/1",), (0, 1)),
        ((b"t/2", b"t/3"), (2,)),
        ((), (3,)),
        ((b"t/large",), ()),
    ]


def test_timers_do_not_wait_for_the_watermark_but_for_their_turn() -> None:
    """They take no room in an offset's metadata; behind a record that does not fit they wait."""
    made = group(CommitLimits(runs=1))
    for item in (1, b"t/a", 3, b"t/b"):
        made.finish(item, effects_of(item) if isinstance(item, int) else reminded(item))
    work = made.compose()
    assert work is not None
    assert (work.offsets, work.timers) == ((1,), (b"t/a",))
    assert made.compose() is None
    for offset in (2, 0):
        made.finish(offset, effects_of(offset))
    work = made.compose()
    assert work is not None
    assert (work.offsets, work.timers, work.position) == ((3, 2, 0), (b"t/b",), 4)


def test_a_group_whose_timers_wait_for_a_commit_is_not_idle() -> None:
    """It does not move over markers in between."""
    made = group(delivered=0)
    made.begin_timer()
    made.finish(b"t/a", reminded(b"t/a"))
    assert not made.idle_behind(5)
    work = made.compose()
    assert work is not None
    assert work.position == 0
    made.committed(work)
    assert made.idle_behind(5)


@given(
    st.permutations([*range(20), *(b"t/%d" % number for number in range(10))]),
    st.integers(1, 8),
    st.integers(1, 4),
    st.lists(st.integers(0, 2), min_size=30, max_size=30),
)
def test_records_and_timers_leave_in_the_order_in_which_they_finished(
    order: list[int | bytes], records: int, runs: int, commits: list[int]
) -> None:
    """Whatever the limits and whenever a commit begins; a timer's output stands among theirs."""
    made = group(CommitLimits(records=records, runs=runs), delivered=20)
    written: list[bytes | None] = []
    for step, item in enumerate(order):
        if isinstance(item, bytes):
            made.begin_timer()
            made.finish(item, reminded(item))
        else:
            made.finish(item, effects_of(item))
        for _ in range(commits[step] if step < len(order) - 1 else len(order)):
            work = made.compose()
            if work is None:
                break
            assert len(work.finished.runs) <= runs
            assert len(work.offsets) + len(work.timers) == len(work.outputs[OUT])
            written.extend(record.key for record in work.outputs[OUT])
            made.committed(work)
    assert written == [item if isinstance(item, bytes) else b"%d" % item for item in order]
    assert (made.in_flight, made.timers_in_flight, made.ready) == (0, 0, 0)


# --- outputs that replace each other ------------------------------------------------------------

TALLY = Partition("shop.tally", 1)


def telling(number: int, key: bytes = b"a", place: Partition = TALLY) -> Effects:
    """An output that says all that those of its key said before it."""
    effects = Effects()
    effects.replace(place, NewRecord(key, b"%d" % number, [], 0))
    return effects


def test_of_outputs_that_replace_each_other_a_commit_holds_the_last() -> None:
    """In finish order, by place and key; behind what else goes there."""
    made = group()
    for offset, effects in (
        (0, telling(1)),
        (2, telling(2, place=OUT)),
        (1, effects_of(1)),
        (3, telling(3, b"b")),
        (5, telling(5)),
        (4, telling(4)),
    ):
        made.finish(offset, effects)
    work = made.compose()
    assert work is not None
    assert [(each.key, each.value) for each in work.outputs[TALLY]] == [(b"a", b"4"), (b"b", b"3")]
    assert [each.key for each in work.outputs[OUT]] == [b"1", b"a"]
    assert made.ready_bytes == 0


def test_each_commit_holds_the_last_of_its_own() -> None:
    """A commit is a prefix: what finishes later belongs to the next."""
    made = group(CommitLimits(records=2))
    for offset in range(4):
        made.finish(offset, telling(offset))
    works = [made.compose(), made.compose()]
    assert [[each.value for each in work.outputs[TALLY]] for work in works if work] == [
        [b"1"],
        [b"3"],
    ]


def test_what_replaces_counts_towards_the_limit_of_bytes() -> None:
    """As large as it is before it is replaced: that is what memory holds."""
    made, effects = group(CommitLimits(bytes=2_000)), Effects()
    effects.replace(TALLY, NewRecord(b"a", b"x" * 900, [], 0))
    effects.advance(b"s/a", None, b"x" * 900)
    assert effects.size_bytes > 1_800
    for offset in range(3):
        made.finish(offset, effects)
    assert made.ready_bytes == 3 * effects.size_bytes
    commits = [made.compose() for _ in range(3)]
    assert [work.offsets for work in commits if work] == [(0,), (1,), (2,)]
    assert made.ready_bytes == 0
