"""Several types on one topic, each in several versions at once, from producers of several ages.

The classes of two ages of a program have the same full name; here they stand in one process.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from penstock.events import Event, Record, Topic
from penstock.events.catalogue import SCHEMAS_PARTITION
from penstock.events.dead_letter import parse_note
from penstock.events.log import NewRecord
from penstock.events.schema_judgement import SchemaIncompatible
from penstock.events.upcasting import AnyUpcast, upcast
from penstock.infra.bootstrap import connect, open_parts
from penstock.infra.kafka.writer import KafkaWriter
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Delivery, Worker
from penstock.workers.runner import PartitionBarred
from penstock.workers.type_rules import UnknownTypes
from tests.integration.workbench import eventually, play, read_committed
from tests.integration.worker_bench import WORKER, Noted, Placed, Run, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)

either = pytest.mark.parametrize(
    "exactly_once", [True, False], ids=["exactly-once", "at-least-once"]
)
EACH = 20
"""Records of each producer."""


def old_placed(topic: Topic) -> type[Any]:
    """The class of an older program: an order without a size."""

    class PlacedHere(Event, topic=topic, key="order"):
        order: str

    return PlacedHere


def numbered_placed(topic: Topic) -> type[Any]:
    """The class of a newer program, which cannot read what the older one wrote."""

    class PlacedHere(Event, topic=topic, key="order"):
        order: str
        number: int

    return PlacedHere


def other_type(topic: Topic) -> type[Any]:
    """Another type of the same topic."""

    class CancelledHere(Event, topic=topic, key="order"):
        order: str

    return CancelledHere


def foreign_schema(shop: Shop) -> AvroSchema:
    """The schema of a program in another language: another order, and a field more."""
    name = declaration_of(shop.placed).full_name
    fields = [
        {"name": "size", "type": "long", "default": 1},
        {"name": "by", "type": "string", "default": ""},
        {"name": "order", "type": "string"},
    ]
    document = {"type": "record", "name": name, "topic": shop.inputs.name, "fields": fields}
    return AvroSchema.parse(json.dumps(document))


async def write_data(shop: Shop, schema: AvroSchema, data: Sequence[Mapping[str, Any]]) -> None:
    """Write records by a schema alone, as a program without our classes does."""
    async with open_parts(shop.settings, source="foreign") as parts:
        await parts.catalogue.ensure([schema])
    encode, now_ms = datum_encoder_of(schema), time.time_ns() // 1_000_000
    writer = KafkaWriter(shop.connection)
    await writer.start()
    batch = writer.new_batch()
    for each in data:
        assert batch.append(NewRecord(b"key", encode(each), [], now_ms))
    await writer.write(shop.source(), batch, timeout_s=10.0)
    await writer.close()


def noting(shop: Shop, handled: type[Any], *, exactly_once: bool, **rules: Any) -> Worker:
    """A worker that notes order and size of what it handles."""
    worker = Worker(WORKER, **rules)

    @worker.on(handled, exactly_once=exactly_once)
    async def note(event: Placed, _: Delivery) -> Noted:
        size = getattr(event, "size", "none")
        return shop.noted(order=event.order, text=f"{type(event).__name__}:{size}")

    return worker


async def notes(shop: Shop) -> Counter[tuple[str, str]]:
    """Orders and sizes as they were noted."""
    found = [shop.read_noted(each) for each in await shop.notes()]
    return Counter((each.order, each.text.partition(":")[2]) for each in found)


async def finished(run: Run, shop: Shop, position: int) -> None:
    """Wait until everything before a position is committed."""

    async def is_there() -> bool:
        return run.task.done() or await shop.offset() == position

    await eventually(is_there, what=f"the offset {position}")
    assert not run.task.done(), run.task


@either
@pytest.mark.parametrize("age", ["old", "new"])
def test_readers_of_every_age_read_what_producers_of_every_age_write(
    age: str, exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Side by side on one partition: two versions of one class, and a schema from elsewhere."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        old = old_placed(shop.inputs)
        handled = old if age == "old" else shop.placed
        worker = noting(shop, handled, exactly_once=exactly_once)
        await shop.make_topics(worker)
        foreign = [{"size": 7, "by": "us", "order": f"foreign-{n}"} for n in range(EACH)]
        async with (
            connect(shop.settings) as one,
            connect(shop.settings) as two,
            running(shop, worker) as run,
        ):
            for number in range(EACH):
                await asyncio.gather(
                    one.publish(old(order=f"old-{number}")),
                    two.publish(shop.placed(order=f"new-{number}", size=number)),
                )
            await write_data(shop, foreign_schema(shop), foreign)
            await finished(run, shop, 3 * EACH)
            assert run.partitions[0].doubts == 0
            assert run.runner.statistics().skipped[shop.inputs.name].records == 0

        def seen(size: object) -> str:
            return "none" if age == "old" else str(size)

        wanted = [(f"old-{number}", seen(0)) for number in range(EACH)]
        wanted += [(f"new-{number}", seen(number)) for number in range(EACH)]
        wanted += [(f"foreign-{number}", seen(7)) for number in range(EACH)]
        assert await notes(shop) == Counter(wanted)
        assert await shop.letters() == []

    play(scenario())


def upcasts_to(placed: type[Any]) -> tuple[type[Record], type[Record], list[AnyUpcast]]:
    """An old shape of a class, the type that another one took over, and the ways from both."""

    class InParcels(Record, namespace="bench", name="PlacedHere"):
        order: str
        parcels: int

    class Bought(Record, namespace="market"):
        number: int

    def sized(old: InParcels) -> Placed:
        if old.parcels < 0:
            raise LookupError(old.parcels)
        found: Placed = placed(order=old.order, size=old.parcels * 12)
        return found

    def taken_over(old: Bought) -> Placed:
        found: Placed = placed(order=f"bought-{old.number}", size=-1)
        return found

    for function in (sized, taken_over):
        function.__annotations__["return"] = placed
    return InParcels, Bought, [upcast(sized), upcast(taken_over)]


@either
def test_old_shapes_are_upcast_and_what_cannot_be_is_parked(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """By the exact shape that was written, although the class could read it and lose something."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        shape, bought, upcasts = upcasts_to(shop.placed)
        worker = noting(
            shop, shop.placed, exactly_once=exactly_once, upcasts=upcasts, unknown_types="refuse"
        )
        await shop.make_topics(worker)
        await write_data(
            shop,
            declaration_of(shape).schema,
            [{"order": "one", "parcels": 1}, {"order": "bad", "parcels": -1}],
        )
        await write_data(shop, declaration_of(bought).schema, [{"number": 5}])
        await shop.publish([shop.placed(order="now", size=3)])
        async with running(shop, worker) as run:
            await finished(run, shop, 4)
            assert run.partitions[0].doubts == 0
        assert await notes(shop) == Counter([("one", "12"), ("bought-5", "-1"), ("now", "3")])
        (letter,) = await shop.letters()
        note = parse_note(letter.headers)
        assert (note.reason, note.error_code, note.offset) == ("undecodable", "PEN-E56", 1)
        assert "raised LookupError" in note.message

    play(scenario())


