"""Attempts that failed: whether another follows, when, and what if none does.

    do, before the pivot      the next attempt, or UNKNOWN and back
    do, at or behind it       the next attempt until the retry gives up, then PARKED
    do, while settling        none: the current attempt was the last, UNKNOWN (S8)
    undo                      the next attempt, or STUCK and PARKED (S5)

Whatever ended an attempt, a timeout or an error, the next one waits for the retry's delay (S1).

Law: attempts are counted from the one at which an operator last asked to try again, for the limit
as for the length of the waits.
"""

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep, Retry
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.notes import FailureCode, ParkingCode
from penstock.sagas.engine.parking import explained, park, park_stuck
from penstock.sagas.engine.state import Phase, StepState
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.walk import go_on, turn_round

__all__ = ["do_failed", "do_failed_for_good", "undo_failed"]


def do_failed(turn: Turn, step: CallStep, failure: FailureCode, code: str, text: str = "") -> None:
    """Handle the end of an attempt to do a step, where another may succeed.

    Args:
        turn: of its saga.
        step: the step; it is PENDING.
        failure: what a saga that fails by it has failed by.
        code: what the step remembers.
        text: more about it.
    """
    if turn.phase is Phase.SETTLING:
        _unknown(turn, step, code)
        go_on(turn)
        return
    at = turn.at(step.name)
    due_ms = _next_due_ms(turn, step.retry, at, at.attempt)
    if due_ms is not None:
        _wait(turn, step, Direction.DO, due_ms, code)
    elif step.forward:
        _give_up(turn, step, code, text)
    else:
        _unknown(turn, step, code)
        turn_round(turn, step.name, failure)


def do_failed_for_good(turn: Turn, step: CallStep, code: str, text: str) -> None:
    """Handle an error that no further attempt mends (S3)."""
    if step.forward:
        why = explained(code, text)
        park(turn, step.name, Direction.DO, ParkingCode.NOT_RETRYABLE, why)
        return
    _unknown(turn, step, code)
    if turn.phase is Phase.SETTLING:
        go_on(turn)
    else:
        turn_round(turn, step.name, FailureCode.ERROR)


def undo_failed(turn: Turn, step: CallStep, code: str, text: str = "") -> None:
    """Handle the end of an attempt to undo a step, where another may succeed."""
    assert step.undo is not None
    at = turn.at(step.name)
    due_ms = _next_due_ms(turn, step.undo.retry, at, at.undo_attempt)
    if due_ms is None:
        park_stuck(turn, step.name, code, text)
    else:
        _wait(turn, step, Direction.UNDO, due_ms, code)


def _next_due_ms(turn: Turn, retry: Retry, at: StepState, attempt: int) -> int | None:
    """When the next attempt goes out; None where none is left."""
    counted = attempt - at.fresh_from
    due_ms = turn.now_ms + retry.wait_ms(max(counted, 1), turn.draw)
    if retry.attempts is not None:
        return due_ms if counted < retry.attempts else None
    if retry.give_up_ms is None:
        return due_ms
    first_ms = turn.now_ms if at.first_sent_ms is None else at.first_sent_ms
    end_ms = first_ms + retry.give_up_ms
    # The last attempt goes out when it is time to give up, not a whole wait before.
    return min(due_ms, end_ms) if turn.now_ms < end_ms else None


def _wait(turn: Turn, step: CallStep, direction: Direction, due_ms: int, code: str) -> None:
    at = turn.at(step.name)
    turn.fact(
        FactKind.WAITS,
        step=step.name,
        direction=direction,
        attempt=at.attempt if direction is Direction.DO else at.undo_attempt,
        due_ms=due_ms,
        code=code,
    )


def _unknown(turn: Turn, step: CallStep, code: str) -> None:
    turn.fact(FactKind.UNKNOWN, step=step.name, code=code)


def _give_up(turn: Turn, step: CallStep, code: str, text: str) -> None:
    why = explained(f"the last attempt ended in {code}", text)
    park(turn, step.name, Direction.DO, ParkingCode.GAVE_UP, why)
