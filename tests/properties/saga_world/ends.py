"""What must be once nothing is on its way any more: how a saga may have ended.

Said from outside: by the effects that there are, by what the saga was told, and by what services
remember. What the saga believes of its steps is looked at only to hold it to that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.properties.saga_world.messages import OK, REFUSED
from tests.properties.saga_world.product import (
    CallStep,
    Definition,
    Memory,
    Outcome,
    Parking,
    ParkingCode,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    leftovers,
)
from tests.properties.saga_world.services import Service

__all__ = ["StepAtTheEnd", "wrong_end", "wrong_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAtTheEnd:
    """One step, from all sides."""

    step: CallStep
    """As written."""
    at: StepState
    """As the saga has it."""
    service: Service
    memory: Memory
    heard: int
    """The first OK or REFUSED that the saga was told, before it asked to undo the step."""
    fatal: bool
    """Whether its service may have failed for good."""


def wrong_end(definition: Definition, saga: SagaState, steps: tuple[StepAtTheEnd, ...]) -> str:
    """Say what is wrong with a saga for which nothing is on its way; nothing where all is well."""
    if saga.phase is Phase.COMPLETED:
        return next(_wrong_completion(steps), "")
    if saga.phase is Phase.COMPENSATED:
        left = {name for name, _ in leftovers(definition, saga)}
        return next((wrong for each in steps for wrong in _wrong_remains(each, left)), "")
    if saga.parked is not None:
        (parked,) = (each for each in steps if each.step.name == saga.parked.step)
        return next(_wrong_parking(parked, saga.parked), "")
    return f"the saga is {saga.phase}, and nothing will ever wake it"


def wrong_words(definition: Definition, saga: SagaState, said: int) -> str:
    """Say what is wrong with what a saga has said of its end; nothing where all is well.

    Args:
        definition: the saga's.
        saga: as it stands.
        said: how often it has said that it has turned round.
    """
    says_so = definition.compensated is not None and saga.phase is Phase.COMPENSATED
    if said == says_so:
        return ""
    times = ("has not said", "says", "says twice")[min(said, 2)]
    return f"the saga is {saga.phase}, and {times} that it has turned round"


def _wrong_completion(steps: tuple[StepAtTheEnd, ...]) -> Iterator[str]:
    for each in steps:
        effects = each.service.effects
        if effects != 1:
            yield f"COMPLETED, and the effect of {each.step.name} is {_there(effects)}"


def _wrong_remains(end: StepAtTheEnd, left: set[str]) -> Iterator[str]:
    """Say what a saga that has turned back must not leave behind, or not tell."""
    step, effects = end.step, end.service.effects
    if step.name in left and end.heard == REFUSED:
        yield f"COMPENSATED, and {step.name} is told as a leftover, and was refused"
    if not effects:
        return
    stays = step.undo is None or (not step.undo_unknown and end.heard != OK)
    if step.forward or not stays or effects > 1:
        yield f"COMPENSATED, and the effect of {step.name} is {_there(effects)}"
    elif step.name not in left:
        yield f"COMPENSATED, and nobody is told that the effect of {step.name} is there"


def _wrong_parking(end: StepAtTheEnd, parked: Parking) -> Iterator[str]:
    """Say why nobody need have called an operator.

    Everything has arrived, so each attempt was handled, and answered in such a way that the saga
    did not learn what it had to know.
    """
    called = f"an operator is called for {end.step.name}"
    if end.at.status is StepStatus.STUCK:
        yield from _wrong_parking_of_an_undo(end)
    elif not end.step.forward:
        yield f"{called}, which can be undone"
    elif parked.code == ParkingCode.REFUSED:
        if parked.phase is not Phase.FORWARD:
            yield f"{called}, and the saga could turn round"
    elif end.memory.done is not None:
        yield f"{called}, and its service knows the answer"


def _wrong_parking_of_an_undo(end: StepAtTheEnd) -> Iterator[str]:
    called = f"an operator is called to undo {end.step.name}"
    undone = end.memory.undone
    if not end.service.undoing:
        yield f"{called}, and nobody was asked to"
    if undone is not None and undone.outcome is Outcome.OK:
        yield f"{called}, and it is undone"
    assert end.step.undo is not None
    tried = end.at.undo_attempt >= (end.step.undo.retry.attempts or 0)
    if not (tried or undone is not None or end.fatal):
        yield f"{called}, and it can be tried again"


def _there(effects: int) -> str:
    return ("not there", "there", "there twice")[effects]
