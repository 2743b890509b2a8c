"""What a participant answers, and what it remembers, step by step."""

from dataclasses import replace

import pytest

from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.events.saga_messages import Outcome
from penstock.schemas.codec_errors import UnfitValue
from penstock.workers.handler_call import HandlerTimeout
from penstock.workers.participant import (
    BLANK,
    CODE_LIMIT,
    EXPIRED,
    TEXT_LIMIT,
    UNDONE,
    Answer,
    Memory,
    answer_of,
    answered_already,
    forget_ms_of,
    remembering,
)
from penstock.workers.refused import Failed, Refused

OK = Answer(outcome=Outcome.OK, data=b"reply")
NO = Answer(outcome=Outcome.REFUSED, code="out_of_stock")
ERROR = Answer(outcome=Outcome.ERROR, code="failed")
DAY_MS = 24 * 3600 * 1000


def ask(direction: Direction, attempt: int = 1, deadline_ms: int = 1_000) -> CommandHeaders:
    """A command of the step `reserve`."""
    return CommandHeaders(
        saga="order",
        step="reserve",
        direction=direction,
        attempt=attempt,
        idempotency_key=idempotency_key("order", direction, "reserve", "o-1"),
        deadline_ms=deadline_ms,
        reply_to="_penstock.shop.saga.order.inbox",
    )


def after(*answers: tuple[CommandHeaders, Answer]) -> Memory:
    """What is remembered once these commands were answered."""
    memory = BLANK
    for asked, answer in answers:
        memory = remembering(memory, asked, answer, 5_000)
    return memory


DO, UNDO = ask(Direction.DO), ask(Direction.UNDO)
DO_AGAIN, UNDO_AGAIN = ask(Direction.DO, 2), ask(Direction.UNDO, 2)


@pytest.mark.parametrize("answer", [OK, NO])
def test_a_certain_answer_to_a_do_is_given_again_to_every_attempt(answer: Answer) -> None:
    """The saga may have sent the next attempt before the answer came."""
    memory = after((DO, answer))
    assert answered_already(memory, DO, 0) == answer
    assert answered_already(memory, DO_AGAIN, 0) == answer


def test_an_error_is_not_remembered() -> None:
    """The next attempt may succeed."""
    memory = after((DO, ERROR))
    assert memory is BLANK
    assert answered_already(memory, DO_AGAIN, 0) is None


@pytest.mark.parametrize("before", [(), ((DO, ERROR),), ((DO, OK),), ((DO, NO),)])
def test_an_undo_runs_whatever_is_known_of_the_do(
    before: tuple[tuple[CommandHeaders, Answer], ...],
) -> None:
    """An attempt may have had its effect without anybody having heard of it."""
    assert answered_already(after(*before), UNDO, 0) is None


@pytest.mark.parametrize("undo_answer", [OK, NO, ERROR, EXPIRED])
@pytest.mark.parametrize("before", [(), ((DO, ERROR),), ((DO, OK),)])
def test_no_do_runs_behind_an_undo_whatever_became_of_it(
    before: tuple[tuple[CommandHeaders, Answer], ...], undo_answer: Answer
) -> None:
    """The saga turns back; an Ok would claim an effect that is undone or about to be."""
    memory = after(*before, (UNDO, undo_answer))
    assert memory.tombstone
    assert answered_already(memory, DO_AGAIN, 0) == UNDONE
    assert UNDONE.code == "undone"


def test_a_refusal_is_repeated_behind_an_undo_too() -> None:
    """It is as true as before, and says more than the tombstone."""
    assert answered_already(after((DO, NO), (UNDO, OK)), DO_AGAIN, 0) == NO


def test_an_undo_that_is_done_is_given_again() -> None:
    """It has its effect once."""
    memory = after((DO, OK), (UNDO, OK))
    assert answered_already(memory, UNDO_AGAIN, 0) == OK


def test_an_undo_that_failed_runs_again() -> None:
    """Nobody knows what it did."""
    assert answered_already(after((UNDO, ERROR)), UNDO_AGAIN, 0) is None


