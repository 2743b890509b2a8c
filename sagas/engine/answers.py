"""What services answer: by the step's direction, where it stands, and the kind of the answer.

`_ANSWERS` is the whole of it. It holds in every phase, parked sagas included (S6); once a saga has
ended, `_ANSWERS_AT_THE_END` takes the rows that could still change something.

Laws:
1. Ok and Refused count from any attempt so far; an Error counts only from the attempt that is out,
   while its timer runs (S1, S2).
2. An answer is taken for the step and the direction that it names, never for where the saga stands.
3. What belongs to nothing here is a dead letter, and changes nothing (S7).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep
from penstock.sagas.engine.attempts import do_failed, do_failed_for_good, undo_failed
from penstock.sagas.engine.effects import DeadLetter
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Erred, Refused, Replied, Succeeded, Unreadable
from penstock.sagas.engine.notes import AlarmName, FailureCode, Note, ParkingCode
from penstock.sagas.engine.parking import explained, park, park_stuck, resume_after
from penstock.sagas.engine.sending import send_undo
from penstock.sagas.engine.state import Phase, StepState, StepStatus, Wait
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.walk import go_on, has_passed, step_is_done, turn_round

__all__ = ["orphan", "take_answer"]

_Take = Callable[[Turn, CallStep, Replied, Any], None]


class _Row(NamedTuple):
    """What each kind of answer does."""

    succeeded: _Take
    refused: _Take
    erred: _Take
    unreadable: _Take


def take_answer(turn: Turn, reply: Replied) -> None:
    """Take an answer to a saga."""
    step = turn.program.step(reply.step)
    if not isinstance(step, CallStep):
        _dead_letter(turn, reply, "the saga has no such command")
        return
    at = turn.at(step.name)
    latest = at.attempt if reply.direction is Direction.DO else at.undo_attempt
    if not 0 < reply.attempt <= latest:
        _dead_letter(turn, reply, f"attempt {reply.attempt} was never sent")
        return
    table = _ANSWERS_AT_THE_END if turn.phase.ended else _ANSWERS
    row = table[reply.direction, at.status]
    _pick(row, reply)(turn, step, reply, reply.answer)


def orphan(turn: Turn, reply: Replied) -> None:
    """Count an answer to a saga that nobody knows: it was forgotten, or never was."""
    _note(turn, Note.ORPHAN, reply)


def _pick(row: _Row, reply: Replied) -> _Take:
    match reply.answer:
        case Succeeded():
            return row.succeeded
        case Refused():
            return row.refused
        case Erred():
            return row.erred
        case Unreadable():
            return row.unreadable


# Doing


def _done(turn: Turn, step: CallStep, reply: Replied, answer: Succeeded) -> None:
    del reply
    turn.fact(FactKind.DONE, step=step.name, data=answer.data)
    resume_after(turn, step.name)
    step_is_done(turn, step)


def _refused(turn: Turn, step: CallStep, reply: Replied, answer: Refused) -> None:
    del reply
    turn.fact(FactKind.REFUSED, step=step.name, code=answer.code, text=answer.text)
    resume_after(turn, step.name)
    if turn.phase is Phase.RUNNING:
        turn_round(turn, step.name, answer.code)
    elif turn.phase is Phase.FORWARD:  # nothing may be undone any more (S4)
        why = explained(answer.code, answer.text)
        park(turn, step.name, Direction.DO, ParkingCode.REFUSED, why)
    else:
        go_on(turn)


def _erred(turn: Turn, step: CallStep, reply: Replied, answer: Erred) -> None:
    at = turn.at(step.name)
    if not _counts(at, at.attempt, reply):
        _note(turn, Note.STALE, reply, answer.code)
    elif answer.retryable:
        do_failed(turn, step, FailureCode.ERROR, answer.code, answer.text)
    else:
        do_failed_for_good(turn, step, answer.code, answer.text)


def _unreadable(turn: Turn, step: CallStep, reply: Replied, answer: Unreadable) -> None:
    """Let an operator read what we cannot (S16). It was no failed attempt: it was an answer."""
    _bury(turn, reply, answer)
    if turn.phase is Phase.PARKED:
        _note(turn, Note.UNREADABLE, reply, answer.code)
        return
    why = explained(answer.code, answer.text)
    park(turn, step.name, reply.direction, ParkingCode.UNREADABLE, why)


def _done_late(turn: Turn, step: CallStep, reply: Replied, answer: Succeeded) -> None:
    """The outcome is no longer unknown: the step was done, and is undone in its turn or now."""
    del reply
    turn.fact(FactKind.DONE, step=step.name, data=answer.data)
    resume_after(turn, step.name)
    going_back = turn.standing is Phase.COMPENSATING
    if going_back and step.undo is not None and has_passed(turn, step.name):
        send_undo(turn, step)  # beside the current one; the saga ends after both (S9)
    else:
        go_on(turn)


def _refused_late(turn: Turn, step: CallStep, reply: Replied, answer: Refused) -> None:
    """The outcome is no longer unknown: nothing was done, so nothing is undone."""
    del reply
    passed_over = turn.at(step.name).skipped
    turn.fact(FactKind.REFUSED, step=step.name, code=answer.code, text=answer.text)
    if passed_over:  # the saga goes on without the step, as an operator has said (S11)
        turn.fact(FactKind.SKIPPED, step=step.name)
    resume_after(turn, step.name)
    go_on(turn)


# Undoing


def _undone(turn: Turn, step: CallStep, reply: Replied, answer: Succeeded) -> None:
    del reply, answer
    turn.fact(FactKind.UNDONE, step=step.name)
    resume_after(turn, step.name)
    go_on(turn)


def _not_undone(turn: Turn, step: CallStep, reply: Replied, answer: Refused) -> None:
    del reply
    park_stuck(turn, step.name, answer.code, answer.text)


def _erred_undoing(turn: Turn, step: CallStep, reply: Replied, answer: Erred) -> None:
    at = turn.at(step.name)
    if not _counts(at, at.undo_attempt, reply):
        _note(turn, Note.STALE, reply, answer.code)
    elif answer.retryable and step.undo is not None:
        undo_failed(turn, step, answer.code, answer.text)
    else:
        park_stuck(turn, step.name, answer.code, answer.text)


def _unreadable_undoing(turn: Turn, step: CallStep, reply: Replied, answer: Unreadable) -> None:
    _bury(turn, reply, answer)
    park_stuck(turn, step.name, answer.code, answer.text, ParkingCode.UNREADABLE)


# Answers that change nothing


def _foreign(turn: Turn, step: CallStep, reply: Replied, answer: object) -> None:
    del answer
    _dead_letter(turn, reply, f"step {step.name} awaits no answer")


def _duplicate(turn: Turn, step: CallStep, reply: Replied, answer: object) -> None:
    del step, answer
    _note(turn, Note.DUPLICATE, reply)


def _contradiction(turn: Turn, step: CallStep, reply: Replied, answer: object) -> None:
    del answer
    _note(turn, Note.CONTRADICTION, reply)
    status = turn.at(step.name).status
    text = f"step {step.name} is {status}, and its service now says the contrary."
    turn.alarm(AlarmName.CONTRADICTION, text)


def _stale(turn: Turn, step: CallStep, reply: Replied, answer: Erred) -> None:
    del step
    _note(turn, Note.STALE, reply, answer.code)


def _late(turn: Turn, step: CallStep, reply: Replied, answer: object) -> None:
    del step, answer
    _note(turn, Note.LATE, reply)


def _late_effect(turn: Turn, step: CallStep, reply: Replied, answer: object) -> None:
    del answer
    _note(turn, Note.LATE, reply)
    if turn.phase is Phase.COMPENSATED:
        text = f"step {step.name} was done, as is known only now, and will not be undone."
        turn.alarm(AlarmName.LATE_EFFECT, text)


def _only_buried(turn: Turn, step: CallStep, reply: Replied, answer: Unreadable) -> None:
    """Keep what nobody can read, where it would have changed nothing."""
    del step
    _bury(turn, reply, answer)
    _note(turn, Note.UNREADABLE, reply, answer.code)


# Parts


def _counts(at: StepState, latest: int, reply: Replied) -> bool:
    """Tell whether an error ends the attempt that is out (S2)."""
    is_out = at.timer is not None and at.timer.wait is Wait.ANSWER
    return is_out and reply.attempt == latest


def _note(turn: Turn, note: Note, reply: Replied, text: str = "") -> None:
    turn.note(note, step=reply.step, direction=reply.direction, attempt=reply.attempt, text=text)


def _dead_letter(turn: Turn, reply: Replied, text: str) -> None:
    turn.effect(DeadLetter(reason="foreign-reply", code=Note.FOREIGN, text=text))
    _note(turn, Note.FOREIGN, reply, text)


def _bury(turn: Turn, reply: Replied, answer: Unreadable) -> None:
    text = f"the answer to step {reply.step} ({reply.direction}) cannot be read"
    turn.effect(DeadLetter(reason="unreadable-reply", code=answer.code, text=text))


_DO, _UNDO = Direction.DO, Direction.UNDO
_NEVER_SENT = _Row(_foreign, _foreign, _foreign, _foreign)
_TOO_LATE = _Row(_late, _late, _late, _only_buried)

_ANSWERS: Final[Mapping[tuple[Direction, StepStatus], _Row]] = {
    #                                Succeeded       Refused         Erred           Unreadable
    (_DO, StepStatus.IDLE): _NEVER_SENT,
    (_DO, StepStatus.PENDING): _Row(_done, _refused, _erred, _unreadable),
    (_DO, StepStatus.DONE): _Row(_duplicate, _contradiction, _stale, _only_buried),
    (_DO, StepStatus.REFUSED): _Row(_contradiction, _duplicate, _stale, _only_buried),
    (_DO, StepStatus.UNKNOWN): _Row(_done_late, _refused_late, _stale, _only_buried),
    (_DO, StepStatus.UNDOING): _TOO_LATE,
    (_DO, StepStatus.UNDONE): _TOO_LATE,
    (_DO, StepStatus.STUCK): _TOO_LATE,
    (_UNDO, StepStatus.IDLE): _NEVER_SENT,
    (_UNDO, StepStatus.PENDING): _NEVER_SENT,
    (_UNDO, StepStatus.DONE): _NEVER_SENT,
    (_UNDO, StepStatus.REFUSED): _NEVER_SENT,
    (_UNDO, StepStatus.UNKNOWN): _NEVER_SENT,
    (_UNDO, StepStatus.UNDOING): _Row(_undone, _not_undone, _erred_undoing, _unreadable_undoing),
    (_UNDO, StepStatus.UNDONE): _Row(_duplicate, _duplicate, _duplicate, _only_buried),
    (_UNDO, StepStatus.STUCK): _Row(_undone, _late, _stale, _only_buried),
}
"""What an answer does, by its direction and where the step stands."""

_ANSWERS_AT_THE_END: Final[Mapping[tuple[Direction, StepStatus], _Row]] = {
    **_ANSWERS,
    (_DO, StepStatus.PENDING): _TOO_LATE,
    (_DO, StepStatus.UNKNOWN): _Row(_late_effect, _late, _stale, _only_buried),
    (_UNDO, StepStatus.UNDOING): _TOO_LATE,
    (_UNDO, StepStatus.STUCK): _TOO_LATE,
}
"""The same where the saga has ended: ended is final (S9)."""
