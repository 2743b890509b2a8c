"""Hostile bytes and hostile schemas: an answer of the right kind, always, and soon."""

import json
import random
import time
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import fastavro
import pytest
from fastavro.schema import SchemaParseException, UnknownType
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime

from penstock.schemas.canonical import canonical_form
from penstock.schemas.codec import datum_decoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.money import money
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaError
from penstock.schemas.single_object import FRAME_BYTES
from penstock.schemas.type_tree import RecordType
from tests.schemas.generated import records

__namespace__ = "shop"


class State(Enum):
    """An enum."""

    OPEN = 1
    DONE = 2


class Item(Record):
    """A nested record."""

    sku: str
    price: Annotated[Decimal, money(12, 2)]
    note: str | None = None


class Order(Record):
    """Something of everything that can be broken."""

    order_id: UUID
    at: AwareDatetime
    state: State
    count: int
    paid: bool
    items: list[Item]
    rates: dict[str, int]


ORDER = Order(
    order_id=UUID(int=5),
    at=datetime(2026, 1, 2, tzinfo=UTC),
    state=State.DONE,
    count=-1,
    paid=True,
    items=[
        Item(sku="canary", price=Decimal(1)),
        Item(sku="b", price=Decimal("-1.28"), note="canary"),
    ],
    rates={"canary": 1, "y": 2},
)
ENCODE, DECODE = encoder_of(Order), decoder_of(Order.__penstock__.schema, Order)
PAYLOAD = ENCODE(ORDER)
PIECES = [
    b"\x00",
    b"\x01",
    b"\x02",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\xfe" + b"\xff" * 8 + b"\x01",
    b"\x80" * 30,
    b"\x01\x01",
    b"\xfe\xff\xff\xff\x0f",
    b"\xc3\x28",
]


def mutated(chance: random.Random) -> bytes:
    """Return the payload with a few things done to it."""
    data = bytearray(PAYLOAD)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(FRAME_BYTES, len(data) + 1)
        match chance.randrange(4):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = chance.choice(PIECES)
            case 2:
                del data[at : at + chance.randint(1, 4)]
            case _:
                data[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_payloads_give_decode_errors_or_valid_objects(seed: int) -> None:
    """An object that comes out could have been published; an error shows no payload."""
    chance = random.Random(seed)
    told = []
    for _ in range(2_000):
        payload = mutated(chance)
        try:
            found = DECODE(payload)
        except DecodeError as error:
            told.append(str(error))
        else:
            assert DECODE(ENCODE(found)) == found
    assert len(told) > 1_000
    assert not [message for message in told if "canary" in message]


@given(records(), st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_random_bytes_give_decode_errors_or_values(record: RecordType, body: bytes) -> None:
    """For schemas of every kind."""
    schema = AvroSchema.of(record, {})
    decode = datum_decoder_of(schema)
    try:
        found = decode(b"\xc3\x01" + schema.fingerprint + body)
    except DecodeError:
        return
    assert found.keys() == {each.name for each in record.fields}


@pytest.mark.parametrize(
    "body",
    [b"\x00" * 1_000_000, b"\x02" * 1_000_000, b"\xff" * 1_000_000, b"\x80\x01\x00" * 333_333],
    ids=["zeros", "twos", "all bits", "blocks"],
)
def test_a_megabyte_of_anything_ends_soon(body: bytes) -> None:
    """The time of one decode grows with the bytes that came and with nothing else."""

    class Deep(Record):
        x: list[list[list[int | None]]]

    schema = Deep.__penstock__.schema
    began = time.process_time()
    with pytest.raises(DecodeError):
        decoder_of(schema, Deep)(b"\xc3\x01" + schema.fingerprint + body)
    assert time.process_time() - began < 5


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["int", "null", "string", "record", "enum", "fixed", "array", "map"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "symbols", "size"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a document."""
    found = []
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            found.append((node, key))
            found.extend(places(node[key]))
    return found


@given(records(), JUNK, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_broken_schemas_give_schema_errors_or_schemas(
    record: RecordType, junk: Any, chance: random.Random
) -> None:
    """What the lint lets pass, fastavro reads to the same canonical form."""
    document = json.loads(AvroSchema.of(record, {}).text)
    container, key = chance.choice(places(document))
    container[key] = junk
    try:
        schema = AvroSchema.parse(json.dumps(document))
    except SchemaError:
        return
    assert AvroSchema.parse(schema.text) == schema
    try:
        theirs = fastavro.schema.to_parsing_canonical_form(json.loads(schema.text))
    except (SchemaParseException, UnknownType):
        return  # stricter than the specification about defaults and misplaced decimals
    assert canonical_form(schema.root) == theirs
