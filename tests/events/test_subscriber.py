"""Reading a part of the log: what was asked for, in order, and nothing passed over in silence."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from penstock.events.catalogue import SCHEMAS_PARTITION, SchemaCatalogue
from penstock.events.event import Event
from penstock.events.event_types import partitions_of
from penstock.events.log import LogRecord, NewRecord, Partition, PositionLost
from penstock.events.range_source import RangeSource
from penstock.events.reading_range import BadRange, PositionOutside
from penstock.events.subscriber import Delivered, Subscriber, Tombstone, Undecodable
from penstock.events.topic import Topic
from penstock.infra.schema_registry.registry_errors import SchemaUnsupported
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.errors import WorldError
from penstock.schemas.schema import AvroSchema

if TYPE_CHECKING:
    from tests.events.conftest import MemoryReader, World

ORDERS = Topic("shop.orders", partitions=2)


class Placed(Event, topic=ORDERS, key="order_id"):
    """Keyed."""

    order_id: str
    number: int


class Paid(Event, topic=ORDERS, key="order_id"):
    """Another type on the topic."""

    order_id: str


PARTITIONS = partitions_of([Placed])
RUBBISH = NewRecord(b"k", b"rubbish", (), 0)


@pytest.fixture
def shop(world: World) -> World:
    """A world with twenty orders, placed and paid."""
    world.log.create("shop.orders", 2)

    async def fill() -> None:
        publisher = world.publisher(world.writer())
        for number in range(20):
            await publisher.publish(Placed(order_id=f"o-{number}", number=number))
            await publisher.publish(Paid(order_id=f"o-{number}"))
        await publisher.close()

    asyncio.run(fill())
    return world


def subscriber(
    world: World,
    *,
    start: Any = "beginning",
    until: Any = "end",
    reader: MemoryReader | None = None,
    **arguments: Any,
) -> Subscriber[Delivered[Placed]]:
    """A subscriber with a reader and a catalogue of its own."""
    source = RangeSource(
        reader or world.reader(*PARTITIONS), PARTITIONS, world.clock, start=start, until=until
    )
    return Subscriber(source, [Placed], world.catalogue(), world.clock, **arguments)


def read(subscribed: Subscriber[Delivered[Placed]]) -> list[Delivered[Placed]]:
    """Read to the end that is there at the start."""

    async def scenario() -> list[Delivered[Placed]]:
        return [delivered async for delivered in subscribed]

    return asyncio.run(scenario())


def test_all_events_of_a_type_are_read_in_order_within_each_partition(shop: World) -> None:
    """Other types are counted; the catalogue is asked when a schema is unknown."""
    subscribed = subscriber(shop)
    found = read(subscribed)
    assert sorted(each.event.number for each in found) == list(range(20))
    for number in range(2):
        offsets = [each.offset for each in found if each.partition == number]
        assert offsets == sorted(offsets)
    statistics = subscribed.statistics()
    assert (statistics.delivered, statistics.passed_over) == (20, 20)


def test_what_is_delivered_says_where_it_lay_and_what_its_headers_say(shop: World) -> None:
    """Headers are read when somebody asks."""
    delivered = read(subscriber(shop))[0]
    record = shop.log.records(Partition("shop.orders", delivered.partition))[delivered.offset]
    assert delivered.topic == "shop.orders"
    assert delivered.timestamp_ms == record.timestamp
    assert delivered.headers.type == "shop.Placed"
    assert delivered.headers.source == "shop.test"
    assert delivered.record_headers == record.headers


def test_headers_are_parsed_when_somebody_asks_and_once(shop: World) -> None:
    """Whoever does not look at them pays nothing, and whoever does pays once."""
    delivered = read(subscriber(shop))[0]
    assert delivered.headers is delivered.headers


def test_the_key_is_read_as_its_writer_gave_it(shop: World) -> None:
    """Besides the event, which has it in a field."""
    delivered = read(subscriber(shop))[0]
    assert delivered.key_as(str) == delivered.event.order_id
    assert delivered.key == delivered.event.order_id.encode()


def test_what_is_shown_of_it_is_no_payload(shop: World) -> None:
    """Its place, for logs."""
    delivered = read(subscriber(shop))[0]
    assert repr(delivered) == f"<Delivered shop.orders/{delivered.partition} at offset 0>"


def test_records_that_come_later_are_not_read_up_to_the_end(shop: World) -> None:
    """The end is the one that was there at the beginning."""

    async def scenario() -> int:
        count = 0
        async for _ in subscriber(shop):
            count += 1
            publisher = shop.publisher(shop.writer())
            await publisher.publish(Placed(order_id="late", number=99))
            await publisher.close()
        return count

    assert asyncio.run(scenario()) == 20


def test_reading_may_begin_at_the_end_and_follow(shop: World) -> None:
    """Only what comes from now on."""

    async def scenario() -> list[int]:
        subscribed = subscriber(shop, start="end", until=None)
        coming = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(3)
        assert not coming.done()
        publisher = shop.publisher(shop.writer())
        await publisher.publish(Placed(order_id="late", number=99))
        await publisher.close()
        await shop.clock.advance(1)
        found = [(await coming).event.number]
        waiting = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return found

    assert asyncio.run(scenario()) == [99]


def test_reading_may_begin_at_offsets(shop: World) -> None:
    """Partitions that are not named begin at their first record."""
    first, second = PARTITIONS
    half = shop.log.end(first) // 2
    found = read(subscriber(shop, start={first: half}))
    assert min(each.offset for each in found if each.partition == first.number) >= half
    assert min(each.offset for each in found if each.partition == second.number) <= 1


def test_what_cannot_be_decoded_is_raised_and_reading_may_go_on(shop: World) -> None:
    """With its place, and without its payload."""
    place = PARTITIONS[0]
    offset = shop.log.append(place, [RUBBISH])
    shop.log.append(place, [NewRecord(b"k", b"\xc3\x0112345678x", (), 0)])

    async def scenario() -> None:
        subscribed = subscriber(shop, start={place: offset})
        for expected in (offset, offset + 1):
            while True:
                coming = asyncio.ensure_future(anext(subscribed))
                await shop.clock.advance(60)
                if coming.exception() is not None:
                    break
            with pytest.raises(Undecodable) as told:
                await coming
            assert (told.value.topic, told.value.offset) == ("shop.orders", expected)
            assert "rubbish" not in str(told.value)
        assert subscribed.statistics().undecodable == 2

    asyncio.run(scenario())


def test_a_record_is_not_passed_over_where_its_schema_could_not_be_asked_for(shop: World) -> None:
    """Whoever reads on after that error, or after being cancelled, gets that very record."""
    unread = shop.reader(SCHEMAS_PARTITION)

    async def scenario() -> list[int]:
        subscribed = Subscriber[Delivered[Placed]](
            RangeSource(shop.reader(*PARTITIONS), PARTITIONS, shop.clock, until="end"),
            [Placed],
            SchemaCatalogue(
                unread, shop.registrar(), shop.clock, shop.entropy, raise_alarm=shop.alarms.append
            ),
            shop.clock,
        )
        unread.stuck = True
        coming = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(600)
        with pytest.raises(WorldError) as unreadable:
            await coming
        assert not isinstance(unreadable.value, Undecodable)
        coming = asyncio.ensure_future(anext(subscribed))
        await shop.clock.advance(1)
        coming.cancel()
        await shop.clock.advance(1)
        unread.stuck = False
        found = asyncio.ensure_future(_all_of(subscribed))
        await shop.clock.advance(600)
        return [each.event.number for each in await found]

    assert sorted(asyncio.run(scenario())) == list(range(20))


class OtherKinds:
    """A registry in which each id stands for a schema that is not Avro's."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Know nothing."""
        del fingerprint
        return None

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """Know nothing."""
        del schema_id
        return None

    async def look_up(self, frame: bytes) -> AvroSchema | None:
        """Find something else."""
        del frame
        raise SchemaUnsupported(place="with id 7", problem="it is of the type PROTOBUF.")


