"""What operators may do (saga-rules S11)."""

import pytest

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Verb
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Operated
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import CHARGE, HEAD, MAIL, MAIL_ONLY, RESERVE, SHIP, begun, order


def charging() -> SagaScenario:
    """An order whose card is being charged."""
    return begun().replies("reserve_stock", reservation="r-1")


def stuck() -> SagaScenario:
    """An order whose stock cannot be given back."""
    play = charging().refuses("charge_card", "no_funds").refuses("reserve_stock", "gone")
    return play.expect(phase="PARKED", parked="reserve_stock")


def pivot_parked() -> SagaScenario:
    """An order whose pivot has failed for good."""
    play = charging().replies("charge_card", charge="c").fails("ship", retryable=False)
    return play.expect(phase="PARKED", parked="ship")


def mail_parked() -> SagaScenario:
    """An order whose mail has failed for good, behind the pivot."""
    play = charging().replies("charge_card", charge="c").replies("ship", tracking="T")
    return play.fails("mail", retryable=False).expect(phase="PARKED", parked="mail")


def text(play: SagaScenario) -> str:
    """What was noted last, in words."""
    noted = [fact for fact in play.history if fact.kind is FactKind.NOTED]
    return noted[-1].text


def test_every_act_leaves_actor_and_reason() -> None:
    """S11: each with actor and reason, possible or not."""
    play = stuck().mark_undone("reserve_stock").mark_undone("reserve_stock")
    acts = [fact for fact in play.history if fact.kind is FactKind.OPERATED]
    assert [(act.step, act.code, act.text) for act in acts] == [
        ("reserve_stock", "mark-undone", "operator: as I see fit")
    ] * 2


# A stuck undo


def test_s11_retry_of_a_stuck_undo_has_fresh_attempts() -> None:
    """S11: UNDOING(n+1) with fresh attempts; waits begin anew as well."""
    play = charging().refuses("charge_card", "no_funds").advance("10m").expect(phase="PARKED")
    play.retry("reserve_stock").expect(phase="COMPENSATING", noted="ACCEPTED")
    assert play.step("reserve_stock").undo_attempt == 4
    play.fails("reserve_stock").advance("5s")
    assert play.step("reserve_stock").undo_attempt == 5
    play.replies("reserve_stock").expect(phase="COMPENSATED", undone=["reserve_stock"])


def test_s11_a_fresh_start_ends_too() -> None:
    """S11: fresh attempts are as many as the first, then the saga is PARKED again."""
    play = stuck().retry("reserve_stock").advance("10m").expect(phase="PARKED")
    assert play.step("reserve_stock").undo_attempt == 4


def test_s11_mark_undone_of_a_stuck_undo_goes_on() -> None:
    """S11: UNDONE, and the walk goes on."""
    stuck().mark_undone("reserve_stock").expect(
        phase="COMPENSATED", undone=["reserve_stock"], left=[]
    )


def test_s11_skip_of_a_stuck_undo_leaves_it() -> None:
    """S11: the step stays STUCK, the saga ends COMPENSATED with a leftover."""
    stuck().skip("reserve_stock").expect(
        phase="COMPENSATED", steps={"reserve_stock": "STUCK"}, left=["reserve_stock"]
    )


def test_s11_mark_done_of_a_stuck_undo_is_refused() -> None:
    """S11: what turns back is not done again; the refusal says what is possible."""
    play = stuck().mark_done("reserve_stock", reservation="r-1")
    play.expect(phase="PARKED", noted="NOT_POSSIBLE")
    assert text(play).endswith("possible: retry, skip, mark-undone")


# A parked step on its way forward


def test_s11_retry_of_a_parked_step_sends_it_again() -> None:
    """S11: PENDING(n+1) with fresh attempts; give_up is counted anew."""
    play = pivot_parked().advance("5h").retry("ship").expect(phase="RUNNING", noted="ACCEPTED")
    assert play.step("ship").attempt == 2
    play.advance("59m").expect(phase="RUNNING").advance("3m").expect(phase="PARKED")


