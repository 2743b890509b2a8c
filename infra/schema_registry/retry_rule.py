"""Which answers may be another one next time, and how long to wait for that.

Laws:
1. Only what passes by itself is asked again: no answer at all, 429 (too many), 500, 502, 503, 504.
   A 4xx says that the call is wrong, and it stays wrong.
2. Every call may be repeated: registering the same schema again gives the same id.
3. Chance and time are arguments.
"""

from enum import Enum, auto
from typing import Final

__all__ = ["LONGEST_ASKED_S", "Verdict", "pause_s", "verdict"]

LONGEST_ASKED_S: Final = 30.0
"""Seconds that a registry may ask us to wait (Retry-After) and be obeyed."""

_MAY_PASS: Final = frozenset({429, 500, 502, 503, 504})
_HALF: Final = 0.5
_MOST_DOUBLINGS: Final = 20


class Verdict(Enum):
    """What a status means for us."""

    GIVEN = auto()
    """The body is the answer."""
    MAY_PASS = auto()
    """Ask again."""
    CREDENTIALS = auto()
    """Who we are is not known, or not allowed this."""
    REFUSED = auto()
    """The registry says no to this call."""
    FOREIGN = auto()
    """No registry answers so: a redirection, a login page."""


def verdict(status: int) -> Verdict:
    """Judge an HTTP status.

    Args:
        status: of a whole answer; 100 to 599.
    """
    if status in {200, 201}:
        return Verdict.GIVEN
    if status in _MAY_PASS:
        return Verdict.MAY_PASS
    if status in {401, 403, 407}:
        return Verdict.CREDENTIALS
    return Verdict.REFUSED if 400 <= status < 500 else Verdict.FOREIGN  # noqa: PLR2004 - HTTP's own


def pause_s(
    round_number: int, chance: float, *, first_s: float, longest_s: float, asked_s: float | None
) -> float:
    """Return how long to wait before the next round.

    Args:
        round_number: of those that have failed, from 0 on.
        chance: from 0 up to 1, so that services that began together do not stay in step.
        first_s: seconds after the first at most; doubled for each further one.
        longest_s: seconds at most.
        asked_s: what the registry asked for, if it did.

    Returns:
        Seconds: between the half and the whole of the step, or what was asked for where that is
        more.
    """
    step_s = min(first_s * 2.0 ** min(round_number, _MOST_DOUBLINGS), longest_s)
    own_s = step_s * (_HALF + _HALF * chance)
    return max(own_s, min(asked_s, LONGEST_ASKED_S)) if asked_s is not None else own_s
