"""From an event to a start in the inbox: every event of the type, once, under its saga's key."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from penstock.events.alarm import Alarm
from penstock.events.catalogue_errors import SchemasUnreadable
from penstock.events.dead_letter import parse_note
from penstock.events.event import Event
from penstock.events.log import NewRecord
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import InboxMessage, Start
from penstock.sagas.language.check import load
from penstock.sagas.starter import Starter, StarterContext
from penstock.schemas.codec import datum_encoder_of, decoder_of
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from penstock.workers.group_commit import Effects
from penstock.workers.parking import Parking
from penstock.workers.partition_signals import Doubt
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation
from penstock.workers.verdicts import verdict
from tests.sagas.orchestrator_stand import (
    INBOX,
    OWN,
    PARTITIONS,
    SHOP,
    Read,
    Schemas,
    Stand,
    encoded,
    placed,
    schemas_of,
)
from tests.sagas.shop import HEAD, OrderConfirmed, OrderPlaced

LETTERS = "shop.orders.shop.saga-order.dlq"
EXTRA = '{"name":"extra","type":"string"},'
TRACED = [("ce_id", b"event-1"), ("traceparent", b"00-t-s-01")]


class StarterStand:
    """A starter and what it needs."""

    def __init__(self, stand: Stand | None = None, *, limit_bytes: int = 1_000_000) -> None:
        """Take book, schemas and clock from an orchestrator's stand."""
        self.orchestrator = stand or Stand()
        self.alarms: list[Alarm] = []
        self.starter = Starter(
            StarterContext(
                parking=Parking(
                    group="shop.saga-order",
                    dead_letters=lambda topic: f"{topic}.shop.saga-order.dlq",
                    alarm=self.alarms.append,
                ),
                source="shop.saga-order",
                inbox=INBOX,
                inbox_partitions=PARTITIONS,
                limit_bytes=limit_bytes,
                book=self.orchestrator.book,
                schemas=self.orchestrator.schemas,
                ids=self.orchestrator.schemas,
                look_up=self.orchestrator.schemas.look_up_frame,
                keep=self.orchestrator.schemas.keep,
                clock=self.orchestrator.clock,
            )
        )

    def take(
        self, value: bytes | None, *, condemned: Condemnation | None = None, **fields: Any
    ) -> Effects:
        """Process a record of the topic of events."""
        record = Read(**{"key": b"any", "value": value, "topic": "shop.orders", **fields})
        return asyncio.run(self.starter.process(record, PartitionState(), condemned))


def start_in(effects: Effects) -> tuple[int, NewRecord, Start]:
    """The one start that was put out: partition, record, content."""
    ((place, record),) = effects.outputs
    assert effects.state == {}
    assert place.topic == INBOX
    message = decoder_of(declaration_of(InboxMessage).schema, InboxMessage)(record.value or b"")
    assert message.start is not None
    return place.number, record, message.start


def letter_in(effects: Effects) -> tuple[str, NewRecord]:
    """The one dead letter: why, and the record."""
    ((place, record),) = effects.outputs
    assert place.topic == LETTERS
    return parse_note(record.headers).reason, record


def test_an_event_travels_on_as_its_author_framed_it() -> None:
    """Law 1; keyed by the saga's key, in the partition of that key, by the saga's own order."""
    data = encoded(placed("o-7"))
    number, record, start = start_in(StarterStand().take(data, headers=TRACED))
    assert start.input == data
    assert record.key == b"o-7"
    assert number == partition_of(b"o-7", PARTITIONS)
    headers = dict(record.headers)
    assert headers["ce_type"] == b"penstock.InboxMessage"
    assert headers["ce_source"] == b"shop.saga-order"
    assert headers["ce_correlationid"] == b"order/o-7"
    assert headers["ce_causationid"] == b"event-1"
    assert headers["traceparent"] == b"00-t-s-01"


