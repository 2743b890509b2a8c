"""Which line of the user's own code an error came through.

A traceback through an event loop and four libraries holds one line that its reader can change. This
finds it: the last one that is neither of the standard library, nor of an installed package, nor of
penstock.
"""

import site
import sysconfig
import traceback
from pathlib import Path
from typing import Final

from penstock.infra.plain_text import excerpt

__all__ = ["place_of"]

_ROOMS: Final = ("schemas", "events", "workers", "sagas", "infra")
_KINDS: Final = ("stdlib", "platstdlib", "purelib", "platlib")
_FOREIGN: Final = (
    *(Path(sysconfig.get_path(kind)).resolve() for kind in _KINDS),
    *(Path(folder).resolve() for folder in site.getsitepackages()),
    *(Path(__file__).resolve().parents[1] / room for room in _ROOMS),
)


def place_of(error: BaseException) -> str:
    """Return the file and line of the user's own code that an error came through last.

    Code of the standard library, of installed packages and of penstock is passed over, unless
    there is no other.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{excerpt(error.filename, 200)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_foreign(frame.filename)]
    if not frames:
        return "an unknown place"
    frame = (own or frames)[-1]
    return f"{excerpt(frame.filename, 200)}:{frame.lineno}"


def _is_foreign(filename: str) -> bool:
    path = Path(filename).resolve()
    return filename.startswith("<") or any(path.is_relative_to(folder) for folder in _FOREIGN)
