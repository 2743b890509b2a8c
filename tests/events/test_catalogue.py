"""The catalogue: nothing ambiguous gets in, nothing broken stops anybody, two processes agree."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from penstock.events.catalogue import SCHEMAS_PARTITION, CatalogueSettings, SchemaCatalogue
from penstock.events.catalogue_errors import (
    SchemasCreatedAnew,
    SchemasNotRegistered,
    SchemasUnreadable,
)
from penstock.events.log import NewRecord, WriteRefused
from penstock.events.schema_judgement import SchemaConflict, SchemaIncompatible
from penstock.schemas.compatibility_levels import Level
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.errors import ExitCode
from penstock.schemas.schema import AvroSchema
from penstock.schemas.schema_errors import SchemaTooLarge
from penstock.schemas.single_object import frame_of

if TYPE_CHECKING:
    from tests.events.conftest import World


def schema(name: str = "Placed", *, scale: int | None = None, doc: str | None = None) -> AvroSchema:
    """A schema; scale and doc do not change its fingerprint."""
    total: object = "bytes"
    if scale is not None:
        total = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": scale}
    document = {
        "type": "record",
        "name": name,
        "namespace": "shop",
        "fields": [{"name": "total", "type": total}],
    }
    return AvroSchema.parse(json.dumps(document | ({"doc": doc} if doc else {})))


def record_of(found: AvroSchema, schema_id: int = 1) -> NewRecord:
    """The record that registers a schema."""
    headers = (("penstock-schema-id", b"%d" % schema_id),)
    return NewRecord(found.fingerprint.hex().encode(), found.text.encode(), headers, 0)


def write(world: World, *records: NewRecord) -> None:
    """Put records on the schemas topic, as a transaction of somebody else's."""
    world.log.append(SCHEMAS_PARTITION, records)
    world.log.mark(SCHEMAS_PARTITION)


def texts(world: World) -> list[str]:
    """The schemas on the topic."""
    return [(each.value or b"").decode() for each in world.log.records(SCHEMAS_PARTITION)]


def test_a_schema_is_written_once_under_its_fingerprint(world: World) -> None:
    """Sixteen digits as the key, the full JSON as the value; asking again writes nothing."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.ensure([schema(scale=2)])
        await catalogue.ensure([schema(scale=2)])
        await world.catalogue().ensure([schema(scale=2)])

    asyncio.run(scenario())
    (record,) = world.log.records(SCHEMAS_PARTITION)
    assert record.key == schema().fingerprint.hex().encode()
    assert len(record.key) == 16
    assert AvroSchema.parse((record.value or b"").decode()) == schema(scale=2)


def test_several_schemas_are_one_transaction(world: World) -> None:
    """A start with fifty types costs one turn."""
    registrar = world.registrar()
    asyncio.run(world.catalogue(registrar).ensure([schema("A"), schema("B"), schema("C")]))
    assert registrar.fences == 1
    assert len(texts(world)) == 3


def test_what_stands_on_the_topic_needs_no_turn(world: World) -> None:
    """The usual start only reads."""
    write(world, record_of(schema()))
    registrar = world.registrar()
    asyncio.run(world.catalogue(registrar).ensure([schema()]))
    assert registrar.fences == 0


def test_another_scale_under_one_fingerprint_is_refused(world: World) -> None:
    """F6: 19.99 would be read as 0.1999. The error names the field and exits with 4."""
    write(world, record_of(schema(scale=2)))
    with pytest.raises(SchemaConflict) as refused:
        asyncio.run(world.catalogue().ensure([schema(scale=4)]))
    assert "total" in str(refused.value)
    assert refused.value.exit_code is ExitCode.SCHEMA
    assert texts(world) == [schema(scale=2).text]


def test_two_schemas_of_one_call_are_held_against_each_other(world: World) -> None:
    """Also where the topic knows neither."""
    with pytest.raises(SchemaConflict):
        asyncio.run(world.catalogue().ensure([schema(scale=2), schema(scale=4)]))
    assert texts(world) == []


def test_of_harmless_differences_the_latest_text_is_kept(world: World) -> None:
    """F6: docs do not change the meaning."""

    async def scenario() -> AvroSchema | None:
        await world.catalogue().ensure([schema(doc="old")])
        await world.catalogue().ensure([schema(doc="new")])
        reader = world.catalogue()
        await reader.refresh()
        return reader.find(schema().fingerprint)

    found = asyncio.run(scenario())
    assert found is not None
    assert found.text == schema(doc="new").text


def test_two_processes_with_one_schema_write_it_once(world: World) -> None:
    """Whoever loses the turn reads again and finds that there is nothing to do."""

    async def scenario() -> None:
        ensured = asyncio.gather(*(world.catalogue().ensure([schema()]) for _ in range(3)))
        for _ in range(20):
            await world.clock.advance(1)
        await ensured

    asyncio.run(scenario())
    assert texts(world) == [schema().text]


def test_of_two_processes_with_conflicting_schemas_one_is_refused(world: World) -> None:
    """However their steps interleave, the topic never holds both."""

    async def scenario() -> list[object]:
        ensured = asyncio.gather(
            world.catalogue().ensure([schema(scale=2)]),
            world.catalogue().ensure([schema(scale=4)]),
            return_exceptions=True,
        )
        for _ in range(20):
            await world.clock.advance(1)
        return list(await ensured)

    ends = asyncio.run(scenario())
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "SchemaConflict"]
    assert len(texts(world)) == 1


def test_a_conflict_that_arrives_between_reading_and_writing_is_seen(world: World) -> None:
    """The commit fails because of the other's fence, and the next reading shows why."""
    registrar, other = world.registrar(), world.registrar()

    def meanwhile() -> None:
        registrar.between = lambda: None
        world.turns.epoch += 1
        write(world, record_of(schema(scale=4)))

    registrar.between = meanwhile

    async def scenario() -> None:
        ensured = asyncio.ensure_future(world.catalogue(registrar).ensure([schema(scale=2)]))
        await world.clock.advance(5)
        with pytest.raises(SchemaConflict):
            await ensured

    asyncio.run(scenario())
    assert other.fences == 0
    assert texts(world) == [schema(scale=4).text]


