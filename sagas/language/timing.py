"""How long a step may take and how often it is tried: what the file says, over the defaults.

    step over `defaults` of the file over those of the language (saga-rules S20)

Each word of a `retry` counts by itself: a step that says `delay` keeps the default `backoff`.

Laws:
1. A step before the pivot has a number of attempts; one at or after it has a time to give up. The
   word that does not count is an error, not silence.
2. What is told on a step and nowhere else is told at its place; what only the defaults say is told
   once, at theirs.
"""

from collections.abc import Iterator
from typing import Final

from penstock.sagas.definition import Retry
from penstock.sagas.language.durations import duration_text
from penstock.sagas.language.findings import Findings
from penstock.sagas.language.outline import DefaultsOutline, RetryOutline, TimingOutline
from penstock.sagas.language.problem_codes import ProblemCode

__all__ = [
    "STEP_ATTEMPTS",
    "UNDO_ATTEMPTS",
    "check_defaults",
    "longest_ms",
    "retry_of",
    "timeout_ms_of",
]

# Saga-rules S20.
_TIMEOUT_MS: Final = 30_000
STEP_ATTEMPTS: Final = 3
"""Attempts of a step before the pivot, where nobody says another number."""
UNDO_ATTEMPTS: Final = 10
"""Attempts of an undo."""
_DELAY_MS: Final = 1_000
_BACKOFF: Final = 2.0
_MAX_DELAY_MS: Final = 60_000
_GIVE_UP_MS: Final = 24 * 3_600_000


def check_defaults(defaults: DefaultsOutline, findings: Findings) -> None:
    """Tell of defaults that contradict each other or never count, whether a step uses them or not.

    Args:
        defaults: what the file says.
        findings: is told.
    """
    nothing = RetryOutline()
    retry_of(nothing, defaults.step.retry, findings, attempts=STEP_ATTEMPTS)
    # As if an undo said them itself: `give_up` counts for none.
    retry_of(defaults.undo.retry, nothing, findings, attempts=UNDO_ATTEMPTS)


def timeout_ms_of(own: TimingOutline, default: TimingOutline) -> int:
    """Return how long an attempt waits for its answer."""
    told = own.timeout_ms or default.timeout_ms
    return told.value if told else _TIMEOUT_MS


def retry_of(
    own: RetryOutline,
    default: RetryOutline,
    findings: Findings,
    *,
    attempts: int,
    forward: bool = False,
) -> Retry:
    """Return when an attempt that failed is repeated.

    Args:
        own: what stands at the step or the undo itself.
        default: what the file's defaults say.
        findings: is told where the waits contradict each other, or a word does not count here.
        attempts: how many, where nobody says; unused at and after the pivot.
        forward: whether it is the pivot or stands behind it.
    """
    _refuse_uncounted(own, findings, forward=forward)
    told_attempts = own.attempts or default.attempts
    told_delay = own.delay_ms or default.delay_ms
    told_backoff = own.backoff or default.backoff
    told_max = own.max_delay_ms or default.max_delay_ms
    told_give_up = own.give_up_ms or default.give_up_ms
    delay_ms = told_delay.value if told_delay else _DELAY_MS
    max_delay_ms = told_max.value if told_max else _MAX_DELAY_MS
    if max_delay_ms < delay_ms and own.whole and default.whole:
        # At least one of the two is told: the language's own defaults agree.
        told = own.max_delay_ms or own.delay_ms or told_max or told_delay
        assert told is not None
        said = "" if told_max else ", where nothing else is said"
        message = (
            f"The first wait is {duration_text(delay_ms)}, but 'max_delay' is "
            f"{duration_text(max_delay_ms)}{said}; no wait may be longer."
        )
        findings.error(ProblemCode.MAX_DELAY_BELOW_DELAY, told.mark, message)
    give_up_ms = told_give_up.value if told_give_up else _GIVE_UP_MS
    return Retry(
        attempts=None if forward else (told_attempts.value if told_attempts else attempts),
        delay_ms=delay_ms,
        backoff=told_backoff.value if told_backoff else _BACKOFF,
        max_delay_ms=max_delay_ms,
        give_up_ms=give_up_ms if forward else None,
    )


def _refuse_uncounted(own: RetryOutline, findings: Findings, *, forward: bool) -> None:
    if forward and own.attempts:
        message = (
            "At and after the pivot attempts are not counted: there is no way back, so the step is "
            "tried until 'give_up' has passed."
        )
        findings.error(ProblemCode.ATTEMPTS_AFTER_PIVOT, own.attempts.mark, message)
    if not forward and own.give_up_ms:
        message = (
            "'give_up' counts only on the pivot and the steps behind it; elsewhere 'attempts' ends "
            "the trying."
        )
        findings.error(ProblemCode.GIVE_UP_BEFORE_PIVOT, own.give_up_ms.mark, message)


def longest_ms(timeout_ms: int, retry: Retry) -> int:
    """Return how long a step takes whose attempts all time out, with the waits between them."""
    assert retry.attempts is not None
    return timeout_ms * retry.attempts + sum(_waits_ms(retry, retry.attempts - 1))


def _waits_ms(retry: Retry, count: int) -> Iterator[int]:
    return (retry.wait_ms(attempt, 0.0) for attempt in range(1, count + 1))
