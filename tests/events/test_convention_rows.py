"""Names and numbers that others rely on, row by row: headers, frames, topics.

The rows are those of the study of conventions (2a message envelope, 2b Avro framing, 2f topics).
Those of the registry's REST interface and of AsyncAPI are held where these are made; see
docs/acceptance_events.md. What is overruled by the pages of formats is not here.
"""

import asyncio
import json
import re
from datetime import datetime
from typing import get_args

import pytest

from penstock.events.event import Event
from penstock.events.headers import constant_headers, id_header, parse_headers, time_header
from penstock.events.log import Partition
from penstock.events.names import (
    TOPIC_NAME_LIMIT,
    IllegalName,
    check_declared_topic,
    check_topic,
    collision_key,
    consumer_group,
    dead_letter_topic,
    retry_topic,
)
from penstock.events.topic import Topic
from penstock.schemas.canonical import fingerprint_of
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import GuidFrame, NotFramed, SchemaIdInHeader
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.framing import Framing, frame_in, frame_in_record
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.schemas.type_tree import PrimitiveType
from tests.events.conftest import StoredRecord, World

CLOUDEVENTS = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z").fullmatch


class Placed(Event, topic=Topic("shop.orders", partitions=1), key="order_id"):
    """An order."""

    order_id: str


def published(world: World) -> StoredRecord:
    """One event as it lies on the log."""
    world.log.create("shop.orders", 1)

    async def scenario() -> None:
        publisher = world.publisher(world.writer())
        await publisher.publish(
            Placed(order_id="o-1"),
            correlation_id="flow",
            causation_id="cause",
            traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        )
        await publisher.close()

    asyncio.run(scenario())
    (record,) = world.log.records(Partition("shop.orders", 0))
    return record


# 2a. Message envelope


def test_2a_cloudevents_binary_mode(world: World) -> None:
    """Exactly the names and values of the binding, as UTF-8 text."""
    record = published(world)
    headers = {name: value.decode() for name, value in record.headers}
    assert headers.keys() >= CLOUDEVENTS
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "shop.Placed"
    assert headers["content-type"] == "application/avro"
    assert RFC_3339(headers["ce_time"])
    assert datetime.fromisoformat(headers["ce_time"]).timestamp() * 1000 == record.timestamp
    assert not headers["content-type"].lower().startswith("application/cloudevents")


def test_2a_the_key_is_the_users_key(world: World) -> None:
    """As text, so that every client can make it."""
    assert published(world).key == b"o-1"


def test_2a_the_correlation_extension(world: World) -> None:
    """Its names, with the prefix of headers."""
    headers = dict(published(world).headers)
    assert (headers["ce_correlationid"], headers["ce_causationid"]) == (b"flow", b"cause")


def test_2a_the_trace_stands_in_a_plain_header(world: World) -> None:
    """W3C's name, without the prefix of CloudEvents."""
    record = published(world)
    names = [name for name, _ in record.headers]
    assert "traceparent" in names
    assert "ce_traceparent" not in names


def test_2a_faststreams_correlation_is_read() -> None:
    """And CloudEvents' own goes before it, wherever it stands."""
    assert parse_headers([("correlation_id", b"theirs")]).correlation_id == "theirs"
    both = [("ce_correlationid", b"ours"), ("correlation_id", b"theirs")]
    assert parse_headers(both).correlation_id == "ours"


def test_2a_headers_are_read_by_the_names_under_which_they_are_written() -> None:
    """One list of names for both directions."""
    written = [*constant_headers("shop.Placed", "shop.test"), id_header("i"), time_header(0)]
    found = parse_headers(written)
    assert (found.specversion, found.type, found.source, found.id) == (
        "1.0",
        "shop.Placed",
        "shop.test",
        "i",
    )
    assert found.time_text == "1970-01-01T00:00:00.000000Z"
    assert found.content_type == "application/avro"


# 2b. Avro framing

SCHEMA = AvroSchema.parse('{"type":"record","name":"shop.R","fields":[{"name":"x","type":"long"}]}')


