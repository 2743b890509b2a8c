"""Events framed by ids: written, read, put out, sent by sagas; and what has no such frame."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from penstock.events import Event, Topic
from penstock.events.dead_letter import parse_note
from penstock.events.log import NewRecord
from penstock.events.schema_judgement import SchemaIncompatible
from penstock.infra.bootstrap import connect
from penstock.infra.parts import open_parts
from penstock.infra.settings import Settings
from penstock.sagas.engine.state import Phase
from penstock.schemas.confluent import FRAME_BYTES, MARK, frame_of_id, id_in_frame
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import MARK as SINGLE_MARK
from penstock.schemas.single_object import frame_of
from penstock.workers import Delivery, Worker
from tests.integration.saga_bench import made_trip, patient_trip
from tests.integration.saga_bench import running as saga_running
from tests.integration.test_dead_letters import write
from tests.integration.workbench import eventually, opened_topics, play
from tests.integration.worker_bench import Noted, Placed, Shop, made_shop, running

pytestmark = pytest.mark.timeout(120)

GUID = b"\x01" + bytes(range(16))


def with_framing(settings: Settings, framing: str) -> Settings:
    """The same app, whose messages are framed so."""
    return settings.model_copy(update={"framing": framing})


def clerk(shop: Shop, *, exactly_once: bool) -> Worker:
    """A worker that notes each order; it does not announce what it puts out."""
    worker = Worker("clerk")

    @worker.on(shop.placed, exactly_once=exactly_once)
    async def note(event: Placed, _: Delivery) -> Noted:
        return shop.noted(order=event.order)

    return worker


async def id_of(shop: Shop, event_type: type[Event]) -> int:
    """The id of a type's schema on the topic of schemas."""
    async with open_parts(shop.settings, source="test") as parts:
        await parts.catalogue.refresh()
        found = parts.catalogue.id_of(declaration_of(event_type).schema.fingerprint)
        assert found is not None
        return found


@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])
def test_ids_are_written_and_both_frames_are_read(
    kafka: str, unique: Callable[[str], str], exactly_once: bool
) -> None:
    """By a worker, whose outputs get their ids before the first commit, and by a subscriber."""
    shop = made_shop(kafka, unique, framing="confluent")
    worker = clerk(shop, exactly_once=exactly_once)

    async def scenario() -> None:
        await shop.make_topics(worker)
        async with running(shop, worker) as run:
            await shop.publish(shop.orders(3))
            single = replace(shop, settings=with_framing(shop.settings, "single-object"))
            await single.publish(shop.orders(2, first=3))
            await run.done(5)
        values = [record.value or b"" for record in await shop.notes()]
        assert {value[:FRAME_BYTES] for value in values} == {
            frame_of_id(await id_of(shop, shop.noted))
        }
        async with (
            connect(shop.settings) as bus,
            bus.subscribe([shop.placed], until="end") as placed,
            bus.subscribe([shop.noted], until="end") as noted,
        ):
            orders = [f"o{number:05}" for number in range(5)]
            assert [each.event.order async for each in placed] == orders
            assert sorted([each.event.order async for each in noted]) == orders
        assert await shop.letters() == []

    play(scenario())


