"""Finding the schema behind a fingerprint."""

import json
from typing import Any

import pytest

from penstock.schemas.codec_errors import NewerRecord, UnknownFingerprint
from penstock.schemas.lookup import found_in, own_in
from penstock.schemas.schema import AvroSchema

ORDER = AvroSchema.parse('{"type": "record", "name": "shop.Order", "fields": []}')


class Known:
    """A lookup that knows one schema."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Answer from memory."""
        return ORDER if fingerprint == ORDER.fingerprint else None


def test_a_known_schema_is_found() -> None:
    """By its eight bytes."""
    assert found_in(Known(), ORDER.fingerprint) is ORDER


def test_b16_an_unknown_fingerprint_is_named() -> None:
    """B16: whoever looks after the service must be able to search for it."""
    with pytest.raises(UnknownFingerprint, match="0102030405060708"):
        found_in(Known(), bytes(range(1, 9)))


def field(name: str, field_type: Any) -> dict[str, Any]:
    """A field of a record."""
    return {"name": name, "type": field_type}


def state(*fields: dict[str, Any]) -> AvroSchema:
    """A record of our own, in some version."""
    document = {"type": "record", "name": "penstock.Saga", "fields": fields}
    return AvroSchema.parse(json.dumps(document))


def step(*fields: dict[str, Any]) -> dict[str, Any]:
    """A record inside, in some version."""
    return {"type": "record", "name": "Step", "fields": [field("name", "string"), *fields]}


def phase(*symbols: str) -> dict[str, Any]:
    """A field with an enum, in some version."""
    return field("phase", {"type": "enum", "name": "Phase", "symbols": symbols})


COUNT = field("count", "int")
OLD, NEW = step(), step(COUNT)


class Both:
    """A lookup that knows one version of a record."""

    def __init__(self, schema: AvroSchema) -> None:
        """Know it."""
        self.schema = schema

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Answer from memory."""
        return self.schema if fingerprint == self.schema.fingerprint else None


@pytest.mark.parametrize(
    ("writer", "own", "part"),
    [
        (state(COUNT, phase("A")), state(COUNT), "phase"),
        (state(phase("A", "B")), state(phase("A")), "phase B"),
        (
            state(field("steps", {"type": "array", "items": NEW})),
            state(field("steps", {"type": "array", "items": OLD})),
            "steps.count",
        ),
        (
            state(field("by_name", {"type": "map", "values": NEW})),
            state(field("by_name", {"type": "map", "values": OLD})),
            "by_name.count",
        ),
        (
            state(field("parked", ["null", NEW])),
            state(field("parked", ["null", OLD])),
            "parked.count",
        ),
        (state(field("at", ["null", "int"])), state(field("at", "int")), "at as null"),
    ],
)
def test_f9_what_a_newer_version_has_added_is_not_lost(
    writer: AvroSchema, own: AvroSchema, part: str
) -> None:
    """F9: a record of our own that a newer version wrote is refused, and what is new is named."""
    with pytest.raises(NewerRecord) as refused:
        own_in(Both(writer), writer.fingerprint, own)
    assert refused.value.part == part


@pytest.mark.parametrize(
    ("writer", "own"),
    [
        (state(COUNT), state(COUNT)),
        (state(COUNT), state(field("count", "long"), {**phase("A"), "default": "A"})),
        (state(phase("A")), state(phase("A", "B"))),
        (state(field("at", "int")), state(field("at", ["null", "int"]))),
    ],
)
def test_f9_what_an_older_version_wrote_is_read(writer: AvroSchema, own: AvroSchema) -> None:
    """Fields are added with defaults, so that the present version can read what went before."""
    assert own_in(Both(writer), writer.fingerprint, own) is writer
