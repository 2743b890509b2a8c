"""Attempts: what follows a timeout or an error (saga-rules S1, S2, S3, S8, S14, S20)."""

from datetime import timedelta

import pytest

from penstock.sagas.engine.state import Wait
from penstock.sagas.play import BEGINNING_MS
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import ORDER, begun


def before_the_pivot() -> SagaScenario:
    """An order whose pivot was just sent."""
    play = begun().replies("reserve_stock", reservation="r-1")
    return play.replies("charge_card", charge="c-1")


def due_s(play: SagaScenario, step: str) -> float:
    """When a step's timer is due, in seconds since the beginning."""
    timer = play.step(step).timer
    assert timer is not None
    return (timer.due_ms - BEGINNING_MS) / 1000


def test_s1_the_next_attempt_waits_after_a_timeout() -> None:
    """S1: after attempt n the next goes out after delay x backoff^(n-1)."""
    play = begun().times_out("reserve_stock").expect(sent=["stock.ReserveStock"])
    assert due_s(play, "reserve_stock") == 11
    play.advance("1s").expect(sent=["stock.ReserveStock"] * 2)
    play.times_out("reserve_stock")
    assert due_s(play, "reserve_stock") == 21 + 2
    play.advance("2s").expect(sent=["stock.ReserveStock"] * 3)
    assert [each.attempt for each in play.sent] == [1, 2, 3]
    assert len({each.idempotency_key for each in play.sent}) == 1


def test_s1_the_next_attempt_waits_after_an_error_too() -> None:
    """S1: whatever ended the attempt, the wait is the same."""
    play = begun().advance("4s").fails("reserve_stock", "busy")
    assert due_s(play, "reserve_stock") == 5
    assert play.step("reserve_stock").code == "busy"


def test_s1_waits_are_shortened_by_the_draw() -> None:
    """S1: jitter takes up to a fifth, and the draw is an argument."""
    play = begun(draw=0.5).fails("reserve_stock")
    assert due_s(play, "reserve_stock") == pytest.approx(0.9)


def test_s1_waits_are_capped() -> None:
    """S1: no wait is longer than max_delay."""
    play = before_the_pivot()
    waits = []
    for _ in range(5):
        play.fails("ship", "busy")
        at = due_s(play, "ship")
        play.expect(phase="RUNNING")
        waits.append(at)
        play.advance(timedelta(seconds=at) - passed(play))
    assert [b - a for a, b in zip([0, *waits], waits, strict=False)] == [10, 20, 40, 60, 60]


def passed(play: SagaScenario) -> timedelta:
    """The time of a play so far."""
    assert play.state is not None
    return timedelta(milliseconds=play.state.updated_ms - BEGINNING_MS)


def test_s1_an_ok_counts_while_the_next_attempt_waits() -> None:
    """S1: an Ok of any attempt so far counts, also between two attempts."""
    play = begun().times_out("reserve_stock").replies("reserve_stock", reservation="r-1")
    play.expect(steps={"reserve_stock": "DONE", "charge_card": "PENDING"})


def test_s1_an_ok_of_an_earlier_attempt_counts() -> None:
    """S1: an Ok of attempt 1 counts while attempt 2 is out."""
    play = begun().times_out("reserve_stock").advance("1s")
    play.replies("reserve_stock", attempt=1, reservation="r-1")
    play.expect(steps={"reserve_stock": "DONE"})


def test_s1_a_refusal_of_an_earlier_attempt_counts() -> None:
    """S1: a Refused of attempt 1 counts while attempt 2 is out."""
    play = begun().times_out("reserve_stock").advance("1s")
    play.refuses("reserve_stock", "sold_out", attempt=1)
    play.expect(steps={"reserve_stock": "REFUSED"}, phase="COMPENSATED", failure="sold_out")


def test_s2_an_error_of_an_earlier_attempt_is_ignored() -> None:
    """S2: an Error of attempt 1 says nothing about attempt 2."""
    play = begun().times_out("reserve_stock").advance("1s")
    play.fails("reserve_stock", attempt=1).expect(noted="STALE", phase="RUNNING")
    timer = play.step("reserve_stock").timer
    assert timer is not None
    assert timer.wait is Wait.ANSWER


def test_s2_an_error_counts_once() -> None:
    """S2: the same Error again finds no timeout timer and is history only."""
    play = begun().fails("reserve_stock").fails("reserve_stock").expect(noted="STALE")
    assert play.step("reserve_stock").attempt == 1


def test_s2_an_error_after_its_timeout_is_ignored() -> None:
    """S2: an Error that comes after its attempt has timed out does not count a second time."""
    play = begun().times_out("reserve_stock").fails("reserve_stock").expect(noted="STALE")
    assert due_s(play, "reserve_stock") == 11


