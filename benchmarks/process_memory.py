"""How much memory a process has, as Linux counts it, read from /proc."""

from pathlib import Path
from typing import Final

__all__ = ["resident_bytes"]

_KIB: Final = 1024


def resident_bytes(process_id: int) -> int:
    """Return how much of a process lies in memory, in bytes."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    return int(sizes["VmRSS"].split()[0]) * _KIB
