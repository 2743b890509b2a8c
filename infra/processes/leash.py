"""Run a command that dies with the thread that started it.

Called as a script, `python -I -S leash.py PARENT COMMAND…`: asks Linux for a SIGKILL at the death
of the parent (PR_SET_PDEATHSIG, prctl(2)) and then becomes the command; the process id stays the
same. A script and not a `preexec_fn`, because code between fork and exec deadlocks in a process
with threads. Imports the standard library only, and little of it: its start is part of a test.
"""

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Become the command `arguments[1:]`, tied to the life of the process `arguments[0]`.

    Elsewhere than on Linux the command is run untied.

    Raises:
        OSError: the tie was refused, or the command cannot be run.
    """
    parent, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):  # it died before the tie was made: no signal will come
        sys.exit(f"process {parent} is gone; {command[0]} is not started")
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
