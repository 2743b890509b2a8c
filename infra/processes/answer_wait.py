"""Wait until a server answers its clients' question."""

import time
from collections.abc import Callable

__all__ = ["wait_for_answer"]


def wait_for_answer(
    ask: Callable[[float], bool],
    *,
    timeout_s: float,
    pause_s: float,
    alive: Callable[[], bool] = lambda: True,
) -> bool:
    """Ask again and again.

    Args:
        ask: asks once, for no longer than the seconds that it is given.
        timeout_s: limit for all of it.
        pause_s: between two questions.
        alive: looked at between two questions; False ends the wait.

    Returns:
        True as soon as there was an answer, False at the limit or when it is no longer alive.
    """
    deadline = time.monotonic() + timeout_s
    while alive() and (left := deadline - time.monotonic()) > 0:
        if ask(left):
            return True
        time.sleep(pause_s)
    return False
