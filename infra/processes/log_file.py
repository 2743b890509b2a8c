"""The log of a server that was started here, for people who want to know why it ended."""

from pathlib import Path
from typing import Final

__all__ = ["last_lines"]

_TAIL_BYTES: Final = 64 * 1024
"""How much of its end is read."""


def last_lines(log: Path, lines: int) -> str:
    """Return the end of a log.

    Args:
        log: the file.
        lines: how many at most; what does not fit in 64 KiB is left out.

    Returns:
        The lines; empty where there is no log yet.
    """
    if not log.exists():
        return ""
    with log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        text = opened.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
