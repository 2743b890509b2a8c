"""The announcement: the event by which a saga says that it has turned round, and all is undone.

Laws:
1. It is stated and published in the very turn in which the saga becomes COMPENSATED: ended is
   final, so it is made once.
2. Nothing keeps a saga from its end: what cannot be written is stated as missing, and people are
   told (docs/decisions/0009). Nothing is left to be decided then, and the same state would fail the
   same way however often it is tried.
3. What is written and cannot be sent is refused as any output is (F18), and waits for an operator.
"""

from collections.abc import Iterable

from penstock.sagas.engine.effects import Effect, PublishEvent
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.notes import AlarmName
from penstock.sagas.engine.program import Unannounceable
from penstock.sagas.engine.turn import Turn

__all__ = ["announce", "announces"]


def announce(turn: Turn) -> None:
    """Say that the saga has turned round, where its definition says so.

    Args:
        turn: of a saga that has just become COMPENSATED.
    """
    event = turn.program.definition.compensated
    if event is None:
        return
    if turn.silenced:
        _lose(turn, turn.silenced, "an operator lets the saga end without it")
        return
    try:
        key, value = turn.program.announcement(turn.saga)
    except Unannounceable as error:
        _lose(turn, error.code, error.message)
        return
    turn.fact(FactKind.ANNOUNCED, text=event.schema.full_name)
    turn.effect(
        PublishEvent(
            step="", type_name=event.schema.full_name, topic=event.topic, key=key, value=value
        )
    )


def announces(effects: Iterable[Effect]) -> bool:
    """Tell whether an announcement is among the effects of a decision."""
    return any(isinstance(each, PublishEvent) and not each.step for each in effects)


def _lose(turn: Turn, code: str, text: str) -> None:
    turn.fact(FactKind.UNANNOUNCED, code=code, text=text)
    turn.alarm(
        AlarmName.UNANNOUNCED,
        f"it is COMPENSATED, and the event that says so is missing: {code!s}.",
    )
