"""Cancels and deadlines (saga-rules S10, S8)."""

from collections.abc import Callable

import pytest

from penstock.sagas.engine.facts import FactKind
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import CONFIRM, HEAD, MAIL_ONLY, ORDER, RESERVE, begun, order


def charging() -> SagaScenario:
    """An order whose card is being charged."""
    return begun().replies("reserve_stock", reservation="r-1")


def shipping() -> SagaScenario:
    """An order whose pivot is out."""
    return charging().replies("charge_card", charge="c-1")


def parked() -> SagaScenario:
    """An order that waits for an operator."""
    return charging().babbles("charge_card")


def test_a_cancel_before_the_pivot_settles_and_turns_round() -> None:
    """Table 3.2: SETTLING while an attempt is in flight, then back."""
    play = charging().cancel().expect(phase="SETTLING", noted="ACCEPTED", failure="cancelled")
    play.replies("charge_card", charge="c-1").replies("charge_card").replies("reserve_stock")
    play.expect(phase="COMPENSATED", undone=["charge_card", "reserve_stock"])
    cancelled = [fact for fact in play.history if fact.kind is FactKind.CANCELLED]
    assert [(fact.code, fact.text) for fact in cancelled] == [("customer", "changed my mind")]


def test_s10_a_cancel_of_what_turns_back_is_already_done() -> None:
    """S10: in SETTLING or COMPENSATING: ALREADY, and nothing changes."""
    charging().cancel().cancel().expect(phase="SETTLING", noted="ALREADY")
    play = charging().refuses("charge_card", "no_funds").cancel()
    play.expect(phase="COMPENSATING", noted="ALREADY", failure="no_funds")


def test_s10_a_cancel_behind_the_sending_of_the_pivot_is_too_late() -> None:
    """S10: "sent" is the limit."""
    shipping().cancel().expect(phase="RUNNING", noted="TOO_LATE", failure=None)


@pytest.mark.parametrize("phase", ["PARKED", "FORWARD", "COMPLETED", "COMPENSATED"])
def test_s10_a_cancel_is_too_late(phase: str) -> None:
    """S10: PARKED, FORWARD or ended: TOO_LATE, and nothing changes."""
    plays: dict[str, Callable[[], SagaScenario]] = {
        "PARKED": parked,
        "FORWARD": lambda: shipping().replies("ship", tracking="T"),
        "COMPLETED": lambda: shipping().replies("ship", tracking="T").replies("mail"),
        "COMPENSATED": lambda: begun().refuses("reserve_stock", "none"),
    }
    plays[phase]().expect(phase=phase).cancel().expect(phase=phase, noted="TOO_LATE")


def test_s10_a_cancel_of_nobody_is_not_found() -> None:
    """S10: an unknown saga: NOT_FOUND."""
    order().cancel().expect(phase=None, noted="NOT_FOUND")


def test_s10_a_refusal_by_the_pivot_turns_back_after_a_late_cancel() -> None:
    """S10: Refused by the pivot still turns back, and the refusal is the reason."""
    play = shipping().cancel().refuses("ship", "no_such_street")
    play.expect(phase="COMPENSATING", failure="no_such_street")


def test_a_deadline_before_the_pivot_turns_round() -> None:
    """Table 3.2: the deadline is a cancel with its own reason; what is in flight ends first."""
    text = ORDER.replace("deadline: 15m", "deadline: 2m").replace("timeout: 30s", "timeout: 55s")
    play = begun(text).advance("32s").replies("reserve_stock", reservation="r")
    play.advance("56s").expect(phase="RUNNING").advance("32s")
    play.expect(phase="SETTLING", failure="deadline", steps={"charge_card": "PENDING"}, alarms=[])
    play.times_out("charge_card").expect(steps={"charge_card": "UNDOING"}, phase="COMPENSATING")
    play.replies("charge_card").replies("reserve_stock").expect(phase="COMPENSATED")


def test_s10_a_deadline_behind_the_pivot_is_one_alarm() -> None:
    """S10: too late for a deadline = one alarm, and the timer goes."""
    play = shipping().advance("20m").expect(phase="RUNNING", alarms=["saga-deadline-too-late"])
    assert "TOO_LATE" in play.notes
    assert play.state is not None
    assert play.state.deadline_ms is None


def test_s10_a_deadline_while_parked_is_one_alarm() -> None:
    """S10: a PARKED saga is not turned round by its deadline."""
    play = parked().advance("20m").expect(phase="PARKED", failure=None)
    play.expect(alarms=["saga-parked", "saga-deadline-too-late"])
    play.retry("charge_card").advance("20m").expect(failure="timeout")


def test_s10_the_deadline_goes_once_the_pivot_is_done() -> None:
    """S10: the saga is RUNNING until the pivot is DONE, when the deadline timer goes."""
    play = shipping().expect(phase="RUNNING").replies("ship", tracking="T").expect(phase="FORWARD")
    assert play.state is not None
    assert play.state.deadline_ms is None


def test_a_saga_without_pivot_can_be_cancelled_to_its_end() -> None:
    """S29: with no pivot the saga is RUNNING, and can be turned round, until it has COMPLETED."""
    text = (
        HEAD
        + RESERVE
        + MAIL_ONLY
        + CONFIRM.replace(", tracking: $.steps.ship.tracking", ", tracking: none")
    )
    play = begun(text).replies("reserve_stock", reservation="r-1").expect(phase="RUNNING")
    play.cancel().replies("mail").expect(phase="COMPENSATING").replies("reserve_stock")
    play.expect(phase="COMPENSATED", done=["mail"], left=["mail"], published=[])
    begun(text).replies("reserve_stock", reservation="r-1").replies("mail").expect(
        phase="COMPLETED", published=["shop.OrderConfirmed"]
    )
