"""Rest is told from a pause, and what is not at rest is named."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.events.log import Partition
from penstock.infra.pytest_plugin.settling import at_work, behind, waiting_sagas
from penstock.sagas.engine.state import Phase, SagaState, StepState, StepStatus, Timer, Wait

ORDERS = [Partition("shop.orders", number) for number in range(3)]
EXPECTED = frozenset(("clerk", partition) for partition in ORDERS)
NOW_MS = 1_000_000


def saga(phase: Phase, *, due_ms: int | None = None) -> SagaState:
    """A saga whose one step waits for a time."""
    timer = None if due_ms is None else Timer(wait=Wait.ANSWER, due_ms=due_ms)
    step = StepState(status=StepStatus.PENDING, timer=timer)
    return SagaState(
        key="o1",
        version=1,
        phase=phase,
        seq=1,
        input=b"",
        started_ms=0,
        updated_ms=0,
        steps=(step,),
    )


@given(
    done=st.dictionaries(
        st.sampled_from(sorted(EXPECTED)), st.one_of(st.none(), st.integers(0, 3))
    ),
    ends=st.fixed_dictionaries({partition: st.integers(0, 3) for partition in ORDERS}),
)
def test_rest_is_every_partition_done_to_its_end(
    done: Mapping[tuple[str, Partition], int | None], ends: Mapping[Partition, int]
) -> None:
    """All of them there, none at work, each at its end; else the partition is named."""
    reasons = list(at_work(EXPECTED, done)) or list(behind(EXPECTED, done, ends))
    rests = all(done.get((worker, each)) == ends[each] for worker, each in EXPECTED)
    assert (not reasons) == rests
    restless = [each for worker, each in EXPECTED if done.get((worker, each)) != ends[each]]
    assert all(any(str(each) in reason for each in restless) for reason in reasons)


@pytest.mark.parametrize("phase", Phase)
def test_a_saga_rests_when_it_has_ended_or_waits_for_a_person(phase: Phase) -> None:
    """In every other phase it is named, with its key."""
    rests = phase.ended or phase is Phase.PARKED
    reasons = list(waiting_sagas("order", {"o1": saga(phase)}, NOW_MS, may_wait=False))
    assert (reasons == []) == rests
    assert all("order" in reason and "o1" in reason for reason in reasons)


def test_a_saga_that_waits_for_time_says_for_how_much() -> None:
    """So that a test knows by how much to move its clock."""
    states = {"o1": saga(Phase.RUNNING, due_ms=NOW_MS + 90_000)}
    (reason,) = waiting_sagas("order", states, NOW_MS, may_wait=False)
    assert "0:01:30" in reason


@pytest.mark.parametrize(("due_ms", "rests"), [(NOW_MS + 1, True), (NOW_MS, False), (None, True)])
def test_where_sagas_may_wait_only_what_is_due_is_restless(due_ms: int | None, rests: bool) -> None:
    """What is due by now is about to happen."""
    states = {"o1": saga(Phase.RUNNING, due_ms=due_ms)}
    assert (list(waiting_sagas("order", states, NOW_MS, may_wait=True)) == []) == rests
