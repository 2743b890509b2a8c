"""What is true of every saga at every moment, and of every step from one moment to the next.

`decide` asserts both after each transition; tests and the scenario ask for the sentences.

Laws:
1. `check` looks at a state alone, `check_move` at two in a row; both return sentences, and none
   where all is well.
2. A state that was unsound before may stay so: `assert_sound` blames only the transition that broke
   it, so that a saga damaged by an old bug can still be decided about.
3. Cheap: one pass over the steps.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from penstock.sagas.definition import EmitStep, Step
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Phase, SagaState, StepState, StepStatus, Wait
from penstock.sagas.engine.walk import needs_undo

__all__ = ["assert_sound", "check", "check_move"]

_IDLE, _PENDING, _DONE = StepStatus.IDLE, StepStatus.PENDING, StepStatus.DONE
_REFUSED, _UNKNOWN = StepStatus.REFUSED, StepStatus.UNKNOWN
_UNDOING, _UNDONE, _STUCK = StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.STUCK

_FLYING: Final = frozenset({_PENDING, _UNDOING})
"""Steps with a command out, or about to go out again."""
_TURNED: Final = frozenset({Phase.SETTLING, Phase.COMPENSATING, Phase.COMPENSATED})
"""Phases of a saga that goes back."""
_BACK: Final = frozenset({_UNDOING, _UNDONE, _STUCK})

_MOVES: Final[Mapping[StepStatus, frozenset[StepStatus]]] = {
    _IDLE: frozenset({_IDLE, _PENDING, _DONE, _REFUSED}),
    _PENDING: frozenset({_PENDING, _DONE, _REFUSED, _UNKNOWN, _UNDOING, _STUCK}),
    _DONE: frozenset({_DONE, _UNDOING, _STUCK}),
    _REFUSED: frozenset({_REFUSED, _PENDING, _DONE}),
    _UNKNOWN: frozenset({_UNKNOWN, _DONE, _REFUSED, _UNDOING, _STUCK}),
    _UNDOING: frozenset({_UNDOING, _UNDONE, _STUCK}),
    _UNDONE: frozenset({_UNDONE}),
    _STUCK: frozenset({_STUCK, _UNDOING, _UNDONE}),
}
"""Where a step may stand after one transition, by where it stood. Nothing that certainly had no
effect is ever undone: neither IDLE nor REFUSED leads there."""


def assert_sound(program: Program, before: SagaState | None, after: SagaState | None) -> None:
    """Assert that a transition has broken nothing.

    Args:
        program: the saga's.
        before: the state before; None where there was no saga.
        after: the state after; None where there is none any more.
    """
    if after is None or after is before:
        return
    broken = check(program, after) if before is None else _changed(program, before, after)
    assert not broken or (before is not None and check(program, before)), " ".join(broken)


def _changed(program: Program, before: SagaState, after: SagaState) -> list[str]:
    """What `check` and `check_move` say, without looking again at steps that stand as they did."""
    found = [*_of_the_saga(program, after), *_of_the_move(before, after)]
    same_place = after.phase is before.phase and after.parked is before.parked
    for number, (was, now) in enumerate(zip(before.steps, after.steps, strict=True)):
        if now is was and same_place:
            continue
        step = program.definition.steps[number]
        found.extend(f"Step {step.name} {each}." for each in _of_a_step(step, now, after))
        found.extend(f"Step {step.name} {each}." for each in _of_a_step_moved(was, now))
    return found


def check(program: Program, state: SagaState) -> list[str]:
    """Return a sentence for everything that cannot be true of a saga."""
    found = list(_of_the_saga(program, state))
    for step, at in zip(program.definition.steps, state.steps, strict=True):
        found.extend(f"Step {step.name} {each}." for each in _of_a_step(step, at, state))
    return found


def check_move(program: Program, before: SagaState, after: SagaState) -> list[str]:
    """Return a sentence for everything that no transition may do."""
    found = list(_of_the_move(before, after))
    for name, was, now in zip(program.names, before.steps, after.steps, strict=True):
        found.extend(f"Step {name} {each}." for each in _of_a_step_moved(was, now))
    return found


def _standing(state: SagaState) -> Phase:
    return state.phase if state.parked is None else state.parked.phase


def _of_the_saga(program: Program, state: SagaState) -> Iterator[str]:
    standing = _standing(state)
    if state.version != program.definition.version:
        yield "The saga has another version than its program."
    if (state.phase is Phase.PARKED) != (state.parked is not None):
        yield "The saga is parked without a reason, or has a reason and is not parked."
    if standing is Phase.PARKED or (state.parked is not None and standing.ended):
        yield "The saga is parked from where nothing can be parked."
    if (standing in _TURNED) != (state.failure is not None):
        yield "The saga goes back without a failure, or forward with one."
    if state.phase.ended != (state.remove_ms is not None):
        yield "The saga is kept before its end, or has ended and is kept for ever."
    says_so = state.phase is Phase.COMPENSATED and program.definition.compensated is not None
    if says_so != (state.announced is not None):
        yield "The saga has announced its end before it came, or ended without a word."
    if state.deadline_ms is not None and standing is not Phase.RUNNING:
        yield "The saga has a deadline where none counts."
    yield from _of_timers(state)
    yield from _of_the_pivot(program, state, standing)


def _of_timers(state: SagaState) -> Iterator[str]:
    if state.phase.ended or state.phase is Phase.PARKED:
        return
    flying = [at for at in state.steps if at.status in _FLYING]
    if not any(at.timer is not None for at in flying):
        yield f"The saga is {state.phase} and no timer of a step will ever wake it."
    forward = sum(at.status is _PENDING for at in flying)
    if forward > 1:
        yield f"{forward} steps are PENDING in a saga that does one at a time."
    if forward and len(flying) > forward:
        yield "A step is PENDING while another is UNDOING."


def _of_the_pivot(program: Program, state: SagaState, standing: Phase) -> Iterator[str]:
    if program.pivot is None:
        if standing is Phase.FORWARD:
            yield "The saga is FORWARD without a pivot."
        return
    pivot = state.steps[program.pivot]
    if standing in (Phase.FORWARD, Phase.COMPLETED) and pivot.status is not _DONE:
        yield f"The saga is {standing} and its pivot {pivot.status}."
    if standing in _TURNED and pivot.status not in (_IDLE, _REFUSED):
        yield f"The saga goes back although its pivot is {pivot.status}."


def _of_a_step(step: Step, at: StepState, state: SagaState) -> Iterator[str]:
    if at.timer is not None and at.status not in _FLYING:
        yield f"is {at.status} and has a timer"
    if at.timer is None and at.status in _FLYING and not _parks(step, state):
        yield f"is {at.status} and has no timer"
    if at.status in (_IDLE, _REFUSED, _PENDING, _UNKNOWN) and at.undo_attempt:
        yield f"is {at.status} and was undone"
    if (at.status is _PENDING and not at.attempt) or (at.status is _IDLE and at.attempt):
        yield f"is {at.status} after {at.attempt} attempts"
    if at.status is _UNDOING and not at.undo_attempt:
        yield "is UNDOING without an attempt"
    if at.status in _BACK and (isinstance(step, EmitStep) or step.undo is None):
        yield f"is {at.status} and cannot be undone"
    if at.status in _BACK and _standing(state) not in _TURNED:
        yield f"is {at.status} in a saga that goes forward"
    if state.phase.ended:
        yield from _of_a_step_at_the_end(step, at, state.phase)


def _parks(step: Step, state: SagaState) -> bool:
    return state.parked is not None and state.parked.step == step.name


def _of_a_step_at_the_end(step: Step, at: StepState, phase: Phase) -> Iterator[str]:
    if at.status in _FLYING:
        yield f"is {at.status} in a saga that has ended"
    if phase is Phase.COMPLETED:
        if at.status is not _DONE and not at.skipped:
            yield f"is {at.status} in a saga that has COMPLETED"
        return
    if needs_undo(step, at):
        yield f"is {at.status} in a COMPENSATED saga, although it can be undone"
    if at.status is _STUCK and not at.skipped:
        yield "is STUCK in a COMPENSATED saga, and nobody let it go"


def _of_the_move(before: SagaState, after: SagaState) -> Iterator[str]:
    if after.version != before.version or after.key != before.key:
        yield "The saga has become another one."
    if after.input != before.input or after.started_ms != before.started_ms:
        yield "The saga has another beginning than before."
    if after.seq != before.seq + 1:
        yield f"The saga's count went from {before.seq} to {after.seq}."
    if before.phase.ended and (
        (after.phase, after.announced) != (before.phase, before.announced)
        or after.steps != before.steps
    ):
        yield "The saga had ended, and has changed."


def _of_a_step_moved(was: StepState, now: StepState) -> Iterator[str]:
    if now is was:
        return
    if now.attempt < was.attempt or now.undo_attempt < was.undo_attempt:
        yield "has made fewer attempts than before"
    if now.status not in _MOVES[was.status]:
        yield f"went from {was.status} to {now.status}"
    out = now.timer is not None and now.timer.wait is Wait.ANSWER
    if out and now.timer != was.timer and _sendings(now) == _sendings(was):
        yield "awaits an answer to nothing new"


def _sendings(at: StepState) -> tuple[int, int]:
    return at.attempt, at.undo_attempt
