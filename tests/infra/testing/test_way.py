from enum import StrEnum

from penstock.infra.testing.way import AllBlocked, open_way


class Way(StrEnum):
    FIRST = "first way"
    SECOND = "second way"


def never_asked() -> str | None:
    """Stand for a question that must not be asked: it may pull an image."""
    raise AssertionError


def test_the_first_open_way_is_taken() -> None:
    """Later ones are not even asked about."""
    assert open_way({Way.FIRST: lambda: None, Way.SECOND: never_asked}) is Way.FIRST
    assert open_way({Way.FIRST: lambda: "a wall", Way.SECOND: lambda: None}) is Way.SECOND


def test_all_are_blocked() -> None:
    """Then the reasons are told in order."""
    blocked = open_way({Way.FIRST: lambda: "a wall", Way.SECOND: lambda: "a river"})
    assert blocked == AllBlocked(reasons="first way: a wall; second way: a river")
