"""Timeouts and retries: a step's own words over the file's defaults over the language's."""

import pytest

from penstock.sagas.definition import Retry
from tests.sagas.order_language import call_of, changed, checked, codes_of, defined

WORDS = "    timeout: 10s\n    retry: {attempts: 3, delay: 1s, backoff: 2, max_delay: 30s}\n"


def with_defaults(defaults: str, *others: tuple[str, str]) -> str:
    """Return the order saga with defaults, and without the first step's own words."""
    return changed(("steps:", f"defaults: {defaults}\nsteps:"), (WORDS, ""), *others)


def test_the_language_has_defaults() -> None:
    """saga-rules S20: for steps before the pivot, for the pivot, for undos."""
    order = defined(changed((WORDS, "")))
    reserve, ship = call_of(order, "reserve_stock"), call_of(order, "ship")
    assert reserve.timeout_ms == 30_000
    assert reserve.retry == Retry(
        attempts=3, delay_ms=1_000, backoff=2.0, max_delay_ms=60_000, give_up_ms=None
    )
    assert reserve.undo is not None
    assert reserve.undo.timeout_ms == 30_000
    assert reserve.undo.retry == Retry(
        attempts=10, delay_ms=1_000, backoff=2.0, max_delay_ms=60_000, give_up_ms=None
    )
    assert ship.retry == Retry(
        attempts=None, delay_ms=1_000, backoff=2.0, max_delay_ms=60_000, give_up_ms=86_400_000
    )


def test_a_step_says_its_own() -> None:
    """Word by word: what it does not say stays the default."""
    text = changed(
        ("timeout: 10s", "timeout: 7s"),
        ("{attempts: 3, delay: 1s, backoff: 2, max_delay: 30s}", "{backoff: 1.5}"),
    )
    reserve = call_of(defined(text), "reserve_stock")
    assert reserve.timeout_ms == 7_000
    assert reserve.retry == Retry(attempts=3, delay_ms=1_000, backoff=1.5, max_delay_ms=60_000)


def test_defaults_of_the_file_change_those_of_the_language() -> None:
    """And a step's own words go before them."""
    text = with_defaults(
        "{timeout: 5s, retry: {attempts: 2, delay: 2s, give_up: 1h}}",
        ("    timeout: 30s", "    timeout: 3s\n    retry: {delay: 4s}"),
    )
    order = defined(text)
    reserve, charge, ship = (
        call_of(order, name) for name in ("reserve_stock", "charge_card", "ship")
    )
    assert (reserve.timeout_ms, charge.timeout_ms, ship.timeout_ms) == (5_000, 3_000, 5_000)
    assert (reserve.retry.attempts, reserve.retry.delay_ms) == (2, 2_000)
    assert (charge.retry.attempts, charge.retry.delay_ms) == (2, 4_000)
    assert (ship.retry.attempts, ship.retry.give_up_ms) == (None, 3_600_000)
    assert reserve.retry.give_up_ms is None


def test_undos_have_defaults_of_their_own() -> None:
    """Those of the steps do not count for them."""
    order = defined(
        with_defaults(
            "{timeout: 5s, retry: {attempts: 2}, undo: {timeout: 4s, retry: {delay: 2s}}}"
        )
    )
    undo = call_of(order, "reserve_stock").undo
    assert undo is not None
    assert undo.timeout_ms == 4_000
    assert (undo.retry.attempts, undo.retry.delay_ms) == (10, 2_000)


def test_an_undo_says_its_own() -> None:
    """Timeout and retry stand inside of it."""
    text = changed(("undo: {call: stock", "undo: {timeout: 2s, retry: {attempts: 99}, call: stock"))
    undo = call_of(defined(text), "reserve_stock").undo
    assert undo is not None
    assert (undo.timeout_ms, undo.retry.attempts) == (2_000, 99)


@pytest.mark.parametrize("max_delay", ["30s", "29s"])
def test_no_wait_is_shorter_than_the_first(max_delay: str) -> None:
    """saga-rules S35: max_delay >= delay."""
    text = changed(("delay: 1s, backoff: 2, max_delay: 30s", f"delay: 30s, max_delay: {max_delay}"))
    assert codes_of(text) == ([] if max_delay == "30s" else ["12 max-delay-below-delay"])


def test_a_long_delay_needs_a_max_delay() -> None:
    """The default is not stretched in silence; the message says what it is."""
    text = changed(("delay: 1s, backoff: 2, max_delay: 30s", "delay: 2m"))
    (problem,) = checked(text).problems
    assert problem.code == "max-delay-below-delay"
    assert "'max_delay' is 1m, where nothing else is said" in problem.message


def test_defaults_that_contradict_each_other_are_told_once() -> None:
    """At their own place, however many steps inherit them."""
    text = with_defaults("{retry: {delay: 5s, max_delay: 2s}}")
    assert codes_of(text) == ["6 max-delay-below-delay"]


def test_attempts_are_not_counted_from_the_pivot_on() -> None:
    """saga-rules S20; `attempts` in the defaults counts for the steps before it only."""
    text = changed(("pivot: true", "pivot: true\n    retry: {attempts: 5}"))
    assert codes_of(text) == ["24 attempts-after-pivot"]


def test_giving_up_counts_from_the_pivot_on_only() -> None:
    """Before it, and in every undo, attempts end the trying."""
    step = changed(("retry: {attempts: 3", "retry: {give_up: 1h, attempts: 3"))
    assert codes_of(step) == ["12 give-up-before-pivot"]
    undo = changed(("undo: {call: stock", "undo: {retry: {give_up: 1h}, call: stock"))
    assert codes_of(undo) == ["10 give-up-before-pivot"]
    default = with_defaults("{undo: {retry: {give_up: 1h}}}")
    assert codes_of(default) == ["6 give-up-before-pivot"]


def test_the_pivot_may_say_when_to_give_up() -> None:
    """And how long to wait in between."""
    text = changed(("pivot: true", "pivot: true\n    retry: {give_up: 3d, delay: 5s}"))
    retry = call_of(defined(text), "ship").retry
    assert (retry.give_up_ms, retry.delay_ms) == (3 * 86_400_000, 5_000)
