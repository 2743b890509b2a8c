"""The lint: JSON that claims to be an Avro schema becomes a type tree, or is refused.

It parses and judges in one pass, so that nothing in the room ever holds a schema that was not
judged. Beside the Avro specification's own rules it refuses what hurts readers: recursion, depth,
types that take no bytes as items, graphs that unfold without measure, absurd sizes and digits.

Laws:
1. The whole schema is inside the limits of limits.py, or nothing of it is used.
2. Every refusal is a `SchemaError` leaf with a JSON pointer.
3. Attributes that Avro does not know are let pass: they are the user's, and ours (topic, key).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from penstock.schemas.defaults import value_of
from penstock.schemas.limits import (
    MAX_DEPTH,
    MAX_FIXED_BYTES,
    MAX_HOLLOW_PARTS,
    MAX_NAME_LENGTH,
    MAX_NODES,
    MAX_PRECISION,
)
from penstock.schemas.logical import MEANINGS, Unfit
from penstock.schemas.schema_errors import (
    DuplicateName,
    IllegalDecimal,
    IllegalDefault,
    IllegalName,
    IllegalSize,
    IllegalUnion,
    NotASchema,
    RecursiveSchema,
    SchemaPartIllegal,
    SchemaPartMissing,
    SchemaTooDeep,
    SchemaTooLarge,
    UnknownType,
    WeightlessItems,
)
from penstock.schemas.type_tree import (
    NO_DEFAULT,
    PRIMITIVES,
    ArrayType,
    AvroType,
    EnumType,
    FieldOfRecord,
    FixedType,
    Logical,
    MapType,
    PrimitiveType,
    RecordType,
    UnionType,
    base_name,
)

__all__ = ["is_full_name", "is_name", "is_namespace", "tree_of"]

_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_NAME_LENGTH - 1}}}").fullmatch
_DECIMAL_BITS_PER_DIGIT = 3.321928094887362  # log2(10)
_T = TypeVar("_T")


def is_name(text: str) -> bool:
    """Tell whether Avro allows a name without a namespace; absurdly long ones are not allowed."""
    return _NAME(text) is not None


def is_namespace(text: str) -> bool:
    """Tell whether a text is names joined by dots, and not absurdly long."""
    return len(text) <= MAX_NAME_LENGTH and all(map(is_name, text.split(".")))


def is_full_name(text: str) -> bool:
    """Tell whether a text is a name, with a namespace before it or without."""
    namespace, dot, name = text.rpartition(".")
    return is_name(name) and (not dot or is_namespace(namespace))


def tree_of(document: object) -> RecordType:
    """Read a schema.

    Args:
        document: the schema as parsed JSON.

    Returns:
        The record that it describes.

    Raises:
        SchemaError: one leaf for each rule that is broken.
    """
    if not isinstance(document, dict) or document.get("type") != "record":
        raise NotASchema(pointer="", problem="it is not a JSON object whose type is record")
    tree = _Lint().type_at(document, _Place())
    assert isinstance(tree, RecordType)
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the lint stands."""

    pointer: str = ""
    namespace: str = ""
    depth: int = 1

    def part(self, *names: str | int) -> str:
        """The pointer to a part of this place."""
        return "/".join((self.pointer, *map(str, names)))

    def inner(self, *names: str | int) -> "_Place":
        """One level deeper."""
        return _Place(pointer=self.part(*names), namespace=self.namespace, depth=self.depth + 1)