def test_a_lost_answer_is_cleared_up_by_reading(world: World) -> None:
    """The commit had succeeded; the second attempt finds it and writes nothing."""
    registrar = world.registrar()
    registrar.answers_to_lose = 1

    async def scenario() -> None:
        ensured = asyncio.ensure_future(world.catalogue(registrar).ensure([schema()]))
        await world.clock.advance(5)
        await ensured

    asyncio.run(scenario())
    assert registrar.fences == 2
    assert len(texts(world)) == 1


def test_giving_up_is_bounded_and_says_why(world: World) -> None:
    """Somebody who takes the turn each time is not fought for ever."""
    registrar = world.registrar()

    def rob() -> None:
        world.turns.epoch += 1

    registrar.between = rob

    async def scenario() -> None:
        ensured = asyncio.ensure_future(world.catalogue(registrar).ensure([schema()]))
        for _ in range(10):
            await world.clock.advance(30)
        with pytest.raises(SchemasNotRegistered, match="8 attempts"):
            await ensured

    asyncio.run(scenario())
    assert registrar.fences == 8


def test_a_failure_that_stays_is_not_tried_again(world: World) -> None:
    """Only what a later attempt may find changed is worth one."""
    registrar = world.registrar()

    def refuse() -> None:
        raise WriteRefused(partition=SCHEMAS_PARTITION, reason="TOPIC_AUTHORIZATION_FAILED (29)")

    registrar.between = refuse
    with pytest.raises(WriteRefused):
        asyncio.run(world.catalogue(registrar).ensure([schema()]))
    assert registrar.fences == 1


@pytest.mark.parametrize(
    "broken",
    [
        NewRecord(b"k", None, (), 0),
        NewRecord(b"k", b"\xff", (), 0),
        NewRecord(b"k", b"{", (), 0),
        NewRecord(b"k", b"[" * 100_000, (), 0),
        NewRecord(b"k", b'"string"', (), 0),
        NewRecord(b"0000000000000000", schema().text.encode(), (), 0),
        NewRecord(None, schema().text.encode(), (), 0),
        NewRecord(b"k", b" " * 1_000_001, (), 0),
    ],
)
def test_broken_records_are_skipped_counted_and_told(world: World, broken: NewRecord) -> None:
    """F19: what is good before and behind them is known all the same."""
    write(world, record_of(schema("A")), broken, record_of(schema("B"), 2))
    catalogue = world.catalogue()
    asyncio.run(catalogue.refresh())
    assert catalogue.find(schema("A").fingerprint) is not None
    assert catalogue.find(schema("B").fingerprint) is not None
    assert catalogue.statistics().skipped == 1
    (alarm,) = world.alarms
    assert alarm.name == "schema-record-skipped"
    assert alarm.facts["offset"] == 1