def test_s11_mark_done_needs_data_that_fit() -> None:
    """S11: `mark-done` needs data that fit the reply, and goes on as an answer would."""
    play = pivot_parked()
    for data in (None, b"nonsense"):
        given = Operated(verb=Verb.MARK_DONE, step="ship", actor="a", reason="r", data=data)
        play.give(given).expect(phase="PARKED", noted="NOT_POSSIBLE")
        assert "PEN-S33" in text(play)
    play.mark_done("ship", tracking="T").expect(phase="FORWARD", steps={"mail": "PENDING"})
    assert play.sent[-1].fields["tracking"] == "T"


def test_s11_mark_done_of_a_step_without_data_takes_none() -> None:
    """S11: a command that is answered without data is marked done without."""
    play = mail_parked()
    given = Operated(verb=Verb.MARK_DONE, step="mail", actor="a", reason="r", data=b"x")
    play.give(given).expect(phase="PARKED", noted="NOT_POSSIBLE")
    play.mark_done("mail").expect(phase="COMPLETED", published=["shop.OrderConfirmed"])


def test_s11_mark_undone_of_the_pivot_turns_round() -> None:
    """S11: REFUSED, then compensate."""
    play = pivot_parked().mark_undone("ship")
    play.expect(phase="COMPENSATING", steps={"ship": "REFUSED"}, failure="marked_undone")
    play.replies("charge_card").replies("reserve_stock").expect(phase="COMPENSATED")


def test_s11_mark_undone_before_the_pivot_turns_round() -> None:
    """S11: a step before the pivot that an operator knows to have had no effect is refused."""
    play = charging().babbles("charge_card").mark_undone("charge_card")
    play.expect(phase="COMPENSATING", steps={"charge_card": "REFUSED"}, failure="marked_undone")


def test_s11_mark_undone_behind_the_pivot_is_refused() -> None:
    """S11, S4: behind the pivot nothing turns back."""
    play = mail_parked().mark_undone("mail").expect(phase="PARKED", noted="NOT_POSSIBLE")
    assert text(play).endswith("possible: retry, skip, mark-done")


def test_s11_skip_behind_the_pivot_goes_on() -> None:
    """S11: a step that no later path reads may be skipped; nobody knows its outcome."""
    play = mail_parked().skip("mail").expect(phase="COMPLETED", steps={"mail": "UNKNOWN"})
    play.expect(published=["shop.OrderConfirmed"], left=["mail"])


def test_s4_a_refused_step_behind_the_pivot_can_be_skipped_or_tried_again() -> None:
    """S4, S11: it stays REFUSED where it is skipped, and is no leftover."""
    play = mail_parked().refuses("mail", "no").skip("mail")
    play.expect(phase="COMPLETED", steps={"mail": "REFUSED"}, left=[])
    play = mail_parked().refuses("mail", "no").retry("mail").expect(phase="FORWARD")
    play.replies("mail").expect(phase="COMPLETED")


def test_s11_the_pivot_is_never_skipped() -> None:
    """S11: never on the pivot."""
    play = pivot_parked().skip("ship").expect(phase="PARKED", noted="NOT_POSSIBLE")
    assert text(play).startswith("a pivot is never skipped")


def test_s11_a_step_that_others_read_is_not_skipped() -> None:
    """S11: `skip` only if no later path reads the step."""
    play = begun().babbles("reserve_stock").skip("reserve_stock")
    play.expect(phase="PARKED", noted="NOT_POSSIBLE")
    assert "is read by ship" in text(play)


def test_s11_a_skipped_step_before_the_pivot_is_undone_if_the_saga_turns_back() -> None:
    """S11: nobody knows its outcome, so it is UNKNOWN."""
    play = begun(HEAD + RESERVE + CHARGE + MAIL_ONLY).replies("reserve_stock", reservation="r")
    play.babbles("charge_card").skip("charge_card").expect(steps={"charge_card": "UNKNOWN"})
    play.expect(phase="RUNNING").refuses("mail", "no")
    play.expect(steps={"charge_card": "UNDOING"}).replies("charge_card").replies("reserve_stock")
    play.expect(phase="COMPENSATED", undone=["charge_card", "reserve_stock"], left=[])


