"""What a schema's JSON says and no class does: attributes that change no value.

Avro lets anybody add attributes. Those it does not know are the author's, logical types that are
not understood do not exist, and some of its own (a field's `order`, the doc of a fixed type) mean
nothing to readers. A class made of the schema does not say them; whoever makes it is told.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from penstock.schemas.logical import MEANINGS
from penstock.schemas.schema import AvroSchema

__all__ = ["left_out"]

_NAMED: Final = {"type", "name", "namespace", "aliases"}
_SAID: Final[Mapping[str, frozenset[str]]] = {
    "record": frozenset({*_NAMED, "doc", "fields"}),
    "error": frozenset({*_NAMED, "doc", "fields"}),
    "enum": frozenset({*_NAMED, "doc", "symbols", "default"}),
    "fixed": frozenset({*_NAMED, "size", "logicalType"}),
    "array": frozenset({"type", "items"}),
    "map": frozenset({"type", "values"}),
}
_SAID_BY_OTHERS: Final = frozenset({"type", "logicalType"})
_SAID_BY_FIELDS: Final = frozenset({"name", "type", "doc", "default", "aliases"})
_UUID_BYTES: Final = 16
_DIGITS: Final = frozenset({"precision", "scale"})


def left_out(schema: AvroSchema, *, said: Collection[str] = ()) -> tuple[str, ...]:
    """Return JSON pointers to what a class does not say, in the order of the document.

    Args:
        schema: the schema.
        said: attributes of the record itself that its base says: topic, key, reply.
    """
    return tuple(
        each for each in _unsaid(schema.document, "") if each.removeprefix("/") not in said
    )


def _unsaid(node: Any, pointer: str) -> Iterator[str]:
    match node:
        case list():
            for index, each in enumerate(node):
                yield from _unsaid(each, f"{pointer}/{index}")
        case dict():
            yield from _unsaid_by_type(node, pointer)


def _unsaid_by_type(node: Mapping[str, Any], pointer: str) -> Iterator[str]:
    kind = node["type"]
    known = _SAID.get(kind, _SAID_BY_OTHERS)
    meant = (kind, node.get("logicalType")) in MEANINGS and (
        (kind, node["logicalType"]) != ("fixed", "uuid") or node["size"] == _UUID_BYTES
    )
    if meant and node["logicalType"] == "decimal":
        known |= _DIGITS
    for name in node:
        if name not in known or (name == "logicalType" and not meant):
            yield f"{pointer}/{_escaped(name)}"
    if kind == "error":
        yield f"{pointer}/type"
    for number, each in enumerate(node["fields"] if "fields" in known else ()):
        inner = f"{pointer}/fields/{number}"
        unsaid = (name for name in each if name not in _SAID_BY_FIELDS)
        yield from (f"{inner}/{_escaped(name)}" for name in unsaid)
        yield from _unsaid(each["type"], f"{inner}/type")
    for name in ("items", "values"):
        if name in known:
            yield from _unsaid(node[name], f"{pointer}/{name}")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