def test_s3_an_error_that_no_attempt_mends_is_unknown_before_the_pivot() -> None:
    """S3: `retryable: false` before the pivot: UNKNOWN at once, and undone."""
    play = begun().fails("reserve_stock", "bug", retryable=False)
    play.expect(steps={"reserve_stock": "UNDOING"}, phase="COMPENSATING", failure="error")
    play.replies("reserve_stock").expect(phase="COMPENSATED", undone=["reserve_stock"])


def test_s3_an_error_that_no_attempt_mends_parks_at_the_pivot() -> None:
    """S3: `retryable: false` at the pivot: PARKED at once, the step stays PENDING."""
    play = before_the_pivot().fails("ship", "bug", retryable=False)
    play.expect(phase="PARKED", parked="ship", steps={"ship": "PENDING"}, alarms=["saga-parked"])
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == "not_retryable"


def test_s3_an_error_that_no_attempt_mends_parks_behind_the_pivot() -> None:
    """S3: the same behind the pivot."""
    play = before_the_pivot().replies("ship", tracking="T").fails("mail", "bug", retryable=False)
    play.expect(phase="PARKED", parked="mail", steps={"mail": "PENDING"})


def test_s3_a_retryable_error_at_the_pivot_is_like_a_timeout() -> None:
    """S3: a retryable Error at or behind the pivot is tried again."""
    before_the_pivot().fails("ship").advance("10s").expect(
        phase="RUNNING", sent=[*first_two(), "shipping.CreateShipment"]
    )


def first_two() -> list[str]:
    """What a play has sent when its pivot goes out."""
    return ["stock.ReserveStock", "payments.ChargeCard", "shipping.CreateShipment"]


def test_timeouts_without_attempts_left_are_unknown_and_undone() -> None:
    """Table 3.2: no attempt left before the pivot: UNKNOWN, undone as though done."""
    play = begun().replies("reserve_stock", reservation="r-1")
    play.times_out("charge_card").advance("1s").times_out("charge_card")
    play.expect(phase="COMPENSATING", failure="timeout", steps={"charge_card": "UNDOING"})
    play.replies("charge_card").expect(steps={"reserve_stock": "UNDOING"})
    play.replies("reserve_stock")
    play.expect(phase="COMPENSATED", undone=["charge_card", "reserve_stock"], left=[])


def test_s20_the_pivot_is_tried_until_it_gives_up() -> None:
    """S20: at the pivot attempts are endless up to give_up, then PARKED; it is never UNKNOWN."""
    play = before_the_pivot().advance("59m").expect(phase="RUNNING")
    play.advance("3m").expect(phase="PARKED", parked="ship", steps={"ship": "PENDING"})
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == "gave_up"


def test_s20_the_last_attempt_goes_out_when_it_is_time_to_give_up() -> None:
    """S20: a wait does not reach past give_up; the last attempt has its whole timeout."""
    play = before_the_pivot().advance("2h")
    assert play.state is not None
    assert play.sent[-1].step == "ship"
    assert play.state.updated_ms == BEGINNING_MS + 3_600_000 + 60_000


def test_s20_behind_the_pivot_attempts_are_endless_too() -> None:
    """S20: and the saga is FORWARD all the while."""
    play = before_the_pivot().replies("ship", tracking="T").advance("30m")
    play.expect(phase="FORWARD", steps={"mail": "PENDING"})
    assert play.step("mail").attempt > 20


def test_s8_settling_takes_the_current_attempt_for_the_last() -> None:
    """S8: while settling a timeout is UNKNOWN although attempts are left."""
    play = begun().cancel().expect(phase="SETTLING").times_out("reserve_stock")
    play.expect(phase="COMPENSATING", steps={"reserve_stock": "UNDOING"}, failure="cancelled")
    assert play.step("reserve_stock").attempt == 1


def test_s8_settling_takes_an_error_for_unknown() -> None:
    """S8: while settling an Error is UNKNOWN, whether retryable or not."""
    for retryable in (True, False):
        play = begun().cancel().fails("reserve_stock", retryable=retryable)
        play.expect(phase="COMPENSATING", steps={"reserve_stock": "UNDOING"}, failure="cancelled")


def test_s8_a_step_between_two_attempts_is_unknown_at_once() -> None:
    """S8: who turns round while a step waits for its next attempt does not wait for it."""
    play = begun().fails("reserve_stock", "busy").cancel()
    play.expect(phase="COMPENSATING", steps={"reserve_stock": "UNDOING"})
    assert play.step("reserve_stock").code == "busy"


def test_s14_a_running_saga_always_has_a_timer() -> None:
    """S14: however long nobody answers, the saga ends or waits for an operator."""
    play = begun(ORDER.replace("deadline: 15m\n", "")).advance("9d")
    play.expect(phase="PARKED", parked="reserve_stock", steps={"reserve_stock": "STUCK"})
