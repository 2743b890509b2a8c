"""The walk forward and backward, what is left, what cannot be sent (S12, S21, S29, S32, F18)."""

from decimal import Decimal

from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.program import Program
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import (
    CHARGE_FOR_GOOD,
    CONFIRM,
    HEAD,
    MAIL_ONLY,
    ORDER,
    RESERVE,
    RESERVE_SKIPPING,
    begun,
    definition,
)

FOR_GOOD = HEAD + RESERVE + CHARGE_FOR_GOOD + MAIL_ONLY


def completed() -> SagaScenario:
    """An order on its straight way."""
    play = begun().replies("reserve_stock", reservation="r-1").replies("charge_card", charge="c")
    return play.replies("ship", tracking="T-1").replies("mail")


def test_a_saga_completes_with_each_step_once() -> None:
    """Forward: every command once, the event with the last step, then remembered."""
    play = completed().expect(
        phase="COMPLETED",
        done=["reserve_stock", "charge_card", "ship", "mail", "confirm"],
        sent=[
            "stock.ReserveStock",
            "payments.ChargeCard",
            "shipping.CreateShipment",
            "mail.SendMail",
        ],
        published=["shop.OrderConfirmed"],
        failure=None,
        left=[],
        alarms=[],
    )
    assert play.state is not None
    assert play.state.due_ms == play.state.remove_ms


def test_messages_are_filled_from_input_and_replies() -> None:
    """`with` reads the input, earlier replies and literals."""
    play = completed()
    assert [dict(each.fields) for each in play.sent] == [
        {"order_id": "o-1"},
        {"order_id": "o-1", "amount": Decimal("19.99")},
        {"order_id": "o-1", "reservation": "r-1"},
        {"order_id": "o-1", "tracking": "T-1"},
    ]
    (event,) = play.published
    assert event.fields == {"order_id": "o-1", "tracking": "T-1"}
    assert event.key == b"o-1"


def test_s12_an_event_is_done_at_once() -> None:
    """S12: emit: DONE; an event in the middle holds nobody up."""
    early = CONFIRM.replace("$.steps.ship.tracking", "soon")
    play = begun(HEAD + early + RESERVE + MAIL_ONLY)
    play.expect(steps={"confirm": "DONE", "reserve_stock": "PENDING"})
    play.refuses("reserve_stock", "no").expect(phase="COMPENSATED", left=[])


def test_s12_steps_without_an_undo_are_left_over() -> None:
    """S12: `undo: none` keeps DONE in a COMPENSATED saga; it is a leftover."""
    play = (
        begun(FOR_GOOD).replies("reserve_stock", reservation="r").replies("charge_card", charge="c")
    )
    play.refuses("mail", "no").replies("reserve_stock")
    play.expect(phase="COMPENSATED", done=["charge_card"], left=["charge_card"])


def test_s12_unknown_steps_without_an_undo_are_left_over() -> None:
    """S12: `undo: none` keeps UNKNOWN too."""
    play = begun(FOR_GOOD).replies("reserve_stock", reservation="r")
    play.fails("charge_card", retryable=False).replies("reserve_stock")
    play.expect(steps={"charge_card": "UNKNOWN"}, phase="COMPENSATED", left=["charge_card"])


def test_s12_a_running_saga_has_no_leftovers() -> None:
    """S12: what is left is known at the end."""
    begun(FOR_GOOD).replies("reserve_stock", reservation="r").replies(
        "charge_card", charge="c"
    ).expect(left=[])


def test_s21_an_unknown_step_is_not_undone_where_it_says_skip() -> None:
    """S21: under `undo_unknown: skip` an UNKNOWN step is not undone, and is a leftover."""
    play = begun(HEAD + RESERVE_SKIPPING + MAIL_ONLY).times_out("reserve_stock")
    play.expect(phase="COMPENSATED", steps={"reserve_stock": "UNKNOWN"}, left=["reserve_stock"])


def test_s21_a_done_step_is_undone_with_its_own_reply() -> None:
    """S21: the undo of such a step reads the step's own reply."""
    play = begun(HEAD + RESERVE_SKIPPING + MAIL_ONLY).replies("reserve_stock", reservation="r-5")
    play.refuses("mail", "no")
    assert play.sent[-1].type_name == "stock.ReleaseReservation"
    assert play.sent[-1].fields == {"reservation": "r-5"}


def test_s32_the_failure_names_the_first_step_and_its_code() -> None:
    """S32: code = the refusal's, readable in `undo.with`."""
    play = begun().replies("reserve_stock", reservation="r").refuses("charge_card", "no_funds")
    assert play.state is not None
    assert play.state.failure is not None
    assert (play.state.failure.step, play.state.failure.code) == ("charge_card", "no_funds")
    assert play.sent[-1].fields == {"order_id": "o-1", "why": "no_funds"}


def test_s32_other_failures_have_words_of_their_own() -> None:
    """S32: else timeout, error, cancelled or deadline; the step is empty for the last two."""
    slow = ORDER.replace("deadline: 15m", "deadline: 2m").replace("timeout: 30s", "timeout: 55s")
    late = begun(slow).advance("32s").replies("reserve_stock", reservation="r").advance("90s")
    codes = {
        "timeout": begun().advance("40s"),
        "error": begun().fails("reserve_stock", "PEN-X1", retryable=False),
        "cancelled": begun().cancel(),
        "deadline": late,
    }
    for code, play in codes.items():
        play.expect(failure=code)
    steps = {
        code: play.state.failure.step
        for code, play in codes.items()
        if play.state and play.state.failure
    }
    assert steps == {
        "timeout": "reserve_stock",
        "error": "reserve_stock",
        "cancelled": "",
        "deadline": "",
    }


