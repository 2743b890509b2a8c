"""`compensated`: a saga that has turned round says so once, as it ends; one that has not, never."""

from dataclasses import replace
from decimal import Decimal

import pytest

from penstock.sagas.definition import MappingTemplate
from penstock.sagas.engine.facts import Fact, FactKind, fold
from penstock.sagas.engine.inputs import OutputsRefused
from penstock.sagas.engine.notes import ParkingCode
from penstock.sagas.engine.program import Program, Unannounceable
from penstock.sagas.engine.state import Announcement, Phase, SagaState
from penstock.sagas.scenario import SagaScenario
from penstock.schemas.codec import datum_encoder_of
from tests.sagas.shop import (
    CHARGE_FOR_GOOD,
    CONFIRM,
    HEAD,
    MAIL_ONLY,
    ORDER,
    RESERVE,
    RESERVE_SKIPPING,
    SCHEMAS,
    TURNED_BACK,
    begun,
    definition,
)

SAYS_SO = ORDER + TURNED_BACK
TOLD = "shop.OrderTurnedBack"
LOST = "saga-end-not-announced"


def charging(text: str = SAYS_SO) -> SagaScenario:
    """An order whose card is being charged."""
    return begun(text).replies("reserve_stock", reservation="r-1")


def stuck() -> SagaScenario:
    """An order whose stock cannot be given back."""
    return charging().refuses("charge_card", "no_funds").refuses("reserve_stock", "gone")


def assert_said_now(play: SagaScenario, step: str, code: str) -> None:
    """Assert that a saga has ended in the latest transition, and has said so in the same."""
    play.expect(phase="COMPENSATED", published=[TOLD])
    (event,) = play.published
    assert (event.step, event.topic, event.key) == ("", "shop.turned", b"o-1")
    assert event.fields == {
        "order_id": "o-1",
        "total": Decimal("19.99"),
        "step": step,
        "code": code,
        "labels": {},
    }
    kinds = [fact.kind for fact in play.history]
    assert kinds[-3:] == [FactKind.MOVED, FactKind.ANNOUNCED, FactKind.KEPT]
    assert play.history[-2].text == TOLD
    assert play.state is not None
    assert play.state.announced is Announcement.PUBLISHED


# When it is said


def test_it_is_said_when_the_last_step_is_undone() -> None:
    """In the transition of the undo's answer, and not before it."""
    play = charging().refuses("charge_card", "no_funds").expect(published=[])
    assert_said_now(play.replies("reserve_stock"), "charge_card", "no_funds")


def test_it_is_said_where_nothing_had_to_be_undone() -> None:
    """In the transition of the refusal itself."""
    assert_said_now(begun(SAYS_SO).refuses("reserve_stock", "none"), "reserve_stock", "none")


def test_it_is_said_after_a_cancel_without_a_step() -> None:
    """S32: the step is empty, the code is cancelled; also at once, between two attempts."""
    play = begun(SAYS_SO).cancel().replies("reserve_stock", reservation="r").expect(published=[])
    assert_said_now(play.replies("reserve_stock"), "", "cancelled")
    at_once = HEAD + CHARGE_FOR_GOOD + MAIL_ONLY + TURNED_BACK
    assert_said_now(begun(at_once).fails("charge_card").cancel(), "", "cancelled")


def test_it_is_said_after_a_deadline_without_a_step() -> None:
    """S32: as for a cancel."""
    slow = SAYS_SO.replace("deadline: 15m", "deadline: 2m").replace("timeout: 30s", "timeout: 55s")
    play = begun(slow).advance("32s").replies("reserve_stock", reservation="r").advance("90s")
    play.replies("charge_card", charge="c", attempt=1)
    assert_said_now(play.replies("charge_card").replies("reserve_stock"), "", "deadline")


def test_it_is_said_after_a_timeout() -> None:
    """Timers end sagas as well as answers do."""
    text = HEAD + RESERVE_SKIPPING + MAIL_ONLY + TURNED_BACK
    play = begun(text).times_out("reserve_stock")
    assert_said_now(play.expect(left=["reserve_stock"]), "reserve_stock", "timeout")