def test_a_class_that_cannot_read_what_was_written_goes_to_the_readers_first(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Its upcast reads it. Without, a reader is refused at start where the topic promises that."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        free = Topic(shop.inputs.name, partitions=1, compatibility="NONE")
        old = old_placed(shop.inputs)

        class PlacedHere(Placed, topic=free, key="order"):
            number: int

        def numbered(before: Record) -> Record:
            order: str = getattr(before, "order", "")
            return PlacedHere(order=order, number=len(order))

        class Before(Record, namespace="bench", name="PlacedHere"):
            order: str

        numbered.__annotations__ = {"before": Before, "return": PlacedHere}
        worker = noting(shop, PlacedHere, exactly_once=True, upcasts=[upcast(numbered)])
        await shop.make_topics(noting(shop, shop.placed, exactly_once=True))
        async with connect(shop.settings) as bus:
            await bus.publish(old(order="first"))
            await read_committed(shop.connection, SCHEMAS_PARTITION)  # its schema is to be seen
            without = noting(shop, numbered_placed(shop.inputs), exactly_once=True)
            with pytest.raises(SchemaIncompatible):
                async with running(shop, without):
                    raise AssertionError
            async with running(shop, worker) as run:
                await finished(run, shop, 1)
                await bus.publish(PlacedHere(order="second", number=2))
                await bus.publish(old(order="third"))
                await finished(run, shop, 3)
        assert sorted(await shop.noted_orders()) == ["first", "second", "third"]
        assert await shop.letters() == []

    play(scenario())


@either
@pytest.mark.parametrize("rule", ["skip", "park"])
def test_unknown_types_are_skipped_or_parked_and_the_partition_goes_on(
    rule: UnknownTypes, exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """Counted, or untouched among the dead letters with reason and type."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        cancelled = other_type(shop.inputs)
        worker = noting(shop, shop.placed, exactly_once=exactly_once, unknown_types=rule)
        await shop.make_topics(worker)
        await shop.publish([*shop.orders(2), cancelled(order="o"), *shop.orders(1, first=2)])
        async with running(shop, worker) as run:
            await finished(run, shop, 4)
            assert run.partitions[0].doubts == 0
            skipped = run.runner.statistics().skipped[shop.inputs.name]
        assert sorted(await shop.noted_orders()) == ["o00000", "o00001", "o00002"]
        letters = await shop.letters()
        name = declaration_of(cancelled).full_name
        if rule == "skip":
            assert skipped.by_type == {name: 1}
            assert letters == []
            return
        assert skipped.records == 0
        (letter,) = letters
        note = parse_note(letter.headers)
        assert (letter.key, letter.value) == (b"o", shop.encoded(cancelled(order="o")))
        assert (note.reason, note.error_code, note.offset) == ("unknown-type", "PEN-W42", 2)
        assert name in note.message

    play(scenario())


@either
def test_unknown_types_stop_their_partition_until_somebody_has_decided(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """The process says where and which type; with `ignores` it goes on, and nothing is lost."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        cancelled = other_type(shop.inputs)
        worker = noting(shop, shop.placed, exactly_once=exactly_once, unknown_types="refuse")
        await shop.make_topics(worker)
        await shop.publish([*shop.orders(2), cancelled(order="o"), *shop.orders(2, first=2)])
        async with running(shop, worker) as run:
            failure = await run.failure()
        assert isinstance(failure, PartitionBarred)
        for words in (
            str(shop.source()),
            "offset 2",
            declaration_of(cancelled).full_name,
            "ignores=",
        ):
            assert words in str(failure)
        assert ((await shop.offset()) or 0) <= 2
        mended = noting(
            shop,
            shop.placed,
            exactly_once=exactly_once,
            unknown_types="refuse",
            ignores=[cancelled],
        )
        async with running(shop, mended) as run:
            await finished(run, shop, 5)
            assert run.runner.statistics().skipped[shop.inputs.name].records == 0
        found = Counter(await shop.noted_orders())
        assert sorted(found) == [f"o{number:05}" for number in range(4)]
        if exactly_once:
            assert set(found.values()) == {1}
        assert await shop.letters() == []

    play(scenario())
