"""Two schemas of one fingerprint: the same meaning, or a conflict that names the field."""

import json
from typing import Any

import pytest

from penstock.schemas.identity import logical_conflict
from penstock.schemas.schema import AvroSchema


def schema(field: Any, **parts: Any) -> AvroSchema:
    """Return a record with the one field total."""
    fields = [{"name": "total", "type": field, **parts}]
    document = {"type": "record", "name": "Order", "namespace": "shop", "fields": fields}
    return AvroSchema.parse(json.dumps(document))


def decimal(precision: int, scale: int) -> dict[str, Any]:
    """Return a decimal."""
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


MOMENT = {"type": "long", "logicalType": "timestamp-micros"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


@pytest.mark.parametrize(
    ("known", "candidate", "text"),
    [
        (decimal(12, 2), decimal(12, 4), "total: decimal(12, 2) is known, decimal(12, 4) is not"),
        (MOMENT, MILLIS, "total: timestamp-micros is known, timestamp-millis is not"),
        ("long", MOMENT, "total: long is known, timestamp-micros is not"),
        (
            ["null", {"type": "array", "items": MOMENT}],
            ["null", {"type": "array", "items": "long"}],
            "total[]: timestamp-micros is known, long is not",
        ),
        (
            {"type": "map", "values": decimal(4, 2)},
            {"type": "map", "values": decimal(4, 1)},
            "total{}: decimal(4, 2) is known, decimal(4, 1) is not",
        ),
    ],
)
def test_another_meaning_is_a_conflict(known: Any, candidate: Any, text: str) -> None:
    """The fingerprint does not show it; 19.99 would be read as 0.1999."""
    assert schema(known).fingerprint == schema(candidate).fingerprint
    assert logical_conflict(schema(known), schema(candidate)) == text


def test_the_path_leads_into_nested_records() -> None:
    """The field is named from the top."""

    def nested(meaning: Any) -> AvroSchema:
        inner = [{"name": "at", "type": meaning}]
        return schema({"type": "record", "name": "Inner", "fields": inner})

    conflict = logical_conflict(nested(MOMENT), nested("long"))
    assert conflict == "total.at: timestamp-micros is known, long is not"


def test_precision_docs_and_defaults_are_no_conflict() -> None:
    """Of those the latest text is kept."""
    assert logical_conflict(schema(decimal(12, 2)), schema(decimal(9, 2))) is None
    assert logical_conflict(schema("long"), schema("long", doc="x", default=0)) is None
    enum = {"type": "enum", "name": "E", "symbols": ["A"]}
    assert logical_conflict(schema(enum), schema({**enum, "default": "A"})) is None


def test_other_fingerprints_are_no_conflict() -> None:
    """Schemas that differ visibly are told apart by their fingerprints."""
    assert logical_conflict(schema("long"), schema("string")) is None
