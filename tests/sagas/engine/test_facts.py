"""Facts: each kind has its change, and a state is nothing but their fold."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import Fact, FactKind, Moment, evolve, fold
from penstock.sagas.engine.renewal import renewer_of
from penstock.sagas.engine.state import Phase, SagaState, StepState, StepStatus

MOMENT = Moment(key="o-1", version=1, step_names=("one", "two"), now_ms=5)
STARTED = Fact(kind=FactKind.STARTED, data=b"x", count=2)


def whole(kind: FactKind) -> Fact:
    """A fact of a kind with everything that any kind may hold."""
    return Fact(
        kind=kind,
        step="one",
        direction=Direction.DO,
        attempt=1,
        due_ms=9,
        data=b"x",
        code="code",
        text="text",
        phase=Phase.SETTLING,
        count=2,
    )


@pytest.mark.parametrize("kind", FactKind)
def test_every_kind_changes_a_saga(kind: FactKind) -> None:
    """Law 1 of facts.py: the table is whole."""
    state = fold(None, [STARTED, replace(whole(FactKind.PARKED), step="two")], MOMENT)
    after = fold(state, [whole(kind)], MOMENT)
    assert (after is None) == (kind is FactKind.REMOVED)


def test_only_a_start_makes_a_saga() -> None:
    """What is noted of a key without a saga leaves it without one."""
    for kind in (FactKind.NOTED, FactKind.CANCELLED, FactKind.OPERATED):
        assert evolve(None, whole(kind), MOMENT) is None
    with pytest.raises(AssertionError, match="DONE without a saga"):
        evolve(None, whole(FactKind.DONE), MOMENT)


def test_a_transition_counts_once_however_many_its_facts() -> None:
    """`seq` counts inputs, not facts."""
    first = fold(None, [STARTED], MOMENT)
    second = fold(first, [whole(FactKind.SENT), whole(FactKind.NOTED)], MOMENT)
    assert first is not None
    assert second is not None
    assert (first.seq, second.seq, second.updated_ms) == (1, 2, 5)


def test_first_sendings_are_remembered_from_the_first_moment_on() -> None:
    """`first_sent_ms` is the first attempt's time, even where that is 0."""
    zero = replace(MOMENT, now_ms=0)
    state = fold(None, [STARTED, whole(FactKind.SENT)], zero)
    again = fold(state, [replace(whole(FactKind.SENT), attempt=2)], MOMENT)
    assert again is not None
    assert again.steps[0].first_sent_ms == 0


def test_a_passed_over_step_is_so_until_it_moves() -> None:
    """`skipped` is taken back by the next command or answer of the step."""
    skipped = fold(None, [STARTED, whole(FactKind.UNKNOWN), whole(FactKind.SKIPPED)], MOMENT)
    assert skipped is not None
    assert skipped.steps[0].skipped
    for kind in (FactKind.SENT, FactKind.DONE, FactKind.REFUSED, FactKind.STUCK):
        after = evolve(skipped, whole(kind), MOMENT)
        assert after is not None
        assert not after.steps[0].skipped


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(SagaState) if field.name != "steps"]),
        st.integers(),
    )
)
def test_renewed_is_replaced(changes: dict[str, int]) -> None:
    """The law of renewal.py: it returns what `dataclasses.replace` returns."""
    state = fold(None, [STARTED], MOMENT)
    assert state is not None
    assert renewer_of(SagaState)(state, **changes) == replace(state, **changes)  # type: ignore[arg-type] # any values do
    step = StepState(status=StepStatus.DONE, attempt=3)
    renewed = renewer_of(StepState)(step, attempt=4)
    assert renewed == replace(step, attempt=4)
    assert step.attempt == 3
