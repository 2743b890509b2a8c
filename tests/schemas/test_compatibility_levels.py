"""Which versions have to read which."""

from typing import Any

import pytest

from penstock.schemas.compatibility_levels import Direction, Failure, Level, check, render
from penstock.schemas.lint import tree_of
from penstock.schemas.type_tree import RecordType

BACKWARD, FORWARD = Direction.BACKWARD, Direction.FORWARD


def version(*names: str, **defaults: Any) -> RecordType:
    """Return a record with required fields, and some with defaults."""
    required = [{"name": name, "type": "int"} for name in names]
    optional = [{"name": name, "type": "int", "default": each} for name, each in defaults.items()]
    return tree_of({"type": "record", "name": "R", "fields": [*required, *optional]})


CANDIDATE = version("a", b=1)
EARLIER = [version("a", "c"), version(b=1), version(a=1, b=1)]
"""The first wants c, which the candidate does not write; the second does not write a."""


@pytest.mark.parametrize(
    ("level", "failures"),
    [
        (Level.NONE, []),
        (Level.BACKWARD, []),
        (Level.FORWARD, []),
        (Level.FULL, []),
        (Level.BACKWARD_TRANSITIVE, [(2, BACKWARD)]),
        (Level.FORWARD_TRANSITIVE, [(1, FORWARD)]),
        (Level.FULL_TRANSITIVE, [(2, BACKWARD), (1, FORWARD)]),
    ],
)
def test_levels(level: Level, failures: list[Any]) -> None:
    """One version or all, one direction or both, the newest first."""
    assert [(each.version, each.direction) for each in check(CANDIDATE, EARLIER, level)] == failures


def test_the_newest_version_alone_counts_where_it_is_not_transitive() -> None:
    """The one before may be broken with; that is why the default looks at all."""
    earlier = [version("b"), version("a", "b")]
    assert check(version("a"), earlier, Level.BACKWARD) == ()
    assert [each.version for each in check(version("a"), earlier)] == [1]


@pytest.mark.parametrize("name", ["BACKWARD", "FORWARD", "FULL"])
@pytest.mark.parametrize("reach", ["", "_TRANSITIVE"])
def test_directions(name: str, reach: str) -> None:
    """What the candidate cannot read, and what cannot read the candidate, if it is asked for."""
    failures = check(version("a"), [version("b")], Level(name + reach))
    paths = [(each.direction, each.incompatibilities[0].path) for each in failures]
    assert paths == [
        (direction, path)
        for direction, path in ((BACKWARD, "a"), (FORWARD, "b"))
        if name in {direction.name, "FULL"}
    ]


def test_a_first_version_fits() -> None:
    """There is nothing that it could break."""
    assert all(check(version("a"), [], level) == () for level in Level)
    assert render(()) == ""


def test_versions_with_the_same_reasons_are_told_together() -> None:
    """The reader of the text sees each reason once, and what to do with the candidate."""
    failures = check(version("a", "b"), [version("a"), version("a", "b"), version("a")])
    assert [each.version for each in failures] == [3, 1]
    assert all(isinstance(each, Failure) for each in failures)
    assert render(failures) == (
        "The candidate cannot read all that versions 1, 3 wrote:\n"
        "  b is not written and is read as int: it has no default.\n"
        "    Give it a default.\n"
    )


def test_a_full_list_says_that_there_may_be_more() -> None:
    """Nobody takes fifty reasons for all."""
    wanted = version(*(f"f{number}" for number in range(60)))
    lines = render(check(wanted, [version()])).splitlines()
    assert len(lines) == 102
    assert lines[-1] == "  The list ends here; there may be more."


def test_an_only_version_may_be_called_by_a_name() -> None:
    """What lies in a commit has no number."""
    failures = check(version("a"), [version("b")], Level.FULL)
    heads = [line for line in render(failures, earlier="git:main").splitlines() if line[0] != " "]
    assert heads == [
        "The candidate cannot read all that git:main wrote:",
        "git:main cannot read all that the candidate writes:",
    ]
