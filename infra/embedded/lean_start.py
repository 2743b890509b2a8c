"""What the broker's process does without, so that it is ready at once.

The collector of garbage rests until the broker stands, because nothing made on the way is garbage;
what stands is then kept out of its sight. And three packages bring along at import what a broker
never uses, together a third of a second. Each of these shortcuts has the same effect as an
installation that lacks the part in question, and none is taken where somebody has imported the part
already.

    kio      teaches hypothesis about its types wherever that is installed
    asyncio  loads ssl, which this broker does not speak
    crc32c   loads a command line, and looks itself up among the installed packages; only its
             compiled function is wanted

For a process that is a broker and nothing else: never call this in a process of somebody else's.
"""

import gc
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

__all__ = ["leave_out", "stand"]

_WITHOUT = ("hypothesis", "ssl")


def leave_out() -> None:
    """Leave out what can be left out; to be called before all other imports."""
    gc.disable()
    for name in _WITHOUT:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: "not to be had"
    _load_bare_crc32c()


def stand() -> None:
    """Let the collector begin, with what is there now out of its sight."""
    gc.freeze()
    gc.enable()


def _load_bare_crc32c() -> None:
    package = PathFinder.find_spec("crc32c")
    if "crc32c" in sys.modules or package is None or package.origin is None:
        return
    for suffix in EXTENSION_SUFFIXES:
        library = Path(package.origin).with_name(f"_crc32c{suffix}")
        if library.exists():
            loader = ExtensionFileLoader("crc32c._crc32c", str(library))
            spec = spec_from_file_location("crc32c._crc32c", library, loader=loader)
            if spec is not None:
                module = module_from_spec(spec)
                loader.exec_module(module)
                sys.modules["crc32c"] = module
            return
