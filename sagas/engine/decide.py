"""What an input does to a saga: the one place where sagas are decided.

    decide(program, key, state, input, now, draw) -> state, facts, effects

`TRANSITIONS` says for every kind of input and every phase which rule takes it; below it, answers go
by the table in answers.py, timers by timers.py, operators by verbs.py, and what comes next by
walk.py.

Laws:
1. Pure: time and jitter are arguments, and the same arguments make the same decision.
2. Total: every input in every state is decided. An exception is a bug of penstock.
3. The state after is what the facts make of the state before. No facts, no transition.
4. Whatever comes leaves a fact, even where it changes nothing; only timers that are not due do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep
from penstock.sagas.engine.answers import orphan, take_answer
from penstock.sagas.engine.effects import Effect
from penstock.sagas.engine.facts import Fact
from penstock.sagas.engine.inputs import (
    Cancelled,
    Input,
    Operated,
    OutputsRefused,
    Replied,
    Signalled,
    Started,
    TimersDue,
)
from penstock.sagas.engine.invariants import assert_sound
from penstock.sagas.engine.notes import AlarmName, Note, ParkingCode
from penstock.sagas.engine.parking import park, park_again, park_stuck
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.starts import begin, compare
from penstock.sagas.engine.state import Phase, SagaState, StepStatus
from penstock.sagas.engine.timers import fire
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.turning import cancel, cancel_again, cancel_nobody, cancel_too_late
from penstock.sagas.engine.verbs import operate, operate_nobody, operate_unparked

__all__ = ["TRANSITIONS", "Decision", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an input does."""

    state: SagaState | None
    """Of the saga, after; None where there is none."""
    facts: tuple[Fact, ...]
    """What has happened, in order; empty where nothing has."""
    effects: tuple[Effect, ...]
    """What is to happen outside, in order."""


def decide(
    program: Program,
    key: str,
    state: SagaState | None,
    given: Input,
    *,
    now_ms: int,
    draw: float,
) -> Decision:
    """Decide what an input does to a saga.

    Args:
        program: the definition that the saga began with; for a saga that is to begin, the newest.
        key: the saga's.
        state: of the saga; None where there is none.
        given: what has come.
        now_ms: wall clock, milliseconds since 1970. Never less than the state's latest.
        draw: a random number in [0, 1), for jitter; 0 is nominal.
    """
    assert state is None or state.version == program.definition.version
    turn = Turn(program, key, state, now_ms=now_ms, draw=draw)
    phase = None if state is None else state.phase
    TRANSITIONS[type(given), phase](turn, given)
    after = turn.result()
    assert_sound(program, state, after)
    return Decision(state=after, facts=tuple(turn.facts), effects=tuple(turn.effects))


Rule = Callable[[Turn, Any], None]


def _signal_late(turn: Turn, signalled: Signalled) -> None:
    """Note an event: nothing awaits one in this version of the language (S17)."""
    turn.note(Note.LATE, text=signalled.event)


def _signal_nobody(turn: Turn, signalled: Signalled) -> None:
    turn.note(Note.ORPHAN, text=signalled.event)


def _nothing(turn: Turn, given: TimersDue) -> None:
    """Do nothing: where there is no saga there are no timers."""
    del turn, given


def _park_unsent(turn: Turn, refused: OutputsRefused) -> None:
    """Park without sending what the broker refuses (formats.md F18).

    What the refused transition was about is lost on purpose. The step in flight is still as it was,
    so an operator's retry asks its service once more, and gets the same answer. In a saga that is
    parked already only a timer that is due can have been the cause, or the operator, who sees it.
    """
    latest_ms = turn.now_ms if turn.phase is Phase.PARKED else None
    flying = [
        (at.timer.due_ms, step, at)
        for step, at in zip(turn.program.definition.steps, turn.saga.steps, strict=True)
        if isinstance(step, CallStep)
        and at.timer is not None
        and (latest_ms is None or at.timer.due_ms <= latest_ms)
    ]
    if not flying:
        _unsent(turn, refused)
        return
    _, step, at = min(flying, key=lambda each: each[0])
    reason = _reason(refused)
    if at.status is StepStatus.UNDOING:
        park_stuck(turn, step.name, refused.code, reason, refused.code)
    else:
        park(turn, step.name, Direction.DO, refused.code, reason)


def _unsent(turn: Turn, refused: OutputsRefused) -> None:
    """Say that something was not sent, where the saga waits for an operator anyway or has ended."""
    turn.note(Note.UNSENT, text=refused.reason)
    turn.alarm(AlarmName.UNSENT, "the broker refused what it wanted to send.")
    if turn.state is not None and refused.code == ParkingCode.NOT_ANNOUNCED:
        park_again(turn, refused.code, _reason(refused))


def _reason(refused: OutputsRefused) -> str:
    """Say why, and what an operator can make of it where that is not plain."""
    if refused.code != ParkingCode.NOT_ANNOUNCED:
        return refused.reason
    return (
        f"{refused.reason}; retry asks the step again and announces the end that follows; an end "
        "that an operator decides at once is silent"
    )


_COLUMNS: Final = (None, *Phase)


def _row(kind: type, *rules: Rule) -> dict[tuple[type, Phase | None], Rule]:
    return {(kind, phase): rule for phase, rule in zip(_COLUMNS, rules, strict=True)}


# fmt: off
TRANSITIONS: Final[Mapping[tuple[type, Phase | None], Rule]] = {
    # One line for no saga, then one for each phase as they stand in state.Phase:
    # RUNNING, SETTLING, COMPENSATING, FORWARD, PARKED, COMPLETED, COMPENSATED.
    **_row(
        Started,
        begin,
        compare, compare, compare, compare, compare, compare, compare,
    ),
    **_row(
        Replied,
        orphan,
        take_answer, take_answer, take_answer, take_answer, take_answer, take_answer, take_answer,
    ),
    **_row(
        TimersDue,
        _nothing,
        fire, fire, fire, fire, fire, fire, fire,
    ),
    **_row(
        Signalled,
        _signal_nobody,
        *[_signal_late] * 7,
    ),
    **_row(
        Cancelled,
        cancel_nobody,
        cancel, cancel_again, cancel_again, cancel_too_late, cancel_too_late, cancel_too_late,
        cancel_too_late,
    ),
    **_row(
        Operated,
        operate_nobody,
        *[operate_unparked] * 4, operate, *[operate_unparked] * 2,
    ),
    **_row(
        OutputsRefused,
        _unsent,
        *[_park_unsent] * 5, *[_unsent] * 2,
    ),
}
# fmt: on
"""Which rule takes an input, by its kind and where the saga stands."""
