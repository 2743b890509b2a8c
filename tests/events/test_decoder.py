"""The decoder: the right class for the bytes, or a refusal that says why."""

import json
import types

import pytest

from penstock.events.decoder import EventDecoder
from penstock.events.event import Event
from penstock.events.event_types import TypeNamedTwice
from penstock.schemas.codec import datum_encoder_of, encoder_of
from penstock.schemas.codec_errors import (
    DecodeError,
    GuidFrame,
    NotFramed,
    SchemaIdInHeader,
    SchemaUnknown,
    UnknownFingerprint,
    UnknownSchemaId,
)
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema


class Placed(Event, topic="shop.orders", key="order_id"):
    """Has gained a field since it was first written."""

    order_id: str
    note: str = "none"


class Paid(Event, topic="shop.orders", key="order_id"):
    """Another type."""

    order_id: str


class Base(Event, abstract=True):
    """A base."""


class Known:
    """Schemas by fingerprint; counts how often it is asked."""

    def __init__(self, *schemas: AvroSchema) -> None:
        """Know these."""
        self.schemas = {schema.fingerprint: schema for schema in schemas}
        self.asked = 0

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        self.asked += 1
        return self.schemas.get(fingerprint)


PLACED = declaration_of(Placed).schema
PAID = declaration_of(Paid).schema


def older(field_type: str) -> AvroSchema:
    """The schema of a former version of `Placed`, without its note."""
    fields = [{"name": "order_id", "type": field_type}]
    document = {"type": "record", "name": "Placed", "namespace": "shop", "fields": fields}
    return AvroSchema.parse(json.dumps(document))


def test_bytes_become_the_class_that_their_schema_names() -> None:
    """Whichever of the classes it is; each fingerprint is looked up once."""
    known = Known(PLACED, PAID)
    decoder: EventDecoder[Placed | Paid] = EventDecoder([Placed, Paid], known)
    placed, paid = Placed(order_id="o-1"), Paid(order_id="o-1")
    for _ in range(3):
        assert decoder.decode(encoder_of(Placed)(placed)) == placed
        assert decoder.decode(encoder_of(Paid)(paid)) == paid
    assert known.asked == 2


def test_a_type_that_was_not_asked_for_is_passed_over() -> None:
    """Its bytes are not looked at."""
    decoder = EventDecoder([Placed], Known(PLACED, PAID))
    assert decoder.decode(encoder_of(Paid)(Paid(order_id="o-1"))) is None
    assert decoder.decode(b"\xc3\x01" + PAID.fingerprint + b"rubbish") is None


def test_an_older_writer_is_understood() -> None:
    """Its missing field takes the reader's default."""
    schema = older("string")
    decoder = EventDecoder([Placed], Known(schema))
    assert decoder.decode(datum_encoder_of(schema)({"order_id": "o"})) == Placed(order_id="o")


def test_an_unknown_schema_is_named_and_may_be_known_later() -> None:
    """A shell looks, and asks again."""
    known = Known()
    decoder = EventDecoder([Placed], known)
    payload = encoder_of(Placed)(Placed(order_id="o-1"))
    with pytest.raises(UnknownFingerprint) as refused:
        decoder.decode(payload)
    assert refused.value.fingerprint == PLACED.fingerprint.hex()
    known.schemas[PLACED.fingerprint] = PLACED
    assert decoder.decode(payload) == Placed(order_id="o-1")


def test_bytes_without_a_frame_are_refused() -> None:
    """Never guessed at."""
    with pytest.raises(NotFramed):
        EventDecoder([Placed], Known()).decode(b'{"order_id": "o-1"}')


def test_a_schema_that_the_class_cannot_read_refuses_each_record_afresh() -> None:
    """It is resolved once; each record gets an error of its own."""
    schema = older("long")
    known = Known(schema)
    decoder = EventDecoder([Placed], known)
    payload = datum_encoder_of(schema)({"order_id": 1})
    errors = []
    for _ in range(2):
        with pytest.raises(DecodeError) as refused:
            decoder.decode(payload)
        errors.append(refused.value)
    assert errors[0] is not errors[1]
    assert known.asked == 1


