"""The catalogue: nothing ambiguous gets in, nothing broken stops anybody, two processes agree."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from penstock.events.catalogue import (
    SCHEMAS_PARTITION,
    CatalogueSettings,
    SchemaCatalogue,
    SchemaConflict,
    SchemasNotRegistered,
    SchemasUnreadable,
)
from penstock.events.log import NewRecord, WriteRefused
from penstock.schemas.errors import ExitCode
from penstock.schemas.schema import AvroSchema

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


def record_of(found: AvroSchema) -> NewRecord:
    """The record that registers a schema."""
    return NewRecord(found.fingerprint.hex().encode(), found.text.encode(), (), 0)


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
    write(world, record_of(schema("A")), broken, record_of(schema("B")))
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
        write(world, record_of(schema("D")))
        await catalogue.refresh()
        assert catalogue.find(schema("A").fingerprint) is not None
        assert catalogue.find(schema("D").fingerprint) is not None

    asyncio.run(scenario())


def test_long_topics_are_read_in_chunks_to_their_end(world: World) -> None:
    """Also past the marker of the last transaction, where no record is."""
    for number in range(35):
        write(world, record_of(schema(f"Type{number}")))
    catalogue = world.catalogue()
    asyncio.run(catalogue.refresh())
    assert catalogue.statistics().known == 35


def test_what_is_known_and_what_is_missing_is_bounded(world: World) -> None:
    """A topic filled by mistake does not fill the memory of every service."""
    for number in range(5):
        write(world, record_of(schema(f"Type{number}")))
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
        assert len(catalogue._missing_until_s) == 3

    asyncio.run(scenario())
    assert len(world.alarms) == 2
