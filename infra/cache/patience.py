"""How often to look at a lock that another process holds.

A load takes 1 ms or 10 s, and nobody knows beforehand. So pauses grow with the time that has been
waited: whoever waits learns of the end about a quarter of the load's time late, at most as late
again, and never more than a quarter of a second. A long wait costs a few commands a second (cashews
asks without a pause, 2 400 times a second and process).

Laws:
1. Pauses have chance in them, so that processes that began together do not stay in step.
2. Chance is an argument; nobody sleeps here.
"""

from typing import Final

__all__ = ["FIRST_S", "LONGEST_S", "pause_s"]

FIRST_S: Final = 0.010
"""About what the shortest load worth caching takes."""
LONGEST_S: Final = 0.250
"""Five to eight commands a second for whoever waits long."""
_GROWTH: Final = 1.5
_CHANCE: Final = 0.5
"""The part of a pause that is left to chance."""
_LAST_GROWTH: Final = 8
"""10 ms times 1.5 to the 8th is 256 ms."""


def pause_s(looks: int, chance: float) -> float:
    """Return how long to pause before the next look.

    Args:
        looks: how many there were since the first, 0 or more.
        chance: from 0 up to 1.

    Returns:
        Seconds.
    """
    whole_s = min(FIRST_S * _GROWTH ** min(looks, _LAST_GROWTH), LONGEST_S)
    return whole_s * (1 - _CHANCE * chance)
