import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.workers.backoff import Backoff, IllegalBackoff

schedules = st.builds(
    Backoff,
    attempts=st.integers(1, 50),
    delay_s=st.floats(0, 5),
    factor=st.floats(1, 10),
    max_delay_s=st.floats(5, 60),
    jitter=st.floats(0, 1),
)


@given(schedules, st.floats(0, 0.999))
def test_waits_are_bounded_and_end_after_the_last_attempt(schedule: Backoff, draw: float) -> None:
    """No wait is longer than the longest, and the last attempt has none after it."""
    waits = [schedule.wait_s(attempt, draw) for attempt in range(1, schedule.attempts)]
    assert all(wait is not None and 0 <= wait <= schedule.max_delay_s for wait in waits)
    assert schedule.wait_s(schedule.attempts, draw) is None


@given(schedules)
def test_nominal_waits_never_shrink(schedule: Backoff) -> None:
    """Without jitter each wait is at least as long as the one before."""
    waits = [schedule.wait_s(attempt, 0.0) or 0.0 for attempt in range(1, schedule.attempts)]
    assert waits == sorted(waits)


def test_jitter_only_shortens() -> None:
    """A wait lies between its nominal length and that shortened by the share of jitter."""
    schedule = Backoff(attempts=3, delay_s=1.0, factor=2.0, jitter=0.5)
    assert schedule.wait_s(2, 0.0) == 2.0
    assert schedule.wait_s(2, 0.5) == 1.5


def test_a_huge_exponent_is_the_longest_wait() -> None:
    """`factor ** attempts` beyond every float does not raise."""
    schedule = Backoff(attempts=10**6, delay_s=1.0, factor=1e6, max_delay_s=7.0, jitter=0.0)
    assert schedule.wait_s(999_999, 0.0) == 7.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"delay_s": -1.0},
        {"delay_s": float("nan")},
        {"factor": 0.5},
        {"factor": float("inf")},
        {"max_delay_s": 0.01},
        {"jitter": 1.5},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """The error names the number."""
    with pytest.raises(IllegalBackoff, match=next(iter(wrong))):
        Backoff(**wrong)  # type: ignore[arg-type] # the point of the test


def test_all_problems_are_told_at_once() -> None:
    """Not one per run."""
    with pytest.raises(IllegalBackoff, match=r"attempts=0, jitter=2"):
        Backoff(attempts=0, jitter=2.0)
