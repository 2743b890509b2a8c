"""A type tree as JSON again: in full, and in Avro's parsing canonical form with its fingerprint.

The canonical form (Avro specification, "Parsing Canonical Form for Schemas") keeps names, types and
order, and drops what does not change how bytes are read: docs, defaults, aliases, logical types,
attributes. Two schemas with one canonical form have one fingerprint.

Laws:
1. The canonical form is made from the linted tree, never from a foreign document: attributes that
   a stranger wrote cannot reach a parser that trusts them.
2. The full document names everything in full, defines a type at its first mention, and has its
   parts in a fixed order: the same tree gives the same text.
"""

from typing import Any

from fastavro.schema import fingerprint

from penstock.schemas.type_tree import (
    NO_DEFAULT,
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
)

__all__ = ["canonical_form", "document_of", "fingerprint_of"]

_Named = RecordType | EnumType | FixedType


def fingerprint_of(avro_type: AvroType) -> bytes:
    """Return the CRC-64-AVRO of the canonical form, as single-object encoding carries it.

    Args:
        avro_type: a whole schema.

    Returns:
        Eight bytes, the least significant first.
    """
    return bytes.fromhex(fingerprint(canonical_form(avro_type), "CRC-64-AVRO"))


def canonical_form(avro_type: AvroType) -> str:
    """Return the parsing canonical form.

    Args:
        avro_type: a whole schema.

    Returns:
        JSON without spaces, with the parts of each type in the order that Avro prescribes.
    """
    return _canonical(avro_type, set())


def _canonical(avro_type: AvroType, defined: set[str]) -> str:
    match avro_type:
        case PrimitiveType(name=name):
            return f'"{name}"'
        case ArrayType(items=items):
            return f'{{"type":"array","items":{_canonical(items, defined)}}}'
        case MapType(values=values):
            return f'{{"type":"map","values":{_canonical(values, defined)}}}'
        case UnionType(branches=branches):
            return f"[{','.join(_canonical(branch, defined) for branch in branches)}]"
        case _:
            return _canonical_named(avro_type, defined)


def _canonical_named(avro_type: _Named, defined: set[str]) -> str:
    name = avro_type.full_name
    if name in defined:
        return f'"{name}"'
    defined.add(name)
    match avro_type:
        case FixedType(size=size):
            return f'{{"name":"{name}","type":"fixed","size":{size}}}'
        case EnumType(symbols=symbols):
            quoted = ",".join(f'"{symbol}"' for symbol in symbols)
            return f'{{"name":"{name}","type":"enum","symbols":[{quoted}]}}'
        case RecordType(fields=fields):
            inner = ",".join(
                f'{{"name":"{each.name}","type":{_canonical(each.type, defined)}}}'
                for each in fields
            )
            return f'{{"name":"{name}","type":"record","fields":[{inner}]}}'


def document_of(record: RecordType, attributes: dict[str, str]) -> dict[str, Any]:
    """Return the schema as a JSON document.

    Args:
        record: the tree.
        attributes: further attributes of the record itself.

    Returns:
        A new document; nothing of the tree hangs in it except defaults.
    """
    return {**_record(record, set()), **attributes}


def _document(avro_type: AvroType, defined: set[str]) -> Any:
    match avro_type:
        case PrimitiveType(name=name, logical=logical):
            return {"type": name, **_logical(logical)} if logical else name
        case ArrayType(items=items):
            return {"type": "array", "items": _document(items, defined)}
        case MapType(values=values):
            return {"type": "map", "values": _document(values, defined)}
        case UnionType(branches=branches):
            return [_document(branch, defined) for branch in branches]
        case _:
            return _document_named(avro_type, defined)


def _document_named(avro_type: _Named, defined: set[str]) -> Any:
    if avro_type.full_name in defined:
        return avro_type.full_name
    match avro_type:
        case RecordType():
            return _record(avro_type, defined)
        case FixedType(size=size, logical=logical):
            meaning = _logical(logical) if logical else {}
            return {**_named("fixed", avro_type, defined), "size": size, **meaning}
        case EnumType(symbols=symbols, default=default):
            last = {} if default is None else {"default": default}
            return {**_named("enum", avro_type, defined), "symbols": list(symbols), **last}


def _named(kind: str, avro_type: _Named, defined: set[str]) -> dict[str, Any]:
    defined.add(avro_type.full_name)
    namespace, _, name = avro_type.full_name.rpartition(".")
    document: dict[str, Any] = {"type": kind, "name": name, "namespace": namespace}
    if not isinstance(avro_type, FixedType) and avro_type.doc:
        document["doc"] = avro_type.doc
    if avro_type.aliases:
        document["aliases"] = list(avro_type.aliases)
    return document


def _record(record: RecordType, defined: set[str]) -> dict[str, Any]:
    document = _named("record", record, defined)
    document["fields"] = [_field(each, defined) for each in record.fields]
    return document


def _field(each: FieldOfRecord, defined: set[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"name": each.name, "type": _document(each.type, defined)}
    if each.doc:
        document["doc"] = each.doc
    if each.default is not NO_DEFAULT:
        document["default"] = each.default
    if each.aliases:
        document["aliases"] = list(each.aliases)
    return document


def _logical(logical: Logical) -> dict[str, Any]:
    if logical.name == "decimal":
        return {"logicalType": "decimal", "precision": logical.precision, "scale": logical.scale}
    return {"logicalType": logical.name}
