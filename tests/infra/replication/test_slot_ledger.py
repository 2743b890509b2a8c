"""The books of a slot: what was counted is written once, whatever becomes of a batch."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from penstock.infra.replication.component_view import TooManyComponents
from penstock.infra.replication.slot_ledger import ForeignCount, SlotLedger
from penstock.workers.counters import (
    COUNT_LIMIT,
    BadCount,
    CounterComponent,
    CounterOverflow,
    Counters,
)

SHELF = Counters("shelf", decrements=True)
ORDERS = Counters("orders")


def ledger(
    counters: Counters = SHELF,
    restored: Mapping[str, CounterComponent] | None = None,
    **limits: int,
) -> SlotLedger:
    """Books that go on from what was restored."""
    return SlotLedger(counters, "topic", restored or {}, **limits)


def component(ups: int, downs: int = 0, kind: Any = "pn") -> CounterComponent:
    """A component."""
    return CounterComponent(kind=kind, increments=ups, decrements=downs)


def test_a_batch_holds_all_that_was_counted_one_component_for_each_counter() -> None:
    """A thousand increments are one record."""
    books = ledger()
    for _ in range(1_000):
        books.increment("a", 2)
    books.decrement("a", 5)
    books.increment("b")
    assert books.begin() == {"a": component(2_000, 5), "b": component(1)}
    assert books.is_idle


def test_it_goes_on_from_what_was_restored() -> None:
    """Components are absolute: a batch holds the former owners' counts, too."""
    books = ledger(restored={"a": component(100, 3)})
    books.increment("a", 30)
    assert books.begin() == {"a": component(130, 3)}
    assert books.component("a") == component(100, 3)
    books.committed()
    assert books.component("a") == component(130, 3)


def test_what_is_counted_while_a_batch_is_in_flight_goes_into_the_next() -> None:
    """The batch is as it was taken."""
    books = ledger()
    books.increment("a")
    first = books.begin()
    books.increment("a")
    assert first == {"a": component(1)}
    books.committed()
    assert books.begin() == {"a": component(2)}


def test_a_doubt_is_settled_by_what_is_found() -> None:
    """All as the batch has them: committed. All as they were: pending again, before all else."""
    for found, committed in (
        ({"a": component(1), "b": component(1)}, True),
        ({}, False),
    ):
        books = ledger()
        books.increment("a")
        books.increment("b")
        batch = books.begin()
        books.increment("c")
        books.increment("a")
        assert books.settle(found) is committed
        expected = {"a": component(2), "c": component(1)}
        if not committed:
            expected["b"] = component(1)
            assert list(books.goal()) == ["a", "b", "c"]
        assert books.begin() == expected
        assert batch == {"a": component(1), "b": component(1)}


@pytest.mark.parametrize(
    "found",
    [
        {"a": component(7), "b": component(1)},
        {"a": component(1)},
        {"a": component(1), "b": component(1), "z": component(1)},
        {"z": component(1)},
        {"known": component(4)},
    ],
    ids=["other", "half", "more", "only another", "less than before"],
)
def test_what_is_neither_of_both_was_written_by_somebody_else(
    found: Mapping[str, CounterComponent],
) -> None:
    """A transaction is there as a whole or not at all, and nobody else counts as this slot."""
    books = ledger(restored={"known": component(5)})
    books.increment("a")
    books.increment("b")
    books.begin()
    with pytest.raises(ForeignCount):
        books.settle(found)


def test_own_older_batches_may_be_found_too() -> None:
    """What is read after a doubt may begin before the last commit."""
    books = ledger()
    books.increment("a")
    books.begin()
    books.committed()
    books.increment("b")
    books.begin()
    assert books.settle({"a": component(1)}) is False
    books.begin()
    assert books.settle({"a": component(1), "b": component(1)}) is True


def test_nothing_added_is_a_batch_that_must_be_found() -> None:
    """Its component stood there before, so that alone says nothing."""
    books = ledger(restored={"a": component(5)})
    books.increment("a", 0)
    assert books.begin() == {"a": component(5)}
    assert books.settle({}) is False
    books.begin()
    assert books.settle({"a": component(5)}) is True


def test_a_goal_is_reached_when_all_of_it_is_committed() -> None:
    """In whatever order: a batch that comes back goes before what was counted before it."""
    books = ledger(batch_bytes=400)
    for name in "ab":
        books.increment(name)
    books.begin()
    books.increment("c")
    books.increment("a")
    goal = books.goal()
    assert books.last_short_of(goal) == ("a", True)
    assert books.settle({}) is False
    assert books.last_short_of(goal) == ("c", True), "a goes back to the first place"
    assert books.begin() == {"a": component(2), "b": component(1)}
    books.increment("b")
    assert books.last_short_of(goal) == ("c", True), "b was counted once more, behind the goal"
    books.committed()
    assert list(books.begin()) == ["c", "b"]
    assert books.last_short_of(goal) == ("c", False)
    books.committed()
    assert books.last_short_of(goal) is None
    books.increment("new", 0)
    assert books.last_short_of(books.goal()) == ("new", True), "it was never written"


def test_batches_are_bounded_and_keep_the_order() -> None:
    """The oldest first; a batch takes one counter at least."""
    books = ledger(batch_bytes=400)
    for name in "abcde":
        books.increment(name)
    assert books.last_short_of(books.goal()) == ("e", True)
    assert list(books.begin()) == ["a", "b"]
    books.committed()
    assert list(books.begin()) == ["c", "d"]
    assert books.settle({}) is False
    assert list(books.begin()) == ["c", "d"]
    books.committed()
    tiny = ledger(batch_bytes=1)
    tiny.increment("x" * 500)
    assert list(tiny.begin()) == ["x" * 500]