def test_an_event_with_an_id_travels_on_as_a_single_object() -> None:
    """Law 1: whoever reads the inbox needs no registry; a schema that only that knew is kept."""
    stand = StarterStand()
    schema, single = declaration_of(OrderPlaced).schema, encoded(placed("o-7"))
    stand.orchestrator.schemas.ids[500] = schema
    data = frame_of_id(500) + single[10:]
    assert start_in(stand.take(data, headers=TRACED))[2].input == single
    foreign = AvroSchema.parse(schema.text.replace('"fields":[', '"fields":[' + EXTRA))
    stand.orchestrator.schemas.ids[501] = foreign
    body = datum_encoder_of(foreign)({"extra": "x", **placed("o-8").model_dump()})[10:]
    started = start_in(stand.take(frame_of_id(501) + body, headers=TRACED))[2].input
    assert started == frame_of(foreign.fingerprint) + body
    assert stand.orchestrator.schemas.find(foreign.fingerprint) == foreign


def test_an_id_whose_schema_the_inbox_would_read_otherwise_is_a_dead_letter() -> None:
    """19.99 at a scale of 2 has the fingerprint of 0.1999 at a scale of 4."""
    stand = StarterStand()
    schema = declaration_of(OrderPlaced).schema
    other = AvroSchema.parse(schema.text.replace('"scale":2', '"scale":4'))
    assert other.fingerprint == schema.fingerprint
    assert other.text != schema.text
    stand.orchestrator.schemas.ids[500] = other
    body = datum_encoder_of(other)(placed("o-7").model_dump())[10:]
    reason, letter = letter_in(stand.take(frame_of_id(500) + body))
    assert reason == "refused"
    assert "decimal(12, 2) is known" in parse_note(letter.headers).message


def test_an_id_in_a_header_is_a_dead_letter() -> None:
    """Such a payload has no frame, whatever it begins with."""
    stand = StarterStand()
    stand.orchestrator.schemas.ids[500] = declaration_of(OrderPlaced).schema
    data = frame_of_id(500) + encoded(placed())[10:]
    reason, _ = letter_in(stand.take(data, headers=[("__value_schema_id", b"\x01" + bytes(16))]))
    assert reason == "undecodable"


def test_the_same_event_makes_the_same_start() -> None:
    """Its id follows from the event's (F10), or from where the event lies."""
    stand, data = StarterStand(), encoded(placed())
    first, again = (stand.take(data, headers=TRACED).outputs for _ in range(2))
    assert first == again
    bare = [start_in(stand.take(data, offset=offset))[1] for offset in (7, 7, 8)]
    ids = [dict(record.headers)["ce_id"] for record in bare]
    assert ids[0] == ids[1] != ids[2]


def test_events_of_other_types_are_passed_over() -> None:
    """Law 2: a topic may carry several, among them what this very saga puts out."""
    stand = StarterStand()
    told = encoded(OrderConfirmed(order_id="o-1", tracking="T"))
    assert not stand.take(told).size_bytes
    assert stand.alarms == []


POISON = {
    "a tombstone": None,
    "no frame": b"junk",
    "an unknown schema": b"\xc3\x01" + bytes(range(8)) + b"x",
    "cut": encoded(placed())[:-1],
}


@pytest.mark.parametrize("value", POISON.values(), ids=POISON.keys())
def test_what_cannot_be_read_is_a_dead_letter(value: bytes | None) -> None:
    """Law 3: as it was, and the partition goes on."""
    stand = StarterStand()
    reason, record = letter_in(stand.take(value))
    assert (reason, record.value) == ("undecodable", value)
    assert [alarm.name for alarm in stand.alarms] == ["record-parked"]


@pytest.mark.parametrize("key", ["", "k" * 961])
def test_an_event_that_names_no_saga_is_a_dead_letter(key: str) -> None:
    """Law 3."""
    assert letter_in(StarterStand().take(encoded(placed(key))))[0] == "refused"


