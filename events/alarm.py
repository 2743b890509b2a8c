"""What is wrong but stops nobody: told to whoever wires the parts together.

A room below infra neither logs nor counts for a monitor. Where it goes on although something is
wrong in the world, it raises an alarm: a value, handed to a function that it was given.

Laws:
1. An alarm's name is stable, since dashboards and alerts are built on it.
2. Its facts hold coordinates and counts, never payload.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Alarm", "RaiseAlarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that somebody should look at."""

    name: str
    """Stable name in lower case with hyphens: schema-record-skipped, ..."""
    text: str
    """What happened and what follows from it, in one or two sentences."""
    facts: Mapping[str, str | int]
    """Coordinates and counts."""


RaiseAlarm = Callable[[Alarm], None]
"""Takes an alarm; must not block and must not raise."""