def test_a_refused_undo_is_given_again_but_a_later_attempt_runs() -> None:
    """A person has mended what was in its way, and asks again (saga-rules S11)."""
    memory = after((UNDO, NO))
    assert answered_already(memory, UNDO, 0) == NO
    assert answered_already(memory, UNDO_AGAIN, 0) is None
    assert answered_already(after((UNDO, NO), (UNDO_AGAIN, OK)), UNDO, 0) == OK


@pytest.mark.parametrize("direction", list(Direction))
def test_a_command_behind_its_deadline_does_not_run(direction: Direction) -> None:
    """Nobody waits for its answer; but what is known is said all the same."""
    asked = ask(direction, deadline_ms=1_000)
    assert answered_already(BLANK, asked, 999) is None
    assert answered_already(BLANK, asked, 1_000) == EXPIRED
    assert EXPIRED.retryable
    assert answered_already(after((asked, OK)), asked, 1_000) == OK


def test_what_was_answered_from_memory_changes_nothing() -> None:
    """No state is written for a repeat."""
    for memory in (after((DO, OK)), after((DO, OK), (UNDO, OK))):
        for asked in (DO, DO_AGAIN, UNDO, UNDO_AGAIN):
            known = answered_already(memory, asked, 0)
            if known is not None:
                assert remembering(memory, asked, known, 9_000) is memory


def test_memory_lasts_from_the_answer_or_the_deadline_whichever_is_later() -> None:
    """A deadline beyond a year is somebody's mistake, and is cut."""
    assert forget_ms_of(replace(DO, deadline_ms=10), 500, 14) == 514
    assert forget_ms_of(replace(DO, deadline_ms=900), 500, 14) == 914
    assert forget_ms_of(replace(DO, deadline_ms=10**17), 500, 14) == 366 * DAY_MS + 514
    assert after((DO, OK)).forget_ms == 5_000
    assert (
        remembering(replace(after((DO, OK)), forget_ms=7_000), UNDO, OK, 6_000).forget_ms == 7_000
    )


@pytest.mark.parametrize(
    ("failure", "outcome", "code", "text", "retryable"),
    [
        (Refused("full", "until May"), Outcome.REFUSED, "full", "until May", True),
        (Refused("", ""), Outcome.REFUSED, "refused", "", True),
        (Failed("bank", "is closed"), Outcome.ERROR, "bank", "is closed", True),
        (Failed("bank", retryable=False), Outcome.ERROR, "bank", "", False),
        (OSError("no route"), Outcome.ERROR, "failed", "builtins.OSError: no route", True),
    ],
)
def test_what_a_handler_raises_is_an_answer(
    failure: Exception, outcome: Outcome, code: str, text: str, *, retryable: bool
) -> None:
    """Only `Refused` says that nothing happened; only `Failed` says that nothing more will."""
    answer = answer_of(failure)
    assert (answer.outcome, answer.code, answer.text) == (outcome, code, text)
    assert answer.retryable is retryable


def test_a_wrong_use_of_penstock_is_not_worth_another_attempt() -> None:
    """It comes out the same each time; a time limit may not."""
    unfit = answer_of(UnfitValue(place="r.f", kind="k", problem="p"))
    late = answer_of(HandlerTimeout(handler="h", timeout_s=1.0))
    assert (unfit.code.startswith("PEN-A"), unfit.retryable) == (True, False)
    assert (late.code, late.retryable) == ("PEN-W8", True)


@pytest.mark.parametrize("kind", [Refused, Failed, OSError])
def test_codes_and_texts_are_bounded_and_harmless(kind: type[Refused]) -> None:
    """Whatever a handler says fits into an answer and onto a terminal."""
    answer = answer_of(kind("c\x1b[2J" * 10_000, "t\n\ud800" * 10_000))
    assert len(answer.code) <= CODE_LIMIT
    assert len(answer.text) <= TEXT_LIMIT
    assert answer.code.isprintable()
    assert answer.text.isprintable()
    assert (answer.code + answer.text).encode()
