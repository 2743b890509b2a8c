"""Frames: which schema wrote a payload, told by its first bytes or refused by name."""

import pytest

from penstock.schemas import confluent, single_object
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of, decoder_of, encoder_of
from penstock.schemas.codec_errors import (
    DecodeError,
    ForeignFingerprint,
    ForeignFrame,
    GuidFrame,
    NotFramed,
    SchemaIdInHeader,
    SchemaUnknown,
    UnknownFingerprint,
    UnknownSchemaId,
)
from penstock.schemas.framing import (
    find_behind,
    found_behind,
    frame_in,
    frame_in_record,
    single_object_of,
    unknown_frame,
)
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__namespace__ = "shop"


class Order(Record):
    """A record."""

    order_id: str
    number: int = 0


SCHEMA = declaration_of(Order).schema
SINGLE = single_object.frame_of(SCHEMA.fingerprint)
BY_ID = confluent.frame_of_id(258)
ORDER = Order(order_id="o-1", number=7)


class Known:
    """Knows one schema by its fingerprint and by its id."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        return SCHEMA if fingerprint == SCHEMA.fingerprint else None

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        return SCHEMA if schema_id == 258 else None


def test_confluent_s_frame_is_a_zero_byte_and_the_id_with_its_highest_byte_first() -> None:
    """Five bytes, as every client of a registry writes them."""
    assert BY_ID == b"\x00\x00\x00\x01\x02"
    assert confluent.id_in_frame(BY_ID) == 258
    assert len(BY_ID) == confluent.FRAME_BYTES
    assert confluent.frame_of_id(confluent.MAX_ID) == b"\x00\x7f\xff\xff\xff"


@pytest.mark.parametrize("frame", [SINGLE, BY_ID])
def test_one_record_is_written_and_read_behind_either_frame(frame: bytes) -> None:
    """Only the frame differs; what follows is the same record."""
    payload = encoder_of(Order, frame=frame)(ORDER)
    assert payload == frame + encoder_of(Order)(ORDER)[single_object.FRAME_BYTES :]
    assert frame_in(payload) == frame
    assert decoder_of(SCHEMA, Order, frame=frame)(payload) == ORDER
    datum = datum_decoder_of(SCHEMA, frame=frame)(payload)
    assert datum_encoder_of(SCHEMA, frame=frame)(datum) == payload


@pytest.mark.parametrize("frame", [SINGLE, BY_ID])
def test_the_schema_behind_a_frame_is_found(frame: bytes) -> None:
    """By fingerprint or by id."""
    assert found_behind(frame, Known(), Known()) is SCHEMA
    assert find_behind(frame, Known(), Known()) is SCHEMA


def test_an_unknown_frame_is_named_and_can_be_looked_for() -> None:
    """The error carries the frame, and says the fingerprint or the id in words."""
    for frame, kind, part in (
        (single_object.frame_of(b"12345678"), UnknownFingerprint, "3132333435363738"),
        (confluent.frame_of_id(77), UnknownSchemaId, "id 77"),
    ):
        assert find_behind(frame, Known(), Known()) is None
        with pytest.raises(SchemaUnknown, match=part) as refused:
            found_behind(frame, Known(), Known())
        assert type(refused.value) is kind
        assert refused.value.frame == frame
        assert unknown_frame(frame).frame == frame


def test_where_no_ids_are_read_none_is_known() -> None:
    """Penstock's own records are single objects."""
    assert find_behind(BY_ID, Known(), None) is None


def test_a_frame_with_a_guid_is_refused_by_name() -> None:
    """Confluent's version 1: 01 and sixteen bytes."""
    with pytest.raises(GuidFrame, match=r"GUID.*schema\.id\.serializer"):
        frame_in(b"\x01" + bytes(16) + b"body")
    with pytest.raises(NotFramed):
        frame_in(b"\x01" + bytes(15))


@pytest.mark.parametrize(
    "header",
    [
        "__value_schema_id",
        "value.schemaId",
        "apicurio.value.globalId",
        "apicurio.value.contentId",
        "apicurio.value.contentHash",
        "apicurio.value.artifactId",
    ],
)
@pytest.mark.parametrize("payload", [b"", b"\x00\x00\x00\x00\x01body", b"\x02a", b"\x01" * 20])
def test_an_id_in_a_header_is_refused_by_name_whatever_the_payload_begins_with(
    header: str, payload: bytes
) -> None:
    """It has no frame, so what looks like one is chance."""
    headers = [("ce_id", b"x"), (header, b"\x01" + bytes(16))]
    with pytest.raises(SchemaIdInHeader, match=header):
        frame_in_record(payload, headers)


def test_a_fingerprint_is_proof_enough_against_headers() -> None:
    """A record that was carried over from elsewhere keeps its headers."""
    assert frame_in_record(SINGLE, [("__value_schema_id", b"")]) == SINGLE


@pytest.mark.parametrize(
    "payload", [b"", b"\x00", b"\x00" * 4, b"\xc3", SINGLE[:9], b"{" * 20, b"\xff" * 20]
)
def test_what_begins_with_no_frame_is_refused(payload: bytes) -> None:
    """Never guessed at."""
    with pytest.raises(NotFramed) as refused:
        frame_in(payload)
    assert refused.value.size == len(payload)


def test_a_decoder_reads_its_own_frame_only() -> None:
    """Another one names another schema, for all it knows."""
    by_id = decoder_of(SCHEMA, Order, frame=BY_ID)
    single = decoder_of(SCHEMA, Order)
    with pytest.raises(ForeignFrame, match=r"0000000103.*0000000102"):
        by_id(confluent.frame_of_id(259) + b"\x00\x00")
    with pytest.raises(ForeignFrame, match=SINGLE.hex()):
        by_id(SINGLE + b"\x00\x00")
    with pytest.raises(ForeignFingerprint):
        single(single_object.frame_of(b"12345678") + b"\x00\x00")
    for decode in (by_id, single):
        with pytest.raises(DecodeError):
            decode(b"\x01")


def test_a_payload_becomes_a_single_object_without_being_read() -> None:
    """The record behind the frame is untouched."""
    single = encoder_of(Order)(ORDER)
    assert single_object_of(encoder_of(Order, frame=BY_ID)(ORDER), SCHEMA) == single
    assert single_object_of(single, SCHEMA) is single
