"""Answers of services, one test for each rule (saga-rules S4-S9, S16; sagas.md 3.2)."""

from decimal import Decimal

import pytest

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.effects import DeadLetter, SendCommand
from penstock.sagas.engine.inputs import Replied, Succeeded
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import (
    CHARGE,
    CHARGE_FOR_GOOD,
    CONFIRM,
    HEAD,
    MAIL,
    RESERVE,
    RESERVE_SKIPPING,
    SHIP,
    begun,
    order,
)

DO, UNDO = Direction.DO, Direction.UNDO
SKIPPING = HEAD + RESERVE_SKIPPING + CHARGE + SHIP + MAIL + CONFIRM
FOR_GOOD = HEAD + RESERVE + CHARGE_FOR_GOOD + SHIP + MAIL + CONFIRM


def charging() -> SagaScenario:
    """An order whose card is being charged."""
    return begun().replies("reserve_stock", reservation="r-1")


def mailing() -> SagaScenario:
    """An order that has passed its pivot."""
    return charging().replies("charge_card", charge="c").replies("ship", tracking="T")


def turned() -> SagaScenario:
    """An order that gives its stock back."""
    return charging().refuses("charge_card", "no_funds")


def stuck() -> SagaScenario:
    """An order whose stock cannot be given back."""
    return turned().refuses("reserve_stock", "gone").expect(phase="PARKED")


def dead_letters(play: SagaScenario) -> list[str]:
    """Why records of a play became dead letters."""
    return [each.reason for each in play.effects if isinstance(each, DeadLetter)]


def test_an_ok_goes_on_to_the_next_step() -> None:
    """Table 3.2: Ok in PENDING: DONE, its data kept, the next step sent."""
    play = charging().expect(done=["reserve_stock"], steps={"charge_card": "PENDING"})
    assert play.sent[-1].fields == {"order_id": "o-1", "amount": Decimal("19.99")}


def test_a_refusal_turns_round() -> None:
    """Table 3.2: Refused before the pivot: REFUSED and not undone; what was done before is."""
    turned().expect(
        phase="COMPENSATING",
        failure="no_funds",
        steps={"charge_card": "REFUSED", "reserve_stock": "UNDOING"},
    ).replies("reserve_stock").expect(phase="COMPENSATED", undone=["reserve_stock"])


def test_a_refused_pivot_turns_round() -> None:
    """S10: Refused by the pivot still turns back."""
    play = charging().replies("charge_card", charge="c").refuses("ship", "no_such_street")
    play.expect(phase="COMPENSATING", failure="no_such_street")
    play.replies("charge_card").replies("reserve_stock")
    play.expect(phase="COMPENSATED", undone=["charge_card", "reserve_stock"])


def test_s4_a_refusal_behind_the_pivot_parks() -> None:
    """S4: nothing may be undone behind the pivot: step REFUSED, saga PARKED with an alarm."""
    play = mailing().refuses("mail", "no_such_address")
    play.expect(phase="PARKED", parked="mail", steps={"mail": "REFUSED"}, failure=None)
    play.expect(alarms=["saga-parked"])


def test_s5_an_undo_is_tried_again() -> None:
    """S5: timeout and retryable Error of an undo wait and try again."""
    play = turned().times_out("reserve_stock").advance("5s").fails("reserve_stock")
    play.expect(phase="COMPENSATING", steps={"reserve_stock": "UNDOING"})
    assert play.step("reserve_stock").undo_attempt == 2


def test_s5_an_undo_without_attempts_left_is_stuck() -> None:
    """S5: after the last attempt STUCK, and PARKED with an alarm."""
    play = turned().advance("10m").expect(phase="PARKED", parked="reserve_stock")
    play.expect(steps={"reserve_stock": "STUCK"}, alarms=["saga-parked"])
    assert play.step("reserve_stock").undo_attempt == 3


@pytest.mark.parametrize("how", ["refused", "not retryable"])
def test_s5_an_undo_that_cannot_be_is_stuck_at_once(how: str) -> None:
    """S5: Refused or a non-retryable Error of an undo: STUCK and PARKED at once, the code kept."""
    play = turned()
    if how == "refused":
        play.refuses("reserve_stock", "gone")
    else:
        play.fails("reserve_stock", "gone", retryable=False)
    play.expect(phase="PARKED", steps={"reserve_stock": "STUCK"})
    assert play.step("reserve_stock").code == "gone"


def test_s5_an_older_undo_counts_by_ok_and_not_by_error() -> None:
    """S5: an older undo's Error is ignored; its Ok counts."""
    play = turned().times_out("reserve_stock").advance("5s")
    play.fails("reserve_stock", attempt=1).expect(noted="STALE")
    play.replies("reserve_stock", attempt=1).expect(phase="COMPENSATED")


