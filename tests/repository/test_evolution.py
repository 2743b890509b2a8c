"""docs/evolution.md: its Python runs as it stands there, and does what the text says of it."""

import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest

from penstock.events.decoder import EventDecoder
from penstock.events.type_choice import Unasked
from penstock.events.upcasting import AnyUpcast
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Worker
from tests.repository.errors_table import errors, load_rooms
from tests.repository.tree import ROOT

TEXT = (ROOT / "docs" / "evolution.md").read_text("utf-8")


@pytest.fixture(scope="module")
def document() -> Iterator[Any]:
    """All blocks one after the other, in one module, as a reader would type them."""
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 5
    module = ModuleType("evolution")
    sys.modules["evolution"] = module
    try:
        for block in blocks:
            exec(compile(block, "evolution.md", "exec"), vars(module))  # noqa: S102 - our own text
        yield module
    finally:
        del sys.modules["evolution"]


class Known:
    """One schema."""

    def __init__(self, schema: AvroSchema) -> None:
        """Know it."""
        self.schema = schema

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return self.schema if self.schema.fingerprint == fingerprint else None


def written(name: str, **fields: Any) -> AvroSchema:
    """The schema of a writer."""
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    document = {"type": "record", "name": name, "namespace": "shop", "fields": listed}
    return AvroSchema.parse(json.dumps(document))


def decoded(types: list[Any], schema: AvroSchema, upcasts: list[AnyUpcast], **values: Any) -> Any:
    """What a reader makes of a record."""
    decoder: EventDecoder[Any] = EventDecoder(types, Known(schema), upcasts=upcasts)
    return decoder.decode(datum_encoder_of(schema)(values))


def test_what_the_schema_can_say(document: Any) -> None:
    """Each row of the first table, in one record of a program that is much older, or newer."""
    channel = {"type": "enum", "name": "Channel", "symbols": ["WEB", "SHOP", "OTHER", "PHONE"]}
    schema = written(
        "OrderMade",
        weight_kg="long",
        colour="string",
        customer_id="string",
        channel=channel,
        order_id="string",
    )
    order = decoded(
        [document.OrderPlaced],
        schema,
        [],
        weight_kg=3,
        colour="red",
        customer_id="c-1",
        channel="PHONE",
        order_id="o-1",
    )
    assert order == document.OrderPlaced(
        order_id="o-1", customer="c-1", weight_kg=3.0, channel=document.Channel.OTHER, note=""
    )


def test_a_value_may_become_optional() -> None:
    """The row that the class of the document has no field for."""
    schema = written("Noted", note="string")
    optional = AvroSchema.parse(
        json.dumps(
            {
                "type": "record",
                "name": "shop.Noted",
                "fields": [{"name": "note", "type": ["null", "string"], "default": None}],
            }
        )
    )
    payload = datum_encoder_of(schema)({"note": "x"})
    assert datum_decoder_of(schema, optional)(payload) == {"note": "x"}


def test_an_exact_shape_goes_through_its_upcast_although_the_class_could_read_it(
    document: Any,
) -> None:
    """Without the upcast it would be a payment of 0.00, as the text says."""
    old = declaration_of(document.PaymentInCents).schema
    values = {"order_id": "o-1", "cents": 1999}
    with_it = decoded([document.Payment], old, [document.in_euros], **values)
    assert (with_it.amount, with_it.currency) == (Decimal("19.99"), "EUR")
    assert decoded([document.Payment], old, [], **values).amount == Decimal("0.00")


def test_a_new_name_and_its_old_one_become_one_type(document: Any) -> None:
    """And a reader that was not changed sees a type that it does not know."""
    old = declaration_of(document.OrderShipped).schema
    shipped = decoded(
        [document.ParcelShipped], old, [document.one_parcel], order_id="o", address="Elm 1, Ulm"
    )
    assert shipped == document.ParcelShipped(order_id="o", parcel=1, street="Elm 1", town="Ulm")
    new = declaration_of(document.ParcelShipped).schema
    decoder: EventDecoder[Any] = EventDecoder([document.OrderShipped], Known(new))
    payload = datum_encoder_of(new)({"order_id": "o", "parcel": 1, "street": "", "town": ""})
    assert decoder.decode(payload) is None
    assert decoder.unasked(payload) == Unasked(full_name="shop.ParcelShipped", ignored=False)


def test_its_workers_can_be_started(document: Any) -> None:
    """With the rules that the text gives them."""
    workers = [each for each in vars(document).values() if isinstance(each, Worker)]
    found = {each.name: each.inputs[0] for each in workers}
    assert found["ledger"].upcasts == (document.in_euros,)
    assert (found["ledger"].unknown_types, found["stock"].unknown_types) == ("skip", "refuse")
    assert found["stock"].ignores == (document.OrderViewed,)
    assert found["tracking"].upcasts == (document.one_parcel,)


def test_the_errors_that_it_names_are_there() -> None:
    """A code that has gone would send a reader to nowhere."""
    load_rooms()
    assert set(re.findall(r"PEN-[A-Z]\d+", TEXT)) <= {kind.code for kind in errors()}
