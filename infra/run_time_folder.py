"""The user's run-time folder: small files of this machine that mean nothing after the next start.

    $XDG_RUNTIME_DIR/penstock      where there is such a folder
    <temporary folder>/penstock-<user id>    elsewhere

Law: what is written there is written by this user alone. In a folder that all may write to,
somebody else may have been there first.
"""

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["made_run_time_folder", "run_time_folder"]

_MINE_ONLY: Final = 0o700


def run_time_folder() -> Path:
    """Return where it is, whether there is one or not."""
    run_time = os.environ.get("XDG_RUNTIME_DIR")
    if run_time and Path(run_time).is_dir():
        return Path(run_time) / "penstock"
    return Path(tempfile.gettempdir()) / f"penstock-{os.getuid()}"


def made_run_time_folder() -> Path:
    """Return it, made where there was none.

    Raises:
        OSError: it cannot be made, or is not this user's.
    """
    folder = run_time_folder()
    folder.mkdir(mode=_MINE_ONLY, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "its folder belongs to somebody else", str(folder))
    return folder