def test_2b_confluents_frame_is_a_zero_and_four_bytes() -> None:
    """The highest byte of the id first, then the body as it is."""
    payload = datum_encoder_of(SCHEMA, frame=frame_of_id(258))({"x": 1})
    assert payload == b"\x00\x00\x00\x01\x02\x02"
    assert frame_in(payload) == payload[:5]
    assert datum_decoder_of(SCHEMA, frame=payload[:5])(payload) == {"x": 1}


def test_2b_the_frame_of_version_1_and_ids_in_headers_are_told_by_name() -> None:
    """They are not taken for anything else."""
    with pytest.raises(GuidFrame):
        frame_in(b"\x01" + bytes(16) + b"\x02")
    for header in ("__value_schema_id", "value.schemaId"):
        with pytest.raises(SchemaIdInHeader):
            frame_in_record(b"\x02", [(header, b"\x01" + bytes(16))])


def test_2b_the_fingerprint_of_null() -> None:
    """The example of the specification, the lowest byte first."""
    fingerprint = fingerprint_of(PrimitiveType(name="null"))
    assert fingerprint.hex() == "8a8f25cce724dd63"
    assert int.from_bytes(fingerprint, "little") == 0x63DD24E7CC258F8A


def test_2b_a_single_object_is_ten_bytes_and_the_body() -> None:
    """C3 01, eight bytes, the body."""
    payload = datum_encoder_of(SCHEMA)({"x": 1})
    assert payload == b"\xc3\x01" + SCHEMA.fingerprint + b"\x02"
    assert frame_in(payload) == frame_of(SCHEMA.fingerprint)


def test_2b_readers_tell_frames_by_their_first_bytes() -> None:
    """Both are read, whichever is written; what has neither is refused."""
    assert set(get_args(Framing)) == {"single-object", "confluent"}
    with pytest.raises(NotFramed):
        frame_in(b'{"x": 1}')


def test_2b_levels_have_the_names_of_registries() -> None:
    """All seven, spelt as they are in requests."""
    assert {each.value for each in Level} == {
        "BACKWARD",
        "BACKWARD_TRANSITIVE",
        "FORWARD",
        "FORWARD_TRANSITIVE",
        "FULL",
        "FULL_TRANSITIVE",
        "NONE",
    }


def test_2b_the_schema_carries_where_its_messages_travel() -> None:
    """So that a registry's subject can be named from the schema alone."""
    document = json.loads(Placed.__penstock__.schema.text)
    assert (document["topic"], document["key"]) == ("shop.orders", "order_id")


# 2f. Topics and groups


@pytest.mark.parametrize("name", ["Shop.orders ", "shop.örders", "shop/orders", "", ".", ".."])
def test_2f_topics_have_kafkas_characters(name: str) -> None:
    """a-z, A-Z, 0-9, dot, underscore, hyphen."""
    with pytest.raises(IllegalName):
        check_topic(name)


def test_2f_topics_are_a_domain_and_an_entity_and_no_longer_than_kafka_allows() -> None:
    """Dots between the parts, 249 characters in all."""
    assert check_declared_topic("shop.orders") == "shop.orders"
    assert TOPIC_NAME_LIMIT == 249
    for name in ("orders", "shop..orders", "_penstock.orders"):
        with pytest.raises(IllegalName):
            check_declared_topic(name)


def test_2f_dots_and_underscores_are_one_name_to_a_brokers_metrics() -> None:
    """Two such topics are told before they are made."""
    assert collision_key("shop.orders_new") == collision_key("shop.orders.new")


def test_2f_joined_names() -> None:
    """With dots, and the group in the name of its dead letters."""
    assert consumer_group("shop", "stock") == "shop.stock"
    assert dead_letter_topic("shop.orders", "shop", "stock") == "shop.orders.shop.stock.dlq"
    assert retry_topic("shop.orders", "shop", "stock", 1) == "shop.orders.shop.stock.retry.1"
