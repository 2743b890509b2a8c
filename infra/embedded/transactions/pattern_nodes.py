"""The parts of a regular expression, and where in a text each can end.

Matching works on sets of places: from the places where a part may begin to those where it may end.
So nothing is ever tried twice from the same place, and there is no backtracking that a hostile
expression could make endless; what is costly all the same runs against a limit of steps.

Only whether a text matches is asked, never where, so greed does not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

__all__ = ["Choice", "Edge", "Node", "One", "Repeat", "Sequence", "Steps", "TooManySteps"]


class TooManySteps(Exception):
    """The expression is too costly; caught where expressions are read."""


@final
class Steps:
    """Counts what matching costs. Mutable."""

    __slots__ = ("_left",)

    def __init__(self, limit: int) -> None:
        """Begin.

        Args:
            limit: One step more is too many.
        """
        self._left = limit

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            TooManySteps: there were too many.
        """
        self._left -= steps
        if self._left < 0:
            raise TooManySteps


@dataclass(frozen=True, slots=True)
class One:
    """One character."""

    accepts: Callable[[str], bool]

    def ends(self, text: str, starts: set[int], steps: Steps) -> set[int]:
        """Return the places after a character that is accepted."""
        accepts = self.accepts
        steps.spend(len(starts) + 1)
        return {start + 1 for start in starts if start < len(text) and accepts(text[start])}


@dataclass(frozen=True, slots=True)
class Edge:
    """A place between two characters; the text's ends have the empty string beyond them."""

    lies: Callable[[str, str], bool]

    def ends(self, text: str, starts: set[int], steps: Steps) -> set[int]:
        """Return the places that lie so."""
        lies = self.lies
        steps.spend(len(starts) + 1)
        return {
            start
            for start in starts
            if lies(text[start - 1 : start] if start else "", text[start : start + 1])
        }


@dataclass(frozen=True, slots=True)
class Sequence:
    """One part after the other."""

    parts: "tuple[Node, ...]"

    def ends(self, text: str, starts: set[int], steps: Steps) -> set[int]:
        """Return the places after the last part."""
        steps.spend(1)
        for part in self.parts:
            starts = part.ends(text, starts, steps)
        return starts


@dataclass(frozen=True, slots=True)
class Choice:
    """Any one of the parts."""

    parts: "tuple[Node, ...]"

    def ends(self, text: str, starts: set[int], steps: Steps) -> set[int]:
        """Return the places after any of the parts."""
        steps.spend(1)
        found: set[int] = set()
        for part in self.parts:
            found |= part.ends(text, starts, steps)
        return found


@dataclass(frozen=True, slots=True)
class Repeat:
    """A part, several times."""

    part: "Node"
    least: int
    most: int | None

    def ends(self, text: str, starts: set[int], steps: Steps) -> set[int]:
        """Return the places after so many times the part."""
        for _ in range(self.least):
            steps.spend(1)
            starts = self.part.ends(text, starts, steps)
        found, fresh = set(starts), starts
        further = len(text) + 1 if self.most is None else self.most - self.least
        while fresh and further > 0:
            steps.spend(1)
            # Whatever begins at a place that was reached before is found already.
            fresh = self.part.ends(text, fresh, steps) - found
            found |= fresh
            further -= 1
        return found


Node = One | Edge | Sequence | Choice | Repeat
"""A part of an expression."""
