"""Executes generated source as a package of its own that is gone afterwards."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType

__all__ = ["fresh_module", "imported", "next_package"]

_NUMBERS = count()


def next_package() -> str:
    """Return a name that no package had before."""
    return f"made_{next(_NUMBERS)}"


@contextmanager
def fresh_module(text: str) -> Iterator[ModuleType]:
    """Execute one module."""
    module = ModuleType(next_package())
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, module.__name__, "exec"), module.__dict__)  # noqa: S102 - the point
        yield module
    finally:
        del sys.modules[module.__name__]


@contextmanager
def imported(
    files: Mapping[str, str], package: str, folder: Path
) -> Iterator[Mapping[str, ModuleType]]:
    """Write a package and import all of its modules, by their dotted names."""
    for path, text in files.items():
        file = folder / package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        names = [
            ".".join((package, *path.removesuffix(".py").split("/"))).removesuffix(".__init__")
            for path in sorted(files)
        ]
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(folder))
        for name in [each for each in sys.modules if each.split(".")[0] == package]:
            del sys.modules[name]
