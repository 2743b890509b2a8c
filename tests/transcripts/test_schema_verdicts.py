"""What is said of two schemas; golden.py says how to rewrite it.

schema_verdicts.txt holds, for each pair, the part that differs, what a check of both directions
says, and the list of changes: so that people can judge the words.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.schemas.compatibility_levels import Level, check, render
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_changes import changes
from tests.transcripts.golden import golden

FILE = Path(__file__).parent / "schema_verdicts.txt"

Fields = list[dict[str, Any]]
ID = {"name": "order_id", "type": "string"}


def field(name: str, type_: Any, **parts: Any) -> Fields:
    """A record's only other field."""
    return [{"name": name, "type": type_, **parts}]


def enum(*symbols: str, **parts: Any) -> dict[str, Any]:
    """An enum of the shop's."""
    return {"type": "enum", "name": "State", "symbols": list(symbols), **parts}


def record(name: str, *fields: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A record of the shop's."""
    return {"type": "record", "name": name, "fields": list(fields), **parts}


def money(precision: int, scale: int) -> dict[str, Any]:
    """An amount."""
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def array(items: Any) -> dict[str, Any]:
    """A list."""
    return {"type": "array", "items": items}


def fixed(size: int, name: str = "Hash") -> dict[str, Any]:
    """Some bytes."""
    return {"type": "fixed", "name": name, "size": size}


MICROS = {"type": "long", "logicalType": "timestamp-micros"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
UUID = {"type": "string", "logicalType": "uuid"}
NUMBER = {"name": "number", "type": "string"}
CODE = {"name": "code", "type": "string"}
SKU = {"name": "sku", "type": "string"}
CARD, BANK = record("Card", NUMBER), record("Transfer", NUMBER)

PAIRS: list[tuple[str, Fields, Fields]] = [
    ("a field with a default", [], field("note", "string", default="")),
    ("a field without a default", [], field("note", "string")),
    ("a field is gone", field("note", "string"), []),
    ("a field is renamed", field("amount", "long"), field("total", "long")),
    (
        "a field is renamed and says so",
        field("amount", "long"),
        field("total", "long", aliases=["amount"]),
    ),
    ("a type is wider", field("count", "int"), field("count", "long")),
    ("a type is another", field("count", "int"), field("count", "string")),
    ("a field may be null", field("note", "string"), field("note", ["null", "string"])),
    (
        "a field may no longer be null",
        field("note", ["null", "string"]),
        field("note", "string", default=""),
    ),
    ("a symbol more", field("state", enum("NEW")), field("state", enum("NEW", "PAID", "SENT"))),
    (
        "a symbol less, and a default",
        field("state", enum("NEW", "HELD")),
        field("state", enum("NEW", default="NEW")),
    ),
    ("another scale", field("total", money(12, 2)), field("total", money(12, 4))),
    ("fewer digits", field("total", money(12, 2)), field("total", money(9, 2))),
    ("another unit of time", field("at", MILLIS), field("at", MICROS)),
    ("a text becomes a UUID", field("customer", "string"), field("customer", UUID)),
    ("another size", field("hash", fixed(16)), field("hash", fixed(32))),
    (
        "a record is renamed",
        field("items", array(record("Item", SKU))),
        field("items", array(record("Line", SKU))),
    ),
    (
        "a record in a list changes inside",
        field("items", array(record("Item", SKU, {"name": "count", "type": "long"}))),
        field("items", array(record("Item", SKU, {"name": "amount", "type": "long"}))),
    ),
    (
        "a way to pay more, and one that changed",
        field("payment", [CARD, BANK]),
        field("payment", [CARD, record("Transfer", CODE), record("Voucher", CODE)]),
    ),
    (
        "docs, aliases, defaults and order alone",
        [*field("count", "long", default=1), *field("note", "string", doc="Seen by all.")],
        [*field("note", "string", doc="Seen by us."), *field("count", "long", aliases=["number"])],
    ),
    ("nothing", field("note", "string"), field("note", "string")),
]


def order(fields: Fields) -> AvroSchema:
    """The whole record."""
    document = {**record("Order", ID, *fields), "namespace": "shop"}
    return AvroSchema.parse(json.dumps(document))


def told(title: str, before: Fields, after: Fields) -> str:
    """What is said of one pair."""
    old, new = order(before), order(after)
    lines = [f"== {title}", f"before: {json.dumps(before)}", f"after:  {json.dumps(after)}", ""]
    verdict = render(check(new.root, [old.root], Level.FULL)) or "Both read each other.\n"
    listed = [str(each) for each in changes(old.root, new.root)] or ["No change."]
    return "\n".join([*lines, verdict, *listed, "", ""])


def test_what_is_said_is_what_is_written() -> None:
    """Who cannot read whom, why, what to do, and what changed."""
    got = "\n".join(told(*pair) for pair in PAIRS)
    assert got == golden(FILE, got)


@pytest.mark.parametrize(("title", "before", "after"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_each_line_is_short_and_safe(title: str, before: Fields, after: Fields) -> None:
    """It can be printed anywhere."""
    lines = told(title, before, after).splitlines()[4:]
    assert all(line.isascii() and len(line) <= 200 for line in lines)
