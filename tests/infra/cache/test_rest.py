"""When Redis is left alone."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.cache.rest import Rest


def rested() -> Rest:
    """One second first, ten at most, half a second for a try."""
    return Rest(first_s=1.0, longest_s=10.0, try_s=0.5)


def ticket_at(rest: Rest, now_s: float) -> int:
    """A ticket that must be there."""
    ticket = rest.take_ticket(now_s)
    assert ticket is not None
    return ticket


def test_after_a_failure_nobody_calls_until_the_rest_ends() -> None:
    """Then one tries, and the others go on without."""
    rest = rested()
    assert rest.failed(ticket_at(rest, 100.0), 100.0) == 1.0
    assert rest.take_ticket(100.0) is None
    assert rest.take_ticket(100.999) is None
    assert rest.take_ticket(101.0) is not None
    assert rest.take_ticket(101.0) is None


def test_an_answer_ends_the_rest() -> None:
    """It is told once, for the log; and everybody calls again."""
    rest = rested()
    rest.failed(ticket_at(rest, 0.0), 0.0)
    ticket = ticket_at(rest, 1.0)
    assert rest.answered(ticket)
    assert not rest.answered(ticket)
    assert not rest.resting
    assert [rest.take_ticket(1.0) is None for _ in range(3)] == [False] * 3


def test_rests_double_up_to_a_limit_and_begin_anew_after_an_answer() -> None:
    """A short trouble costs little, and a long one few tries."""
    rest, now_s, lengths = rested(), 0.0, []
    for _ in range(6):
        length = rest.failed(ticket_at(rest, now_s), now_s)
        assert length is not None
        lengths.append(length)
        now_s += length
    assert lengths == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert rest.answered(ticket_at(rest, now_s))
    assert rest.failed(ticket_at(rest, now_s), now_s) == 1.0
    assert rest.rests == 7


def test_calls_that_fail_together_begin_one_rest() -> None:
    """All but the first are old news."""
    rest = rested()
    tickets = [ticket_at(rest, 0.0) for _ in range(50)]
    assert [rest.failed(ticket, 0.25) for ticket in tickets] == [1.0] + [None] * 49
    assert rest.rests == 1


def test_an_answer_to_a_call_from_before_the_rest_is_old_news() -> None:
    """It does not say how Redis is now."""
    rest = rested()
    early, late = ticket_at(rest, 0.0), ticket_at(rest, 0.0)
    rest.failed(late, 0.25)
    assert not rest.answered(early)
    assert rest.resting


def test_a_try_that_never_ends_only_delays_the_next() -> None:
    """Its caller was cancelled, and told nothing."""
    rest = rested()
    rest.failed(ticket_at(rest, 0.0), 0.0)
    assert rest.take_ticket(1.0) is not None
    assert rest.take_ticket(1.49) is None
    assert rest.take_ticket(1.5) is not None


def test_a_call_that_is_made_in_any_case_ends_the_rest_by_its_answer() -> None:
    """A delete does not ask, and learns that Redis is back."""
    rest = rested()
    rest.failed(ticket_at(rest, 0.0), 0.0)
    assert rest.answered(rest.ticket)
    assert not rest.resting


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=60))
def test_a_dead_redis_is_tried_once_a_rest_at_most(steps: list[tuple[float, bool]]) -> None:
    """Whoever asks and when: between two tries lies a rest, or the time of a call."""
    rest, now_s, tries = rested(), 0.0, []
    rest.failed(rest.ticket, now_s)
    for pause, tells in steps:
        now_s += pause
        ticket = rest.take_ticket(now_s)
        if ticket is None:
            continue
        tries.append((now_s, tells))
        if tells:
            assert rest.failed(ticket, now_s) is not None
    for (earlier, told), (later, _) in pairwise(tries):
        assert later - earlier >= (1.0 if told else 0.5) - 1e-9
