"""The table of errors, docs/errors.md, written from the classes themselves.

    python -m tests.repository.errors_table docs/errors.md        (or: make errors)

The classes are the truth, the document is a print of them; a test holds one to the other.
"""

import pkgutil
import string
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from penstock.schemas.errors import PenstockError
from tests.repository.tree import ROOMS

__all__ = ["LETTERS", "error_classes", "errors", "load_rooms", "render"]

LETTERS: Final = dict(zip(ROOMS, "AEWSI", strict=True))
"""The letter of each room in the codes of its errors."""

HEAD: Final = """\
# Errors

Written by `make errors` from the classes; do not edit. The code never changes once it is published,
the sentences may. A name in braces stands for a fact of the error, which is also its attribute.

| code | name | what happened | why it is refused | what to do | exit code |
|---|---|---|---|---|---|
"""


def load_rooms() -> None:
    """Import every module of every room, so that all their classes exist."""
    for room in ROOMS:
        package = import_module(f"penstock.{room}")
        for found in pkgutil.walk_packages(package.__path__, f"penstock.{room}."):
            if not found.name.endswith("__main__"):  # importing it would run it
                import_module(found.name)


def error_classes() -> Iterator[type[PenstockError]]:
    """Yield each class of error that a room defines, families too. Call `load_rooms` first."""
    waiting: list[type[PenstockError]] = [PenstockError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__module__.startswith(tuple(f"penstock.{room}." for room in ROOMS)):
            yield kind


def errors() -> list[type[PenstockError]]:
    """Return the errors that carry a code, in the order of rooms and numbers."""
    return sorted((kind for kind in error_classes() if kind.code), key=_place)


def _place(kind: type[PenstockError]) -> tuple[int, int, str]:
    letter, number = kind.code[4:5], kind.code[5:]
    order = list(LETTERS.values())
    return (
        order.index(letter) if letter in order else len(order),
        int(number) if number.isdecimal() else 0,
        kind.__qualname__,
    )


def render() -> str:
    """Return the text of docs/errors.md."""
    return HEAD + "".join(_row(kind) for kind in errors())


def _row(kind: type[PenstockError]) -> str:
    sentences = (_sentence(template) for template in (kind.what, kind.why, kind.remedy))
    exit_code = f"{kind.exit_code.value} {kind.exit_code.name.lower()}"
    return "| " + " | ".join((kind.code, f"`{kind.__name__}`", *sentences, exit_code)) + " |\n"


def _sentence(template: str) -> str:
    """Show a template's facts by their names, without conversions, in one cell of a table."""
    parts = string.Formatter().parse(template)
    text = "".join(
        literal + ("" if fact is None else f"{{{fact}}}") for literal, fact, _spec, _conv in parts
    )
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    load_rooms()
    Path(sys.argv[1]).write_text(render(), "utf-8")
