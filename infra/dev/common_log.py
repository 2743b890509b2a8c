"""The one log of a session, on stdout: it is what this command prints.

On a terminal each name has its colour; elsewhere there are none. How a line looks stands in
log_line.py.
"""

import sys
from collections.abc import Iterable
from typing import TextIO, final

from rich.console import Console
from rich.text import Text

from penstock.infra.dev.log_line import DEV, LogLine, Palette, is_chatter

__all__ = ["CommonLog"]


@final
class CommonLog:
    """A stream that many processes write to, line by line."""

    def __init__(self, stream: TextIO | None = None, *, chatter: bool = False) -> None:
        """Write to a stream.

        Args:
            stream: stdout if not given.
            chatter: whether the Kafka client's talk of its own doings is shown, too.
        """
        self._chatter = chatter
        self._console = Console(
            file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._palette = Palette()

    def add(self, names: Iterable[str]) -> None:
        """Tell names beforehand, so that all heads are of one width."""
        for name in names:
            self._palette.add(name)

    def tell(self, name: str, text: str) -> None:
        """Write a line of a process."""
        if not self._chatter and is_chatter(text):
            return
        self._write(self._palette.line(name, text))

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Write a line of the session's own.

        Args:
            text: one line.
            wrong: whether it needs a person.
        """
        self._write(self._palette.line(DEV, text, wrong=wrong))

    def _write(self, line: LogLine) -> None:
        self._console.print(Text.assemble((line.head, line.style), line.text))
