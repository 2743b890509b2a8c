"""The levels of compatibility: how a new version of a schema has to fit to those before it.

The levels are those of schema registries, and so are their names. Whoever publishes a schema checks
it against what was published before; what does not fit is told with the version and the direction,
in words for the author of the candidate, because what is published does not change.

Law: this file knows only who has to read whom. Whether one reads the other is compatibility's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.schemas.compatibility import MAX_INCOMPATIBILITIES, incompatibilities
from penstock.schemas.incompatibility import Incompatibility, listed
from penstock.schemas.type_tree import AvroType

__all__ = ["Direction", "Failure", "Level", "check", "render"]


class Level(StrEnum):
    """How a schema has to fit to those before it, as schema registries name it."""

    NONE = "NONE"
    """In no way."""
    BACKWARD = "BACKWARD"
    """It reads what the version before wrote: readers are updated first."""
    FORWARD = "FORWARD"
    """The version before reads what it writes: writers are updated first."""
    FULL = "FULL"
    """Both, with the version before."""
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    """It reads what any version before wrote: topics are read again from their beginning."""
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    """Any version before reads what it writes."""
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    """Both, with all versions before."""


class Direction(StrEnum):
    """Which of two versions reads."""

    BACKWARD = "backward"
    """The candidate reads what the earlier version wrote."""
    FORWARD = "forward"
    """The earlier version reads what the candidate writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One earlier version with which a candidate does not agree, in one direction."""

    version: int
    """The earlier version, counted from 1, the oldest."""
    direction: Direction
    """Who cannot read whom."""
    incompatibilities: tuple[Incompatibility, ...]
    """Why, at least one."""


def check(
    candidate: AvroType, earlier: Sequence[AvroType], level: Level = Level.BACKWARD_TRANSITIVE
) -> tuple[Failure, ...]:
    """Tell whether a schema may follow those before it.

    Args:
        candidate: the schema that is to be published.
        earlier: the published ones, the oldest first.
        level: what is demanded.

    Returns:
        A failure for each earlier version and direction that does not work, the newest version
        first; empty when the candidate may be published.
    """
    directions = [each for each in Direction if each.name in level.value or level in _BOTH]
    versions = list(enumerate(earlier, 1))
    if not level.value.endswith("_TRANSITIVE"):
        versions = versions[-1:]
    failures = []
    for version, schema in reversed(versions):
        for direction in directions:
            backward = direction is Direction.BACKWARD
            reader, writer = (candidate, schema) if backward else (schema, candidate)
            if found := incompatibilities(reader, writer):
                failures.append(
                    Failure(version=version, direction=direction, incompatibilities=found)
                )
    return tuple(failures)


_BOTH = frozenset({Level.FULL, Level.FULL_TRANSITIVE})


def render(failures: Sequence[Failure], *, earlier: str | None = None) -> str:
    """Return failures as text: who cannot read whom, and for each reason a line and a remedy.

    Versions with the same reasons are told together. The remedy is for the candidate, because what
    is published does not change.

    Args:
        failures: what `check` found.
        earlier: what to call the earlier version where there is but one, and it has no number.

    Returns:
        Lines with an end each; empty where there is no failure.
    """
    together: dict[tuple[Direction, tuple[Incompatibility, ...]], list[int]] = {}
    for failure in failures:
        key = failure.direction, failure.incompatibilities
        together.setdefault(key, []).append(failure.version)
    lines = []
    for (direction, found), versions in together.items():
        backward = direction is Direction.BACKWARD
        names = f"version {versions[0]}"
        if len(versions) > 1:
            names = f"versions {listed([str(version) for version in reversed(versions)])}"
        reads = f"The candidate cannot read all that {earlier or names} wrote:"
        is_read = f"{earlier or names.capitalize()} cannot read all that the candidate writes:"
        lines.append(reads if backward else is_read)
        for each in found:
            lines.append(f"  {each}")
            lines.append(f"    {each.reader_remedy if backward else each.writer_remedy}")
        if len(found) == MAX_INCOMPATIBILITIES:
            lines.append("  The list ends here; there may be more.")
    return "".join(f"{line}\n" for line in lines)
