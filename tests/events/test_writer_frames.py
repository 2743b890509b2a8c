"""The frames that messages are written with, before and after their ids are known."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence

import pytest

from penstock.events.catalogue import CatalogueSettings
from penstock.events.envelope import Envelope, stamp_of
from penstock.events.event import Event
from penstock.events.registry_schemas import RegistrySchemas
from penstock.events.writer_frames import FrameNotKnown, WriterFrames
from penstock.events.written_schemas import WrittenSchemas
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.confluent import frame_of_id
from penstock.schemas.framing import Framing
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import frame_of
from tests.events.conftest import World

ID = "9d7e6c1e-0000-4000-8000-000000000001"


class Placed(Event, topic="shop.orders", key="order_id"):
    """An event."""

    order_id: str


SCHEMA = declaration_of(Placed).schema
PLACED = Placed(order_id="o-1")
SINGLE = encoder_of(Placed)(PLACED)


class Registry:
    """A registry of others: it hands out ids from 500 on, and counts how often it is asked."""

    def __init__(self, *schemas: AvroSchema) -> None:
        """Hold some schemas, which nobody has seen yet."""
        self.held = {500 + number: each for number, each in enumerate(schemas)}
        self.seen: dict[int, AvroSchema] = {}
        self.asked: list[str] = []
        self.looks = 0

    def find_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        return self.seen.get(schema_id)

    async def lookup_id(self, schema_id: int) -> AvroSchema | None:
        """As the port promises."""
        await asyncio.sleep(0)
        self.looks += 1
        if schema_id in self.held:
            self.seen[schema_id] = self.held[schema_id]
        return self.find_id(schema_id)

    async def ids_for(self, schemas: Sequence[AvroSchema]) -> Mapping[bytes, int]:
        """As the port promises."""
        await asyncio.sleep(0)
        self.asked += [each.full_name for each in schemas]
        return {each.fingerprint: 500 for each in schemas}


class Keeper:
    """Notes what stands on the topic."""

    def __init__(self) -> None:
        """Nothing does."""
        self.ensured: list[str] = []

    async def ensure(self, schemas: Iterable[AvroSchema]) -> None:
        """As the port promises."""
        await asyncio.sleep(0)
        self.ensured += [each.full_name for each in schemas]


def test_a_single_object_s_frame_is_always_known() -> None:
    """It follows from the schema."""
    frames = WriterFrames()
    assert frames.frame(SCHEMA.fingerprint) == frame_of(SCHEMA.fingerprint)
    assert frames.provisional(SCHEMA.fingerprint) == frames.final(SCHEMA.fingerprint)
    assert frames.reframed(SINGLE) is SINGLE


def test_an_id_s_frame_is_known_once_it_is_learned_and_does_not_change() -> None:
    """Until then nothing may be written."""
    frames = WriterFrames("confluent")
    assert frames.frame(SCHEMA.fingerprint) is None
    assert frames.provisional(SCHEMA.fingerprint) == bytes(5)
    with pytest.raises(FrameNotKnown, match=SCHEMA.fingerprint.hex()):
        frames.final(SCHEMA.fingerprint)
    with pytest.raises(FrameNotKnown, match=SCHEMA.fingerprint.hex()):
        frames.reframed(SINGLE)
    frames.learn({SCHEMA.fingerprint: 7})
    frames.learn({SCHEMA.fingerprint: 8})
    assert frames.final(SCHEMA.fingerprint) == frame_of_id(7)
    assert frames.reframed(SINGLE) == frame_of_id(7) + SINGLE[10:]


@pytest.mark.parametrize("framing", ["single-object", "confluent"])
def test_a_record_sealed_early_is_finished_without_changing_its_size(framing: Framing) -> None:
    """It is the record that is sealed once the id is known, byte for byte."""
    frames = WriterFrames(framing)
    envelope = Envelope(Placed, source="shop.test", limit_bytes=1_000, frames=frames)
    early = envelope.seal(PLACED, ID, stamp_of(0))
    assert envelope.is_framed is (framing == "single-object")
    frames.learn({SCHEMA.fingerprint: 7})
    finished = envelope.finished(early.record)
    envelope.learn_frame()
    late = envelope.seal(PLACED, ID, stamp_of(0))
    assert envelope.is_framed
    assert finished == late.record
    assert early.size_bytes == late.size_bytes
    assert envelope.finished(late.record) is late.record
    value = late.record.value or b""
    frame = frames.final(SCHEMA.fingerprint)
    assert decoder_of(SCHEMA, Placed, frame=frame)(value) == PLACED


def test_what_was_sealed_early_is_not_finished_before_the_id_is_known() -> None:
    """An id of 0 never leaves the process."""
    envelope = Envelope(Placed, source="s", limit_bytes=1_000, frames=WriterFrames("confluent"))
    early = envelope.seal(PLACED, ID, stamp_of(0))
    with pytest.raises(FrameNotKnown):
        envelope.finished(early.record)
    with pytest.raises(FrameNotKnown):
        envelope.learn_frame()


@pytest.mark.parametrize("framing", ["single-object", "confluent"])
def test_schemas_stand_on_the_topic_and_only_then_have_ids(framing: Framing) -> None:
    """A registry is asked once for each, and only by who writes ids."""

    async def scenario() -> None:
        registry, keeper, frames = Registry(), Keeper(), WriterFrames(framing)
        written = WrittenSchemas(keeper, frames, registry)
        for _ in range(2):
            await written.ensure([SCHEMA])
        await written.identify([SCHEMA])
        assert keeper.ensured == ["shop.Placed"] * 2
        assert registry.asked == (["shop.Placed"] if framing == "confluent" else [])

    asyncio.run(scenario())


def test_fingerprints_are_found_on_the_topic_and_ids_in_the_registry(world: World) -> None:
    """The ids of our own topic mean nothing where a registry hands them out."""
    foreign = AvroSchema.parse(json.dumps({"type": "record", "name": "shop.Paid", "fields": []}))

    async def scenario() -> None:
        catalogue, registry = world.catalogue(), Registry(foreign)
        await world.catalogue().ensure([SCHEMA])
        schemas = RegistrySchemas(catalogue, registry, world.clock)
        looking = asyncio.ensure_future(schemas.look_up(frame_of(SCHEMA.fingerprint)))
        await world.clock.advance(1)
        assert await looking == SCHEMA
        assert schemas.find(SCHEMA.fingerprint) == SCHEMA
        assert schemas.find_id(500) is None
        assert await schemas.look_up(frame_of_id(500)) == foreign
        assert schemas.find_id(500) == foreign
        assert catalogue.find_id(1) == SCHEMA
        assert schemas.find_id(1) is None

    asyncio.run(scenario())


def test_an_event_is_held_until_the_registry_knows_its_id(world: World) -> None:
    """A registry may be behind its own log; what it never knows is held once."""

    async def scenario() -> None:
        registry = Registry()
        settings = CatalogueSettings(schema_wait_s=3.0)
        schemas = RegistrySchemas(world.catalogue(), registry, world.clock, settings=settings)
        held = asyncio.ensure_future(schemas.look_up(frame_of_id(500)))
        await world.clock.advance(2)
        assert not held.done()
        registry.held[500] = SCHEMA
        await world.clock.advance(1)
        assert await held == SCHEMA
        missing = asyncio.ensure_future(schemas.look_up(frame_of_id(501)))
        await world.clock.advance(3.1)
        assert await missing is None
        looks = registry.looks
        assert await schemas.look_up(frame_of_id(501)) is None
        assert registry.looks == looks
        assert schemas.statistics().held == 2

    asyncio.run(scenario())
