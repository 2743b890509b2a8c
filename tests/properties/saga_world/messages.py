"""What is on its way between a saga and its services.

Small tuples of numbers, because millions of them are compared: a step is its place, a direction and
an answer are the constants below.
"""

from typing import Final, NamedTuple

__all__ = ["DO", "ERROR", "FATAL", "OK", "REFUSED", "UNDO", "Ask", "Reply"]

DO: Final = 0
UNDO: Final = 1

OK: Final = 1
REFUSED: Final = 2
ERROR: Final = 3
FATAL: Final = 4
"""An error that no further attempt mends."""


class Ask(NamedTuple):
    """A command."""

    step: int
    way: int
    attempt: int


class Reply(NamedTuple):
    """The answer to a command."""

    step: int
    way: int
    attempt: int
    answer: int

    @property
    def ask(self) -> Ask:
        """What it answers."""
        return Ask(self.step, self.way, self.attempt)
