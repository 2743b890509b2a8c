"""One line that is written again and again on a terminal, and now and then elsewhere.

A terminal shows the latest text in place. A pipe or a file gets whole lines, few of them, so that a
log stays a log.

Laws:
1. What is said stays above; only the live line is ever overwritten.
2. Elsewhere than on a terminal no control character is written.
"""

import shutil
from collections.abc import Callable
from typing import Final, TextIO, final

__all__ = ["LiveLine"]

_AGAIN_S: Final = 2.0
"""Shortest time between two lines of a pipe, in seconds."""
_ERASE: Final = "\r\x1b[K"  # to the line's start, and erase to its end (ECMA-48 EL)


@final
class LiveLine:
    """The live line of one stream, and what is said above it."""

    def __init__(self, stream: TextIO, now_s: Callable[[], float]) -> None:
        """Write to a stream.

        Args:
            stream: where to.
            now_s: monotonic seconds.
        """
        self._stream = stream
        self._now_s = now_s
        self._terminal = stream.isatty()
        self._shown = ""
        self._shown_s = float("-inf")

    def say(self, text: str) -> None:
        """Write a line that stays."""
        erase = _ERASE if self._terminal and self._shown else ""
        self._stream.write(f"{erase}{text}\n")
        if self._terminal:
            self._stream.write(self._shown)
        self._stream.flush()

    def show(self, text: str) -> None:
        """Make a text the live line."""
        if text == self._shown:
            return
        if self._terminal:
            self._shown = text[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"{_ERASE}{self._shown}")
        elif self._now_s() - self._shown_s >= _AGAIN_S:
            self._shown, self._shown_s = text, self._now_s()
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Take the live line away; the next one begins anew."""
        if self._terminal and self._shown:
            self._stream.write(_ERASE)
            self._stream.flush()
        self._shown = ""
