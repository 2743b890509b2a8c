"""Kafka's durations as the cores take them: whole milliseconds, where kio has `timedelta`."""

from datetime import timedelta
from typing import Final

__all__ = ["milliseconds"]

_ONE: Final = timedelta(milliseconds=1)


def milliseconds(duration: timedelta) -> int:
    """Say a duration of a request in milliseconds.

    Args:
        duration: As kio reads it; Kafka writes durations as whole milliseconds, negative ones too.

    Returns:
        The milliseconds, exactly.
    """
    return duration // _ONE