def test_a_conflicting_record_on_the_topic_does_not_replace_the_known_one(world: World) -> None:
    """Somebody wrote around the turn; the first meaning stays."""
    write(world, record_of(schema(scale=2)), record_of(schema(scale=4)))
    catalogue = world.catalogue()
    asyncio.run(catalogue.refresh())
    found = catalogue.find(schema().fingerprint)
    assert found is not None
    assert found.text == schema(scale=2).text
    assert "total" in world.alarms[0].text


def test_a_reader_looks_once_for_an_unknown_fingerprint(world: World) -> None:
    """And finds what was registered before the record that named it."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.refresh()
        write(world, record_of(schema()))
        assert catalogue.find(schema().fingerprint) is None
        looking = asyncio.ensure_future(catalogue.lookup(schema().fingerprint))
        await world.clock.advance(1)
        assert await looking is not None

    asyncio.run(scenario())


def test_looking_is_limited_in_rate_and_shared(world: World) -> None:
    """A flood of chance bytes costs ten readings a second, not one for each record."""

    async def scenario() -> int:
        catalogue = world.catalogue()
        for number in range(100):
            looking = asyncio.gather(
                *(catalogue.lookup(bytes([number, each] * 4)) for each in range(20))
            )
            await world.clock.advance(0.01)
            if number % 10 == 9:
                await world.clock.advance(0.2)
            _ = looking
        await world.clock.advance(1)
        return catalogue.statistics().readings

    assert asyncio.run(scenario()) <= 35


def test_what_was_missing_is_not_looked_for_again_at_once(world: World) -> None:
    """But after a while, since a copied topic may lag."""

    async def scenario() -> list[int]:
        catalogue = world.catalogue()
        readings = []
        for pause_s in (1.0, 1.0, 20.0):
            looking = asyncio.ensure_future(catalogue.lookup(b"12345678"))
            await world.clock.advance(pause_s)
            assert await looking is None
            readings.append(catalogue.statistics().readings)
        write(world, record_of(schema()))
        looking = asyncio.ensure_future(catalogue.lookup(schema().fingerprint))
        await world.clock.advance(1)
        assert await looking is not None
        return readings

    assert asyncio.run(scenario()) == [1, 1, 1]


def test_a_fingerprint_is_looked_for_again_after_a_while(world: World) -> None:
    """The memory of what is missing ends."""

    async def scenario() -> int:
        catalogue = world.catalogue()
        for _ in range(2):
            looking = asyncio.ensure_future(catalogue.lookup(b"12345678"))
            await world.clock.advance(11)
            assert await looking is None
        return catalogue.statistics().readings

    assert asyncio.run(scenario()) == 2


def test_a_topic_that_cannot_be_read_to_its_end_is_told_in_time(world: World) -> None:
    """Neither reading nor registering is safe without all schemas; the next call tries again."""
    write(world, record_of(schema()))
    reader = world.reader(SCHEMAS_PARTITION)
    reader.stuck = True
    catalogue = SchemaCatalogue(
        reader, world.registrar(), world.clock, world.entropy, raise_alarm=world.alarms.append
    )

    async def scenario() -> None:
        reading = asyncio.ensure_future(catalogue.refresh())
        shared = asyncio.ensure_future(catalogue.refresh())
        await world.clock.advance(10.1)
        with pytest.raises(SchemasUnreadable, match="offset 0 of 2"):
            await reading
        reader.stuck = False
        await world.clock.advance(1)
        await shared
        assert catalogue.find(schema().fingerprint) is not None

    asyncio.run(scenario())


def test_a_topic_created_anew_is_read_from_its_beginning(world: World) -> None:
    """What was known stays known, and what is new is found."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.ensure([schema("A"), schema("B"), schema("C")])
        await catalogue.refresh()
        world.log.recreate(SCHEMAS_PARTITION.topic)
        write(world, record_of(schema("D"), 1))
        await catalogue.refresh()
        assert catalogue.find(schema("A").fingerprint) is not None
        assert catalogue.find(schema("D").fingerprint) is not None

    asyncio.run(scenario())


