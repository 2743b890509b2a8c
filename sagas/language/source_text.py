"""The text of a saga file, as people are shown it: its lines, and what may not stand in them.

A file that looks harmless must be harmless: characters without a shape can make two names look
alike, and marks of reading direction can let a line mean another than it shows ("Trojan Source",
CVE-2021-42574). So they are refused, even in comments; in a double-quoted text their escapes say
openly what they are.

Laws:
1. What comes out of `harmless` and `window` is one line that any terminal shows as it is.
2. This file knows no YAML.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Mark", "SourceText", "harmless", "hidden_characters", "quoted"]

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, formats (zero width, direction), halves of characters, and of
the separators that some programs take for a line end."""
_WIDTH = 120
"""Columns of a line that are shown."""
_BEFORE = 70
"""Columns of them before the place, in a line that is longer."""
_NAME_LENGTH = 64
"""Characters of a name in a message."""
_BYTE_ORDER_MARK = 0xFEFF
_NO_CHARACTER = 0xFFFE
"""The last two places of each plane, U+FFFE and U+FFFF, are no characters at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in the text."""

    line: int
    """From 1."""
    column: int
    """In characters, from 1."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """The lines of a file."""

    lines: tuple[str, ...]
    """Without their ends."""

    @classmethod
    def of(cls, text: str) -> "SourceText":
        """Split a text at its line ends: LF, CR LF, CR."""
        return cls(tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))

    def clamped(self, mark: Mark) -> Mark:
        """Return the place, or the nearest one that exists: some faults lie behind the end."""
        line = min(max(mark.line, 1), len(self.lines))
        if line != mark.line:
            return Mark(line=line, column=len(self.lines[line - 1]) + 1)
        return Mark(line=line, column=min(mark.column, len(self.lines[line - 1]) + 1))

    def window(self, mark: Mark) -> tuple[str, int]:
        """Return what is shown of the line of a place, and the columns before the place in it."""
        line = self.lines[mark.line - 1]
        at = mark.column - 1
        start = max(0, at - _BEFORE) if len(line) > _WIDTH else 0
        part = line[start : start + _WIDTH]
        head = "..." if start else ""
        tail = "..." if start + _WIDTH < len(line) else ""
        before = head + _shown(line[start:at])
        return head + _shown(part).rstrip() + tail, sum(map(_columns, before))


def hidden_characters(text: str) -> Iterator[tuple[Mark, str]]:
    """Yield each character that a saga file may not hold, with its place and its description."""
    if text.isascii() and text.isprintable():
        return
    for number, line in enumerate(SourceText.of(text).lines, 1):
        if line.isascii() and line.isprintable():
            continue
        for column, character in enumerate(line, 1):
            if character != "\t" and _is_hidden(character):
                yield Mark(line=number, column=column), _described(character)


def harmless(text: str) -> str:
    """Return the text with its hidden characters as escapes."""
    if text.isprintable():
        return text
    return "".join(_escaped(each) if _is_hidden(each) else each for each in text)


def quoted(text: str) -> str:
    """Return a name or a value as a message shows it: harmless, not long, in quotes."""
    more = "..." if len(text) > _NAME_LENGTH else ""
    return f"'{harmless(text[:_NAME_LENGTH])}{more}'"


def _is_hidden(character: str) -> bool:
    return (
        unicodedata.category(character) in _HIDDEN
        or ord(character) & _NO_CHARACTER == _NO_CHARACTER
    )


def _described(character: str) -> str:
    name = unicodedata.name(character, "")
    known = {"Cc": "a control character", "Cs": "half a character"}
    kind = name or known.get(unicodedata.category(character), "no character")
    mark = ", as some editors put at the beginning" if ord(character) == _BYTE_ORDER_MARK else ""
    return f"U+{ord(character):04X} ({kind}{mark})"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _shown(text: str) -> str:
    """Return a part of a line, character by character: the caret below counts them."""
    return "".join(
        " " if each == "\t" else "\N{REPLACEMENT CHARACTER}" if _is_hidden(each) else each
        for each in text
    )


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
