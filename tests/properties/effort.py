"""How many examples a machine gets whose every example is a long play.

A test may take 120 s on a machine that does other things too, and the tests of a change 40 minutes.
"""

from typing import Final

from hypothesis import settings

__all__ = ["LONG_PLAYS"]

_ENOUGH: Final = 100
_NIGHT: Final = 20_000

_ASKED: Final = settings().max_examples

LONG_PLAYS: Final = _ASKED if _ASKED >= _NIGHT else min(_ASKED, _ENOUGH)
"""At most 100; at night all that are asked for."""