def test_a_record_over_the_limit_is_not_looked_at() -> None:
    """The limit is the caller's."""
    decoder = EventDecoder([Placed], Known(PLACED), limit_bytes=50)
    with pytest.raises(DecodeError):
        decoder.decode(encoder_of(Placed)(Placed(order_id="x" * 50)))


def test_bases_and_two_classes_of_one_name_are_refused() -> None:
    """At the start, not at the first record."""
    second = types.new_class("Placed", (Event,), {"topic": "shop.orders"})
    with pytest.raises(TypeNamedTwice):
        EventDecoder([Placed, second], Known())
    with pytest.raises(AbstractRecord):
        EventDecoder([Base], Known())


class Ids:
    """Schemas by id."""

    def __init__(self) -> None:
        """Know none."""
        self.schemas: dict[int, AvroSchema] = {}
        self.asked = 0

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        self.asked += 1
        return self.schemas.get(schema_id)


def test_both_frames_are_read_into_one_class_whichever_version_wrote_them() -> None:
    """Each frame is looked up once, also where several name one schema."""
    ids, known = Ids(), Known(PLACED)
    ids.schemas = {7: PLACED, 8: older("string")}
    decoder = EventDecoder([Placed], known, ids=ids)
    placed = Placed(order_id="o-1", note="n")
    for _ in range(3):
        assert decoder.decode(encoder_of(Placed)(placed)) == placed
        assert decoder.decode(encoder_of(Placed, frame=frame_of_id(7))(placed)) == placed
        old = datum_encoder_of(ids.schemas[8], frame=frame_of_id(8))({"order_id": "o-1"})
        assert decoder.decode(old) == Placed(order_id="o-1")
    assert (known.asked, ids.asked) == (1, 2)


def test_an_unknown_id_is_named_and_may_be_known_later() -> None:
    """As an unknown fingerprint; whoever reads no ids knows none."""
    ids = Ids()
    payload = encoder_of(Placed, frame=frame_of_id(7))(Placed(order_id="o-1"))
    decoder = EventDecoder([Placed], Known(), ids=ids)
    for refusing in (decoder, EventDecoder([Placed], Known(PLACED))):
        with pytest.raises(UnknownSchemaId, match="id 7") as refused:
            refusing.decode(payload)
        assert isinstance(refused.value, SchemaUnknown)
    ids.schemas[7] = PLACED
    assert decoder.decode(payload) == Placed(order_id="o-1")


def test_other_forms_of_confluent_s_are_refused_by_name() -> None:
    """A GUID before the record, or an id in a header, where any first byte is chance."""
    ids = Ids()
    ids.schemas[7] = PLACED
    decoder = EventDecoder([Placed], Known(PLACED), ids=ids)
    with pytest.raises(GuidFrame):
        decoder.decode(b"\x01" + bytes(16) + b"body")
    payload = encoder_of(Placed, frame=frame_of_id(7))(Placed(order_id="o-1"))
    assert decoder.decode(payload) == Placed(order_id="o-1")
    header = ("__value_schema_id", b"\x01" + bytes(16))
    for unframed in (payload, frame_of_id(7), b"\x02o"):
        with pytest.raises(SchemaIdInHeader, match="__value_schema_id"):
            decoder.decode(unframed, [("ce_id", b"x"), header])


def test_a_type_that_was_not_asked_for_is_named_by_either_frame() -> None:
    """Its bytes are not looked at."""
    ids = Ids()
    ids.schemas[9] = PAID
    decoder = EventDecoder([Placed], Known(PAID), ids=ids)
    for payload in (frame_of_id(9) + b"rubbish", b"\xc3\x01" + PAID.fingerprint + b"rubbish"):
        assert decoder.decode(payload) is None
        assert decoder.unasked(payload).full_name == "shop.Paid"
