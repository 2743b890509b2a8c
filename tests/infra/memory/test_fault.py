"""Plans of faults: each befalls whom it is meant for, as often as it says."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.memory.fault import NO_FAULT, Fault, FaultPlan, FaultUnusable, Loss
from penstock.infra.memory.request_kind import RequestKind

FETCH, JOIN = RequestKind.FETCH, RequestKind.JOIN


def lost(**wishes: object) -> Fault:
    """A fetch that is lost."""
    return Fault(request=FETCH, loses=Loss.REQUEST, **wishes)  # type: ignore[arg-type] # fields by name


def test_a_fault_is_used_up() -> None:
    """After so many requests of its kind; others do not meet it."""
    plan = FaultPlan()
    plan.add(lost(times=2))
    assert plan.take(JOIN, "a") is NO_FAULT
    assert plan.take(FETCH, "a").loses is Loss.REQUEST
    assert plan.pending == (lost(times=1),)
    assert plan.take(FETCH, "b").loses is Loss.REQUEST
    assert plan.take(FETCH, "a") is NO_FAULT
    assert not plan.pending
    assert plan.used == 2


def test_a_fault_may_be_meant_for_one_client() -> None:
    """The others go unharmed."""
    plan = FaultPlan()
    plan.add(lost(client="b"))
    assert plan.take(FETCH, "a") is NO_FAULT
    assert plan.take(FETCH, "b").loses is Loss.REQUEST


def test_some_may_go_unharmed_before() -> None:
    """`after` counts those that it would have befallen."""
    plan = FaultPlan()
    plan.add(lost(after=2))
    assert [plan.take(FETCH, "a").loses for _ in range(4)] == [
        Loss.NOTHING,
        Loss.NOTHING,
        Loss.REQUEST,
        Loss.NOTHING,
    ]


def test_each_request_meets_one_fault() -> None:
    """The first of the plan; the next one waits for the next request."""
    plan = FaultPlan()
    plan.add(lost())
    plan.add(Fault(request=FETCH, loses=Loss.ANSWER))
    assert [plan.take(FETCH, "a").loses for _ in range(2)] == [Loss.REQUEST, Loss.ANSWER]


def test_a_plan_can_be_given_up() -> None:
    """Nothing befalls anybody any more."""
    plan = FaultPlan()
    plan.add(lost())
    plan.clear()
    assert plan.take(FETCH, "a") is NO_FAULT


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"times": 0, "loses": Loss.ANSWER},
        {"after": -1, "loses": Loss.ANSWER},
        {"arrives_after_s": -1.0},
        {"answered_after_s": float("nan")},
        {"loses": Loss.REQUEST, "error": ErrorCode.not_coordinator},
    ],
)
def test_a_fault_that_can_do_nothing_is_refused(fields: dict[str, object]) -> None:
    """A test that planned it would test nothing."""
    with pytest.raises(FaultUnusable):
        Fault(request=FETCH, **fields)  # type: ignore[arg-type] # fields by name