@pytest.mark.parametrize(
    "headers",
    [
        [("ce_id", b"\xff")],
        [("ce_id", b"x" * 1025)],
        [("traceparent", b"")],
        [(f"h{number}", b"") for number in range(101)],
    ],
)
def test_an_event_whose_headers_cannot_be_carried_on_is_a_dead_letter(
    headers: list[tuple[str, bytes]],
) -> None:
    """Law 3: it is foreign, and nobody waits for an answer."""
    assert letter_in(StarterStand().take(encoded(placed()), headers=headers))[0] == "refused"


def test_an_event_that_fills_a_record_is_a_dead_letter_at_once() -> None:
    """F18: around it comes an envelope, so what is certain to fail is not tried."""
    data = encoded(placed(labels={"bulk": "x" * 1_000}))
    stand = StarterStand(limit_bytes=len(data) + 100)
    reason, record = letter_in(stand.take(data))
    assert (reason, record.value) == ("refused", data)
    assert parse_note(record.headers).error_code == "PEN-E3"


def test_a_condemned_event_is_a_dead_letter() -> None:
    """The broker refused its start twice; bare, where it refused even the letter."""
    condemned = Condemnation(reason="why", without_value=False)
    reason, record = letter_in(StarterStand().take(encoded(placed()), condemned=condemned))
    assert (reason, record.value) == ("refused-by-broker", encoded(placed()))
    condemned = Condemnation(reason="why", without_value=True)
    assert letter_in(StarterStand().take(b"junk", condemned=condemned))[1].value is None


def test_an_event_of_a_newer_writer_is_looked_up_and_read() -> None:
    """Only to find its key; what travels on is what its author wrote."""
    text = declaration_of(OrderPlaced).schema.text
    more = text.replace('"fields":[', '"fields":[{"name":"added","type":"string"},', 1)
    schema = AvroSchema.parse(more)
    schemas = Schemas(*schemas_of(*OWN, *SHOP), unread=[schema])
    data = datum_encoder_of(schema)(
        {"added": "new", "order_id": "o-8", "total": Decimal("1.00"), "labels": {}}
    )
    stand = StarterStand(Stand(schemas=schemas))
    _, record, start = start_in(stand.take(data))
    assert (record.key, start.input) == (b"o-8", data)
    stand.take(data)
    assert sum(schemas.looked_up.values()) == 1


def test_what_cannot_be_looked_up_just_now_is_a_doubt() -> None:
    """Law 3: a slow cluster must not cost an order."""
    schemas = Schemas(*schemas_of(*OWN, *SHOP))
    stand = StarterStand(Stand(schemas=schemas))
    schemas.away = True
    with pytest.raises(SchemasUnreadable) as caught:
        stand.take(b"\xc3\x01" + bytes(range(8)) + b"x")
    assert isinstance(verdict(caught.value), Doubt)


class OrderAsked(Event, topic="shop.orders", key="number"):
    """What starts a saga in its second version."""

    number: str
    order_id: str


def test_the_version_that_new_sagas_take_says_what_starts_them() -> None:
    """Law 3 of definition_book: type and key are those of the highest version, at once."""
    schemas = Schemas(*schemas_of(*OWN, *SHOP, OrderAsked))
    stand = Stand(schemas=schemas)
    starter = StarterStand(stand)
    asked = encoded(OrderAsked(number="n-1", order_id="o-1"))
    assert not starter.take(asked).size_bytes
    head = HEAD.replace("version: 1", "version: 2").replace("OrderPlaced", "OrderAsked")
    text = head.replace("$.input.order_id", "$.input.number") + (
        "  - name: tell\n    emit: shop.OrderConfirmed\n"
        "    with: {order_id: $.input.order_id, tracking: none}\n"
    )
    known = {each.full_name: each for each in schemas_of(*SHOP, OrderAsked)}
    asyncio.run(stand.book.deploy(load(text, file="order.saga.yaml", schemas=known)))
    assert start_in(starter.take(asked))[1].key == b"n-1"
    assert not starter.take(encoded(placed())).size_bytes
