"""The election of a group's protocol."""

import pytest

from penstock.infra.embedded.groups.protocol_vote import elect


def test_most_votes_win() -> None:
    """Each member votes for the first of its protocols that all know."""
    ballots = [("sticky", "range"), ("range", "sticky"), ("range", "sticky")]
    assert elect(ballots, {"range", "sticky"}) == "range"


def test_a_protocol_that_not_all_know_gets_no_vote() -> None:
    """The vote goes to the next in the member's order."""
    assert elect([("sticky", "range"), ("range",)], {"range"}) == "range"


def test_nobody_elects_nothing() -> None:
    """A group without members has no protocol."""
    assert elect([], {"range"}) is None


@pytest.mark.parametrize("names", [("range", "roundrobin"), ("roundrobin", "range")])
def test_between_equals_the_order_of_a_java_table_decides(names: tuple[str, str]) -> None:
    """So Apache Kafka 4.1 chose when it was asked: range, whoever joined first."""
    assert elect([names, names[::-1]], set(names)) == "range"


def test_the_java_table_grows_with_the_candidates() -> None:
    """String.hashCode of "b" is 98 and of "r" 114: one bucket of 16, but two of 32.

    In one bucket the first to come is first; in a table of 32, which holds more than twelve names,
    "b" comes before "r" whoever came first.
    """
    names = ["r", "b", *("c" * length for length in range(1, 12))]
    for crowd, winner in ((names[:12], "r"), (names[:13], "b")):
        ballots = [(name,) for name in ["r", "b", *crowd]]
        assert elect(ballots, set(crowd)) == winner


def test_texts_outside_the_basic_plane_count_as_java_counts_them() -> None:
    """Java's hash goes over UTF-16 units; no name makes the election fail."""
    assert elect([("\U0001f600",), ("\ud800",)], {"\U0001f600", "\ud800"}) is not None