@dataclass(slots=True)
class _Lint:
    """The names met so far."""

    named: dict[str, AvroType] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)

    def type_at(self, node: object, place: _Place) -> AvroType:
        if place.depth > MAX_DEPTH:
            raise SchemaTooDeep(pointer=place.pointer, limit=MAX_DEPTH)
        match node:
            case str():
                found = self._mentioned(node, place)
            case list():
                found = self._union(node, place)
            case dict():
                found = self._defined(node, place)
            case _:
                raise SchemaPartIllegal(pointer=place.pointer, expected="a type")
        if place.depth + found.extent.height - 1 > MAX_DEPTH:
            raise SchemaTooDeep(pointer=place.pointer, limit=MAX_DEPTH)
        if found.extent.nodes > MAX_NODES:
            raise SchemaTooLarge(pointer=place.pointer, limit=MAX_NODES, unit="types")
        return found

    def _mentioned(self, name: str, place: _Place) -> AvroType:
        if name in PRIMITIVES:
            return PrimitiveType(name=name)
        full_name = name if "." in name or not place.namespace else f"{place.namespace}.{name}"
        if full_name in self.unfinished:
            raise RecursiveSchema(pointer=place.pointer, name=_shown(full_name))
        if full_name not in self.named:
            raise UnknownType(pointer=place.pointer, name=_shown(full_name))
        return self.named[full_name]

    def _union(self, nodes: list[object], place: _Place) -> UnionType:
        if not nodes:
            raise IllegalUnion(pointer=place.pointer, problem="it has no branches")
        branches = []
        seen: set[str] = set()
        for index, node in enumerate(nodes):
            branch = self.type_at(node, place.inner(index))
            if isinstance(branch, UnionType):
                raise IllegalUnion(pointer=place.pointer, problem="a branch is itself a union")
            kind = getattr(branch, "full_name", None) or base_name(branch)
            if kind in seen:
                raise IllegalUnion(pointer=place.pointer, problem=f"it has {kind} twice")
            seen.add(kind)
            branches.append(branch)
        return UnionType(branches=tuple(branches))

    def _defined(self, node: dict[str, Any], place: _Place) -> AvroType:
        kind = _part(node, "type", str, "the name of a type", place)
        match kind:
            case "record" | "error":
                return self._record(node, place)
            case "enum":
                return self._enum(node, place)
            case "fixed":
                return self._fixed(node, place)
            case "array":
                return ArrayType(items=self._items(node, "items", place))
            case "map":
                return MapType(values=self._items(node, "values", place))
            case _ if kind in PRIMITIVES:
                return PrimitiveType(name=kind, logical=_logical(node, kind, None, place))
            case _:
                raise UnknownType(pointer=place.part("type"), name=_shown(kind))

    def _record(self, node: dict[str, Any], place: _Place) -> RecordType:
        full_name = self._new_name(node, place)
        nodes = _part(node, "fields", list, "a list of fields", place)
        inside = _Place(
            pointer=place.pointer, namespace=_namespace_in(full_name), depth=place.depth
        )
        self.unfinished.add(full_name)
        fields: dict[str, FieldOfRecord] = {}
        for index, each in enumerate(nodes):
            found = self._field(each, inside.inner("fields", index))
            if found.name in fields:
                pointer = inside.part("fields", index)
                raise DuplicateName(pointer=pointer, name=_shown(found.name), kind="field")
            fields[found.name] = found
        self.unfinished.remove(full_name)
        record = RecordType(
            full_name=full_name,
            fields=tuple(fields.values()),
            aliases=_full_aliases(node, full_name, place),
            doc=_doc(node),
        )
        self.named[full_name] = record
        return record

    def _field(self, node: object, place: _Place) -> FieldOfRecord:
        if not isinstance(node, dict):
            raise SchemaPartIllegal(pointer=place.pointer, expected="a field")
        name = _part(node, "name", str, "a name", place)
        if not is_name(name):
            raise IllegalName(pointer=place.part("name"), name=_shown(name))
        if "type" not in node:
            raise SchemaPartMissing(pointer=place.pointer, part="type")
        inside = _Place(pointer=place.part("type"), namespace=place.namespace, depth=place.depth)
        found = self.type_at(node["type"], inside)
        default = node.get("default", NO_DEFAULT)
        if default is not NO_DEFAULT:
            try:
                value_of(found, default, {})
            except Unfit as unfit:
                pointer = place.part("default")
                raise IllegalDefault(pointer=pointer, problem=unfit.problem) from None
        aliases = _aliases(node, place)
        return FieldOfRecord(
            name=name, type=found, default=default, aliases=aliases, doc=_doc(node)
        )

    def _enum(self, node: dict[str, Any], place: _Place) -> EnumType:
        full_name = self._new_name(node, place)
        if "symbols" not in node:
            raise SchemaPartMissing(pointer=place.pointer, part="symbols")
        symbols = _strings(node, "symbols", place)
        if not symbols:
            raise SchemaPartIllegal(pointer=place.part("symbols"), expected="at least one symbol")
        seen: set[str] = set()
        for index, symbol in enumerate(symbols):
            if not is_name(symbol):
                raise IllegalName(pointer=place.part("symbols", index), name=_shown(symbol))
            if symbol in seen:
                pointer = place.part("symbols", index)
                raise DuplicateName(pointer=pointer, name=_shown(symbol), kind="symbol")
            seen.add(symbol)
        default = node.get("default")
        if default is not None and (not isinstance(default, str) or default not in seen):
            raise IllegalDefault(pointer=place.part("default"), problem="it is no symbol")
        enum = EnumType(
            full_name=full_name,
            symbols=tuple(symbols),
            default=default,
            aliases=_full_aliases(node, full_name, place),
            doc=_doc(node),
        )
        self.named[full_name] = enum
        return enum

    def _fixed(self, node: dict[str, Any], place: _Place) -> FixedType:
        full_name = self._new_name(node, place)
        if "size" not in node:
            raise SchemaPartMissing(pointer=place.pointer, part="size")
        size = node["size"]
        if type(size) is not int or not 1 <= size <= MAX_FIXED_BYTES:
            raise IllegalSize(pointer=place.part("size"), limit=MAX_FIXED_BYTES)
        fixed = FixedType(
            full_name=full_name,
            size=size,
            logical=_logical(node, "fixed", size, place),
            aliases=_full_aliases(node, full_name, place),
        )
        self.named[full_name] = fixed
        return fixed

    def _items(self, node: dict[str, Any], part: str, place: _Place) -> AvroType:
        if part not in node:
            raise SchemaPartMissing(pointer=place.pointer, part=part)
        items = self.type_at(node[part], place.inner(part))
        if items.extent.least_bytes == 0 or items.extent.hollow_parts > MAX_HOLLOW_PARTS:
            raise WeightlessItems(pointer=place.part(part), limit=MAX_HOLLOW_PARTS)
        return items

    def _new_name(self, node: dict[str, Any], place: _Place) -> str:
        name = _part(node, "name", str, "a name", place)
        namespace = place.namespace
        if "." in name:
            namespace, _, name = name.rpartition(".")
        elif "namespace" in node:
            namespace = _part(node, "namespace", str, "a namespace", place)
        if not is_name(name) or name in PRIMITIVES or (namespace and not is_namespace(namespace)):
            raise IllegalName(pointer=place.part("name"), name=_shown(f"{namespace}.{name}"))
        full_name = f"{namespace}.{name}" if namespace else name
        if full_name in self.named or full_name in self.unfinished:
            raise DuplicateName(pointer=place.part("name"), name=_shown(full_name), kind="type")
        return full_name


