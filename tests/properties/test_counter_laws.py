"""The laws of counters, over states that can be reached by counting and merging.

L1 merging commutes, associates, is idempotent; L2 the new counter changes nothing; L3 counting and
merging only go up; L4 the merge is the least that is above both; L5 counting is merging a delta;
L6 what is written is read again, and one state is written in one way; C1 replicas that have merged
with each other have the value of a counter that was never replicated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import Partition
from penstock.infra.replication.component_records import (
    COMPONENT_SCHEMA,
    ComponentDecoder,
    records_of,
)
from penstock.infra.replication.component_view import ComponentView
from penstock.infra.replication.g_counter import GCounter, IllegalComponent
from penstock.infra.replication.pn_counter import PNCounter
from penstock.schemas.schema import AvroSchema
from penstock.workers.counters import COUNT_LIMIT
from tests.infra.replication.counter_world import TOPIC, Stored

REPLICAS: Final = ("totals/shop.orders/0", "totals/shop.orders/1", "slot/web-0")
AnyCounter = TypeVar("AnyCounter", GCounter, PNCounter)

replicas = st.sampled_from(REPLICAS)
amounts = st.integers(0, 3) | st.integers(0, 2**60)


@dataclass
class History:
    """What replicas have done: their states, and the value that a single counter would have."""

    states: list[Any]
    value: int = 0


def play(new: Callable[[], Any], steps: list[tuple[int, str, int, int]]) -> History:
    """Let each replica count, and merge what others have, in some order."""
    history = History([new() for _ in REPLICAS])
    for mine, action, other, by in steps:
        state = history.states[mine]
        if action == "merge":
            state = state.merged(history.states[other])
        elif action == "decrement" and isinstance(state, PNCounter):
            state = state.decremented(REPLICAS[mine], by)
            history.value -= by
        else:
            state = state.incremented(REPLICAS[mine], by)
            history.value += by
        history.states[mine] = state
    return history


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["increment", "decrement", "merge"]),
        st.integers(0, 2),
        amounts,
    ),
    max_size=12,
)
kinds = st.sampled_from([GCounter, PNCounter])
histories = st.builds(play, kinds, steps)
three = histories.map(lambda history: tuple(history.states))


def bottom(state: AnyCounter) -> AnyCounter:
    """The new counter of a type."""
    return type(state)()


@given(three)
def test_merging_commutes_associates_and_is_idempotent(states: tuple[Any, Any, Any]) -> None:
    """L1: order, grouping and repetition of what arrives do not matter."""
    one, two, third = states
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).merged(third) == one.merged(two.merged(third))
    assert one.merged(one) == one


@given(three)
def test_a_new_counter_changes_nothing(states: tuple[Any, Any, Any]) -> None:
    """L2: it is the identity of merging, below all others, and 0."""
    one, *_ = states
    assert one.merged(bottom(one)) == one
    assert bottom(one) <= one
    assert bottom(one).value == 0


@given(three, replicas, amounts)
def test_counting_and_merging_only_go_up(
    states: tuple[Any, Any, Any], replica: str, by: int
) -> None:
    """L3: by the order of the lattice, for both halves of a PN-Counter."""
    one, two, _ = states
    assert one <= one.incremented(replica, by)
    assert one <= one.merged(two)
    if isinstance(one, PNCounter):
        assert one <= one.decremented(replica, by)
    assert (one <= two <= one) == (one == two)


@given(three)
def test_the_merge_is_the_least_above_both(states: tuple[Any, Any, Any]) -> None:
    """L4: whatever is above both is above their merge; and `<=` says what merging would say."""
    one, two, third = states
    merged = one.merged(two)
    assert one <= merged
    assert two <= merged
    if one <= third and two <= third:
        assert merged <= third
    assert (one <= two) == (one.merged(two) == two)
    above = one.merged(two).merged(third)
    assert merged <= above


@given(three, replicas, replicas, amounts)
def test_counting_is_merging_a_delta(
    states: tuple[Any, Any, Any], replica: str, another: str, by: int
) -> None:
    """L5: also by a group of deltas, merged with each other before they are merged into a state."""
    one, *_ = states
    delta = one.increment_delta(replica, by)
    assert one.merged(delta) == one.incremented(replica, by)
    assert len(delta.versions if isinstance(delta, PNCounter) else delta.components) <= 1
    after = one.incremented(replica, by)
    group = delta.merged(after.increment_delta(another, by))
    assert one.merged(group) == after.incremented(another, by)
    if isinstance(one, PNCounter):
        assert one.merged(one.decrement_delta(replica, by)) == one.decremented(replica, by)


@given(three)
def test_a_delta_holds_what_is_missing_and_no_more(states: tuple[Any, Any, Any]) -> None:
    """Merged into the older state it gives all; nothing of it was known there."""
    one, two, _ = states
    delta = one.delta(two)
    assert two.merged(delta) == two.merged(one)
    assert delta <= one
    assert (delta == bottom(one)) == (one <= two)


@given(histories)
def test_replicas_that_have_merged_have_the_value_of_one_counter(history: History) -> None:
    """C1: whoever counted where, in whatever order they merge."""
    one, two, third = history.states
    assert one.merged(two).merged(third).value == history.value
    assert third.merged(one.merged(two)).value == history.value


# --- records -----------------------------------------------------------------------------------


class Known:
    """The one schema."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return COMPONENT_SCHEMA if fingerprint == COMPONENT_SCHEMA.fingerprint else None


