"""What is written is read back, by us and by fastavro, for schemas and values of every kind."""

import io
import json
from collections.abc import Callable
from datetime import UTC, date, time
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, NaiveDatetime, create_model

from penstock.schemas.avro_words import fixed, written_as
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.confluent import MAX_ID, frame_of_id
from penstock.schemas.decimal_digits import money
from penstock.schemas.framing import frame_in
from penstock.schemas.record import Record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import FRAME_BYTES, frame_of
from tests.schemas.generated import MEANT_VALUES, PLAIN_VALUES, TEXT, records, values_of

__namespace__ = "shop"


@st.composite
def schemas_and_values(draw: st.DrawFn) -> tuple[AvroSchema, Any]:
    """Draw a schema and a value of it."""
    record = draw(records())
    return AvroSchema.of(record, {}), draw(values_of(record))


def fastavro_schema(schema: AvroSchema) -> Any:
    """Return the full schema as fastavro wants it, logical types included."""
    return fastavro.parse_schema(json.loads(schema.text))


@given(schemas_and_values())
@settings(max_examples=100, deadline=None)
def test_values_come_back_equal(drawn: tuple[AvroSchema, Any]) -> None:
    """Written and read by us, without a class."""
    schema, value = drawn
    payload = datum_encoder_of(schema)(value)
    assert datum_decoder_of(schema)(payload) == value


@given(schemas_and_values())
@settings(max_examples=100, deadline=None)
def test_fastavro_reads_what_we_write(drawn: tuple[AvroSchema, Any]) -> None:
    """With the full schema, without knowing us."""
    schema, value = drawn
    body = io.BytesIO(datum_encoder_of(schema)(value)[FRAME_BYTES:])
    assert fastavro.schemaless_reader(body, fastavro_schema(schema), None) == value
    assert not body.read()


@given(schemas_and_values())
@settings(max_examples=100, deadline=None)
def test_we_read_what_fastavro_writes(drawn: tuple[AvroSchema, Any]) -> None:
    """With the full schema, without its knowing us."""
    schema, value = drawn
    body = io.BytesIO()
    body.write(b"\xc3\x01" + schema.fingerprint)
    fastavro.schemaless_writer(body, fastavro_schema(schema), value)
    assert datum_decoder_of(schema)(body.getvalue()) == value


@given(records())
@settings(max_examples=100, deadline=None)
def test_fingerprints_are_those_of_fastavro(record: Any) -> None:
    """Two implementations of the canonical form agree."""
    schema = AvroSchema.of(record, {"topic": "shop.orders"})
    canonical = fastavro.schema.to_parsing_canonical_form(json.loads(schema.text))
    theirs = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    assert schema.fingerprint.hex() == theirs
    assert AvroSchema.parse(schema.text) == schema


# Classes


class State(Enum):
    """An enum whose values are not its symbols."""

    OPEN = 1
    DONE = 2


class Inner(Record):
    """A nested record."""

    name: str
    amount: Annotated[Decimal, money(8, 3)]


class Card(Record):
    """A record that looks like another."""

    number: str


class Cash(Record):
    """The other."""

    given: int


INNER = st.builds(
    Inner, name=TEXT, amount=st.decimals(-99999, 99999, places=3).filter(lambda found: found != 0)
)
FIELDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, TEXT),
    (bytes, st.binary(max_size=20)),
    (bool, st.booleans()),
    (int, PLAIN_VALUES["long"]),
    (float, PLAIN_VALUES["double"]),
    (Annotated[Decimal, money(12, 2)], st.decimals(-(10**9), 10**9, places=2)),
    (AwareDatetime, st.datetimes(timezones=st.just(UTC))),
    (date, st.dates()),
    (UUID, st.uuids()),
    (State, st.sampled_from(State)),
    (Literal["a", "b"], st.sampled_from(["a", "b"])),
    (Inner, INNER),
    (time, st.times()),
    (Annotated[int, written_as("int")], PLAIN_VALUES["int"]),
    (Annotated[float, written_as("float")], PLAIN_VALUES["float"]),
    (Annotated[time, written_as("time-millis")], MEANT_VALUES["time-millis"]),
    (Annotated[AwareDatetime, written_as("timestamp-millis")], MEANT_VALUES["timestamp-millis"]),
    (
        Annotated[NaiveDatetime, written_as("local-timestamp-micros")],
        MEANT_VALUES["local-timestamp-micros"],
    ),
    (Annotated[bytes, fixed("shop.Three", 3)], st.binary(min_size=3, max_size=3)),
    (Annotated[UUID, fixed("shop.Key", 16)], st.uuids()),
    (Card | Cash, st.builds(Card, number=TEXT) | st.builds(Cash, given=PLAIN_VALUES["long"])),
    (Card | Cash | None, st.none() | st.builds(Cash, given=PLAIN_VALUES["long"])),
]


def list_of(annotation: Any) -> Any:
    """Return the annotation of a list of these."""
    return list[annotation]


def tuple_of(annotation: Any) -> Any:
    """Return the annotation of a tuple of these."""
    return tuple[annotation, ...]


def dict_of(annotation: Any) -> Any:
    """Return the annotation of a dictionary of these."""
    return dict[str, annotation]


WRAPPED: list[Callable[[Any, Any], tuple[Any, st.SearchStrategy[Any]]]] = [
    lambda annotation, values: (annotation, values),
    lambda annotation, values: (annotation | None, st.none() | values),
    lambda annotation, values: (list_of(annotation), st.lists(values, max_size=3)),
    lambda annotation, values: (
        tuple_of(annotation),
        st.lists(values, max_size=3).map(tuple),
    ),
    lambda annotation, values: (dict_of(annotation), st.dictionaries(TEXT, values, max_size=3)),
]


@st.composite
def objects(draw: st.DrawFn) -> Record:
    """Draw a class and an object of it."""
    fields, values = {}, {}
    for number in range(draw(st.integers(0, 5))):
        annotation, strategy = draw(st.sampled_from(FIELDS))
        optional = get_origin(annotation) in {Union, UnionType} and None.__class__ in get_args(
            annotation
        )
        if hasattr(annotation, "__or__") and not optional:
            annotation, strategy = draw(st.sampled_from(WRAPPED))(annotation, strategy)
        fields[f"f{number}"] = (annotation, ...)
        values[f"f{number}"] = draw(strategy)
    made = create_model("Made", __base__=Record, __module__=__name__, **fields)  # type: ignore[call-overload]  # fields are drawn
    found: Record = made(**values)
    return found


@given(objects(), st.sampled_from(["single-object", "confluent"]), st.integers(1, MAX_ID))
@settings(max_examples=100, deadline=None)
def test_objects_come_back_equal(value: Record, framing: str, schema_id: int) -> None:
    """Written and read by us, through the class, in each framing."""
    kind = type(value)
    schema = kind.__penstock__.schema
    frame = frame_of_id(schema_id) if framing == "confluent" else frame_of(schema.fingerprint)
    payload = encoder_of(kind, frame=frame)(value)
    assert frame_in(payload) == frame
    assert decoder_of(schema, kind, frame=frame)(payload) == value
    datum = datum_decoder_of(schema, frame=frame)(payload)
    assert datum_encoder_of(schema, frame=frame)(datum) == payload
