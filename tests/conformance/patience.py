"""Waiting for what must happen, without a loop of events: look again and again."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["until"]

LIMIT_S: Final = 20.0
_LOOK_S: Final = 0.02
_SeenT = TypeVar("_SeenT")


def until(look: Callable[[], _SeenT], *, what: str, limit_s: float = LIMIT_S) -> _SeenT:
    """Look again and again until what is seen is true.

    Args:
        look: Looks once.
        what: What is waited for, in words.
        limit_s: Seconds until the test fails.

    Returns:
        What was seen.
    """
    deadline_s = time.monotonic() + limit_s
    while not (seen := look()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited {limit_s:g} s in vain for {what}; last seen: {seen!r}")
        time.sleep(_LOOK_S)
    return seen
