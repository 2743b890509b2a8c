"""What an operator may do with a parked saga, and what it does (S11).

    _VERBS   verb x direction of the step that parked the saga -> judge, perform

Laws:
1. An operator decides only about a parked saga, and only about the step that parked it.
2. Every act leaves its actor and reason in the history, whether it was possible or not.
3. What is refused changes nothing, and the refusal says what would be possible.
4. An announcement that cannot be sent keeps nobody from ending a saga: a `retry` tries it again,
   and whoever decides otherwise lets the saga end without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Verb
from penstock.sagas.definition import CallStep, EmitStep, Step
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Operated
from penstock.sagas.engine.notes import Note, ParkingCode
from penstock.sagas.engine.program import Program, UnfitReply
from penstock.sagas.engine.sending import publish, send_do, send_undo
from penstock.sagas.engine.state import Phase, SagaState, StepStatus
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.walk import go_on, step_is_done, turn_round

__all__ = ["operate", "operate_nobody", "operate_unparked", "possible_verbs"]

SKIPPED: Final = "skipped"
"""Code of a step that an operator let go without an answer."""
MARKED_UNDONE: Final = "marked_undone"
"""Code of a step that an operator says had no effect."""

_POSSIBLE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A verb in one direction."""

    judge: Callable[[Turn, Step], str]
    """Why it is not possible; empty where it is."""
    perform: Callable[[Turn, Step, Operated], None]
    """Do it, once the saga has left PARKED."""


def operate(turn: Turn, operated: Operated) -> None:
    """Do what an operator asks of a parked saga, or say why not."""
    _operated(turn, operated)
    refusal = _judged(turn, operated)
    if refusal:
        turn.note(Note.NOT_POSSIBLE, step=operated.step, text=refusal)
        return
    step = turn.program.step(operated.step)
    assert step is not None
    rule = _VERBS[operated.verb, _direction(turn)]
    turn.note(Note.ACCEPTED, step=step.name)
    turn.silenced = _why_silent(turn)
    turn.fact(FactKind.RESUMED)
    rule.perform(turn, step, operated)


def _why_silent(turn: Turn) -> str:
    """Why the saga announces nothing if what the operator asks for ends it at once.

    Its announcement has been refused, and would be again. A `retry` ends nothing at once, so it
    leaves the announcement to the answer that follows.
    """
    parked = turn.saga.parked
    refused = parked is not None and parked.code == ParkingCode.NOT_ANNOUNCED
    return ParkingCode.NOT_ANNOUNCED if refused else ""


def operate_unparked(turn: Turn, operated: Operated) -> None:
    """Say that the saga waits for nobody."""
    _operated(turn, operated)
    text = f"the saga is {turn.phase}; operators decide about parked ones only"
    turn.note(Note.NOT_POSSIBLE, step=operated.step, text=text)


def operate_nobody(turn: Turn, operated: Operated) -> None:
    """Say that there is no such saga."""
    _operated(turn, operated)
    turn.note(Note.NOT_FOUND, step=operated.step)


def possible_verbs(program: Program, state: SagaState) -> tuple[Verb, ...]:
    """Return what an operator may do about a saga; nothing where it is not parked for a step."""
    step = None if state.parked is None else program.step(state.parked.step)
    if step is None:
        return ()
    turn = Turn(program, state.key, state, now_ms=state.updated_ms, draw=0.0)
    return tuple(_possible(turn, step))


def _operated(turn: Turn, operated: Operated) -> None:
    text = f"{operated.actor}: {operated.reason}"
    step = operated.step if turn.program.step(operated.step) is not None else ""
    turn.fact(FactKind.OPERATED, step=step, code=operated.verb.value, text=text)


def _judged(turn: Turn, operated: Operated) -> str:
    parked = turn.saga.parked
    step = None if parked is None else turn.program.step(parked.step)
    if parked is None or step is None:
        return "no step has parked the saga"
    if operated.step != step.name:
        return f"the saga is parked for its step {step.name}; decide about that one"
    rule = _VERBS[operated.verb, parked.direction]
    refusal = rule.judge(turn, step)
    if refusal:
        possible = ", ".join(verb.value for verb in _possible(turn, step))
        return f"{refusal}; possible: {possible}"
    return _judged_data(turn, step, operated)


