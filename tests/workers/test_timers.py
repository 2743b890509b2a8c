import tracemalloc

from penstock.workers.timers import Timers, Timing


def timers(**dues: int) -> Timers:
    """Timers that hold these, as a restore leaves them."""
    made = Timers()
    made.fill((key.encode(), Timing(due_ms=due)) for key, due in dues.items())
    return made


def test_the_earliest_come_first_and_only_those_that_are_due() -> None:
    """Equal times in the order of keys, so that a failure can be repeated."""
    made = timers(late=30, b=20, a=20, early=10)
    assert made.next_due_ms() == 10
    assert made.take_due(now_ms=9, limit=10) == []
    assert made.take_due(now_ms=20, limit=10) == [b"early", b"a", b"b"]
    assert made.next_due_ms() == 30


def test_a_time_is_due_when_it_is_reached() -> None:
    """Not a millisecond later, not a millisecond earlier."""
    made = timers(k=10)
    assert made.take_due(now_ms=9, limit=1) == []
    assert made.take_due(now_ms=10, limit=1) == [b"k"]


def test_no_more_are_handed_out_than_there_is_room_for() -> None:
    """The rest stay, in order."""
    made = timers(a=1, b=2, c=3)
    assert made.take_due(now_ms=9, limit=0) == []
    assert made.take_due(now_ms=9, limit=2) == [b"a", b"b"]
    assert made.take_due(now_ms=9, limit=2) == [b"c"]


def test_an_entry_is_handed_out_once_for_each_time_it_names() -> None:
    """Whoever changes it sets it anew, even to the time that has passed."""
    made = timers(k=10)
    assert made.take_due(now_ms=10, limit=9) == [b"k"]
    assert made.take_due(now_ms=99, limit=9) == []
    assert made.note(b"k", Timing(due_ms=10))
    assert made.take_due(now_ms=99, limit=9) == [b"k"]
    assert made.take_due(now_ms=99, limit=9) == []


def test_what_an_entry_said_before_counts_no_more() -> None:
    """Moved later, moved earlier, taken away, gone: each leaves an outdated item in the heap."""
    made = timers(later=10, earlier=40, never=10, gone=10)
    made.note(b"later", Timing(due_ms=30))
    made.note(b"earlier", Timing(due_ms=20))
    made.note(b"never", Timing(due_ms=None))
    made.forget(b"gone")
    assert len(made) == 2
    assert made.next_due_ms() == 20
    assert made.take_due(now_ms=99, limit=9) == [b"earlier", b"later"]
    assert made.next_due_ms() is None


def test_a_time_that_is_given_up_and_taken_again_counts_once() -> None:
    """The heap holds it twice by then."""
    made = timers(k=10)
    made.note(b"k", Timing(due_ms=20))
    made.note(b"k", Timing(due_ms=10))
    assert made.take_due(now_ms=99, limit=9) == [b"k"]
    assert made.next_due_ms() is None


def test_forgetting_what_has_no_time_is_nothing() -> None:
    """Most entries that are deleted have none."""
    made = timers(k=10)
    made.forget(b"another")
    made.note(b"another", Timing(due_ms=None))
    assert len(made) == 1


def test_whoever_becomes_the_first_says_so() -> None:
    """So that the waiter looks again; whoever does not, must not disturb it."""
    made = Timers()
    assert made.note(b"k", Timing(due_ms=20))
    assert not made.note(b"k", Timing(due_ms=20)), "nothing changed"
    assert not made.note(b"later", Timing(due_ms=30))
    assert made.note(b"earlier", Timing(due_ms=10))
    assert not made.note(b"earlier", Timing(due_ms=None))


def test_an_outdated_time_does_not_hide_the_first() -> None:
    """The head of the heap may be what an entry said before."""
    made = timers(k=10)
    made.note(b"k", Timing(due_ms=90))
    assert made.note(b"first", Timing(due_ms=50))


def test_time_is_the_latest_that_clock_and_entries_know_of() -> None:
    """A wall clock that is set back, or a machine whose clock is behind, does not turn it back."""
    made = Timers()
    made.fill([(b"a", Timing(due_ms=None, seen_ms=70)), (b"b", Timing(due_ms=5, seen_ms=60))])
    assert made.now_ms(50) == 70
    assert made.now_ms(80) == 80
    assert made.now_ms(30) == 80
    made.note(b"a", Timing(due_ms=None, seen_ms=90))
    assert made.now_ms(30) == 90


def test_the_memory_of_times_that_move_is_bounded() -> None:
    """An entry that sets its time again with each record leaves nothing behind another's."""
    made = timers(first=1, k=2)
    tracemalloc.start()
    try:
        for due_ms in range(3, 50_000):
            made.note(b"k", Timing(due_ms=due_ms))
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 1_000_000, "some 5 MB if all are kept"
    assert made.take_due(now_ms=50_000, limit=9) == [b"first", b"k"]
