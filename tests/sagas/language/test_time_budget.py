"""A step that outlasts the deadline could never use its attempts; all together may be too long."""

from tests.sagas.order_language import changed, checked, codes_of

RETRY = "    retry: {attempts: 3, delay: 1s, backoff: 2, max_delay: 30s}\n"


def test_a_step_takes_all_timeouts_and_the_waits_between() -> None:
    """3 * 10s + 1s + 2s = 33s, strictly less than the deadline (saga-rules S34)."""
    charge = ("    timeout: 30s", "    timeout: 1s")
    assert codes_of(changed(("15m", "33s"), charge)) == ["11 over-deadline"]
    assert codes_of(changed(("15m", "40s"), charge)) == []
    (problem,) = checked(changed(("15m", "33s"), charge)).problems
    assert "may take 33s (3 attempts of 10s" in problem.message


def test_waits_do_not_grow_past_max_delay() -> None:
    """1000 attempts of 1s with waits of 1s: 1999 seconds."""
    long = changed(
        ("timeout: 10s", "timeout: 1s"), (RETRY, "    retry: {attempts: 1000, max_delay: 1s}\n")
    )
    assert codes_of(long.replace("15m", "1999s")) == ["11 over-deadline"]
    assert codes_of(long.replace("15m", "3000s")) == []


def test_a_step_without_a_timeout_of_its_own_is_told_at_its_name() -> None:
    """The place that somebody has to mend."""
    text = changed(
        ("15m", "20s"), ("    timeout: 10s\n" + RETRY, ""), ("timeout: 30s", "timeout: 1s")
    )
    assert codes_of(text) == ["7 over-deadline"]


def test_from_the_pivot_on_nothing_counts() -> None:
    """There the saga goes forward, however long it takes."""
    assert codes_of(changed(("pivot: true", "pivot: true\n    timeout: 2d"))) == []


def test_undoing_does_not_count() -> None:
    """The deadline is what makes it begin."""
    assert codes_of(changed(("undo: {call: stock", "undo: {timeout: 2d, call: stock"))) == []


def test_the_whole_way_is_a_warning() -> None:
    """33s + 93s: each alone is in time, both together may not be."""
    found = checked(changed(("15m", "126s")))
    assert found.definition is not None
    (problem,) = found.problems
    assert (problem.line, problem.code) == (5, "path-over-deadline")
    assert "take 126s" in problem.message
    assert codes_of(changed(("15m", "127s"))) == []


def test_without_a_deadline_there_is_no_budget() -> None:
    """Then a step may take a year."""
    text = changed(("deadline: 15m\n", ""), ("timeout: 10s", "timeout: 365d"))
    assert codes_of(text) == []
