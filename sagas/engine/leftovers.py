"""What an ended saga leaves behind: effects that are there, or may be, for good (S12).

Shown wherever a saga is shown, because somebody may have to look after them.
"""

from typing import Final

from penstock.sagas.definition import CallStep, Definition
from penstock.sagas.engine.state import Phase, SagaState, StepStatus

__all__ = ["leftovers"]

_LEFT: Final = {
    Phase.COMPENSATED: frozenset({StepStatus.DONE, StepStatus.UNKNOWN, StepStatus.STUCK}),
    Phase.COMPLETED: frozenset({StepStatus.UNKNOWN}),
}
"""By phase, how a step stands that is a leftover. Events are none: nobody expects them back."""


def leftovers(definition: Definition, state: SagaState) -> tuple[tuple[str, StepStatus], ...]:
    """Return the steps that a saga leaves behind, with how they stand; none before its end."""
    left = _LEFT.get(state.phase, frozenset())
    return tuple(
        (step.name, at.status)
        for step, at in zip(definition.steps, state.steps, strict=True)
        if isinstance(step, CallStep) and at.status in left
    )