def _judged_data(turn: Turn, step: Step, operated: Operated) -> str:
    if operated.verb is not Verb.MARK_DONE:
        return _POSSIBLE
    if isinstance(step, EmitStep):
        return _POSSIBLE if operated.data is None else "an event has no answer, so give no data"
    try:
        turn.program.judge_reply(step, operated.data)
    except UnfitReply as error:
        return str(error)
    return _POSSIBLE


def _possible(turn: Turn, step: Step) -> list[Verb]:
    direction = _direction(turn)
    return [verb for verb in Verb if not _VERBS[verb, direction].judge(turn, step)]


def _direction(turn: Turn) -> Direction:
    parked = turn.saga.parked
    return Direction.DO if parked is None else parked.direction


# Verbs on a step that should be done


def _do_again(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    turn.fact(FactKind.FRESH, step=step.name, direction=Direction.DO)
    if isinstance(step, CallStep):
        send_do(turn, step)
        return
    publish(turn, step)
    go_on(turn)


def _mark_done(turn: Turn, step: Step, operated: Operated) -> None:
    turn.fact(FactKind.DONE, step=step.name, data=operated.data)
    step_is_done(turn, step)


def _may_mark_undone(turn: Turn, step: Step) -> str:
    del step
    if turn.standing is Phase.FORWARD:
        return "behind the pivot nothing turns back"
    return _POSSIBLE


def _mark_undone(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    turn.fact(FactKind.REFUSED, step=step.name, code=MARKED_UNDONE)
    if turn.phase is Phase.RUNNING:
        turn_round(turn, step.name, MARKED_UNDONE)
    else:
        go_on(turn)


def _may_skip(turn: Turn, step: Step) -> str:
    if isinstance(step, CallStep) and step.pivot:
        return "a pivot is never skipped"
    readers = turn.program.readers_of(step.name)
    # A saga that turns back before the step had an answer sends none of the steps behind it.
    if readers and turn.standing in (Phase.RUNNING, Phase.FORWARD):
        return f"the answer to {step.name} is read by {', '.join(readers)}"
    return _POSSIBLE


def _skip(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    if turn.at(step.name).status is StepStatus.PENDING:  # an attempt was out: nobody knows
        turn.fact(FactKind.UNKNOWN, step=step.name, code=SKIPPED)
    turn.fact(FactKind.SKIPPED, step=step.name)
    go_on(turn)


# Verbs on a step that should be undone


def _undo_again(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    assert isinstance(step, CallStep)
    turn.fact(FactKind.FRESH, step=step.name, direction=Direction.UNDO)
    send_undo(turn, step)


def _may_undo_again(turn: Turn, step: Step) -> str:
    del turn
    if isinstance(step, CallStep) and step.undo is not None:
        return _POSSIBLE
    return "the step has no undo"


def _mark_stuck_undone(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    turn.fact(FactKind.UNDONE, step=step.name)
    go_on(turn)


def _skip_stuck(turn: Turn, step: Step, operated: Operated) -> None:
    del operated
    turn.fact(FactKind.SKIPPED, step=step.name)
    go_on(turn)


def _always(turn: Turn, step: Step) -> str:
    del turn, step
    return _POSSIBLE


def _never_done_again(turn: Turn, step: Step) -> str:
    del turn, step
    return "the saga turns back, so the step is to be undone"


_VERBS: Final[Mapping[tuple[Verb, Direction], _Rule]] = {
    (Verb.RETRY, Direction.DO): _Rule(judge=_always, perform=_do_again),
    (Verb.MARK_DONE, Direction.DO): _Rule(judge=_always, perform=_mark_done),
    (Verb.MARK_UNDONE, Direction.DO): _Rule(judge=_may_mark_undone, perform=_mark_undone),
    (Verb.SKIP, Direction.DO): _Rule(judge=_may_skip, perform=_skip),
    (Verb.RETRY, Direction.UNDO): _Rule(judge=_may_undo_again, perform=_undo_again),
    (Verb.MARK_DONE, Direction.UNDO): _Rule(judge=_never_done_again, perform=_mark_done),
    (Verb.MARK_UNDONE, Direction.UNDO): _Rule(judge=_always, perform=_mark_stuck_undone),
    (Verb.SKIP, Direction.UNDO): _Rule(judge=_always, perform=_skip_stuck),
}
"""What a verb asks, and what it does, by the direction of the step that parked the saga."""