def test_counting_on_a_known_counter_takes_no_memory_and_new_ones_are_limited() -> None:
    """The limit is on counters, not on increments; what was restored does not fall under it."""
    books = ledger(restored={"r": component(1)}, limit=2)
    books.increment("a")
    with pytest.raises(TooManyComponents):
        books.increment("b")
    with pytest.raises(TooManyComponents):
        books.decrement("b")
    for _ in range(100):
        books.increment("a")
        books.increment("r")
    assert books.statistics().counters == 2
    assert books.statistics().pending == 2
    assert books.statistics().unwritten == 201


@pytest.mark.parametrize("by", [-1, True, 1.0, float("nan"), "1", None, 2**63])
@pytest.mark.parametrize("counter", ["new", "known"])
def test_what_is_no_amount_is_refused_and_changes_nothing(by: Any, counter: str) -> None:
    """C5, on the way that is quick for what is usual, and on the other."""
    books = ledger(restored={"known": component(1)})
    for call in (books.increment, books.decrement):
        with pytest.raises(BadCount):
            call(counter, by)
    assert books.begin() == {}


@pytest.mark.parametrize("counter", ["", "x" * 513, "\ud800", b"a", None, 1, ["a"]])
def test_what_is_no_name_is_refused(counter: Any) -> None:
    """Text of 1 to 512 bytes."""
    books = ledger()
    for call in (books.increment, books.decrement):
        with pytest.raises(BadCount):
            call(counter)
    assert books.begin() == {}


def test_counters_that_only_grow_are_not_counted_down() -> None:
    """And what is counted up says so in its kind."""
    books = ledger(ORDERS)
    with pytest.raises(BadCount):
        books.decrement("a")
    books.increment("a")
    assert books.begin() == {"a": component(1, kind="g")}


def test_a_component_never_becomes_too_large() -> None:
    """C5: 2**63 - 1 is counted, and one more is refused and leaves it as it was."""
    books = ledger(restored={"a": component(COUNT_LIMIT - 1, COUNT_LIMIT)})
    books.increment("a")
    with pytest.raises(CounterOverflow):
        books.increment("a")
    with pytest.raises(CounterOverflow):
        books.decrement("a")
    assert books.begin() == {"a": component(COUNT_LIMIT, COUNT_LIMIT)}


def test_what_went_down_once_stays_so() -> None:
    """Also where a later version of the program declares that it only grows."""
    books = ledger(ORDERS, {"a": component(1, 1)})
    books.increment("a")
    assert books.begin() == {"a": component(2, 1, kind="pn")}


# --- against a dumb twin -----------------------------------------------------------------------


class LedgerMachine(RuleBasedStateMachine):
    """A ledger and a log with what was committed; a twin that just adds."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.books = ledger(batch_bytes=400)
        self.log: dict[str, CounterComponent] = {}
        self.truth: dict[str, list[int]] = {}
        self.batch: Mapping[str, CounterComponent] = {}

    @rule(counter=st.sampled_from("abcd"), by=st.integers(0, 9), up=st.booleans())
    def count(self, counter: str, by: int, up: bool) -> None:
        """Count up or down."""
        (self.books.increment if up else self.books.decrement)(counter, by)
        self.truth.setdefault(counter, [0, 0])[0 if up else 1] += by

    @rule()
    def begin(self) -> None:
        """Take a batch, unless there is one."""
        if not self.batch:
            self.batch = self.books.begin()

    @rule(reaches_log=st.booleans(), is_told=st.booleans())
    def commit(self, reaches_log: bool, is_told: bool) -> None:
        """It is committed or not; where nobody is told, the log is asked."""
        if not self.batch:
            return
        if reaches_log:
            for counter, written in self.batch.items():
                before = self.log.get(counter, component(0))
                assert written.increments >= before.increments, "never less than before"
                assert written.decrements >= before.decrements, "never less than before"
            self.log.update(self.batch)
        if reaches_log and is_told:
            self.books.committed()
        else:
            # Only what lies behind the last that is known: of a batch that adds nothing, all the
            # rest of the log says nothing.
            found = self.batch if reaches_log else {}
            assert self.books.settle(found) is reaches_log
        self.batch = {}

    @rule()
    def crash(self) -> None:
        """Begin again from the log: what is not there is lost, and nothing else."""
        self.books = ledger(restored=self.log, batch_bytes=400)
        self.batch = {}
        self.truth = {
            counter: [each.increments, each.decrements] for counter, each in self.log.items()
        }

    @invariant()
    def nothing_is_lost_or_made_up(self) -> None:
        """What is on the log and what is still to be written is what was counted."""
        on_log = sum(each.increments + each.decrements for each in self.log.values())
        counted = sum(map(sum, self.truth.values()))
        if not self.batch:
            assert on_log + self.books.statistics().unwritten == counted

    def teardown(self) -> None:
        """Written to the end, the log is the truth."""
        self.commit(reaches_log=True, is_told=True)
        while batch := self.books.begin():
            self.log.update(batch)
            self.books.committed()
        found = {name: [each.increments, each.decrements] for name, each in self.log.items()}
        assert found == self.truth


def test_the_log_is_what_was_counted_whatever_becomes_of_batches() -> None:
    """Commits, lost answers and crashes in any order."""
    run_state_machine_as_test(
        LedgerMachine, settings=settings(suppress_health_check=list(HealthCheck))
    )


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=30))
def test_unwritten_is_what_a_crash_would_lose(counts: list[tuple[str, int]]) -> None:
    """Half of it in flight, half of it pending."""
    books = ledger()
    for at, (counter, by) in enumerate(counts):
        books.increment(counter, by)
        if at == len(counts) // 2:
            books.begin()
    assert books.statistics().unwritten == sum(by for _, by in counts)