def test_it_is_said_after_an_operators_verb() -> None:
    """In the transition of the verb; where the step is let go, with a leftover."""
    assert_said_now(stuck().mark_undone("reserve_stock").expect(left=[]), "charge_card", "no_funds")
    skipped = stuck().skip("reserve_stock").expect(left=["reserve_stock"])
    assert_said_now(skipped, "charge_card", "no_funds")
    retried = stuck().retry("reserve_stock").expect(published=[]).replies("reserve_stock")
    assert_said_now(retried, "charge_card", "no_funds")


def test_it_is_said_with_leftovers() -> None:
    """S12: what has no undo stays, and the saga has turned round all the same."""
    text = HEAD + RESERVE + CHARGE_FOR_GOOD + MAIL_ONLY + TURNED_BACK
    play = charging(text).replies("charge_card", charge="c").refuses("mail", "no")
    assert_said_now(play.replies("reserve_stock").expect(left=["charge_card"]), "mail", "no")


def test_it_is_said_behind_a_refused_pivot() -> None:
    """A pivot that was refused turns a saga round."""
    play = charging().replies("charge_card", charge="c").refuses("ship", "nowhere")
    assert_said_now(play.replies("charge_card").replies("reserve_stock"), "ship", "nowhere")


def test_a_refusal_without_a_code_has_one() -> None:
    """`$.failure.code` is always a code here; undos are told what was said, as ever."""
    play = charging(SAYS_SO).refuses("charge_card", "")
    assert play.sent[-1].fields == {"order_id": "o-1", "why": ""}
    assert_said_now(play.replies("reserve_stock"), "charge_card", "refused")


def test_a_completed_saga_never_says_it() -> None:
    """Nor does one that waits for an operator."""
    play = charging().replies("charge_card", charge="c").replies("ship", tracking="T")
    play.fails("mail", retryable=False).expect(phase="PARKED", published=[]).retry("mail")
    play.replies("mail").expect(phase="COMPLETED", published=["shop.OrderConfirmed"])
    assert play.state is not None
    assert play.state.announced is None


def test_a_saga_that_does_not_say_it_ends_as_before() -> None:
    """Definitions without the word leave no further fact, event or alarm."""
    play = begun().refuses("reserve_stock", "none")
    play.expect(phase="COMPENSATED", published=[], alarms=[])
    kinds = [fact.kind for fact in play.history]
    assert kinds[-3:] == [FactKind.MOVED, FactKind.MOVED, FactKind.KEPT]
    assert play.state is not None
    assert play.state.announced is None


# And never again


def test_whatever_comes_later_it_is_said_once() -> None:
    """S9: ended is final, so late answers, cancels, operators and timers find nothing to say."""
    text = HEAD + RESERVE_SKIPPING + MAIL_ONLY + TURNED_BACK
    play = begun(text).times_out("reserve_stock").expect(published=[TOLD])
    play.replies("reserve_stock", reservation="late").expect(alarms=["saga-late-effect"])
    play.refuses("reserve_stock", "no").cancel().skip("reserve_stock").output_refused()
    play.start(order_id="o-1", total=Decimal("19.99")).advance("1d")
    play.expect(phase="COMPENSATED", published=[TOLD])


def test_a_late_ok_that_must_be_undone_comes_before_the_end() -> None:
    """S9: the saga ends after both undos; there is one end to be announced."""
    text = HEAD + RESERVE + RESERVE_SKIPPING.replace("reserve_stock", "again") + MAIL_ONLY
    play = begun(text + TURNED_BACK).replies("reserve_stock", reservation="r").times_out("again")
    play.replies("again", reservation="late").expect(steps={"again": "UNDOING"}, published=[])
    play.replies("reserve_stock").expect(phase="COMPENSATING", published=[])
    assert_said_now(play.replies("again"), "again", "timeout")


def test_a_key_that_begins_anew_is_another_saga() -> None:
    """It has an end of its own to announce."""
    play = begun(SAYS_SO).refuses("reserve_stock", "none").advance("3d").expect(phase=None)
    play.start(order_id="o-1", total=Decimal("1.00")).refuses("reserve_stock", "none")
    play.expect(published=[TOLD, TOLD])


# What cannot be said


