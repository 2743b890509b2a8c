"""Text from outside, made harmless for one line of a terminal or a log.

A value may hold line ends, terminal commands or characters that turn the reading direction round,
and would then forge a log line or hide what it says (CWE-117; for the direction marks "Trojan
Source", CVE-2021-42574). Whatever goes to a log or a terminal passes through here.

Laws:
1. What comes out is one line, and shows every character that was replaced by its escape.
2. This file knows neither logs nor terminals.
"""

import re
from typing import Final

__all__ = ["escaped", "excerpt"]

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: line ends, ESC, and the one-byte CSI
    "\u2028\u2029"  # line and paragraph separator
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reading direction
    "\ufeff"  # byte order mark, invisible
    "\ud800-\udfff"  # halves of characters, which no stream can encode
    "]"
)


def escaped(text: str) -> str:
    r"""Return the text with unsafe characters as escapes: a line end as `\n`, ESC as `\x1b`."""
    return _UNSAFE.sub(_escape, text)


def excerpt(text: str, limit: int = 64) -> str:
    """Return the beginning of a text, escaped.

    Args:
        text: any text.
        limit: characters taken of it at most.
    """
    return escaped(text[:limit]) + ("..." if len(text) > limit else "")


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
