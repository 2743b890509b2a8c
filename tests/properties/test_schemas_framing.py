"""Frames at random: every value comes back through each; hostile bytes give decode errors only."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.confluent import MAX_ID, frame_of_id, id_in_frame
from penstock.schemas.framing import found_behind, frame_in, frame_in_record, single_object_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.schemas.type_tree import RecordType
from tests.schemas.generated import records, values_of

IDS = st.integers(1, MAX_ID)
HEADERS = st.lists(st.tuples(st.sampled_from(["ce_id", "__value_schema_id", "x"]), st.binary()))


class Known:
    """Knows one schema by its fingerprint and by one id."""

    def __init__(self, schema: AvroSchema, schema_id: int) -> None:
        """Know it."""
        self.schema = schema
        self.id = schema_id

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return self.schema if fingerprint == self.schema.fingerprint else None

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        return self.schema if schema_id == self.id else None


@st.composite
def values(draw: st.DrawFn) -> tuple[AvroSchema, Any]:
    """Draw a schema and a value of it."""
    record = draw(records())
    return AvroSchema.of(record, {}), draw(values_of(record))


@given(values(), IDS)
@settings(max_examples=100, deadline=None)
def test_every_value_comes_back_through_every_frame(
    drawn: tuple[AvroSchema, Any], schema_id: int
) -> None:
    """The schema is found behind the frame, and reads what was written; the record is the same."""
    schema, value = drawn
    known, bodies = Known(schema, schema_id), set()
    for frame in (frame_of(schema.fingerprint), frame_of_id(schema_id)):
        payload = datum_encoder_of(schema, frame=frame)(value)
        found = found_behind(frame_in(payload), known, known)
        assert found is schema
        assert datum_decoder_of(found, frame=frame)(payload) == value
        bodies.add(payload[len(frame) :])
        assert datum_decoder_of(schema)(single_object_of(payload, found)) == value
    assert len(bodies) == 1


@given(records(), IDS, st.binary(max_size=60), HEADERS, st.booleans())
@settings(max_examples=300, deadline=None)
def test_hostile_bytes_give_decode_errors_or_values(
    record: RecordType,
    schema_id: int,
    noise: bytes,
    headers: list[tuple[str, bytes]],
    framed: bool,
) -> None:
    """From the frame to the last byte, whatever they are and whatever the headers say."""
    schema = AvroSchema.of(record, {})
    known = Known(schema, schema_id)
    payload = frame_of_id(schema_id) + noise if framed else noise
    try:
        frame = frame_in_record(payload, headers)
        found = datum_decoder_of(found_behind(frame, known, known), frame=frame)(payload)
    except DecodeError:
        return
    assert found.keys() == {each.name for each in record.fields}


@given(st.binary(max_size=20))
def test_a_frame_is_the_beginning_of_its_payload(payload: bytes) -> None:
    """Nothing is made up: ten bytes of the payload, or five."""
    try:
        frame = frame_in(payload)
    except DecodeError:
        return
    assert payload.startswith(frame)
    assert len(frame) in {5, 10}


@given(IDS)
def test_ids_come_back(schema_id: int) -> None:
    """All of them."""
    assert id_in_frame(frame_of_id(schema_id)) == schema_id
