"""The walk: which step comes next, forward and backward, and when a saga has ended.

    forward    the first step that is IDLE, in order; an event is done as soon as it is published
    settling   nothing new; what is in flight ends, one way or the other (S8)
    backward   the last step that needs undoing, one at a time; whatever else is UNDOING beside it
               ends first (S9)

Laws:
1. `_GO_ON` has a line for each phase. A parked saga and an ended one stay where they are.
2. A step that may have had its effect is undone, except where the definition says otherwise; one
   that certainly had none is not.
3. A saga ends once nothing is in flight and nothing is left to do, and is then remembered. One that
   has turned round says so as it ends, and at no other time.
"""

from collections.abc import Callable, Mapping
from typing import Final

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep, Step
from penstock.sagas.engine.announcement import announce
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.notes import ParkingCode
from penstock.sagas.engine.parking import park
from penstock.sagas.engine.sending import publish, send_do, send_undo
from penstock.sagas.engine.state import Phase, StepState, StepStatus, Wait
from penstock.sagas.engine.turn import Turn

__all__ = ["go_on", "has_passed", "needs_undo", "pivot_is_sent", "step_is_done", "turn_round"]


def go_on(turn: Turn) -> None:
    """Do what comes next, if nothing is in flight that must end first."""
    _GO_ON[turn.phase](turn)


def step_is_done(turn: Turn, step: Step) -> None:
    """Go on behind a step that was just done: behind the pivot there is no way back."""
    is_pivot = isinstance(step, CallStep) and step.pivot
    if is_pivot and turn.phase is Phase.RUNNING:
        turn.fact(FactKind.MOVED, phase=Phase.FORWARD)
        if turn.saga.deadline_ms is not None:
            turn.fact(FactKind.PAST_DEADLINE)
    go_on(turn)


def turn_round(turn: Turn, step: str, code: str) -> None:
    """Go back from here (S8).

    Args:
        turn: of a saga that is RUNNING.
        step: the first step that failed; empty where none did.
        code: why, as S32 has it.
    """
    turn.fact(FactKind.FAILED, step=step, code=code)
    phase = Phase.COMPENSATING
    for each, at in _steps(turn):
        if at.status is not StepStatus.PENDING:
            continue
        if at.timer is not None and at.timer.wait is Wait.ANSWER:
            phase = Phase.SETTLING
        else:  # between two attempts nobody will answer any more
            turn.fact(FactKind.UNKNOWN, step=each.name, code=at.code)
    turn.fact(FactKind.MOVED, phase=phase)
    go_on(turn)


def pivot_is_sent(turn: Turn) -> bool:
    """Tell whether the pivot may have had its effect, or will have: then there is no turning."""
    pivot = turn.program.pivot
    return pivot is not None and turn.saga.steps[pivot].status is not StepStatus.IDLE


def has_passed(turn: Turn, step: str) -> bool:
    """Tell whether the walk backward has left a step behind."""
    place = turn.program.place(step)
    return any(each.status in _GONE_BACK for each in turn.saga.steps[:place])


def needs_undo(step: Step, at: StepState) -> bool:
    """Tell whether a step has to be undone where its saga turns back."""
    if not isinstance(step, CallStep) or step.undo is None:
        return False
    unknown = at.status is StepStatus.UNKNOWN and step.undo_unknown
    return at.status is StepStatus.DONE or unknown


def _forward(turn: Turn) -> None:
    for place, step in enumerate(turn.program.definition.steps):
        at = turn.saga.steps[place]
        if at.status is StepStatus.PENDING:
            return
        if at.status is not StepStatus.IDLE or at.skipped:
            continue
        if isinstance(step, CallStep):
            send_do(turn, step)
            return
        publish(turn, step)
        if turn.phase is Phase.PARKED:
            return
    _end(turn, Phase.COMPLETED)


def _settle(turn: Turn) -> None:
    if all(at.status is not StepStatus.PENDING for at in turn.saga.steps):
        turn.fact(FactKind.MOVED, phase=Phase.COMPENSATING)
        _backward(turn)


def _backward(turn: Turn) -> None:
    if any(at.status is StepStatus.UNDOING for at in turn.saga.steps):
        return
    for step, at in reversed(_steps(turn)):
        if at.status is StepStatus.STUCK and not at.skipped:
            park(turn, step.name, Direction.UNDO, ParkingCode.STUCK, at.code)
            return
    for step, at in reversed(_steps(turn)):
        if needs_undo(step, at):
            assert isinstance(step, CallStep)
            send_undo(turn, step)
            return
    _end(turn, Phase.COMPENSATED)


def _end(turn: Turn, phase: Phase) -> None:
    turn.fact(FactKind.MOVED, phase=phase)
    if phase is Phase.COMPENSATED:
        announce(turn)
    due_ms = turn.now_ms + turn.program.definition.retention_ms
    turn.fact(FactKind.KEPT, due_ms=due_ms)


def _stay(turn: Turn) -> None:
    """Stay: an operator decides, or nothing is left to decide."""
    del turn


def _steps(turn: Turn) -> list[tuple[Step, StepState]]:
    return list(zip(turn.program.definition.steps, turn.saga.steps, strict=True))


_GONE_BACK: Final = frozenset({StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.STUCK})

_GO_ON: Final[Mapping[Phase, Callable[[Turn], None]]] = {
    Phase.RUNNING: _forward,
    Phase.FORWARD: _forward,
    Phase.SETTLING: _settle,
    Phase.COMPENSATING: _backward,
    Phase.PARKED: _stay,
    Phase.COMPLETED: _stay,
    Phase.COMPENSATED: _stay,
}
