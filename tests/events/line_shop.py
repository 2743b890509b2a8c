"""A shop whose events all go to one partition, and a run that leaves nothing behind."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any

from penstock.events.event import Event
from penstock.events.log import Partition
from penstock.events.publisher import Publisher
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of
from penstock.schemas.record import declaration_of
from tests.events.conftest import MemoryWriter, World

NOTES = Topic("shop.notes", partitions=1)
PLACE = Partition("shop.notes", 0)


class Note(Event, topic=NOTES):
    """On a topic of one partition, so that all of its records are in one order."""

    number: int
    text: str = ""


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario; nothing may be left behind, neither a task nor an unseen failure."""

    async def whole() -> None:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        await scenario
        gc.collect()
        await asyncio.sleep(0)
        assert unseen == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def small(**changes: Any) -> PublisherSettings:
    """Settings with a buffer of 1 MiB."""
    return PublisherSettings(**{"buffer_bytes": 1024 * 1024, "record_bytes": 200_000, **changes})


async def ready(
    world: World, writer: MemoryWriter, settings: PublisherSettings | None = None
) -> Publisher:
    """A publisher whose class is ready, on a topic that is there."""
    world.log.create(NOTES.name, NOTES.partitions)
    publisher = world.publisher(writer, settings)
    preparing = asyncio.ensure_future(publisher.prepare([Note]))
    await world.clock.advance(2 * writer.delay_s)
    await preparing
    return publisher


def numbers(world: World) -> list[int]:
    """The numbers of all notes on the log, in their order."""
    decode = decoder_of(declaration_of(Note).schema, Note)
    return [decode(record.value or b"").number for record in world.log.records(PLACE)]
