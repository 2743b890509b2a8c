"""Canonical forms and fingerprints, held against the specification and against fastavro."""

import json
from typing import Any

import fastavro.schema
import pytest

from penstock.schemas.canonical import canonical_form, document_of, fingerprint_of
from penstock.schemas.lint import tree_of
from penstock.schemas.type_tree import PrimitiveType


def crc_64_avro(data: bytes) -> int:
    """Compute the fingerprint bit by bit, from the specification's definition of its polynomial."""
    empty = 0xC15D213AA4D7A795
    crc = empty
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (empty if crc & 1 else 0)
    return crc


KNOWN = {
    # Fingerprints of primitive schemas, as other implementations publish them.
    "null": 0x63DD24E7CC258F8A,
    "boolean": 0x9F42FC78A4D4F764,
    "int": 0x7275D51A3F395C8F,
    "long": 0xD054E14493F41DB7,
    "string": 0x8F014872634503C7,
    "bytes": 0x4FC016DAC3201965,
}


@pytest.mark.parametrize(("name", "value"), KNOWN.items())
def test_known_fingerprints(name: str, value: int) -> None:
    """The fingerprint is eight bytes, the least significant first."""
    assert crc_64_avro(f'"{name}"'.encode()) == value
    assert fingerprint_of(PrimitiveType(name=name)) == value.to_bytes(8, "little")


RICH: dict[str, Any] = {
    "doc": "dropped",
    "aliases": ["Old"],
    "type": "record",
    "namespace": "shop",
    "name": "Order",
    "topic": "shop.orders",
    "fields": [
        {"type": {"type": "string"}, "name": "id", "doc": "dropped", "default": "x"},
        {
            "name": "total",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
        },
        {
            "name": "state",
            "type": {"symbols": ["A", "B"], "name": "State", "type": "enum", "default": "A"},
        },
        {"name": "before", "type": ["null", "State"], "default": None},
        {"name": "hash", "type": {"size": 16, "type": "fixed", "name": "other.Hash"}},
        {"name": "tags", "type": {"items": {"type": "long"}, "type": "array"}, "order": "ignore"},
        {"name": "by_name", "type": {"values": "other.Hash", "type": "map"}},
    ],
}
CANONICAL = (
    '{"name":"shop.Order","type":"record","fields":['
    '{"name":"id","type":"string"},'
    '{"name":"total","type":"bytes"},'
    '{"name":"state","type":{"name":"shop.State","type":"enum","symbols":["A","B"]}},'
    '{"name":"before","type":["null","shop.State"]},'
    '{"name":"hash","type":{"name":"other.Hash","type":"fixed","size":16}},'
    '{"name":"tags","type":{"type":"array","items":"long"}},'
    '{"name":"by_name","type":{"type":"map","values":"other.Hash"}}]}'
)


def test_canonical_form_follows_the_specification() -> None:
    """PRIMITIVES, FULLNAMES, STRIP, ORDER and WHITESPACE, each visible in one example."""
    assert canonical_form(tree_of(RICH)) == CANONICAL


def test_canonical_form_is_that_of_fastavro() -> None:
    """An independent implementation agrees, in the form and in the fingerprint."""
    theirs = fastavro.schema.to_parsing_canonical_form(RICH)
    assert canonical_form(tree_of(RICH)) == theirs
    assert fingerprint_of(tree_of(RICH)) == crc_64_avro(theirs.encode()).to_bytes(8, "little")


def test_the_document_reads_back_as_the_tree() -> None:
    """Docs, defaults, aliases and logical types survive; attributes are added at the top."""
    tree = tree_of(RICH)
    document = document_of(tree, {"topic": "shop.orders"})
    assert tree_of(json.loads(json.dumps(document))) == tree
    assert document["topic"] == "shop.orders"
    assert document["doc"] == "dropped"


def test_a_stranger_cannot_reach_fastavros_parser() -> None:
    """A schema that says it was parsed is trusted there; our canonical form is not made from it."""
    hostile = {**RICH, "__fastavro_parsed": True, "__named_schemas": {"x": 1}, "fields": []}
    assert canonical_form(tree_of(hostile)) == '{"name":"shop.Order","type":"record","fields":[]}'