def test_s6_an_undo_ok_frees_a_stuck_step() -> None:
    """S6: undo Ok in STUCK: UNDONE, and the saga returns to where it was parked from."""
    stuck().replies("reserve_stock").expect(phase="COMPENSATED", undone=["reserve_stock"])


def test_s6_a_do_ok_frees_a_parked_step() -> None:
    """S6: do Ok in PENDING while PARKED counts as usual, and the saga goes on."""
    play = charging().replies("charge_card", charge="c").fails("ship", retryable=False)
    play.expect(phase="PARKED").replies("ship", tracking="T").expect(phase="FORWARD")


def test_s6_a_refusal_frees_a_parked_pivot() -> None:
    """S6: Refused by a parked pivot turns round."""
    play = charging().replies("charge_card", charge="c").fails("ship", retryable=False)
    play.refuses("ship", "no").expect(phase="COMPENSATING", failure="no")


def test_s6_a_refusal_of_a_parked_step_behind_the_pivot_parks_it_anew() -> None:
    """S6 and S4: the reason of the parking is then the refusal."""
    play = mailing().fails("mail", retryable=False).refuses("mail", "no").expect(phase="PARKED")
    assert play.state is not None
    assert play.state.parked is not None
    assert (play.state.parked.code, play.state.parked.phase) == ("refused", "FORWARD")


def test_s6_errors_are_history_while_parked() -> None:
    """S6: Errors change nothing while PARKED."""
    stuck().fails("reserve_stock").expect(noted="STALE", phase="PARKED")
    play = charging().replies("charge_card", charge="c").fails("ship", retryable=False)
    play.fails("ship").expect(noted="STALE", phase="PARKED")


def test_s6_an_answer_to_another_step_does_not_resume() -> None:
    """S6: only the step that parked the saga frees it."""
    stuck().refuses("charge_card", "no_funds").expect(noted="DUPLICATE", phase="PARKED")


def test_s7_the_same_answer_again_is_a_duplicate() -> None:
    """S7: Ok to DONE and Refused to REFUSED change nothing."""
    play = charging().replies("reserve_stock", reservation="r-2").expect(noted="DUPLICATE")
    assert play.state is not None
    assert play.state.steps[0].data == charging().step("reserve_stock").data
    turned().refuses("charge_card", "other").expect(noted="DUPLICATE", alarms=[])


def test_s7_the_contrary_answer_is_a_contradiction() -> None:
    """S7: Refused to DONE and Ok to REFUSED change nothing, and sound an alarm."""
    play = charging().refuses("reserve_stock", "no").expect(noted="CONTRADICTION")
    play.expect(steps={"reserve_stock": "DONE"}, alarms=["saga-contradiction"])
    play = turned().replies("charge_card", charge="c").expect(noted="CONTRADICTION")
    play.expect(steps={"charge_card": "REFUSED"}, alarms=["saga-contradiction"])


def test_s7_an_error_to_a_settled_step_is_stale() -> None:
    """S7: an Error says nothing about a step that has its final answer."""
    charging().fails("reserve_stock").expect(noted="STALE", phase="RUNNING")
    turned().fails("charge_card").expect(noted="STALE", phase="COMPENSATING")


@pytest.mark.parametrize(
    ("step", "direction", "attempt"),
    [
        ("ship", DO, 1),
        ("reserve_stock", DO, 2),
        ("reserve_stock", DO, 0),
        ("reserve_stock", UNDO, 1),
        ("no_such_step", DO, 1),
        ("confirm", DO, 1),
        ("ship", UNDO, 1),
    ],
)
def test_s7_an_answer_to_nothing_is_a_dead_letter(
    step: str, direction: Direction, attempt: int
) -> None:
    """S7 and table 3.2: to an IDLE step, an attempt never sent, a step or direction not defined."""
    reply = Replied(step=step, direction=direction, attempt=attempt, answer=Succeeded())
    play = charging().give(reply).expect(noted="FOREIGN", phase="RUNNING")
    assert dead_letters(play) == ["foreign-reply"]


def test_an_answer_for_an_unknown_saga_is_an_orphan() -> None:
    """Table 3.2: counted and dropped; no dead letter."""
    reply = Replied(step="ship", direction=DO, attempt=1, answer=Succeeded())
    play = order().give(reply).expect(noted="ORPHAN", phase=None)
    assert play.effects == ()


