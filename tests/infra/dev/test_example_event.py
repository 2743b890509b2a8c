"""An event to try a system with."""

import json
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime

from penstock.events import Event, Record, Topic, money
from penstock.examples.orders.events import OrderPlaced
from penstock.infra.dev.example_event import example_of
from penstock.schemas.record import declaration_of

__namespace__ = "tests"


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class Part(Record):
    name: str
    price: Annotated[Decimal, money(12, 2)]


class Everything(Event, topic=Topic("tests.everything"), key="name"):
    name: str
    count: int
    share: float
    is_new: bool
    at: AwareDatetime
    day: date
    code: UUID
    colour: Colour
    part: Part
    parts: list[Part]
    again: Part
    prices: dict[str, int]
    note: str | None


def test_it_is_one() -> None:
    """Its class takes it as JSON, whatever the types of its fields are."""
    for event in (Everything, OrderPlaced):
        fields = example_of(declaration_of(event).schema.document)
        made = event.model_validate_json(json.dumps(fields), strict=False)
        assert set(type(made).model_fields) == set(fields)