def test_a_record_whose_schema_is_of_another_kind_is_told_as_what_cannot_be_decoded(
    world: World,
) -> None:
    """One record of another team stops no reader who wants to go on."""
    world.log.create("shop.orders", 2)
    world.log.append(PARTITIONS[0], [NewRecord(b"k", frame_of_id(7) + b"\x00", (), 0)] * 2)

    def reader(**told: Any) -> Subscriber[Delivered[Placed]]:
        source = RangeSource(world.reader(*PARTITIONS), PARTITIONS, world.clock, until="end")
        return Subscriber(source, [Placed], OtherKinds(), world.clock, **told)

    codes: list[str] = []
    assert read(reader(on_undecodable=lambda _, error: codes.append(error.code))) == []
    assert codes == ["PEN-I165", "PEN-I165"]
    with pytest.raises(Undecodable, match="PROTOBUF"):
        read(reader())


async def _all_of(subscribed: Subscriber[Delivered[Placed]]) -> list[Delivered[Placed]]:
    return [delivered async for delivered in subscribed]


def test_what_cannot_be_decoded_may_be_told_instead(shop: World) -> None:
    """The iteration goes on by itself."""
    shop.log.append(PARTITIONS[0], [RUBBISH])
    told: list[tuple[int, str]] = []

    def tell(record: LogRecord, error: Exception) -> None:
        told.append((record.offset, type(error).__name__))

    subscribed = subscriber(shop, on_undecodable=tell)
    assert len(read(subscribed)) == 20
    assert told == [(shop.log.end(PARTITIONS[0]) - 1, "NotFramed")]


