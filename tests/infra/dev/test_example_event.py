"""An event to try a system with."""

import json
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import pytest
from pydantic import AwareDatetime, Field, field_validator

from penstock.events import Event, Record, Topic, money
from penstock.examples.orders.events import OrderPlaced
from penstock.infra.dev.example_event import example_json, example_of
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

__namespace__ = "tests"


class Colour(StrEnum):
    """Avro writes the names, JSON the values."""

    RED = "red"
    BLUE = "blue"


class Part(Record):
    name: str
    price: Annotated[Decimal, money(12, 2)]


class Whole(Record):
    size: int


class Everything(Event, topic=Topic("tests.everything"), key="name"):
    name: str
    count: int
    share: float
    is_new: bool
    at: AwareDatetime
    day: date
    hour: time
    code: UUID
    raw: bytes
    colour: Colour
    fraction: Annotated[Decimal, money(2, 2)]
    part: Part
    either: Part | Whole
    parts: list[Part]
    again: Part
    prices: dict[str, int]
    note: str | None
    other: Annotated[str, Field(alias="otherName")]


class Picky(Event, topic=Topic("tests.everything"), key="name"):
    name: str

    @field_validator("name")
    @classmethod
    def refuse(cls, name: str) -> str:
        """Take one name only."""
        if name != "the only one":
            message = "another name"
            raise ValueError(message)
        return name


@pytest.mark.parametrize("event", [Everything, OrderPlaced])
def test_its_class_takes_it_as_json(event: type[Event]) -> None:
    """Whatever the types of its fields are; each field stands in it, by its name on the wire."""
    text = example_json(event)
    assert text is not None
    event.model_validate_json(text)
    assert list(json.loads(text)) == [
        field.name for field in declaration_of(event).schema.root.fields
    ]


def test_a_class_that_refuses_it_has_none() -> None:
    """Better no example than one that cannot be published."""
    assert example_json(Picky) is None


def test_schemas_of_others_have_examples_too() -> None:
    """What no class of ours makes: fixed, local timestamps, decimals on fixed."""
    schema = AvroSchema.parse(
        json.dumps(
            {
                "type": "record",
                "name": "Foreign",
                "namespace": "tests",
                "fields": [
                    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}},
                    {
                        "name": "sum",
                        "type": {
                            "type": "fixed",
                            "name": "Sum",
                            "size": 8,
                            "logicalType": "decimal",
                            "precision": 18,
                            "scale": 18,
                        },
                    },
                    {
                        "name": "at",
                        "type": {"type": "long", "logicalType": "local-timestamp-millis"},
                    },
                    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
                    {
                        "name": "kind",
                        "type": [{"type": "enum", "name": "Kind", "symbols": ["A"]}, "long"],
                    },
                    {
                        "name": "maps",
                        "type": {"type": "array", "items": {"type": "map", "values": "int"}},
                    },
                ],
            }
        )
    )
    datum = example_of(schema.root)
    again = datum_decoder_of(schema)(datum_encoder_of(schema)(datum))
    assert again == datum
