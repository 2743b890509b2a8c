"""Deadlines by name."""

from penstock.infra.embedded.transactions.deadlines import Deadlines


def test_the_earliest_comes_first_and_stays_until_it_is_dropped() -> None:
    """So that what could not be done now is still due."""
    deadlines = Deadlines()
    deadlines.set("late", 30)
    deadlines.set("early", 10)
    assert deadlines.next_ms() == 10
    assert deadlines.first_due(9) is None
    assert deadlines.first_due(10) == deadlines.first_due(40) == "early"
    deadlines.drop("early")
    assert deadlines.first_due(29) is None
    assert deadlines.first_due(30) == "late"


def test_only_the_last_deadline_of_a_name_counts() -> None:
    """Sooner or later than the one before."""
    deadlines = Deadlines()
    for at_ms in (20, 50, 10, 40):
        deadlines.set("one", at_ms)
    assert deadlines.next_ms() == 40
    assert deadlines.first_due(39) is None
    assert len(deadlines) == 1


def test_dropping_an_unknown_name_is_fine() -> None:
    """Whoever drops need not know whether there is one."""
    deadlines = Deadlines()
    deadlines.drop("nobody")
    assert deadlines.next_ms() is None


def test_what_no_longer_counts_does_not_pile_up() -> None:
    """The heap stays within twice the names and a little."""
    deadlines = Deadlines()
    for at_ms in range(10_000):
        deadlines.set(str(at_ms % 100), 20_000 - at_ms)
        assert deadlines.held <= 264
    assert deadlines.next_ms() == 20_000 - 9_999