def test_tombstones_are_counted(shop: World) -> None:
    """They are no events, and are passed over unless somebody asks for them."""
    shop.log.append(PARTITIONS[0], [NewRecord(b"k", None, (), 0)])
    subscribed = subscriber(shop)
    assert len(read(subscribed)) == 20
    assert subscribed.statistics().tombstones == 1


def test_tombstones_are_handed_out_to_whoever_asks(shop: World) -> None:
    """As values of their own: with key and place, and without an event."""
    place = PARTITIONS[0]
    offset = shop.log.append(place, [NewRecord(b"o-1", None, [("why", b"forgotten")], 5)])
    subscribed: Subscriber[Delivered[Placed] | Tombstone] = Subscriber(
        RangeSource(shop.reader(*PARTITIONS), PARTITIONS, shop.clock, until="end"),
        [Placed],
        shop.catalogue(),
        shop.clock,
        tombstones=True,
    )

    async def scenario() -> list[Delivered[Placed] | Tombstone]:
        return [item async for item in subscribed]

    *_, tombstone = [each for each in asyncio.run(scenario()) if isinstance(each, Tombstone)]
    assert tombstone.event is None
    assert (tombstone.key_as(str), tombstone.offset, tombstone.timestamp_ms) == ("o-1", offset, 5)
    assert (tombstone.topic, tombstone.partition) == place
    assert tombstone.record_headers == [("why", b"forgotten")]
    assert repr(tombstone) == f"<Tombstone {place} at offset {offset}>"
    assert subscribed.statistics().tombstones == 1


def test_an_empty_log_ends_at_once(world: World) -> None:
    """Also where it ends with a marker and holds no record."""
    world.log.create("shop.orders", 2)
    assert read(subscriber(world)) == []


def test_a_log_that_ends_in_a_marker_ends(shop: World) -> None:
    """T21: the position passes markers, so the end is reached."""
    for partition in PARTITIONS:
        shop.log.mark(partition)
    assert len(read(subscriber(shop))) == 20


def test_a_time_may_be_the_start_and_the_end(shop: World) -> None:
    """From the first record that is as late, to before the first that is as late as the end."""
    place = PARTITIONS[0]
    late_ms = shop.clock.wall_ms() + 1_000
    value = shop.log.records(place)[0].value
    records = [NewRecord(b"k", value, (), late_ms + after) for after in (0, 10, 20)]
    shop.log.append(place, records)
    start = datetime.fromtimestamp(late_ms / 1_000, UTC)
    until = start + timedelta(milliseconds=20)
    found = read(subscriber(shop, start=start, until=until))
    assert [each.timestamp_ms - late_ms for each in found] == [0, 10]


def test_a_range_of_offsets_is_replayed(shop: World) -> None:
    """Each partition up to its own end; one that is not named is read to the end of now."""
    first, second = PARTITIONS
    subscribed = subscriber(shop, start={first: 3}, until={first: 9})
    found = read(subscribed)
    replayed = [each.offset for each in found if each.partition == first.number]
    stored = shop.log.records(first)[3:9]
    assert replayed == [each.offset for each in stored if _is_placed(each)]
    other = [each.offset for each in found if each.partition == second.number]
    assert other == [each.offset for each in shop.log.records(second) if _is_placed(each)]


def _is_placed(record: LogRecord) -> bool:
    return dict(record.headers)["ce_type"] == b"shop.Placed"


def test_an_end_that_nobody_sees_is_reached(shop: World) -> None:
    """The record before it was aborted, or is a marker; what lies behind it is not read."""
    place = PARTITIONS[0]
    end = shop.log.end(place)
    shop.log.mark(place)
    shop.log.mark(place)
    shop.log.append(place, [RUBBISH])
    found = read(subscriber(shop, until={place: end + 1}))
    assert len(found) == 20


def test_nothing_is_read_where_the_range_is_empty(shop: World) -> None:
    """From the end to the end: at once."""
    reader = shop.reader(*PARTITIONS)
    assert read(subscriber(shop, start="end", reader=reader)) == []
    assert reader.reads == 0


