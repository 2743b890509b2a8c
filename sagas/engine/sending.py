"""Commands and events on their way out.

Laws:
1. What is sent is stated in the same turn, and an attempt that is out has a timer.
2. What cannot be written is not sent: the saga is parked with the error's code (formats.md F18).
"""

from dataclasses import dataclass

from penstock.events.saga_headers import Direction
from penstock.sagas.definition import CallStep, CommandUse, EmitStep
from penstock.sagas.engine.effects import PublishEvent, SendCommand
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.parking import park, park_stuck
from penstock.sagas.engine.program import MessageTooLarge, Unrenderable
from penstock.sagas.engine.turn import Turn

__all__ = ["publish", "send_do", "send_undo"]


def send_do(turn: Turn, step: CallStep) -> None:
    """Send the next attempt to do a step."""
    try:
        value = turn.program.command(step, Direction.DO, turn.saga)
    except (Unrenderable, MessageTooLarge) as error:
        park(turn, step.name, Direction.DO, error.code, error.message)
        return
    command = _Command(
        use=step.command,
        direction=Direction.DO,
        attempt=turn.at(step.name).attempt + 1,
        due_ms=turn.now_ms + step.timeout_ms,
    )
    _send(turn, step.name, command, value)


def send_undo(turn: Turn, step: CallStep) -> None:
    """Send the next attempt to undo a step."""
    assert step.undo is not None
    try:
        value = turn.program.command(step, Direction.UNDO, turn.saga)
    except (Unrenderable, MessageTooLarge) as error:
        park_stuck(turn, step.name, error.code, error.message, error.code)
        return
    command = _Command(
        use=step.undo.command,
        direction=Direction.UNDO,
        attempt=turn.at(step.name).undo_attempt + 1,
        due_ms=turn.now_ms + step.undo.timeout_ms,
    )
    _send(turn, step.name, command, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """One attempt."""

    use: CommandUse
    direction: Direction
    attempt: int
    due_ms: int
    """When its answer is late."""


def _send(turn: Turn, step: str, command: _Command, value: bytes) -> None:
    turn.fact(
        FactKind.SENT,
        step=step,
        direction=command.direction,
        attempt=command.attempt,
        due_ms=command.due_ms,
    )
    turn.effect(
        SendCommand(
            step=step,
            direction=command.direction,
            attempt=command.attempt,
            type_name=command.use.schema.full_name,
            topic=command.use.topic,
            value=value,
            deadline_ms=command.due_ms,
        )
    )


def publish(turn: Turn, step: EmitStep) -> None:
    """Publish the event of a step, which is done with that."""
    try:
        key, value = turn.program.event(step, turn.saga)
    except (Unrenderable, MessageTooLarge) as error:
        park(turn, step.name, Direction.DO, error.code, error.message)
        return
    turn.fact(FactKind.DONE, step=step.name)
    turn.effect(
        PublishEvent(
            step=step.name, type_name=step.event.full_name, topic=step.topic, key=key, value=value
        )
    )