def test_long_topics_are_read_in_chunks_to_their_end(world: World) -> None:
    """Also past the marker of the last transaction, where no record is."""
    for number in range(35):
        write(world, record_of(schema(f"Type{number}"), number + 1))
    catalogue = world.catalogue()
    asyncio.run(catalogue.refresh())
    assert catalogue.statistics().known == 35


def test_what_is_known_and_what_is_missing_is_bounded(world: World) -> None:
    """A topic filled by mistake does not fill the memory of every service."""
    for number in range(5):
        write(world, record_of(schema(f"Type{number}"), number + 1))
    catalogue = SchemaCatalogue(
        world.reader(SCHEMAS_PARTITION),
        world.registrar(),
        world.clock,
        world.entropy,
        raise_alarm=world.alarms.append,
        settings=CatalogueSettings(schemas=3),
    )

    async def scenario() -> None:
        await catalogue.refresh()
        assert catalogue.statistics().known == 3
        for number in range(10):
            looking = asyncio.ensure_future(catalogue.lookup(bytes([number] * 8)))
            await world.clock.advance(1)
            assert await looking is None
        assert catalogue.statistics().missing == 3

    asyncio.run(scenario())
    assert len(world.alarms) == 2


# --- ids, subjects and levels --------------------------------------------------------------------


def message(*fields: str, name: str = "Placed", level: str | None = None) -> AvroSchema:
    """The schema of an event on a topic; a field with `=` has a default."""
    document: dict[str, object] = {
        "type": "record",
        "name": f"shop.{name}",
        "fields": [
            {"name": each.rstrip("="), "type": "string", **({"default": ""} if "=" in each else {})}
            for each in fields
        ],
        "topic": "shop.orders",
    }
    return AvroSchema.parse(json.dumps(document | ({"compatibility": level} if level else {})))


def test_processes_agree_on_ids_and_versions(world: World) -> None:
    """Whoever is first: they take turns, and each reads before it writes."""
    events = [message("id"), message("id", "note="), message("id", name="Paid")]

    async def scenario() -> None:
        catalogues = [world.catalogue() for _ in range(3)]
        ensured = asyncio.gather(
            *(each.ensure([event]) for each, event in zip(catalogues, events, strict=True))
        )
        for _ in range(20):
            await world.clock.advance(1)
        await ensured
        answers = []
        for each in (*catalogues, world.catalogue()):
            await each.refresh()
            versions = each.versions("shop.orders-value")
            answers.append([(one.version, one.id, one.schema) for one in versions])
            assert [each.id_of(one.schema.fingerprint) for one in versions] == [1, 2, 3]
            assert [each.find_id(one.id) for one in versions] == [one.schema for one in versions]
            assert each.subjects() == ("shop.orders-value",)
        assert answers[0] == answers[1] == answers[2] == answers[3]

    asyncio.run(scenario())
    assert world.alarms == []


def test_ids_are_given_out_with_the_schemas(world: World) -> None:
    """As whoever frames messages by ids asks for them; again the same, and nothing is written."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        events = [message("id"), message("id", name="Paid")]
        ids = await catalogue.ids_for(events)
        assert ids == {events[0].fingerprint: 1, events[1].fingerprint: 2}
        end = world.log.end(SCHEMAS_PARTITION)
        assert await world.catalogue().ids_for(events) == ids
        assert world.log.end(SCHEMAS_PARTITION) == end

    asyncio.run(scenario())


def test_a_class_that_does_not_fit_is_refused_at_the_start(world: World) -> None:
    """With the reason; who goes back to an older version is let in."""

    async def scenario() -> None:
        await world.catalogue().ensure([message("id"), message("id", "note=")])
        with pytest.raises(SchemaIncompatible, match="by is not written") as refused:
            await world.catalogue().ensure([message("id", "by")])
        assert refused.value.exit_code is ExitCode.SCHEMA
        await world.catalogue().ensure([message("id")])

    asyncio.run(scenario())
    assert len(world.log.records(SCHEMAS_PARTITION)) == 4


def test_who_only_reads_is_no_version(world: World) -> None:
    """A class with half of the fields must not keep the publisher from its next version."""

    async def scenario() -> None:
        publisher, reader = world.catalogue(), world.catalogue()
        await publisher.ensure([message("id", "note")])
        await reader.ensure_readable([message("id")])
        await publisher.refresh()
        assert publisher.find(message("id").fingerprint) is not None
        assert len(publisher.versions("shop.orders-value")) == 1
        await publisher.ensure([message("id", "note", "price=")])
        with pytest.raises(SchemaIncompatible):
            await reader.ensure_readable([message("id", "by")])

    asyncio.run(scenario())


def test_what_is_kept_does_not_replace_what_is_there(world: World) -> None:
    """Text from elsewhere may lack what the class says."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.ensure([schema(doc="ours")])
        await catalogue.keep([schema(doc="theirs"), schema("Other")])
        found = catalogue.find(schema().fingerprint)
        assert found is not None
        assert found.document["doc"] == "ours"
        assert catalogue.find(schema("Other").fingerprint) is not None

    asyncio.run(scenario())


