"""What has happened on the way to Redis."""

from dataclasses import dataclass

__all__ = ["RedisStatistics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStatistics:
    """Counts since the store was opened, and what is now."""

    calls: int
    """Calls that have ended, well or badly; a pipeline or a script is one."""
    refused: int
    """Of these, those that the server answered with an error."""
    unreachable: int
    """Of these, those that had no connection or no answer in time."""
    too_long_values: int
    """Values that were longer than their reader takes."""
    connects: int
    """Connections that were made."""
    dropped: int
    """Connections that were ended before the store was."""
    in_use: int
    """Connections that a call has now, or makes."""
    idle: int
    """Connections that wait for the next call."""
