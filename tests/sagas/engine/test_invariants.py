"""The invariants themselves: each sees what it is there for (sagas.md 3.2)."""

from dataclasses import replace
from typing import Any

import pytest

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.decide import decide
from penstock.sagas.engine.inputs import TimersDue
from penstock.sagas.engine.invariants import assert_sound, check, check_move
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import (
    Announcement,
    Failure,
    Parking,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)
from penstock.sagas.play import BEGINNING_MS
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import HEAD, MAIL_ONLY, ORDER, RESERVE, TURNED_BACK, begun, definition

PROGRAM = Program(definition())
TIMER = Timer(wait=Wait.ANSWER, due_ms=BEGINNING_MS + 10_000)
FAILURE = Failure(step="", code="cancelled")


def of(play: SagaScenario) -> SagaState:
    """A sound state."""
    assert play.state is not None
    assert check(PROGRAM, play.state) == []
    return play.state


def running() -> SagaState:
    """An order whose card is being charged."""
    return of(begun().replies("reserve_stock", reservation="r"))


def compensating() -> SagaState:
    """An order that gives its stock back."""
    return of(begun().replies("reserve_stock", reservation="r").refuses("charge_card", "no"))


def completed() -> SagaState:
    """An order that has ended well."""
    play = begun().replies("reserve_stock", reservation="r").replies("charge_card", charge="c")
    return of(play.replies("ship", tracking="t").replies("mail"))


def compensated() -> SagaState:
    """An order that has ended where it began."""
    play = begun().replies("reserve_stock", reservation="r").refuses("charge_card", "no")
    return of(play.replies("reserve_stock"))


def with_step(state: SagaState, place: int, **changes: Any) -> SagaState:
    """The same with another step."""
    steps = list(state.steps)
    steps[place] = replace(steps[place], **changes)
    return replace(state, steps=tuple(steps))


def parked(phase: Phase) -> Parking:
    """A reason to wait."""
    return Parking(phase=phase, step="ship", direction=Direction.DO, code="c", text="")


BROKEN = {
    "another version": lambda: replace(running(), version=2),
    "without a reason": lambda: replace(running(), phase=Phase.PARKED),
    "nothing can be parked": lambda: replace(
        running(), phase=Phase.PARKED, parked=parked(Phase.COMPLETED)
    ),
    "forward with one": lambda: replace(running(), failure=FAILURE),
    "back without a failure": lambda: replace(compensating(), failure=None),
    "kept before its end": lambda: replace(running(), remove_ms=1),
    "kept for ever": lambda: replace(completed(), remove_ms=None),
    "a deadline where none counts": lambda: replace(compensating(), deadline_ms=1),
    "no timer of a step": lambda: with_step(running(), 1, timer=None),
    "2 steps are PENDING": lambda: with_step(
        running(), 2, status=StepStatus.PENDING, attempt=1, timer=TIMER
    ),
    "while another is UNDOING": lambda: with_step(
        compensating(), 1, status=StepStatus.PENDING, timer=TIMER
    ),
    "its pivot PENDING": lambda: with_step(completed(), 2, status=StepStatus.PENDING, timer=TIMER),
    "although its pivot is UNKNOWN": lambda: with_step(
        compensating(), 2, status=StepStatus.UNKNOWN
    ),
    "is DONE and has a timer": lambda: with_step(running(), 0, timer=TIMER),
    "is PENDING and has no timer": lambda: with_step(running(), 1, timer=None),
    "is REFUSED and was undone": lambda: with_step(compensating(), 1, undo_attempt=1),
    "is PENDING after 0 attempts": lambda: with_step(running(), 1, attempt=0),
    "is IDLE after 1 attempts": lambda: with_step(running(), 2, attempt=1),
    "is UNDOING without an attempt": lambda: with_step(compensating(), 0, undo_attempt=0),
    "cannot be undone": lambda: with_step(compensating(), 2, status=StepStatus.UNDONE),
    "goes forward": lambda: with_step(running(), 0, status=StepStatus.UNDONE),
    "in a saga that has ended": lambda: with_step(
        compensated(), 0, status=StepStatus.UNDOING, timer=TIMER
    ),
    "in a saga that has COMPLETED": lambda: with_step(completed(), 3, status=StepStatus.REFUSED),
    "although it can be undone": lambda: with_step(
        compensated(), 0, status=StepStatus.DONE, undo_attempt=0
    ),
    "announced its end before it came": lambda: replace(
        compensating(), announced=Announcement.PUBLISHED
    ),
    "nobody let it go": lambda: with_step(compensated(), 0, status=StepStatus.STUCK),
}


