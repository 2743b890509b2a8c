r"""Which characters a name in a regular expression stands for, and which places.

Perl's and POSIX' classes know ASCII only, as in RE2; `\pL` and its like ask Unicode.
Source: https://github.com/google/re2/wiki/Syntax.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

__all__ = [
    "CATEGORIES",
    "CONTROLS",
    "EDGES",
    "PERL_CLASSES",
    "POSIX_CLASSES",
    "Accepts",
    "any_character",
    "any_of",
    "at_end",
    "at_line_end",
    "at_line_start",
    "at_start",
    "between",
    "in_any_case",
    "in_category",
    "is_digit",
    "is_punctuation",
    "is_word",
    "negated",
    "no_newline",
]

Accepts = Callable[[str], bool]
"""Says of one character whether it is meant."""


def is_word(character: str) -> bool:
    r"""Say whether it is one of `\w`."""
    return character.isascii() and (character.isalnum() or character == "_")


def is_digit(character: str) -> bool:
    r"""Say whether it is one of `\d`."""
    return character.isascii() and character.isdigit()


def is_punctuation(character: str) -> bool:
    """Say whether it is printable ASCII and neither letter, digit nor space."""
    return "!" <= character <= "~" and not character.isalnum()


def any_character(character: str) -> bool:  # noqa: ARG001 - whatever it is asked about
    """Accept it."""
    return True


def no_newline(character: str) -> bool:
    """Say whether it is no newline."""
    return character != "\n"


def between(low: str, high: str) -> Accepts:
    """Accept from one character to another, both included."""
    return lambda character: low <= character <= high


def negated(accepts: Accepts) -> Accepts:
    """Accept all others."""
    return lambda character: not accepts(character)


def any_of(accepted: Sequence[Accepts]) -> Accepts:
    """Accept what any of them accepts."""
    return lambda character: any(accepts(character) for accepts in accepted)


def in_any_case(accepts: Accepts) -> Accepts:
    """Accept capital for small letters, and the other way."""
    return lambda c: accepts(c) or accepts(c.lower()) or accepts(c.upper())


def in_category(name: str) -> Accepts:
    """Accept a general category of Unicode, or all that begin with the letter."""
    return lambda character: unicodedata.category(character).startswith(name)


def _is_space(character: str) -> bool:
    return character in {" ", "\t", "\n", "\f", "\r"}


PERL_CLASSES: Final[dict[str, Accepts]] = {"d": is_digit, "s": _is_space, "w": is_word}
r"""`\d` and its like, by their letter; the capital means all others."""

POSIX_CLASSES: Final[dict[str, Accepts]] = {
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "ascii": str.isascii,
    "blank": lambda c: c in {" ", "\t"},
    "cntrl": lambda c: c < " " or c == "\x7f",
    "digit": is_digit,
    "graph": lambda c: "!" <= c <= "~",
    "lower": lambda c: "a" <= c <= "z",
    "print": lambda c: " " <= c <= "~",
    "punct": is_punctuation,
    "space": lambda c: _is_space(c) or c == "\v",
    "upper": lambda c: "A" <= c <= "Z",
    "word": is_word,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
"""`[[:alnum:]]` and its like, by their name."""

CATEGORIES: Final = frozenset(
    letter + detail
    for letter, details in {
        "C": "cfos",
        "L": "lmotu",
        "M": "cen",
        "N": "dlo",
        "P": "cdefios",
        "S": "ckmo",
        "Z": "lps",
    }.items()
    for detail in ("", *details)
)
r"""The general categories, for `\pL` and `\p{Lu}`."""

CONTROLS: Final = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
r"""`\n` and its like, by their letter."""


def at_start(before: str, after: str) -> bool:  # noqa: ARG001 - every place is asked alike
    """Say whether nothing comes before."""
    return not before


def at_end(before: str, after: str) -> bool:  # noqa: ARG001 - every place is asked alike
    """Say whether nothing comes after."""
    return not after


def at_line_start(before: str, after: str) -> bool:  # noqa: ARG001 - every place is asked alike
    """Say whether a line begins here."""
    return before in {"", "\n"}


def at_line_end(before: str, after: str) -> bool:  # noqa: ARG001 - every place is asked alike
    """Say whether a line ends here."""
    return after in {"", "\n"}


def _at_word_edge(before: str, after: str) -> bool:
    return (before != "" and is_word(before)) != (after != "" and is_word(after))


def _off_word_edge(before: str, after: str) -> bool:
    return not _at_word_edge(before, after)


EDGES: Final = {"A": at_start, "z": at_end, "b": _at_word_edge, "B": _off_word_edge}
r"""`\A` and its like, by their letter."""
