"""How a line of the common log looks: whose it is, in that one's colour, and what was said.

    payments | 2026-01-01T12:00:00Z info penstock.worker worker payments started

Law: what comes out is one line; what a process wrote can neither colour it nor leave it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import Final, final

from penstock.infra.plain_text import escaped

__all__ = ["DEV", "LIMIT", "LogLine", "Palette", "is_chatter"]

DEV: Final = "dev"
"""The name of the session's own lines."""
LIMIT: Final = 4000
"""Characters of a line that are shown."""
_TAB: Final = 4
_WIDTH: Final = 9
"""Least width of a name: the first lines come before all names are known."""
_CHATTER: Final = re.compile(r"\S+ info +aiokafka\.")
_COLOURS: Final = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green",
                   "bright_magenta", "bright_yellow", "bright_blue")  # fmt: skip
"""Red is not among them: it is for what has gone wrong."""
_OWN: Final = "bold"
_WRONG: Final = "bold red"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line, in two parts."""

    head: str
    """The name, as wide as the widest, and a bar."""
    style: str
    """The head's style, by rich's names."""
    text: str
    """What was said."""


def is_chatter(text: str) -> bool:
    """Whether a line is the Kafka client's talk of its own doings, twenty lines a start."""
    return _CHATTER.match(text) is not None


@final
class Palette:
    """The names of one session with their colours. A name keeps its colour."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Begin with names in the order in which they get colours."""
        self._next = cycle(_COLOURS)
        self._styles = {DEV: _OWN}
        self._width = _WIDTH
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Give a name a colour; one that has one keeps it."""
        if name not in self._styles:
            self._styles[name] = next(self._next)
            self._width = max(self._width, len(name))

    def line(self, name: str, text: str, *, wrong: bool = False) -> LogLine:
        """Make a line.

        Args:
            name: whose it is.
            text: one line of a process, with or without its end.
            wrong: whether it tells of something that needs a person.
        """
        self.add(name)
        said = escaped(text.rstrip("\r\n").expandtabs(_TAB)[: LIMIT + 1])
        if len(said) > LIMIT:
            said = said[:LIMIT] + "..."
        style = _WRONG if wrong else self._styles[name]
        return LogLine(head=f"{name:<{self._width}} | ", style=style, text=said)
