"""Timers that have run out, in the order in which they were due, each by its own rule.

Laws:
1. A timer fires at most once: what it leads to takes it away, and one that is gone does nothing.
2. A timer that a turn starts waits for the next turn, however late this one is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.sagas.definition import CallStep
from penstock.sagas.engine.attempts import do_failed, undo_failed
from penstock.sagas.engine.effects import Remove
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import TimersDue
from penstock.sagas.engine.notes import FailureCode
from penstock.sagas.engine.sending import send_do, send_undo
from penstock.sagas.engine.state import Phase, StepStatus, Timer, Wait
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.turning import deadline_is_over

__all__ = ["fire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A timer that has run out."""

    due_ms: int
    fire: Callable[[Turn], None]


def fire(turn: Turn, given: TimersDue) -> None:
    """Let every timer that is due run out."""
    del given
    due = [each for each in _timers(turn) if each.due_ms <= turn.now_ms]
    # Stable: of two at the same moment the deadline comes first, so that nothing is sent in vain.
    for each in sorted(due, key=lambda timer: timer.due_ms):
        if turn.state is not None:
            each.fire(turn)


def _timers(turn: Turn) -> Iterator[_Due]:
    saga = turn.saga
    if saga.deadline_ms is not None:
        yield _Due(due_ms=saga.deadline_ms, fire=_deadline)
    for step, at in zip(turn.program.definition.steps, saga.steps, strict=True):
        if at.timer is not None and isinstance(step, CallStep):
            yield _Due(due_ms=at.timer.due_ms, fire=_step_timer(step, at.timer))
    if saga.remove_ms is not None:
        yield _Due(due_ms=saga.remove_ms, fire=_forget)


def _deadline(turn: Turn) -> None:
    if turn.saga.deadline_ms is not None:
        deadline_is_over(turn)


def _forget(turn: Turn) -> None:
    turn.fact(FactKind.REMOVED)
    turn.effect(Remove())


def _step_timer(step: CallStep, timer: Timer) -> Callable[[Turn], None]:
    def fire_it(turn: Turn) -> None:
        at = turn.at(step.name)
        if at.timer == timer:
            _RULES.get((timer.wait, at.status), _nothing)(turn, step)

    return fire_it


def _late_do(turn: Turn, step: CallStep) -> None:
    do_failed(turn, step, FailureCode.TIMEOUT, FailureCode.TIMEOUT)


def _do_again(turn: Turn, step: CallStep) -> None:
    if turn.phase is Phase.SETTLING:  # no attempt begins any more
        _late_do(turn, step)
    else:
        send_do(turn, step)


def _late_undo(turn: Turn, step: CallStep) -> None:
    if step.undo is not None:
        undo_failed(turn, step, FailureCode.TIMEOUT)


def _undo_again(turn: Turn, step: CallStep) -> None:
    if step.undo is not None:
        send_undo(turn, step)


def _nothing(turn: Turn, step: CallStep) -> None:
    """Do nothing: no step that stands so has a timer."""
    del turn, step


_RULES: Final[Mapping[tuple[Wait, StepStatus], Callable[[Turn, CallStep], None]]] = {
    (Wait.ANSWER, StepStatus.PENDING): _late_do,
    (Wait.RETRY, StepStatus.PENDING): _do_again,
    (Wait.ANSWER, StepStatus.UNDOING): _late_undo,
    (Wait.RETRY, StepStatus.UNDOING): _undo_again,
}
"""What a step's timer does, by what it waits for and where the step stands."""