def view_of(records: list[tuple[bytes, bytes]]) -> ComponentView:
    """A reader that has read these records."""
    view = ComponentView(
        [Partition(TOPIC, 0)],
        ComponentDecoder(Known()).decode,
        kind="pn",
        raise_alarm=lambda alarm: pytest.fail(alarm.text),
    )
    for offset, (key, value) in enumerate(records):
        view.take(
            Stored(topic=TOPIC, partition=0, offset=offset, timestamp=0, key=key, value=value)
        )
    return view


names = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable()) | st.just("a:b/c")


@given(st.builds(lambda moves: play(PNCounter, moves).states[0], steps), names, st.randoms())
def test_what_is_written_is_read_again_in_any_order(
    state: PNCounter, counter: str, random: Any
) -> None:
    """L6: a counter as records, shuffled, is the same counter."""
    records = records_of(counter, state, "pn")
    random.shuffle(records)
    assert view_of(records).state(counter) == state


@given(steps)
def test_equal_counters_are_written_alike(moves: list[tuple[int, str, int, int]]) -> None:
    """L6: the bytes depend on the state alone, not on the way to it."""
    one, two, third = play(PNCounter, moves).states
    left, right = one.merged(two).merged(third), third.merged(two.merged(one))
    assert records_of("a", left, "pn") == records_of("a", right, "pn")


# --- boundaries --------------------------------------------------------------------------------


def test_a_component_may_be_as_large_as_its_type_and_no_larger() -> None:
    """C5: 0 is left out, 2**63 - 1 is the largest, one more is refused and changes nothing."""
    full = GCounter().incremented("slot/a", COUNT_LIMIT)
    assert full.value == COUNT_LIMIT
    assert full.incremented("slot/a", 0) == full
    with pytest.raises(IllegalComponent, match="larger"):
        full.incremented("slot/a")
    assert GCounter(components={"slot/a": 0}) == GCounter()


def test_a_sum_may_be_larger_than_its_components() -> None:
    """C5: Python's numbers have no limit, and no reader adds them up in 64 bits."""
    two = GCounter(components={"slot/a": COUNT_LIMIT, "slot/b": COUNT_LIMIT})
    assert two.value == 2 * COUNT_LIMIT
    assert PNCounter(decrements=two).value == -2 * COUNT_LIMIT


@pytest.mark.parametrize("by", [-1, True, 1.0, float("nan"), float("inf"), "1", None, 2**63])
def test_what_is_no_amount_is_refused(by: Any) -> None:
    """C5: negative, bool, float, text, nothing, too large; in components as in counting."""
    with pytest.raises(IllegalComponent):
        GCounter().incremented("slot/a", by)
    with pytest.raises(IllegalComponent):
        PNCounter().decremented("slot/a", by)
    with pytest.raises(IllegalComponent):
        GCounter(components={"slot/a": by})