@pytest.mark.parametrize("offset", [4, 1_000])
def test_an_offset_outside_of_the_log_is_refused(shop: World, offset: int) -> None:
    """Expired or not written yet: it is told with the bounds, and nobody is moved in silence."""
    place = PARTITIONS[0]
    shop.log.expire(place, 5)
    wishes: list[dict[str, Any]] = [{"start": {place: offset}}, {"until": {place: offset}}]
    for wish in wishes:
        with pytest.raises(PositionOutside) as outside:
            read(subscriber(shop, **wish))
        assert outside.value.partition == place
        assert (outside.value.first, outside.value.end) == (5, shop.log.end(place))


def test_what_expires_while_it_is_read_is_told(shop: World) -> None:
    """A reader that is overtaken by retention does not jump."""
    place = PARTITIONS[0]
    reader = shop.reader(*PARTITIONS)
    reader.chunk = 1

    async def scenario() -> None:
        async with subscriber(shop, reader=reader) as subscribed:
            await anext(subscribed)
            shop.log.expire(place, 15)
            with pytest.raises(PositionLost):
                async for _ in subscribed:
                    pass
        assert reader.closed

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"start": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001 - that is refused
        ({"until": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001 - likewise
        ({"start": "earliest"}, "with this start: 'earliest' is none of 'beginning', 'end'"),
        ({"start": 5}, "with this start: 5 is none of"),
        ({"start": None}, "with this start: None is none of"),
        ({"until": "End"}, "with this until: 'End' is none of 'end', None"),
        ({"until": 7}, "with this until: 7 is none of"),
        ({"start": {Partition("shop.orders", 2): 0}}, "shop.orders/2 is not read here"),
        ({"until": {Partition("others", 0): 0}}, "others/0 is not read here"),
        ({"start": {PARTITIONS[0]: -1}}, "is -1"),
        ({"start": {PARTITIONS[0]: 3}, "until": {PARTITIONS[0]: 2}}, "ends before it begins"),
        (
            {
                "start": datetime(2026, 1, 2, tzinfo=UTC),
                "until": datetime(2026, 1, 1, tzinfo=UTC),
            },
            "earlier than start",
        ),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(
    shop: World, wish: dict[str, Any], reason: str
) -> None:
    """Before anything is read."""
    with pytest.raises(BadRange, match=reason):
        subscriber(shop, **wish)


def test_where_to_begin_is_found_out_when_the_block_is_entered(shop: World) -> None:
    """What is published in the block comes behind "end", whenever the iteration begins."""

    async def scenario() -> int:
        async with subscriber(shop, start="end", until=None) as subscribed:
            publisher = shop.publisher(shop.writer())
            await publisher.publish(Placed(order_id="late", number=99))
            await publisher.close()
            coming = asyncio.ensure_future(anext(subscribed))
            await shop.clock.advance(1)
            return (await coming).event.number

    assert asyncio.run(scenario()) == 99


def test_a_loop_may_be_stopped_from_outside(shop: World) -> None:
    """It ends with the next step, also while it waits for records."""

    async def scenario() -> int:
        async with subscriber(shop, until=None) as subscribed:
            count = 0

            async def loop() -> None:
                nonlocal count
                async for _ in subscribed:
                    count += 1

            looping = asyncio.ensure_future(loop())
            await shop.clock.advance(3)
            assert not looping.done()
            subscribed.stop()
            await shop.clock.advance(1)
            assert looping.done()
            return count

    assert asyncio.run(scenario()) == 20


def test_what_is_read_ahead_is_bounded(shop: World) -> None:
    """A body that takes long finds no more in memory than one read has brought."""

    async def scenario() -> int:
        subscribed = subscriber(shop)
        await anext(subscribed)
        await shop.clock.advance(3_600)
        return subscribed.statistics().waiting

    assert asyncio.run(scenario()) == 19


def test_the_reader_is_closed_with_the_block(shop: World) -> None:
    """Its connections belong to the subscriber."""
    reader = shop.reader(*PARTITIONS)

    async def scenario() -> None:
        async with subscriber(shop, reader=reader) as subscribed:
            assert (await anext(aiter(subscribed))).event.number >= 0

    asyncio.run(scenario())
    assert reader.closed


def test_the_reader_is_closed_where_reading_cannot_begin(shop: World) -> None:
    """Nobody is in the block then to close it."""
    reader = shop.reader(*PARTITIONS)

    async def scenario() -> None:
        with pytest.raises(PositionOutside):
            async with subscriber(shop, reader=reader, start={PARTITIONS[0]: 1_000}):
                pytest.fail("it has begun")

    asyncio.run(scenario())
    assert reader.closed
