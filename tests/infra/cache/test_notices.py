"""What is said again, and what is held back."""

from penstock.infra.cache.notices import REPEAT_S, Notices


def test_the_first_of_a_kind_is_said_and_the_next_is_held_back() -> None:
    """Kinds do not hold back each other."""
    notices = Notices()
    assert notices.due("unreadable", 0.0) == 0
    assert notices.due("unreadable", 1.0) is None
    assert notices.due("refused", 1.0) == 0


def test_after_a_minute_it_is_said_again_with_what_was_held_back() -> None:
    """So nobody takes a thousand for one."""
    notices = Notices()
    notices.due("unreadable", 0.0)
    for second in range(1, 60):
        assert notices.due("unreadable", float(second)) is None
    assert notices.due("unreadable", REPEAT_S) == 59
    assert notices.due("unreadable", 2 * REPEAT_S) == 0
