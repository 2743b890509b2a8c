"""How many CPU seconds a process has used so far, as Linux counts them, and who listens on a port.

Both are read from /proc. The kernel counts in ticks of 10 ms: measure over a second or more.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["cpu_s", "java_behind"]

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_LISTENS: Final = "0A"
_LISTEN_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")


def cpu_s(process_id: int) -> float:
    """Return user and system time of all threads of a process, in seconds."""
    stat = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8")
    # Fields 14 and 15 of proc(5); counted from behind the name, which may hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def java_behind(address: str) -> int | None:
    """Return the process of the JVM that listens on this machine.

    Args:
        address: `host:port`; the port alone is looked at.

    Returns:
        None where it is no JVM of this machine, or one that cannot be looked at: in a container,
        another user's, elsewhere.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening(int(address.rpartition(":")[2]))}
    for process in Path("/proc").glob("[0-9]*"):
        if sockets & set(_open_files(process)) and _name(process) == "java":
            return int(process.name)
    return None


def _listening(port: int) -> Iterator[str]:
    """The inodes of sockets that listen on a port."""
    for table in _LISTEN_TABLES:
        for line in Path(table).read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _open_files(process: Path) -> Iterator[str]:
    try:
        for link in (process / "fd").iterdir():
            yield str(link.readlink())
    except OSError:  # it has ended, has closed the file, or belongs to another user
        return


def _name(process: Path) -> str:
    return (process / "comm").read_text(encoding="utf-8").strip()
