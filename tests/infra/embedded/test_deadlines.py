"""Deadlines that are moved again and again."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.embedded.deadlines import Deadlines


def test_they_come_up_in_the_order_of_their_times() -> None:
    """Not in the order in which they were set."""
    deadlines: Deadlines[str] = Deadlines()
    for key, time_ms in (("late", 30), ("early", 10), ("middle", 20)):
        deadlines.set(key, time_ms)
    assert deadlines.next_ms() == 10
    assert [deadlines.pop_due(25), deadlines.pop_due(25), deadlines.pop_due(25)] == [
        ("early", 10),
        ("middle", 20),
        None,
    ]


def test_what_is_due_stays_due_until_it_is_cancelled() -> None:
    """So that what could not be done now is still to be done."""
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("late", 30)
    deadlines.set("early", 10)
    assert deadlines.first_due(9) is None
    assert deadlines.first_due(10) == deadlines.first_due(40) == "early"
    deadlines.cancel("early")
    deadlines.cancel("nobody")
    assert deadlines.first_due(29) is None
    assert deadlines.first_due(30) == "late"


def test_deadlines_that_come_nearer_do_not_let_the_heap_grow() -> None:
    """A move to an earlier time adds an entry, and the others are swept out."""
    deadlines: Deadlines[int] = Deadlines()
    for step in range(10_000):
        deadlines.set(step % 100, 20_000 - step)
        assert len(deadlines._heap) <= 264
    assert deadlines.next_ms() == 20_000 - 9_999


def test_heartbeats_do_not_let_the_heap_grow() -> None:
    """A thousand members that are heard of a hundred times hold a thousand entries."""
    deadlines: Deadlines[int] = Deadlines()
    for time_ms in range(0, 100_000, 1_000):
        for member in range(1_000):
            deadlines.set(member, time_ms + 45_000)
    assert len(deadlines._heap) == 1_000
    assert deadlines.next_ms() == 99_000 + 45_000


def test_members_that_come_and_go_do_not_let_the_heap_grow() -> None:
    """Entries of cancelled deadlines are swept out long before their time."""
    deadlines: Deadlines[int] = Deadlines()
    for member in range(10_000):
        deadlines.set(member, member + 1_800_000)
        if member >= 10:
            deadlines.cancel(member - 10)
    assert len(deadlines) == 10
    assert len(deadlines._heap) < 200


KEYS = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.integers(0, 100)),
        st.tuples(st.just("cancel"), KEYS, st.just(0)),
        st.tuples(st.just("pop"), st.just(0), st.integers(0, 100)),
        st.tuples(st.just("look"), st.just(0), st.integers(0, 100)),
    ),
    max_size=300,
)


@given(STEPS)
def test_they_behave_like_a_dictionary_that_is_searched(steps: list[tuple[str, int, int]]) -> None:
    """The dumb twin looks through all deadlines each time."""
    deadlines: Deadlines[int] = Deadlines()
    twin: dict[int, int] = {}
    for step, key, time_ms in steps:
        if step == "set":
            deadlines.set(key, time_ms)
            twin[key] = time_ms
        elif step == "cancel":
            deadlines.cancel(key)
            twin.pop(key, None)
        elif step == "look":
            first = deadlines.first_due(time_ms)
            due_now = {each: at for each, at in twin.items() if at <= time_ms}
            assert (first is None) == (not due_now)
            assert first is None or due_now[first] == min(due_now.values())
        else:
            due = deadlines.pop_due(time_ms)
            earliest = min(twin.values(), default=None)
            if due is None:
                assert earliest is None or earliest > time_ms
            else:
                assert due[1] == earliest == twin.pop(due[0])
        assert deadlines.next_ms() == min(twin.values(), default=None)
        assert len(deadlines) == len(twin)
