"""Publishing with ids: nothing is written before its schema has one, whoever came first."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from penstock.events.catalogue import SchemaCatalogue
from penstock.events.event import Event
from penstock.events.publisher import Publisher
from penstock.events.topic import Topic
from penstock.events.writer_frames import WriterFrames
from penstock.events.written_schemas import WrittenSchemas
from penstock.schemas.codec import decoder_of
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.errors import CallerError, WorldError
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from tests.events.conftest import World

ORDERS = Topic("shop.orders", partitions=1)


class Placed(Event, topic=ORDERS, key="order_id"):
    """One type on the topic."""

    order_id: str


class Paid(Event, topic=ORDERS, key="order_id"):
    """Another one."""

    order_id: str
    sum: int = 0


class NotTaken(CallerError):
    """A registry does not want a schema."""

    code: ClassVar[str] = "PEN-T2"
    what: ClassVar[str] = "It is not taken."


class Away(WorldError):
    """A registry cannot be reached."""

    code: ClassVar[str] = "PEN-T3"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The registry is away."


class SlowIds:
    """The ids of the schemas topic, after a while, or not at all."""

    def __init__(self, world: World, catalogue: SchemaCatalogue) -> None:
        """Answer at once."""
        self._world = world
        self._catalogue = catalogue
        self.delay_s = 0.0
        self.failures: list[Exception] = []

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        return self._catalogue.find_id(schema_id)

    async def lookup_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        return await self._catalogue.lookup_id(schema_id)

    async def ids_for(self, schemas: Sequence[AvroSchema]) -> Mapping[bytes, int]:
        """As the port promises."""
        await self._world.clock.sleep_until(self._world.clock.now_s + self.delay_s)
        if self.failures:
            raise self.failures.pop(0)
        return await self._catalogue.ids_for(schemas)


class Shop:
    """A publisher that frames by ids."""

    def __init__(self, world: World) -> None:
        """Make it."""
        world.log.create(ORDERS.name, ORDERS.partitions)
        self.world = world
        self.catalogue = world.catalogue()
        self.ids = SlowIds(world, self.catalogue)
        frames = WriterFrames("confluent")
        self.publisher = Publisher(
            world.writer(),
            WrittenSchemas(self.catalogue, frames, self.ids),
            world.clock,
            world.entropy,
            "shop.test",
            raise_alarm=world.alarms.append,
            frames=frames,
        )

    def read(self) -> list[Any]:
        """What stands on the topic, read by the ids it carries."""
        found = []
        for record in self.world.log.all(ORDERS.name):
            value = record.value or b""
            for kind in (Placed, Paid):
                schema = declaration_of(kind).schema
                schema_id = self.catalogue.id_of(schema.fingerprint)
                if schema_id is not None and value.startswith(frame_of_id(schema_id)):
                    frame = frame_of_id(schema_id)
                    found.append(decoder_of(schema, kind, frame=frame)(value))
        return found


def test_events_that_wait_for_their_ids_are_written_with_them_and_in_order(world: World) -> None:
    """Two types on one topic, the second ready before the first; later ones are sealed ready."""
    shop = Shop(world)
    shop.ids.delay_s = 1.0

    async def scenario() -> None:
        early = [Placed(order_id=f"o-{n}") for n in range(3)]
        publishing = asyncio.gather(
            *(shop.publisher.publish(each) for each in early),
            shop.publisher.publish(Paid(order_id="o-1", sum=5)),
        )
        await world.clock.advance(0.5)
        assert world.log.all(ORDERS.name) == []
        for _ in range(4):
            await world.clock.advance(1)
        await publishing
        late = [Placed(order_id="o-9"), Paid(order_id="o-9", sum=6)]
        bulk = asyncio.ensure_future(shop.publisher.publish_many(late))
        await world.clock.advance(1)
        assert await bulk == 2
        assert shop.read() == [*early, Paid(order_id="o-1", sum=5), *late]
        await shop.publisher.close()

    asyncio.run(scenario())
    assert len(world.log.all(ORDERS.name)) == 6


def test_prepared_types_need_no_finishing(world: World) -> None:
    """The usual start."""
    shop = Shop(world)

    async def scenario() -> None:
        await shop.publisher.prepare([Placed, Paid])
        await shop.publisher.publish(Placed(order_id="o-1"))
        assert shop.read() == [Placed(order_id="o-1")]
        await shop.publisher.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [NotTaken(), Away()])
def test_who_gets_no_id_is_told_and_nothing_is_written(world: World, failure: Exception) -> None:
    """The registry refuses, or cannot be reached for a moment."""
    shop = Shop(world)
    shop.ids.failures.append(failure)

    async def scenario() -> None:
        publishing = asyncio.ensure_future(shop.publisher.publish(Placed(order_id="o-1")))
        for _ in range(5):
            await world.clock.advance(1)
        if isinstance(failure, NotTaken):
            with pytest.raises(NotTaken):
                await publishing
            assert world.log.all(ORDERS.name) == []
        else:
            await publishing
        await shop.publisher.publish(Placed(order_id="o-2"))
        assert shop.read()[-1] == Placed(order_id="o-2")
        await shop.publisher.close()

    asyncio.run(scenario())