def test_s32_the_last_attempt_decides_between_timeout_and_error() -> None:
    """S32: a saga that failed by attempts says how the last one ended."""
    play = begun().replies("reserve_stock", reservation="r").times_out("charge_card")
    play.advance("1s").fails("charge_card", "busy").expect(failure="error")
    assert play.sent[-1].step == "charge_card"


def test_s29_a_saga_without_pivot_undoes_everything_to_its_end() -> None:
    """S29: with no pivot every call says `undo`, and the saga is RUNNING until COMPLETED."""
    play = (
        begun(FOR_GOOD).replies("reserve_stock", reservation="r").replies("charge_card", charge="c")
    )
    play.expect(phase="RUNNING").replies("mail").expect(phase="COMPLETED")
    assert FactKind.MOVED in {fact.kind for fact in play.history}


# What cannot be sent


def big(text: str = ORDER) -> SagaScenario:
    """An order whose reservation is larger than a record may be."""
    return begun(text, limit_bytes=100).replies("reserve_stock", reservation="r" * 100)


def test_f18_a_command_that_is_too_large_parks() -> None:
    """F18: what is certain to fail is not sent; the saga is PARKED with the error's code."""
    play = big().replies("charge_card", charge="c")
    play.expect(phase="PARKED", parked="ship", steps={"ship": "IDLE"}, alarms=["saga-parked"])
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == "PEN-S31"
    assert len(play.sent) == 2
    play.retry("ship").expect(phase="PARKED", parked="ship")
    play.mark_done("ship", tracking="T").expect(phase="FORWARD")


def test_f18_a_saga_parked_before_its_pivot_went_out_can_turn_back() -> None:
    """S11: `mark-undone` of a step that was never sent: REFUSED, and compensate."""
    play = big().replies("charge_card", charge="c").mark_undone("ship")
    play.expect(phase="COMPENSATING", steps={"ship": "REFUSED", "charge_card": "UNDOING"})


def test_f18_an_undo_that_cannot_be_written_is_stuck() -> None:
    """F18, S5: the step cannot be undone, so STUCK and PARKED with the error's code."""
    play = big(HEAD + RESERVE_SKIPPING + MAIL_ONLY).refuses("mail", "no")
    play.expect(phase="PARKED", parked="reserve_stock", steps={"reserve_stock": "STUCK"})
    assert play.state is not None
    assert play.state.parked is not None
    assert play.state.parked.code == "PEN-S31"
    play.retry("reserve_stock").expect(phase="PARKED", steps={"reserve_stock": "STUCK"})
    play.mark_undone("reserve_stock").expect(phase="COMPENSATED", left=[])


def test_f18_an_event_that_cannot_be_written_parks() -> None:
    """F18: the same for events; operators decide about them as about commands."""

    def parked() -> SagaScenario:
        play = begun(quiet, limit_bytes=100).replies("reserve_stock", reservation="r")
        play.replies("charge_card", charge="c").replies("ship", tracking="T" * 100)
        return play.replies("mail").expect(phase="PARKED", parked="confirm")

    quiet = ORDER.replace(
        "order_id, tracking: $.steps.ship.tracking}\n    timeout", "order_id}\n    timeout"
    )
    parked().retry("confirm").expect(phase="PARKED", parked="confirm")
    parked().skip("confirm").expect(phase="COMPLETED", published=[], steps={"confirm": "IDLE"})
    parked().mark_done("confirm").expect(phase="COMPLETED", published=[], left=[])


def test_f18_outputs_that_the_broker_refuses_park() -> None:
    """F18: refused twice alone: PARKED without sending; a retry asks the service once more."""
    play = begun().output_refused().expect(phase="PARKED", parked="reserve_stock")
    play.expect(steps={"reserve_stock": "PENDING"}, alarms=["saga-parked"])
    play.retry("reserve_stock").replies("reserve_stock", reservation="r").expect(phase="RUNNING")


def test_f18_outputs_of_an_undo_that_the_broker_refuses_park() -> None:
    """F18: an undo that cannot be sent is STUCK."""
    play = begun().cancel().times_out("reserve_stock").output_refused()
    play.expect(phase="PARKED", steps={"reserve_stock": "STUCK"})
    assert play.step("reserve_stock").code == "not_sent"


def test_f18_a_parked_or_ended_saga_only_notes_what_was_refused() -> None:
    """F18: there is nothing more to park; people are told."""
    play = begun().output_refused().output_refused().expect(noted="UNSENT", phase="PARKED")
    play.expect(alarms=["saga-parked", "saga-output-refused"])
    completed().output_refused().expect(noted="UNSENT", phase="COMPLETED")


def test_readers_of_a_step_are_those_behind_it() -> None:
    """S11: who reads a step's data, by `with` or `undo.with`."""
    program = Program(definition())
    assert program.readers_of("reserve_stock") == ("ship",)
    assert program.readers_of("ship") == ("mail", "confirm")
    assert program.readers_of("charge_card") == ()