def test_a_schema_is_registered_under_any_subject_and_again(world: World) -> None:
    """As tools of others ask: the same schema gives the same answer."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.ensure([message("id")])
        own = await catalogue.register("shop.orders-value", message("id"))
        assert (own.version, own.id) == (1, 1)
        theirs = await catalogue.register("elsewhere", message("id"))
        assert (theirs.subject, theirs.version, theirs.id) == ("elsewhere", 1, 1)
        assert await world.catalogue().register("elsewhere", message("id")) == theirs
        with pytest.raises(SchemaIncompatible):
            await catalogue.register("elsewhere", message("id", "by"))
        await catalogue.set_level("elsewhere", Level.NONE)
        assert (await catalogue.register("elsewhere", message("id", "by"))).version == 2

    asyncio.run(scenario())


def test_levels_are_set_for_all_processes(world: World) -> None:
    """And taken back."""

    async def scenario() -> None:
        first, second = world.catalogue(), world.catalogue()
        await first.set_level("shop.orders-value", Level.FULL)
        await second.refresh()
        assert second.level_of("shop.orders-value") is Level.FULL
        await second.set_level("shop.orders-value", None)
        await first.refresh()
        assert first.level_set("shop.orders-value") is None
        assert first.level_of("shop.orders-value") is Level.BACKWARD_TRANSITIVE

    asyncio.run(scenario())


def test_an_event_is_held_until_its_schema_comes(world: World) -> None:
    """From a copied topic, behind the events; by fingerprint and by id."""

    async def scenario() -> None:
        for frame, event in (
            (frame_of(message("id").fingerprint), message("id")),
            (frame_of_id(2), message("id", name="Paid")),
        ):
            catalogue, copier = world.catalogue(), world.catalogue()
            held = asyncio.ensure_future(catalogue.look_up(frame))
            await world.clock.advance(2)
            assert not held.done()
            await copier.ensure([event])
            await world.clock.advance(1)
            assert held.done()
            assert await held == event
            assert catalogue.statistics().held == 1

    asyncio.run(scenario())


def test_garbage_is_held_once_and_in_bounded_time(world: World) -> None:
    """Then it passes at once, and so does other garbage."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        held = asyncio.ensure_future(catalogue.look_up(frame_of(b"12345678")))
        await world.clock.advance(4.9)
        assert not held.done()
        await world.clock.advance(0.2)
        assert held.done()
        assert await held is None
        for frame in (frame_of(b"12345678"), frame_of(b"87654321"), frame_of_id(9)):
            passing = asyncio.ensure_future(catalogue.look_up(frame))
            await world.clock.advance(0.2)
            assert passing.done()
        assert catalogue.statistics().missing == 3

    asyncio.run(scenario())


