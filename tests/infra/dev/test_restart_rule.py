"""When a process that has ended starts again."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.dev.restart_rule import LIMIT, STEADY_S, RestartRule, words_for


def test_quick_ends_wait_longer_and_longer_and_then_for_a_file() -> None:
    """Five in a row are a crash loop: a sixth try would end as they did."""
    rule, waits = RestartRule(), []
    for _ in range(LIMIT):
        verdict = rule.ended(ran_s=1.0, exit_code=8)
        waits.append(verdict.wait_s)
        rule = verdict.rule
    assert waits == [0.5, 1.0, 2.0, 4.0, None]


def test_who_ran_for_a_while_starts_at_once() -> None:
    """What was before it is forgotten."""
    rule = RestartRule(quick_ends=LIMIT - 1)
    verdict = rule.ended(ran_s=STEADY_S, exit_code=-signal.SIGKILL)
    assert (verdict.wait_s, verdict.rule) == (0.5, RestartRule(quick_ends=1))


@pytest.mark.parametrize("exit_code", [2, 3, 4])
def test_a_refusal_waits_for_a_file(exit_code: int) -> None:
    """Configuration and schemas do not mend themselves, however long it ran."""
    assert RestartRule().ended(ran_s=3600, exit_code=exit_code).wait_s is None


def test_after_a_crash_loop_a_change_begins_anew() -> None:
    """Whoever mended something has all tries again."""
    verdict = RestartRule(quick_ends=LIMIT - 1).ended(ran_s=0.0, exit_code=8)
    assert (verdict.wait_s, verdict.rule) == (None, RestartRule())
    assert "5 times" in verdict.reason


@given(st.lists(st.tuples(st.floats(0, 1000), st.integers(-64, 255))))
def test_waits_are_bounded(ends: list[tuple[float, int]]) -> None:
    """Whatever the ends: no wait is longer than four seconds, none shorter than half of one."""
    rule = RestartRule()
    for ran_s, exit_code in ends:
        verdict = rule.ended(ran_s=ran_s, exit_code=exit_code)
        assert verdict.wait_s is None or 0.5 <= verdict.wait_s <= 4.0
        assert words_for(exit_code)
        rule = verdict.rule


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (0, "ended by itself"),
        (-9, "was killed by SIGKILL"),
        (-1000, "was killed by signal 1000"),
        (3, "ended with 3 (configuration)"),
        (77, "ended with 77"),
    ],
)
def test_how_it_ended_in_words(exit_code: int, words: str) -> None:
    """A signal by its name, an exit code by its meaning."""
    assert words_for(exit_code) == words
