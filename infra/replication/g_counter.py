"""A counter that only grows (G-Counter), as a value.

Each replica has a component, the number that it has counted. Merging takes the larger number of
each component, so it does not matter in which order, how often and by which way states arrive
(Shapiro et al., A comprehensive study of Convergent and Commutative Replicated Data Types, 2011,
specification 6; deltas: Almeida et al., Delta state replicated data types, 2018).

Laws, each a property test:
1. Merging commutes, associates, is idempotent, and a new counter changes nothing.
2. `<=` is the order of the lattice: `a <= b` where b has seen all that a has. Counting and merging
   only go up, and the merge of two is the least that is above both.
3. Counting is merging a delta; deltas merged with each other are a delta.
4. Equal states are equal values: a component of 0 is left out.
5. Components are whole numbers from 0 to 2**63 - 1; the value, their sum, has no limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

from penstock.schemas.errors import CallerError, ExitCode
from penstock.workers.counters import COUNT_LIMIT

__all__ = ["GCounter", "IllegalComponent"]

_SHOWN_CHARACTERS = 128


@dataclass(eq=False, kw_only=True)
class IllegalComponent(CallerError):
    """A component of a counter that cannot be."""

    replica: str
    """Whose it is, escaped and cut."""
    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I94"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The component of replica {replica} is refused: {problem}."
    why: ClassVar[str] = "A replica counts whole numbers, in all from 0 to 2**63 - 1."
    remedy: ClassVar[str] = "Mend the call; trying again changes nothing."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GCounter:
    """A counter that only grows.

    Raises:
        IllegalComponent: a component is no whole number from 0 to 2**63 - 1.
    """

    components: Mapping[str, int] = field(default_factory=dict, hash=False)
    """What each replica has counted. As a version vector it says what has been seen of whom."""

    def __post_init__(self) -> None:
        """Check the components; keep those that are not 0."""
        kept = {
            replica: number
            for replica, number in self.components.items()
            if _checked(replica, number)
        }
        object.__setattr__(self, "components", kept)

    @property
    def value(self) -> int:
        """The sum of all components; it may be larger than any of them can be."""
        return sum(self.components.values())

    def incremented(self, replica: str, by: int = 1) -> "GCounter":
        """Return the counter after a replica has counted.

        Args:
            replica: who counts; nobody else may count as this replica.
            by: how much, 0 or more.

        Raises:
            IllegalComponent: it cannot count that.
        """
        return self.merged(self.increment_delta(replica, by))

    def increment_delta(self, replica: str, by: int = 1) -> "GCounter":
        """Return the little that `incremented` would add: the replica's component alone.

        Args:
            replica: who counts.
            by: how much, 0 or more.

        Raises:
            IllegalComponent: it cannot count that.
        """
        _checked(replica, by)
        return GCounter(components={replica: self.components.get(replica, 0) + by})

    def merged(self, other: "GCounter") -> "GCounter":
        """Return the least counter that has seen all that these two have."""
        mine, theirs = self.components, other.components
        replicas = mine.keys() | theirs.keys()
        return GCounter(
            components={each: max(mine.get(each, 0), theirs.get(each, 0)) for each in replicas}
        )

    def delta(self, since: "GCounter") -> "GCounter":
        """Return the smallest counter that, merged into `since`, gives all that both have seen."""
        seen = since.components
        return GCounter(
            components={
                replica: number
                for replica, number in self.components.items()
                if number > seen.get(replica, 0)
            }
        )

    def __le__(self, other: "GCounter") -> bool:
        """Whether the other has seen all that this one has."""
        theirs = other.components
        return all(number <= theirs.get(replica, 0) for replica, number in self.components.items())


def _checked(replica: str, number: int) -> bool:
    """Whether a component is to be kept."""
    problem = None
    if type(number) is not int:  # a bool and whatever else derives from int is somebody's mistake
        problem = f"it is a {type(number).__name__}"
    elif number < 0:
        problem = "it is negative"
    elif number > COUNT_LIMIT:
        problem = "it is larger than 2**63 - 1"
    if problem is not None:
        raise IllegalComponent(replica=ascii(replica)[:_SHOWN_CHARACTERS], problem=problem)
    return number > 0
