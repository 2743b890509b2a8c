"""Whether the steps up to the pivot can keep the deadline (saga-rules S34).

From the pivot on nothing counts: then the saga goes forward, however long it takes. What undoing
takes does not count either: the deadline is what makes it begin.
"""

from collections.abc import Sequence

from penstock.sagas.definition import CallStep, Step
from penstock.sagas.language.durations import duration_text
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.outline import SagaOutline
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.timing import longest_ms

__all__ = ["check_time_budget"]


def check_time_budget(
    outline: SagaOutline, steps: Sequence[Step | None], findings: Findings
) -> None:
    """Tell of each step that may outlast the deadline, and warn where all together may.

    Args:
        outline: the file, for the places.
        steps: its steps, None where one has an error.
        findings: is told.
    """
    if outline.deadline_ms is None:
        return
    deadline_ms, total_ms = outline.deadline_ms.value, 0
    for written, step in zip(outline.steps, steps, strict=True):
        if not isinstance(step, CallStep) or step.forward:
            continue
        if not (written.timing.whole and outline.defaults.step.whole):
            continue  # what it really says is not known
        step_ms = longest_ms(step.timeout_ms, step.retry)
        total_ms += step_ms
        if step_ms >= deadline_ms:
            told = written.timing.timeout_ms or written.timing.retry.attempts
            message = (
                f"The step '{step.name}' may take {duration_text(step_ms)} "
                f"({step.retry.attempts} attempts of {duration_text(step.timeout_ms)} and the "
                f"waits between them), and the saga's deadline is {duration_text(deadline_ms)}: "
                "its last attempts would never be made."
            )
            findings.error(ProblemCode.OVER_DEADLINE, told.mark if told else written.mark, message)
    if total_ms >= deadline_ms and not findings.failed:
        message = (
            f"If every attempt times out, the steps to the pivot take {duration_text(total_ms)}; "
            f"at the deadline of {duration_text(deadline_ms)} the saga turns back before."
        )
        findings.warning(ProblemCode.PATH_OVER_DEADLINE, outline.deadline_ms.mark, message)
