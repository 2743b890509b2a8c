"""Every life met in a search, by number: states compare numbers, and no step is made twice."""

from collections.abc import Mapping
from dataclasses import replace

from penstock.workers.partition_life import Life, Phase, Transition, advance
from penstock.workers.partition_signals import Command, Input

__all__ = ["Lives"]


class Lives:
    """The real core, its lives numbered in the order in which they were met."""

    def __init__(self, table: Mapping[tuple[Phase, type], Transition]) -> None:
        """Begin with the life of a new process."""
        self._table = table
        self._lives: list[Life] = []
        self._numbers: dict[Life, int] = {}
        self._steps: dict[tuple[int, Input], tuple[int, tuple[Command, ...]]] = {}
        self.newborn = self._number(Life())

    def __getitem__(self, number: int) -> Life:
        """Return the life with this number."""
        return self._lives[number]

    def advance(self, number: int, happened: Input) -> tuple[int, tuple[Command, ...]]:
        """Give an input to the real core.

        Doubts are forgotten at once: in this world more than a minute lies between two of them, so
        that no play ends because somebody gave up.
        """
        step = self._steps.get((number, happened))
        if step is None:
            life, commands = advance(self._lives[number], happened, now=0.0, table=self._table)
            step = self._number(replace(life, doubts=())), commands
            self._steps[number, happened] = step
        return step

    def _number(self, life: Life) -> int:
        number = self._numbers.setdefault(life, len(self._lives))
        if number == len(self._lives):
            self._lives.append(life)
        return number

    def pairs(self) -> set[tuple[Phase, type]]:
        """Tell which entries of the table were used so far."""
        return {(self._lives[number].phase, type(happened)) for number, happened in self._steps}