def test_an_ok_while_settling_is_undone_in_its_turn() -> None:
    """Table 3.2: do Ok while SETTLING: keep the data, step DONE, then undo it."""
    play = charging().cancel().replies("charge_card", charge="c")
    play.expect(phase="COMPENSATING", steps={"charge_card": "UNDOING", "reserve_stock": "DONE"})
    assert play.step("charge_card").data is not None


def test_a_refusal_while_settling_is_not_undone() -> None:
    """Table 3.2: do Refused while SETTLING; the cancel stays the reason."""
    play = charging().cancel().refuses("charge_card", "no_funds")
    play.expect(phase="COMPENSATING", failure="cancelled", steps={"charge_card": "REFUSED"})


def test_a_late_answer_to_a_step_that_is_being_undone_changes_nothing() -> None:
    """Table 3.2: do * in UNDOING or UNDONE: history "late"; the undo is ordered after it."""
    play = charging().fails("charge_card", retryable=False)
    play.expect(steps={"charge_card": "UNDOING"})
    play.replies("charge_card", direction=DO, charge="c").expect(noted="LATE")
    play.replies("charge_card").expect(steps={"charge_card": "UNDONE"})
    play.refuses("charge_card", "no", direction=DO).expect(noted="LATE")
    play.fails("charge_card", direction=DO).expect(noted="LATE", phase="COMPENSATING")


def test_an_undo_answered_twice_is_a_duplicate() -> None:
    """Table 3.2: undo * in UNDONE: duplicate."""
    play = turned().replies("reserve_stock")
    play.replies("reserve_stock").expect(noted="DUPLICATE")
    play.refuses("reserve_stock", "no").expect(noted="DUPLICATE")
    play.fails("reserve_stock").expect(noted="DUPLICATE", phase="COMPENSATED")


def unknown_and_passed(text: str) -> SagaScenario:
    """An order whose stock may be reserved, cancelled while it was being reserved."""
    return begun(text).cancel().times_out("reserve_stock")


def test_s9_a_late_ok_undoes_a_skipped_step_beside_the_current_one() -> None:
    """S9: the walk has passed the step, an undo exists: UNDOING at once, the saga ends after both.

    The card is charged before the stock is looked at here, so that the walk passes the stock.
    """
    play = begun(HEAD + CHARGE + RESERVE_SKIPPING + MAIL_LAST).replies("charge_card", charge="c")
    play.times_out("reserve_stock")
    play.expect(steps={"reserve_stock": "UNKNOWN", "charge_card": "UNDOING"})
    play.replies("reserve_stock", direction=DO, reservation="r-9")
    play.expect(phase="COMPENSATING", steps={"reserve_stock": "UNDOING", "charge_card": "UNDOING"})
    assert play.sent[-1].fields == {"reservation": "r-9"}
    play.replies("charge_card").expect(phase="COMPENSATING")
    play.replies("reserve_stock")
    play.expect(phase="COMPENSATED", undone=["charge_card", "reserve_stock"], left=[])


MAIL_LAST = """\
  - name: mail
    call: mail.SendMail
    with: {order_id: $.input.order_id}
    undo: none
"""


def test_s9_both_may_get_stuck() -> None:
    """S9, S13: while PARKED for one the other goes on; what is stuck then comes up afterwards."""
    play = begun(HEAD + CHARGE + RESERVE_SKIPPING + MAIL_LAST).replies("charge_card", charge="c")
    play.times_out("reserve_stock").replies("reserve_stock", direction=DO, reservation="r-9")
    play.refuses("charge_card", "closed").expect(phase="PARKED", parked="charge_card")
    play.refuses("reserve_stock", "gone").expect(phase="PARKED", parked="charge_card")
    play.expect(alarms=["saga-parked", "saga-parked"])
    play.mark_undone("charge_card").expect(phase="PARKED", parked="reserve_stock")
    play.skip("reserve_stock").expect(phase="COMPENSATED", left=["reserve_stock"])


def test_s9_a_late_ok_while_parked_is_undone_at_once() -> None:
    """S9, S6: "not terminal" holds for PARKED sagas too; an answer to another step frees none."""
    play = begun(HEAD + CHARGE + RESERVE_SKIPPING + MAIL_LAST).replies("charge_card", charge="c")
    play.times_out("reserve_stock").refuses("charge_card", "closed").expect(phase="PARKED")
    play.replies("reserve_stock", direction=DO, reservation="r-9")
    play.expect(phase="PARKED", parked="charge_card", steps={"reserve_stock": "UNDOING"})
    play.replies("reserve_stock").expect(phase="PARKED", steps={"reserve_stock": "UNDONE"})
    play.skip("charge_card").expect(phase="COMPENSATED", left=["charge_card"])


