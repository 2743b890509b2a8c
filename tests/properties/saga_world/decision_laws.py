"""What is true of every single decision, said again without the product's words for it.

Each law looks at a decision alone: at what was there before, what came, and what was made of it.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.properties.saga_world.product import (
    CallStep,
    Cancelled,
    Decision,
    FactKind,
    Input,
    Phase,
    Program,
    SagaState,
    SendCommand,
    StepState,
    StepStatus,
    fold,
)

__all__ = ["first_broken_law"]

_Law = Callable[[Program, SagaState | None, Input, Decision], Iterator[str]]

_FORWARD: Final = frozenset({Phase.RUNNING, Phase.FORWARD, Phase.COMPLETED})
_PASSED: Final = frozenset({StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.STUCK})


def first_broken_law(
    program: Program, before: SagaState | None, given: Input, decision: Decision, *, now_ms: int
) -> str:
    """Say what is wrong with a decision; nothing where all is well."""
    folded = before
    if decision.facts:
        assert decision.state is not None
        folded = fold(before, decision.facts, program.moment(decision.state.key, now_ms))
    if folded != decision.state:
        return "the history does not make the state"
    broken = (each for law in _LAWS for each in law(program, before, given, decision))
    return next(broken, "")


def _sends_what_it_counts(
    program: Program, before: SagaState | None, given: Input, decision: Decision
) -> Iterator[str]:
    del program, before, given
    counted = sorted(
        (fact.step, str(fact.direction), fact.attempt)
        for fact in decision.facts
        if fact.kind is FactKind.SENT
    )
    sent = sorted(
        (each.step, str(each.direction), each.attempt)
        for each in decision.effects
        if isinstance(each, SendCommand)
    )
    if sent != counted:
        yield "what is sent and what is counted as sent are not the same"


def _turns_round_when_asked_in_time(
    program: Program, before: SagaState | None, given: Input, decision: Decision
) -> Iterator[str]:
    if not isinstance(given, Cancelled) or before is None or before.phase is not Phase.RUNNING:
        return
    pivot = program.pivot
    in_time = pivot is None or before.steps[pivot].status is StepStatus.IDLE
    if in_time and decision.state is not None and decision.state.phase in _FORWARD:
        yield "somebody cancels in time, and the saga goes on"


def _undoes_from_the_last_to_the_first(
    program: Program, before: SagaState | None, given: Input, decision: Decision
) -> Iterator[str]:
    """Where a step is undone, whatever has to be undone behind it is undone by then, or with it."""
    del before, given
    after = decision.state
    if after is None:
        return
    steps = zip(program.definition.steps, after.steps, strict=True)
    passed = ""
    for step, at in steps:
        assert isinstance(step, CallStep)
        if passed and _needs_undo(step, at):
            yield f"{passed} is undone before {step.name}"
        if at.status in _PASSED:
            passed = passed or step.name


def _needs_undo(step: CallStep, at: StepState) -> bool:
    if step.undo is None:
        return False
    unknown = at.status is StepStatus.UNKNOWN and step.undo_unknown
    return at.status is StepStatus.DONE or unknown


_LAWS: Final[tuple[_Law, ...]] = (
    _sends_what_it_counts,
    _turns_round_when_asked_in_time,
    _undoes_from_the_last_to_the_first,
)
