from penstock.workers.suspicion import Condemnation, Suspicion


def test_after_a_refused_commit_the_next_ones_hold_one_record_each() -> None:
    """Until all of its records are done."""
    suspicion = Suspicion()
    assert suspicion.at_most is None
    suspicion.refused([3, 4, 5], "MESSAGE_TOO_LARGE (10)")
    assert suspicion.at_most == 1
    suspicion.committed([3])
    suspicion.committed([4])
    assert suspicion.at_most == 1
    suspicion.committed([5])
    assert suspicion.at_most is None


def test_a_record_that_fails_alone_twice_is_condemned_and_no_other() -> None:
    """A refusal of a batch condemns nobody."""
    suspicion = Suspicion()
    suspicion.refused([3, 4], "why")
    suspicion.refused([4], "why")
    assert suspicion.condemned(4) is None
    suspicion.refused([4], "why")
    assert suspicion.condemned(4) == Condemnation(reason="why", without_value=False)
    assert suspicion.condemned(3) is None


def test_a_refused_dead_letter_is_parked_without_its_value() -> None:
    """A record that fills the topic's limit already has no room for the note."""
    suspicion = Suspicion()
    for _ in range(3):
        suspicion.refused([4], "why")
    assert suspicion.condemned(4) == Condemnation(reason="why", without_value=True)


def test_a_committed_record_is_cleared() -> None:
    """Its failures are forgotten."""
    suspicion = Suspicion()
    suspicion.refused([4], "why")
    suspicion.refused([4], "why")
    suspicion.committed([4])
    assert suspicion.condemned(4) is None
    assert suspicion.at_most is None


def test_another_owner_begins_without_suspicion() -> None:
    """What is forgotten with a partition is all of it."""
    suspicion = Suspicion()
    suspicion.refused([4], "why")
    suspicion.refused([4], "why")
    suspicion.forget()
    assert suspicion.condemned(4) is None
    assert suspicion.at_most is None


def test_timers_are_suspected_like_records() -> None:
    """By the state key of their entry; a state key is never taken for an offset."""
    suspicion = Suspicion()
    suspicion.refused([3, b"t/a", b"3"], "why")
    assert suspicion.timers == {b"t/a", b"3"}
    suspicion.refused([b"t/a"], "why")
    suspicion.refused([b"t/a"], "again")
    assert suspicion.condemned(b"t/a") == Condemnation(reason="why", without_value=False)
    suspicion.committed([3, b"t/a"])
    assert suspicion.timers == {b"3"}
    assert suspicion.at_most == 1
    suspicion.committed([b"3"])
    assert suspicion.at_most is None
