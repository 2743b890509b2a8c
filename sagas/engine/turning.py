"""Cancels and deadlines: turning a saga round while that is possible (S10).

The limit is the sending of the pivot: from then on its effect may be there. A pivot that is refused
still turns the saga round, by its answer and not by a wish.
"""

from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.inputs import Cancelled
from penstock.sagas.engine.notes import AlarmName, FailureCode, Note
from penstock.sagas.engine.state import Phase
from penstock.sagas.engine.turn import Turn
from penstock.sagas.engine.walk import pivot_is_sent, turn_round

__all__ = ["cancel", "cancel_again", "cancel_nobody", "cancel_too_late", "deadline_is_over"]


def cancel(turn: Turn, cancelled: Cancelled) -> None:
    """Turn a running saga round, unless its pivot is out."""
    if pivot_is_sent(turn):
        cancel_too_late(turn, cancelled)
        return
    _cancelled(turn, cancelled)
    turn.note(Note.ACCEPTED)
    turn_round(turn, "", FailureCode.CANCELLED)


def cancel_again(turn: Turn, cancelled: Cancelled) -> None:
    """Say that the saga turns back already."""
    _cancelled(turn, cancelled)
    turn.note(Note.ALREADY)


def cancel_too_late(turn: Turn, cancelled: Cancelled) -> None:
    """Say that there is no way back by now, and why."""
    _cancelled(turn, cancelled)
    turn.note(Note.TOO_LATE, text=_WHY[turn.phase])


def cancel_nobody(turn: Turn, cancelled: Cancelled) -> None:
    """Say that there is no such saga."""
    _cancelled(turn, cancelled)
    turn.note(Note.NOT_FOUND)


def deadline_is_over(turn: Turn) -> None:
    """Turn round at the deadline; where that is too late, tell people once."""
    if turn.phase is Phase.RUNNING and not pivot_is_sent(turn):
        turn_round(turn, "", FailureCode.DEADLINE)
        return
    turn.fact(FactKind.PAST_DEADLINE)
    turn.note(Note.TOO_LATE, text=_WHY[turn.phase])
    turn.alarm(AlarmName.DEADLINE, f"its deadline is over, but {_WHY[turn.phase]}.")


def _cancelled(turn: Turn, cancelled: Cancelled) -> None:
    turn.fact(FactKind.CANCELLED, code=cancelled.actor, text=cancelled.reason)


_WHY = {
    Phase.RUNNING: "its pivot is sent",
    Phase.FORWARD: "it has passed its pivot",
    Phase.PARKED: "it waits for an operator",
    Phase.SETTLING: "it turns back already",
    Phase.COMPENSATING: "it turns back already",
    Phase.COMPLETED: "it has ended",
    Phase.COMPENSATED: "it has ended",
}
"""Why a saga in this phase is not turned round."""