@pytest.mark.parametrize("words", BROKEN)
def test_check_sees(words: str) -> None:
    """Every sentence of `check` is said of the state that it is about."""
    found = check(PROGRAM, BROKEN[words]())
    assert any(words in sentence for sentence in found), found


def test_check_sees_forward_without_a_pivot() -> None:
    """Only behind a pivot is there FORWARD."""
    text = HEAD + RESERVE + MAIL_ONLY
    play = begun(text)
    assert play.state is not None
    state = replace(play.state, phase=Phase.FORWARD, deadline_ms=None)
    found = check(Program(definition(text)), state)
    assert found == ["The saga is FORWARD without a pivot."]


def test_check_sees_an_end_without_a_word() -> None:
    """Where the definition says so, COMPENSATED is announced or lost, and nothing else is."""
    program = Program(definition(ORDER + TURNED_BACK))
    told = ["The saga has announced its end before it came, or ended without a word."]
    assert check(program, compensated()) == told
    for announced in Announcement:
        assert check(program, replace(compensated(), announced=announced)) == []
        assert check(program, replace(completed(), announced=announced)) == told
        assert check(PROGRAM, replace(compensated(), announced=announced)) == told
    assert check(program, completed()) == check(program, running()) == []


def moved(state: SagaState, **changes: Any) -> SagaState:
    """The next state, changed."""
    return replace(state, seq=state.seq + 1, **changes)


MOVES = {
    "become another one": lambda: (running(), moved(running(), version=2)),
    "another beginning": lambda: (running(), moved(running(), input=b"x")),
    "count went from": lambda: (running(), running()),
    "had ended, and has changed": lambda: (completed(), moved(running())),
    "The saga had ended": lambda: (
        compensated(),
        moved(compensated(), announced=Announcement.PUBLISHED),
    ),
    "fewer attempts": lambda: (running(), moved(with_step(running(), 0, attempt=0))),
    "went from DONE to PENDING": lambda: (
        running(),
        moved(with_step(running(), 0, status=StepStatus.PENDING)),
    ),
    "went from REFUSED to UNDOING": lambda: (
        compensating(),
        moved(with_step(compensating(), 1, status=StepStatus.UNDOING)),
    ),
    "went from IDLE to UNDOING": lambda: (
        running(),
        moved(with_step(running(), 2, status=StepStatus.UNDOING)),
    ),
    "awaits an answer to nothing new": lambda: (
        running(),
        moved(with_step(running(), 1, timer=replace(TIMER, due_ms=1))),
    ),
}


@pytest.mark.parametrize("words", MOVES)
def test_check_move_sees(words: str) -> None:
    """Every sentence of `check_move` is said of the move that it is about."""
    before, after = MOVES[words]()
    found = check_move(PROGRAM, before, after)
    assert any(words in sentence for sentence in found), found


def test_a_transition_that_breaks_something_is_a_bug() -> None:
    """`assert_sound` raises, with every sentence."""
    before = running()
    with pytest.raises(AssertionError, match="went from DONE to REFUSED"):
        assert_sound(PROGRAM, before, moved(with_step(before, 0, status=StepStatus.REFUSED)))
    with pytest.raises(AssertionError, match="another version"):
        assert_sound(PROGRAM, None, replace(before, version=2))


def test_a_saga_that_was_unsound_before_can_be_decided_about() -> None:
    """What an old bug has damaged is not blamed on the transition that follows."""
    state = with_step(running(), 2, attempt=1)
    after = decide(PROGRAM, "o-1", state, TimersDue(), now_ms=BEGINNING_MS + 40_000, draw=0)
    assert after.state is not None
    assert after.state.steps[1].timer is not None
    assert StepState() not in after.state.steps[:2]