def test_s9_a_late_answer_tells_what_became_of_a_skipped_step() -> None:
    """S9: a late Ok or Refused to a skipped step is kept while the saga goes forward."""
    text = HEAD + RESERVE + CHARGE + MAIL_ONLY
    play = begun(text).babbles("reserve_stock").skip("reserve_stock")
    play.replies("reserve_stock", reservation="r").expect(phase="RUNNING", done=["reserve_stock"])
    play = begun(text).babbles("reserve_stock").skip("reserve_stock")
    play.refuses("reserve_stock", "no")
    play.expect(phase="RUNNING", steps={"reserve_stock": "REFUSED", "charge_card": "PENDING"})


def test_s11_a_late_refusal_of_a_skipped_step_leaves_it_skipped() -> None:
    """S11: the saga goes on without the step; that nothing was done changes nothing."""
    again = MAIL.replace("name: mail", "name: mail_again")
    play = begun(HEAD + RESERVE + CHARGE + SHIP + MAIL + again)
    play.replies("reserve_stock", reservation="r").replies("charge_card", charge="c")
    play.replies("ship", tracking="T").fails("mail", retryable=False).skip("mail")
    play.refuses("mail", "no").expect(phase="FORWARD", steps={"mail": "REFUSED"})
    play.replies("mail_again").expect(phase="COMPLETED", left=[])
    play = begun(HEAD + RESERVE + CHARGE + MAIL_ONLY).babbles("reserve_stock")
    play.skip("reserve_stock").refuses("reserve_stock", "no")
    play.replies("charge_card", charge="c").replies("mail").expect(phase="COMPLETED", left=[])


def test_s11_while_settling_a_parked_step_can_be_let_go() -> None:
    """S11, S16: an unreadable answer while settling parks; every way out leads back."""

    def settling() -> SagaScenario:
        return begun().cancel().babbles("reserve_stock").expect(phase="PARKED")

    settling().skip("reserve_stock").expect(steps={"reserve_stock": "UNDOING"})
    settling().mark_undone("reserve_stock").expect(phase="COMPENSATED", left=[])
    settling().mark_done("reserve_stock", reservation="r").expect(phase="COMPENSATING")
    settling().retry("reserve_stock").expect(phase="SETTLING").times_out("reserve_stock").expect(
        phase="COMPENSATING"
    )


# Refused verbs


@pytest.mark.parametrize("verb", list(Verb))
def test_s11_only_a_parked_saga_is_operated(verb: Verb) -> None:
    """S11: only on a PARKED saga."""
    act = Operated(verb=verb, step="reserve_stock", actor="a", reason="r")
    begun().give(act).expect(phase="RUNNING", noted="NOT_POSSIBLE")
    begun().refuses("reserve_stock", "no").give(act).expect(
        phase="COMPENSATED", noted="NOT_POSSIBLE"
    )


@pytest.mark.parametrize("step", ["charge_card", "no_such_step", ""])
def test_s11_only_the_step_that_parked_is_operated(step: str) -> None:
    """S11: and only the step that parked it."""
    act = Operated(verb=Verb.RETRY, step=step, actor="a", reason="r")
    play = stuck().give(act).expect(phase="PARKED", noted="NOT_POSSIBLE")
    assert text(play) == "the saga is parked for its step reserve_stock; decide about that one"


def test_an_operator_of_nobody_is_told_so() -> None:
    """S10's NOT_FOUND holds for operators too."""
    act = Operated(verb=Verb.RETRY, step="ship", actor="a", reason="r")
    order().give(act).expect(phase=None, noted="NOT_FOUND")


def test_a_stuck_undo_answered_late_frees_the_saga_before_the_operator() -> None:
    """S6: the operator who comes after the answer finds nothing to do."""
    play = stuck().replies("reserve_stock", direction=Direction.UNDO).expect(phase="COMPENSATED")
    play.retry("reserve_stock").expect(noted="NOT_POSSIBLE", phase="COMPENSATED")
