"""What we have and other frameworks lack, and what their users complain of, row by row.

The rows are those of the study of other frameworks: its table of features (rows 1 to 7), and of its
list of complaints those that this room answers. Where the tests of the other rows stand is written
in docs/acceptance_events.md.
"""

import asyncio
import io
import json
from typing import Any

import fastavro
import pytest
from pydantic import ValidationError

from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.decoder import EventDecoder
from penstock.events.event import Event
from penstock.events.log import Partition, RecordTooLarge
from penstock.events.partitioner import partition_of
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.compatibility_levels import check, render
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import FRAME_BYTES
from tests.events.conftest import StoredRecord, World

ORDERS = Topic("shop.orders", partitions=4)


class Placed(Event, topic=ORDERS, key="order_id"):
    """An order."""

    order_id: str
    text: str = ""


class Ended(Event, topic=ORDERS, key="order_id"):
    """Another type on the same topic."""

    order_id: str


PLACED = declaration_of(Placed).schema


class Known:
    """Schemas by fingerprint."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """As the port promises."""
        schemas = (declaration_of(each).schema for each in (Placed, Ended))
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


@pytest.fixture
def shop(world: World) -> World:
    """A world with the topic."""
    world.log.create("shop.orders", 4)
    return world


def records(world: World) -> list[StoredRecord]:
    """All records of the topic, one partition after the other."""
    partitions = (Partition("shop.orders", number) for number in range(4))
    return [record for each in partitions for record in world.log.records(each)]


def test_row_01_handlers_get_objects_of_their_class() -> None:
    """Of whichever class the bytes are; and no object is made of values of other types."""
    decoder: EventDecoder[Placed | Ended] = EventDecoder([Placed, Ended], Known())
    for event in (Placed(order_id="o"), Ended(order_id="o")):
        found = decoder.decode(encoder_of(type(event))(event))
        assert found == event
        assert type(found) is type(event)
    with pytest.raises(ValidationError):
        Placed(order_id=5)  # type: ignore[arg-type]  # on purpose


def test_row_02_events_are_avro_that_others_read() -> None:
    """With the schema that the class declares, and nothing of ours."""
    theirs = fastavro.parse_schema(json.loads(PLACED.text))
    payload = encoder_of(Placed)(Placed(order_id="o-1", text="Grüße"))
    found = fastavro.schemaless_reader(io.BytesIO(payload[FRAME_BYTES:]), theirs, None)
    assert found == {"order_id": "o-1", "text": "Grüße"}


def test_row_04_events_are_single_objects() -> None:
    """C3 01 and the fingerprint of the schema, the lowest byte first, as fastavro computes it."""
    payload = encoder_of(Placed)(Placed(order_id="o-1"))
    canonical = fastavro.schema.to_parsing_canonical_form(json.loads(PLACED.text))
    fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
    assert payload[:FRAME_BYTES] == b"\xc3\x01" + fingerprint


def test_row_05_compatibility_is_a_call_that_says_why() -> None:
    """With the version, the field and what to do."""
    wider = json.loads(PLACED.text)
    wider["fields"].append({"name": "total", "type": "long"})
    failures = check(AvroSchema.parse(json.dumps(wider)).root, [PLACED.root])
    assert [each.version for each in failures] == [1]
    assert [each.path for each in failures[0].incompatibilities] == ["total"]
    assert "total" in render(failures)
    assert check(PLACED.root, [AvroSchema.parse(json.dumps(wider)).root]) == ()


def publish(world: World, events: list[Placed], **settings: Any) -> None:
    """Publish events in bulk, with a header of our own."""

    async def scenario() -> None:
        publisher = world.publisher(world.writer(), PublisherSettings(**settings))
        call = asyncio.ensure_future(publisher.publish_many(events, headers={"tenant": "blue"}))
        await world.clock.advance(1)
        assert await call == len(events)
        await publisher.close()

    asyncio.run(scenario())


def test_row_06_many_events_keep_their_headers_and_overflow_no_batch(shop: World) -> None:
    """Others overflow a batch at the 57th of 200 events of 200 bytes, or drop the headers."""
    publish(shop, [Placed(order_id=f"o-{each}", text="x" * 200) for each in range(200)])
    found = records(shop)
    assert len(found) == 200
    assert {dict(each.headers)["tenant"] for each in found} == {b"blue"}
    assert len({dict(each.headers)["ce_id"] for each in found}) == 200


def test_row_07_events_of_one_key_lie_in_one_partition_in_order(shop: World) -> None:
    """Where each other client of Kafka would put them."""
    publish(shop, [Placed(order_id=f"o-{each % 7}", text=str(each)) for each in range(70)])
    decode = decoder_of(PLACED, Placed)
    for number in range(4):
        held = list(shop.log.records(Partition("shop.orders", number)))
        assert all(partition_of(record.key or b"", 4) == number for record in held)
        texts: dict[bytes, list[int]] = {}
        for record in held:
            texts.setdefault(record.key or b"", []).append(int(decode(record.value or b"").text))
        assert all(each == sorted(each) for each in texts.values())
    assert len({record.partition for record in records(shop)}) > 1


def test_b23_an_event_over_the_limit_is_refused_before_a_batch_is_touched(shop: World) -> None:
    """With both sizes; its neighbours go out, and the producer is as good as before."""

    async def scenario() -> None:
        settings = PublisherSettings(record_bytes=2_000)
        publisher = shop.publisher(shop.writer(), settings)
        before = asyncio.ensure_future(publisher.publish(Placed(order_id="a")))
        with pytest.raises(RecordTooLarge) as caught:
            await publisher.publish(Placed(order_id="b", text="x" * 2_000))
        assert caught.value.size_bytes > caught.value.limit_bytes == 2_000
        await publisher.publish(Placed(order_id="c"))
        await before
        await publisher.close()

    asyncio.run(scenario())
    assert sorted(record.key or b"" for record in records(shop)) == [b"a", b"c"]


def test_minos_a_message_holds_no_schema(shop: World) -> None:
    """The schema is on the log once, and not in each message: ten bytes say which it is."""
    publish(shop, [Placed(order_id=f"o-{each}") for each in range(50)])
    written = [
        record for record in shop.log.records(SCHEMAS_PARTITION) if b"/" not in (record.key or b"")
    ]
    assert len(written) == 1
    sizes = [len(record.value or b"") for record in records(shop)]
    assert max(sizes) < len(PLACED.text) / 4


def test_faststream_a_type_that_was_not_asked_for_costs_no_handler() -> None:
    """Several types live on one topic: another type is neither guessed at nor an error."""
    decoder = EventDecoder([Placed], Known())
    assert decoder.decode(encoder_of(Ended)(Ended(order_id="o"))) is None
    with pytest.raises(DecodeError):
        decoder.decode(b'{"order_id": "o"}')