def test_an_id_is_looked_for_once_where_nobody_holds_an_event(world: World) -> None:
    """As for a fingerprint."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        looking = asyncio.ensure_future(catalogue.lookup_id(1))
        await world.clock.advance(1)
        assert await looking is None
        await world.catalogue().ensure([message("id")])
        await world.clock.advance(10)
        looking = asyncio.ensure_future(catalogue.lookup_id(1))
        await world.clock.advance(1)
        assert await looking == message("id")

    asyncio.run(scenario())


def test_a_topic_created_anew_gives_out_its_own_ids(world: World) -> None:
    """An id of the old topic would name another schema on the new one."""

    async def scenario() -> None:
        catalogue, other = world.catalogue(), world.catalogue()
        await catalogue.ensure([message("id"), message("id", name="Paid")])
        await catalogue.refresh()
        world.log.recreate(SCHEMAS_PARTITION.topic)
        await other.ensure([message("id", name="Paid")])
        await catalogue.refresh()
        assert catalogue.find_id(1) == message("id", name="Paid")
        assert catalogue.id_of(message("id").fingerprint) is None
        await catalogue.ensure([message("id")])
        assert catalogue.id_of(message("id").fingerprint) == 2

    asyncio.run(scenario())
    assert world.alarms == []


@pytest.mark.parametrize(
    "used", ["written by", "read by", "registered for a client", "looked up for one", "not at all"]
)
def test_a_topic_created_anew_is_told_to_who_has_used_its_ids(world: World, used: str) -> None:
    """What was made for id 1 would take other records for it: that ends, and is not passed over."""

    async def scenario() -> None:
        catalogue = world.catalogue()
        await catalogue.ensure([message("id")])
        await catalogue.ensure([message("id", name="Paid")])
        await catalogue.refresh()
        if used == "written by":
            await catalogue.ids_for([message("id")])
        if used == "registered for a client":
            assert (await catalogue.register("a", message("id"))).id == 1
        if used == "looked up for one":
            assert [each.id for each in catalogue.versions("shop.orders-value")] == [1, 2]
        if used == "read by":
            assert catalogue.find_id(1) == message("id")
        assert catalogue.find_id(9) is None
        assert catalogue.versions("shop.unknown-value") == ()
        world.log.recreate(SCHEMAS_PARTITION.topic)
        await world.catalogue().ensure([message("id", name="Shipped")])
        if used == "not at all":
            await catalogue.refresh()
            return
        for _ in range(2):
            with pytest.raises(SchemasCreatedAnew, match="Start every process again") as told:
                await catalogue.refresh()
            assert not told.value.retryable
        assert catalogue.find_id(1) == message("id")

    asyncio.run(scenario())


def test_a_reading_that_took_too_long_is_gone_on_with(world: World) -> None:
    """A topic that is longer than one reading is read in several, and not from the start each."""
    write(world, *(record_of(schema(f"S{number}"), number + 1) for number in range(50)))
    reader = world.reader(SCHEMAS_PARTITION)
    reader.takes_s = 6.0
    catalogue = SchemaCatalogue(
        reader, world.registrar(), world.clock, world.entropy, raise_alarm=world.alarms.append
    )

    async def scenario() -> None:
        known = []
        for _ in range(10):
            reading = asyncio.ensure_future(catalogue.refresh())
            await world.clock.advance(60)
            known.append(catalogue.statistics().known)
            if reading.exception() is None:
                break
        assert len(known) > 1
        assert known == sorted(known)
        assert known[-1] == 50

    asyncio.run(scenario())


def test_what_others_have_written_behind_a_commit_stays(world: World) -> None:
    """The answer to a commit may come late, and a look has read by then what came behind it."""
    registrar = world.registrar()
    catalogue, other = world.catalogue(registrar), world.catalogue()

    async def behind() -> None:
        await other.set_level("a", Level.FULL)
        await catalogue.refresh()

    registrar.late = behind

    async def scenario() -> None:
        await catalogue.set_level("a", Level.NONE)
        await catalogue.refresh()
        assert catalogue.level_set("a") is other.level_set("a") is Level.FULL

    asyncio.run(scenario())


def test_a_text_that_nobody_would_read_is_not_written(world: World) -> None:
    """Every process passes over what is too large, its own too."""
    catalogue = SchemaCatalogue(
        world.reader(SCHEMAS_PARTITION),
        world.registrar(),
        world.clock,
        world.entropy,
        raise_alarm=world.alarms.append,
        settings=CatalogueSettings(schema_bytes=1_000),
    )
    with pytest.raises(SchemaTooLarge, match="1000 bytes"):
        asyncio.run(catalogue.ensure([schema(doc="ä" * 450), schema("Paid")]))
    assert texts(world) == []
    asyncio.run(catalogue.ensure([schema(doc="ä" * 400)]))
    assert len(texts(world)) == 1