def test_what_no_schema_is_found_for_is_parked_with_its_name(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """The letter names fingerprint or id, or the form that is not read; and all else goes on."""
    shop = made_shop(kafka, unique)
    worker = clerk(shop, exactly_once=True)
    strange = [
        (frame_of_id(2_000_000_001) + b"\x00", [], "PEN-A80", "2000000001"),
        (frame_of_id(2_000_000_002) + b"\x00", [], "PEN-A80", "2000000002"),
        (frame_of(b"12345678") + b"\x00", [], "PEN-A42", "3132333435363738"),
        (GUID + b"\x00", [], "PEN-A82", "GUID"),
        (b"\x00\x00\x00\x00\x01\x00", [("__value_schema_id", GUID)], "PEN-A83", "header"),
    ]

    async def scenario() -> None:
        await shop.make_topics(worker)
        records = [
            NewRecord(b"%d" % number, value, headers, 1_700_000_000_000)
            for number, (value, headers, _, _) in enumerate(strange)
        ]
        async with running(shop, worker) as run:
            await write(shop.connection, shop.source(), records)
            await run.done(len(strange))
            await shop.publish(shop.orders(1))
            await run.done(len(strange) + 1)
        letters = {record.key: record for record in await shop.letters()}
        for number, (value, _, code, part) in enumerate(strange):
            letter = letters[b"%d" % number]
            note = parse_note(letter.headers)
            assert letter.value == value
            assert (note.reason, note.error_code) == ("undecodable", code)
            assert part in note.message
        assert await shop.noted_orders() == ["o00000"]

    play(scenario())


def with_another_field(shop: Shop, unique: Callable[[str], str]) -> AvroSchema:
    """A version of the order that nobody has registered."""
    colour = f"colour_{unique('x').rpartition('-')[2]}"
    document = json.loads(declaration_of(shop.placed).schema.text)
    document["fields"].append({"name": colour, "type": "string"})
    return AvroSchema.parse(json.dumps(document))


def test_who_has_an_unknown_frame_is_held_until_its_schema_is_there(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """It was looked for in vain before it came, and nobody looked for it again but the hold."""
    shop = made_shop(kafka, unique)
    written = with_another_field(shop, unique)

    async def scenario() -> None:
        await shop.make_topics(clerk(shop, exactly_once=True))
        async with (
            open_parts(shop.settings, source="holder") as holder,
            open_parts(shop.settings, source="copier") as copier,
        ):
            held = asyncio.ensure_future(holder.schemas.look_up(frame_of(written.fingerprint)))
            await eventually(lambda: holder.catalogue.statistics().held == 1, what="a hold")
            assert not held.done()
            await copier.catalogue.keep([written])
            assert await held == written

    play(scenario())


def test_an_event_that_comes_before_its_schema_is_handled(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """As where topics are copied, and the one of schemas comes later. No letter is written."""
    shop = made_shop(kafka, unique)
    worker = clerk(shop, exactly_once=True)
    written = with_another_field(shop, unique)
    value = frame_of(written.fingerprint) + shop.encoded(shop.orders(1)[0])[10:] + b"\x06red"

    async def scenario() -> None:
        await shop.make_topics(worker)
        async with running(shop, worker) as run, connect(shop.settings):
            record = NewRecord(b"o00000", value, [], 1_700_000_000_000)
            await write(shop.connection, shop.source(), [record])
            async with open_parts(shop.settings, source="copier") as parts:
                await parts.catalogue.keep([written])
            await run.done(1)
        assert await shop.noted_orders() == ["o00000"]
        assert await shop.letters() == []

    play(scenario())


def test_a_saga_asks_and_tells_by_ids_and_keeps_single_objects(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Events and commands have ids; inbox, history and state are read without any."""
    trip = patient_trip(kafka, unique)
    trip = replace(trip, settings=with_framing(trip.settings, "confluent"))

    async def scenario() -> None:
        await trip.make_topics()
        async with saga_running(trip):
            await trip.ask("t1", "no-pay")
            states = await trip.ended("t1", "no-pay", limit_s=60)
        assert states["t1"].phase is Phase.COMPLETED
        assert states["no-pay"].phase is Phase.COMPENSATED
        for topic in (trip.travel, trip.rooms, trip.last_words):
            values = [record.value or b"" for record in await trip.records(topic)]
            assert values
            assert all(value.startswith(MARK) and id_in_frame(value) > 0 for value in values)
        inbox = [record.value or b"" for record in await trip.records(trip.inbox)]
        assert all(value.startswith(SINGLE_MARK) for value in inbox)
        assert await trip.booked() == ["t1"]

    play(scenario())


def test_ids_of_versions_that_others_have_deployed_are_learned(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A process that knows nothing of hotels ends sagas that need one."""
    trip = made_trip(kafka, unique, flight_timeout="20s", hotel_timeout="20s")
    trip = replace(trip, settings=with_framing(trip.settings, "confluent"))
    second = trip.definition(2, hotel=False)

    async def scenario() -> None:
        await trip.make_topics()
        async with saga_running(trip, services=False):
            await trip.ask("old")
            await trip.reached(lambda saga: saga.steps[0].attempt > 0, "old")
        async with saga_running(trip, definitions=[second]):
            states = await trip.ended("old", limit_s=60)
        assert states["old"].phase is Phase.COMPLETED
        assert states["old"].version == 1
        (room,) = [record.value or b"" for record in await trip.records(trip.rooms)]
        assert id_in_frame(room) > 0

    play(scenario())


def test_who_would_write_what_others_cannot_follow_is_refused_at_its_start(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """With field and remedy; the older version is let in again."""
    topic = Topic(unique("bench.bills"), partitions=1)

    def version(fields: dict[str, object]) -> Any:
        body = {"__module__": __name__, "__annotations__": dict.fromkeys(fields, str)}
        given = {name: value for name, value in fields.items() if value is not ...}
        return type("Bill", (Event,), {**body, **given}, topic=topic, key="id")

    first, wider = version({"id": ...}), version({"id": ..., "note": ""})
    broken = version({"id": ..., "sum": ...})
    settings = Settings(app=unique("app"), kafka=kafka)

    async def scenario() -> None:
        async with opened_topics(settings.connection()) as topics:
            await topics.create(topic.name, partitions=1, replication=1, config={})
        for each in (first, wider, first):
            async with connect(settings) as bus:
                await bus.publish(each(id="b1"))
        async with connect(settings) as bus:
            with pytest.raises(SchemaIncompatible, match="sum is not written") as refused:
                await bus.publish(broken(id="b1", sum="1"))
            assert refused.value.exit_code == 4

        async def all_are_read() -> bool:
            async with (
                connect(settings) as bus,
                bus.subscribe([wider], until="end") as bills,
            ):
                return len([each async for each in bills]) == 3

        await eventually(all_are_read, what="three bills")

    play(scenario())
