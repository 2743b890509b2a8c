"""The text of one module of classes: its imports, and its definitions in the order they come.

Laws:
1. A module imports what its text uses and nothing else, sorted as ruff sorts.
2. A name that the module uses itself is never that of a class.
"""

from collections.abc import Iterable, Iterator
from typing import Final, final

from penstock.schemas.python_layout import LINE_WIDTH, text_literal, width_of
from penstock.schemas.source_modules import SourceModule

__all__ = ["OWN_NAMES", "ModuleText", "plain_assignment"]

_HEADER: Final = """\
# ruff: noqa: A001, A004, E741, E742, N801, N811, N812, N813, N814, N815, N816, N999 - Avro's names
# ruff: noqa: E501, RUF001, RUF002, RUF012, RUF100, S105, S106 - texts are the schema's"""
_HOMES: Final = {
    "Annotated": "typing",
    "AwareDatetime": "pydantic",
    "Decimal": "decimal",
    "Enum": "enum",
    "Field": "pydantic",
    "Literal": "typing",
    "NaiveDatetime": "pydantic",
    "UUID": "uuid",
    "aliases": "penstock.schemas",
    "branches": "penstock.schemas",
    "enum_words": "penstock.schemas",
    "fixed": "penstock.schemas",
    "money": "penstock.schemas",
    "written_as": "penstock.schemas",
}
_BUILT_IN: Final = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str"})
_DATETIME: Final = "dt"
_STANDARD: Final = frozenset({"datetime", "decimal", "enum", "typing", "uuid"})

OWN_NAMES: Final = frozenset({*_HOMES, *_BUILT_IN, _DATETIME})
"""Names that a module may use itself."""


@final
class ModuleText:
    """A module on its way."""

    def __init__(self, module: SourceModule, package: str) -> None:
        """Begin with nothing.

        Args:
            module: its place.
            package: the package in which it stands.
        """
        self.place = module
        self.package = package
        self._imports: dict[str, set[str]] = {}
        self._uses_datetime = False
        self._blocks: list[str] = []

    @property
    def dotted(self) -> str:
        """The name by which it is imported."""
        return ".".join((self.package, *self.place.segments))

    def use(self, name: str) -> str:
        """Take one of `OWN_NAMES` into use, and return it."""
        if name == _DATETIME:
            self._uses_datetime = True
        elif name not in _BUILT_IN:
            self.take(_HOMES[name], name)
        return name

    def take(self, module: str, name: str, local: str | None = None) -> str:
        """Import a name from elsewhere, under another name where that is given."""
        shown = name if local in {None, name} else f"{name} as {local}"
        self._imports.setdefault(module, set()).add(shown)
        return local or name

    def add(self, block: str) -> None:
        """Add a definition."""
        self._blocks.append(block)

    def text(self) -> str:
        """Return the whole text."""
        parts = [f"{_HEADER}\n{self._docstring()}"]
        parts += ["\n".join(section) for section in self._import_sections() if section]
        if self.place.namespaces:
            parts.append(plain_assignment("__namespace__", self.place.namespace, ""))
        text = "\n\n".join(parts)
        return "\n\n\n".join((text, *self._blocks)) + "\n"

    def _docstring(self) -> str:
        match self.place.namespaces:
            case ():
                return '"""Packages of records made from their Avro schemas."""'
            case (one,):
                return f'"""Records of the namespace {one}, made from their Avro schemas."""'
            case several:
                return f'"""Records of {len(several)} namespaces, made from their Avro schemas."""'

    def _import_sections(self) -> Iterator[list[str]]:
        own = {each for each in self._imports if each.split(".")[0] == self.package.split(".")[0]}
        standard = _STANDARD & self._imports.keys()
        first = ["import datetime as dt"] if self._uses_datetime else []
        yield [*first, *self._imported(standard)]
        yield [*self._imported(self._imports.keys() - standard - own)]
        yield [*self._imported(own)]

    def _imported(self, modules: Iterable[str]) -> Iterator[str]:
        for module in sorted(modules, key=_natural):
            names = sorted(self._imports[module], key=_member)
            plain = [each for each in names if " as " not in each]
            lines = [f"from {module} import {each}" for each in names if each not in plain]
            if plain:
                lines.insert(0, _from(module, plain))
            yield from lines


def plain_assignment(name: str, value: str, indent: str) -> str:
    """Return the assignment of a text, in brackets where it is too long for one line."""
    literal = text_literal(value)
    line = f"{indent}{name} = {literal}"
    deeper = f"{indent}    {literal}"
    if width_of(line) <= LINE_WIDTH or width_of(deeper) > LINE_WIDTH:
        return line
    return f"{indent}{name} = (\n{deeper}\n{indent})"


def _from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if width_of(line) <= LINE_WIDTH:
        return line
    return "\n".join((f"from {module} import (", *(f"    {each}," for each in names), ")"))


def _member(name: str) -> tuple[int, object, object]:
    """The place of a name among those of one import: constants, classes, then others."""
    bare = name.partition(" ")[0]
    capitalized = 1 if bare[0].isupper() else 2
    rank = 0 if len(bare) > 1 and bare.isupper() else capitalized
    return (rank, *_natural(name))


def _natural(text: str) -> tuple[object, object]:
    """The place of a name among others, with numbers in it compared as numbers."""
    return _numbered(text.lower()), _numbered(text)


def _numbered(text: str) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    place = 0
    while place < len(text):
        end = place
        while end < len(text) and text[end].isdigit():
            end += 1
        if end > place:
            found.append((ord("0"), int(text[place:end]), end - place))
        else:
            end += 1
            found.append((ord(text[place]), 0, 0))
        place = end
    return found