def _shown(text: str) -> str:
    # Names from outside may hold anything: escaped, and no longer than a line bears.
    return ascii(text[:64])


def _namespace_in(full_name: str) -> str:
    return full_name.rpartition(".")[0]


def _part(node: Mapping[str, Any], part: str, kind: type[_T], expected: str, place: _Place) -> _T:
    if part not in node:
        raise SchemaPartMissing(pointer=place.pointer, part=part)
    found = node[part]
    if not isinstance(found, kind):
        raise SchemaPartIllegal(pointer=place.part(part), expected=expected)
    return found


def _strings(node: Mapping[str, Any], part: str, place: _Place) -> list[str]:
    found = node.get(part, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SchemaPartIllegal(pointer=place.part(part), expected="a list of strings")
    return found


def _aliases(node: Mapping[str, Any], place: _Place) -> tuple[str, ...]:
    aliases = _strings(node, "aliases", place)
    for index, alias in enumerate(aliases):
        if not is_full_name(alias):
            raise IllegalName(pointer=place.part("aliases", index), name=_shown(alias))
    return tuple(aliases)


def _full_aliases(node: Mapping[str, Any], full_name: str, place: _Place) -> tuple[str, ...]:
    # Relative aliases stand in the namespace of the type itself (Avro specification, "Aliases").
    namespace = _namespace_in(full_name)
    prefix = f"{namespace}." if namespace else ""
    return tuple(alias if "." in alias else prefix + alias for alias in _aliases(node, place))


def _doc(node: Mapping[str, Any]) -> str:
    doc = node.get("doc")
    return doc if isinstance(doc, str) else ""


def _logical(node: Mapping[str, Any], base: str, size: int | None, place: _Place) -> Logical | None:
    name = node.get("logicalType")
    if not isinstance(name, str) or (base, name) not in MEANINGS:
        return None
    if name == "decimal":
        return _decimal(node, size, place)
    if name == "uuid" and size not in {None, 16}:
        return None
    return Logical(name=name)


def _decimal(node: Mapping[str, Any], size: int | None, place: _Place) -> Logical:
    precision, scale = node.get("precision"), node.get("scale", 0)
    if type(precision) is not int or not 1 <= precision <= MAX_PRECISION:
        problem = f"its precision is no whole number from 1 to {MAX_PRECISION}"
        raise IllegalDecimal(pointer=place.part("precision"), problem=problem)
    if type(scale) is not int or not 0 <= scale <= precision:
        problem = "its scale is no whole number from 0 to its precision"
        raise IllegalDecimal(pointer=place.part("scale"), problem=problem)
    if size is not None and precision * _DECIMAL_BITS_PER_DIGIT > 8 * size - 1:
        problem = f"{precision} digits do not fit into {size} bytes"
        raise IllegalDecimal(pointer=place.part("precision"), problem=problem)
    return Logical(name="decimal", precision=precision, scale=scale)