def test_s9_a_late_ok_before_the_walk_comes_is_undone_in_its_turn() -> None:
    """S9: a step that the walk has not passed yet is DONE, and undone when its turn comes."""
    play = begun(SKIPPING).cancel().times_out("reserve_stock")
    play.expect(phase="COMPENSATED", left=["reserve_stock"])
    play = begun(HEAD + RESERVE_SKIPPING + CHARGE + MAIL_LAST).babbles("reserve_stock")
    play.skip("reserve_stock").replies("charge_card", charge="c").refuses("mail", "no")
    play.expect(steps={"reserve_stock": "UNKNOWN", "charge_card": "UNDOING"})
    play.replies("reserve_stock", direction=DO, reservation="r-9")
    play.expect(steps={"reserve_stock": "DONE", "charge_card": "UNDOING"})
    play.replies("charge_card").expect(steps={"reserve_stock": "UNDOING"})
    play.replies("reserve_stock").expect(phase="COMPENSATED", left=[])


def test_s9_a_late_ok_without_an_undo_is_done() -> None:
    """S9: with `undo: none` the step is DONE, a leftover."""
    play = begun(FOR_GOOD).replies("reserve_stock", reservation="r-1").cancel()
    play.times_out("charge_card").expect(steps={"charge_card": "UNKNOWN"}, phase="COMPENSATING")
    play.replies("charge_card", charge="c").expect(steps={"charge_card": "DONE"})
    play.replies("reserve_stock").expect(phase="COMPENSATED", left=["charge_card"])


def test_s9_a_late_refusal_before_the_undo_is_refused() -> None:
    """Table 3.2: do Refused in UNKNOWN, undo not sent: REFUSED, nothing is left over."""
    play = begun(FOR_GOOD).replies("reserve_stock", reservation="r-1").cancel()
    play.times_out("charge_card").refuses("charge_card", "no")
    play.replies("reserve_stock").expect(phase="COMPENSATED", left=[])


def test_s9_a_late_ok_after_the_end_sounds_an_alarm() -> None:
    """S9: after COMPENSATED: history and alarm; ended is final."""
    play = unknown_and_passed(SKIPPING).expect(phase="COMPENSATED")
    play.replies("reserve_stock", reservation="r-1")
    play.expect(noted="LATE", alarms=["saga-late-effect"], steps={"reserve_stock": "UNKNOWN"})
    play.expect(left=["reserve_stock"])
    play.refuses("reserve_stock", "no").expect(noted="LATE", alarms=["saga-late-effect"])


def test_a_stuck_step_that_was_passed_over_stays_so_after_the_end() -> None:
    """S9: an undo Ok after COMPENSATED is history only."""
    play = stuck().skip("reserve_stock").expect(phase="COMPENSATED", left=["reserve_stock"])
    play.replies("reserve_stock").expect(noted="LATE", steps={"reserve_stock": "STUCK"})


def test_s16_an_unreadable_answer_parks() -> None:
    """S16: dead letter and PARKED; it is no attempt, and the step stays PENDING."""
    play = charging().babbles("charge_card").expect(phase="PARKED", parked="charge_card")
    play.expect(steps={"charge_card": "PENDING"}, alarms=["saga-parked"])
    assert dead_letters(play) == ["unreadable-reply"]
    play.replies("charge_card", charge="c").expect(phase="RUNNING", steps={"ship": "PENDING"})


def test_s16_an_unreadable_answer_to_an_undo_parks() -> None:
    """S16: the same for an undo, whose step is then STUCK."""
    play = turned().babbles("reserve_stock").expect(phase="PARKED", parked="reserve_stock")
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == "unreadable"


def test_s16_an_unreadable_answer_that_would_change_nothing_is_only_kept() -> None:
    """S16: where the step has its answer, or the saga is parked, the dead letter is enough."""
    play = charging().babbles("reserve_stock").expect(noted="UNREADABLE", phase="RUNNING")
    assert dead_letters(play) == ["unreadable-reply"]
    play = stuck().babbles("reserve_stock").expect(noted="UNREADABLE", phase="PARKED")
    play = charging().babbles("charge_card").babbles("charge_card")
    play.expect(noted="UNREADABLE", phase="PARKED", alarms=["saga-parked"])


def test_sent_names_what_a_service_needs() -> None:
    """F11, F12: the effect holds step, direction, attempt, type, topic and when nobody waits."""
    (effect,) = begun().effects
    assert isinstance(effect, SendCommand)
    assert (effect.step, effect.direction, effect.attempt) == ("reserve_stock", DO, 1)
    assert (effect.type_name, effect.topic) == ("stock.ReserveStock", "stock.commands")
    assert effect.deadline_ms == 1_700_000_010_000
