"""Durations: `10s`, `5m`, `2h`, `3d`. Always with a unit, always whole, never two units in one.

Without a unit YAML would make numbers of them, and 1.1 even made 90 of `1:30`.
"""

import re
from typing import Final

__all__ = ["LONGEST_MS", "duration_ms", "duration_text"]

_FORM = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS: Final = 365 * _UNIT_MS["d"]
"""The longest duration (saga-rules S35)."""


def duration_ms(text: str) -> int | None:
    """Return the milliseconds of a duration, or None where the text is none or above the limit."""
    if (found := _FORM.fullmatch(text)) is None:
        return None
    length_ms = int(found[1]) * _UNIT_MS[found[2]]
    return length_ms if length_ms <= LONGEST_MS else None


def duration_text(length_ms: int) -> str:
    """Return a duration as messages show it, in the largest unit that leaves no fraction."""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(length_ms, _UNIT_MS[unit])
        if count and not rest:
            return f"{count}{unit}"
    return f"{length_ms / _UNIT_MS['s']:g}s"
