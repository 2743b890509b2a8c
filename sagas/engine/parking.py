"""Waiting for an operator, and going on.

A saga is parked for one step at a time. What else needs an operator while it is parked comes up
when it goes on: the walk meets it again.
"""

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.notes import AlarmName, ParkingCode
from penstock.sagas.engine.state import Phase
from penstock.sagas.engine.turn import Turn

__all__ = ["explained", "park", "park_again", "park_stuck", "resume_after"]


def park(turn: Turn, step: str, direction: Direction, code: str, text: str) -> None:
    """Let the saga wait for an operator because of a step, and tell people."""
    if turn.phase is not Phase.PARKED:
        turn.fact(FactKind.PARKED, step=step, direction=direction, code=code, text=text)
    turn.alarm(AlarmName.PARKED, f"step {step} ({direction}) needs an operator: {code!s}.")


def park_again(turn: Turn, code: str, text: str) -> None:
    """Let a parked saga wait for the same step, because of something else; others stay as they are.

    People were told when it was parked, and whoever decides about it sees the new reason.
    """
    parked = turn.saga.parked
    if parked is None or turn.phase is not Phase.PARKED:
        return
    step = "" if turn.program.step(parked.step) is None else parked.step
    turn.fact(FactKind.PARKED, step=step, direction=parked.direction, code=code, text=text)


def park_stuck(
    turn: Turn, step: str, code: str, text: str, reason: str = ParkingCode.STUCK
) -> None:
    """Say that a step cannot be undone, and park the saga for it (S5).

    Args:
        turn: of its saga.
        step: the step.
        code: what the step remembers.
        text: more about it.
        reason: what the parking says, where it is more than that the step is stuck.
    """
    turn.fact(FactKind.STUCK, step=step, code=code, text=text)
    park(turn, step, Direction.UNDO, reason, explained(code, text))


def resume_after(turn: Turn, step: str) -> None:
    """Go on where the saga was parked for this step, which has moved (S6)."""
    if turn.is_parked_for(step):
        turn.fact(FactKind.RESUMED)


def explained(code: str, text: str) -> str:
    """Return a code with the text that explains it, if any."""
    return f"{code}: {text}" if text else str(code)
