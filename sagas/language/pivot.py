"""The pivot: the step after which there is no way back, and what its place means for the others.

    before it    a step says how it is undone, and is tried a number of times
    the pivot    is never undone: an unknown outcome of it is tried again, or an operator asked
    behind it    steps go forward only, until they give up

Laws:
1. With no pivot every step stands before it (saga-rules S29).
2. This file looks at words, not at types.
"""

from collections.abc import Sequence

from penstock.sagas.language.findings import Findings
from penstock.sagas.language.outline import StepOutline
from penstock.sagas.language.problem_codes import ProblemCode

__all__ = ["check_undo_words", "pivot_position", "warn_of_early_events"]


def pivot_position(steps: Sequence[StepOutline], findings: Findings) -> int:
    """Return the place of the pivot; the number of steps where there is none.

    Tells of further ones.
    """
    pivots = [number for number, step in enumerate(steps) if step.pivot is not None]
    for number in pivots[1:]:
        mark = steps[number].pivot
        assert mark is not None
        message = (
            f"The pivot is '{steps[pivots[0]].name or '?'}', in line {steps[pivots[0]].mark.line}; "
            "a saga has at most one."
        )
        findings.error(ProblemCode.SECOND_PIVOT, mark, message)
    return pivots[0] if pivots else len(steps)


def check_undo_words(steps: Sequence[StepOutline], pivot: int, findings: Findings) -> None:
    """Tell of calls before the pivot without `undo`, and of those behind it with one."""
    for number, step in enumerate(steps):
        if step.is_emit or step.call is None:
            continue
        if number < pivot:
            if step.undo is None:
                message = (
                    f"The step {_named(step)}can still be turned back, so it says how: 'undo' with "
                    "a command, or 'undo: none' if nothing has to be undone."
                )
                findings.error(ProblemCode.MISSING_UNDO, step.mark, message)
            continue
        for word, mark in (
            ("undo", step.undo.mark if step.undo else None),
            ("undo_unknown", step.undo_unknown),
        ):
            if mark is not None:
                where = "is the pivot" if number == pivot else "stands behind the pivot"
                message = f"The step {_named(step)}{where} and is never undone; remove '{word}'."
                findings.error(ProblemCode.UNDO_AFTER_PIVOT, mark, message)


def warn_of_early_events(steps: Sequence[StepOutline], pivot: int, findings: Findings) -> None:
    """Warn of events that tell the world of something that may still be turned back (S25)."""
    calls = [number for number, step in enumerate(steps) if not step.is_emit and number <= pivot]
    last = calls[-1] if calls else -1
    for number, step in enumerate(steps):
        if step.is_emit and number < last:
            message = (
                f"The event goes out while the saga may still turn back: {_named(steps[last])}"
                "comes after it, and nothing calls an event back."
            )
            findings.warning(ProblemCode.EMIT_BEFORE_PIVOT, step.mark, message)


def _named(step: StepOutline) -> str:
    return f"'{step.name}' " if step.name else ""