@pytest.mark.parametrize("limit_bytes", [100, 200])
def test_what_is_too_large_does_not_keep_a_saga_from_its_end(limit_bytes: int) -> None:
    """It ends without the event: the history says so, and people are told."""
    play = begun(SAYS_SO, limit_bytes=limit_bytes, labels={"bulk": "x" * limit_bytes})
    play.refuses("reserve_stock", "none").expect(phase="COMPENSATED", published=[], alarms=[LOST])
    lost = play.history[-2]
    assert (lost.kind, lost.code) == (FactKind.UNANNOUNCED, "PEN-S46")
    assert f"the limit is {limit_bytes}" in lost.text
    assert "xxx" not in lost.text
    assert play.state is not None
    assert play.state.announced is Announcement.LOST
    play.advance("1d").expect(alarms=[LOST])


REFUSED = OutputsRefused(reason="too large", code=ParkingCode.NOT_ANNOUNCED)
"""What the shell says where the broker will not take the event."""


def refused_end(play: SagaScenario, step: str) -> SagaScenario:
    """Let the broker refuse twice what the saga says as it ends."""
    play.give(REFUSED).expect(phase="PARKED", parked=step, published=[], alarms=["saga-parked"])
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == ParkingCode.NOT_ANNOUNCED
    assert "announces the end that follows" in play.state.parked.text
    return play


def undoing() -> SagaScenario:
    """A saga whose only undo is out."""
    return charging().refuses("charge_card", "no_funds")


def assert_ended_in_silence(play: SagaScenario, *alarms: str) -> None:
    """Assert that a saga has ended in the latest transition, without its event."""
    play.expect(phase="COMPENSATED", published=[], alarms=[*alarms, LOST])
    lost = play.history[-2]
    assert (lost.kind, lost.code) == (FactKind.UNANNOUNCED, ParkingCode.NOT_ANNOUNCED)
    assert play.state is not None
    assert play.state.announced is Announcement.LOST


def test_what_the_broker_refuses_is_said_when_the_step_is_tried_again() -> None:
    """F18: parked as for any output; `retry` asks the service once more, and tells the world."""
    play = refused_end(undoing(), "reserve_stock").retry("reserve_stock")
    assert_said_now(play.replies("reserve_stock"), "charge_card", "no_funds")
    first = refused_end(begun(SAYS_SO), "reserve_stock").retry("reserve_stock")
    assert_said_now(first.refuses("reserve_stock", "none"), "reserve_stock", "none")


def test_what_the_broker_refuses_for_ever_keeps_no_operator_from_ending_the_saga() -> None:
    """Whoever decides anything but `retry` lets it end without the event, and that is told."""
    for play in (
        refused_end(undoing(), "reserve_stock").mark_undone("reserve_stock"),
        refused_end(undoing(), "reserve_stock").skip("reserve_stock"),
        refused_end(begun(SAYS_SO), "reserve_stock").mark_undone("reserve_stock"),
    ):
        assert_ended_in_silence(play, "saga-parked")


def test_what_an_operator_is_told_of_a_refused_end_holds_for_each_verb() -> None:
    """Not every verb ends the saga: it may go on, and announces the end that follows."""
    play = refused_end(begun(SAYS_SO), "reserve_stock").mark_done("reserve_stock", reservation="r")
    assert play.state is not None
    assert play.state.phase is Phase.RUNNING
    play.refuses("charge_card", "no_funds").expect(phase="COMPENSATING", published=[])
    assert_said_now(play.replies("reserve_stock"), "charge_card", "no_funds")


def test_an_operators_end_that_the_broker_refuses_is_given_up_by_deciding_again() -> None:
    """The saga waits on for the same step, with the reason that counts now."""
    play = stuck().give(REFUSED).expect(phase="PARKED", parked="reserve_stock", noted="UNSENT")
    assert play.state is not None
    assert play.state.parked is not None
    assert (play.state.parked.code, play.state.parked.phase) == (
        ParkingCode.NOT_ANNOUNCED,
        Phase.COMPENSATING,
    )
    assert play.step("reserve_stock").code == "gone"
    play.mark_undone("reserve_stock")
    assert_ended_in_silence(play, "saga-parked", "saga-output-refused")


def test_an_end_that_the_broker_refuses_is_told_if_an_answer_comes() -> None:
    """S6: a parked saga takes late answers; what is sent then may go."""
    play = refused_end(undoing(), "reserve_stock")
    assert_said_now(play.replies("reserve_stock"), "charge_card", "no_funds")


@pytest.mark.parametrize("code", [ParkingCode.NOT_SENT, ParkingCode.BUG])
def test_a_saga_parked_for_something_else_says_its_end(code: ParkingCode) -> None:
    """What was refused was a command, say: the event has never been tried, and is not given up."""
    play = begun(SAYS_SO).give(OutputsRefused(reason="too large", code=code))
    assert_said_now(play.mark_undone("reserve_stock"), "reserve_stock", "marked_undone")


def test_an_end_that_comes_later_is_announced_whatever_was_refused_before() -> None:
    """Given up is the end that an operator's decision brings at once, and no other."""
    text = HEAD + RESERVE + RESERVE_SKIPPING.replace("reserve_stock", "again") + MAIL_ONLY
    play = begun(text + TURNED_BACK).replies("reserve_stock", reservation="r")
    play.replies("again", reservation="s").refuses("mail", "no").give(REFUSED)
    play.expect(parked="again").mark_undone("again").expect(phase="COMPENSATING")
    assert_said_now(play.replies("reserve_stock"), "mail", "no")


def test_a_stuck_step_is_let_go_with_the_event() -> None:
    """Where nothing was refused, every verb announces the end."""
    stuck().skip("reserve_stock").expect(published=[TOLD], alarms=["saga-parked"])


# The event itself


def failed(program: Program, *, code: str = "no") -> SagaState:
    """A saga that has turned round."""
    framed = datum_encoder_of(SCHEMAS["shop.OrderPlaced"])({"order_id": "o-1", "total": Decimal(1)})
    facts = (
        Fact(kind=FactKind.STARTED, data=framed, count=len(program.names)),
        Fact(kind=FactKind.FAILED, step="ship", code=code),
        Fact(kind=FactKind.MOVED, phase=Phase.COMPENSATED),
    )
    state = fold(None, facts, program.moment("o-1", 1_700_000_000_000))
    assert state is not None
    return state


def test_a_damaged_state_is_a_reason_and_no_exception() -> None:
    """Whatever a record holds, what cannot be made is `Unannounceable`."""
    program = Program(definition(SAYS_SO))
    sound = failed(program)
    assert program.announcement(sound)[0] == b"o-1"
    for damaged in (replace(sound, failure=None), replace(sound, input=b"damaged")):
        with pytest.raises(Unannounceable, match="PEN-S46"):
            program.announcement(damaged)


def test_an_event_without_a_key_has_none() -> None:
    """As for emit steps."""
    said = definition(SAYS_SO)
    assert said.compensated is not None
    program = Program(replace(said, compensated=replace(said.compensated, key=None)))
    assert program.announcement(failed(program))[0] is None


def test_an_event_that_lacks_a_field_is_unannounceable() -> None:
    """A template that passed no check cannot harm a saga."""
    said = definition(SAYS_SO)
    assert said.compensated is not None
    empty = replace(said.compensated, template=MappingTemplate(fields={}))
    program = Program(replace(said, compensated=empty))
    with pytest.raises(Unannounceable, match="order_id"):
        program.announcement(failed(program))


def test_a_step_may_be_called_as_the_word_is() -> None:
    """Names of steps and the last event never meet."""
    text = HEAD + RESERVE.replace("name: reserve_stock", "name: compensated") + TURNED_BACK
    play = begun(text).refuses("compensated", "none")
    assert_said_now(play, "compensated", "none")


def test_an_emit_step_and_the_last_event_are_two_events() -> None:
    """A saga may have said something before it turned round; both stay said."""
    early = CONFIRM.replace("$.steps.ship.tracking", "soon")
    play = begun(HEAD + early + RESERVE + MAIL_ONLY + TURNED_BACK).refuses("reserve_stock", "none")
    play.expect(phase="COMPENSATED", published=["shop.OrderConfirmed", TOLD])
