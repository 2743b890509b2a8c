"""What readers and slots of counters are wired from.

    read_counters    a reader, open for the time of a block
    hold_slot        a slot, likewise

The Bus and the command line share these; see bootstrap.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from penstock.events.log import Partition
from penstock.events.names import crdt_transactional_id
from penstock.events.topic import Topic
from penstock.infra.parts import Parts
from penstock.infra.replication.component_records import (
    COMPONENT_SCHEMA,
    ComponentDecoder,
)
from penstock.infra.replication.component_view import ComponentView
from penstock.infra.replication.counter_reader import CounterReader, reading
from penstock.infra.replication.counter_slot import CounterSlot, counting
from penstock.infra.replication.slot_hold import SlotHold
from penstock.infra.replication.slot_settings import SlotSettings
from penstock.infra.topic_operations import check_topics
from penstock.workers.counters import CounterKind, Counters
from penstock.workers.topics import counters_topic

__all__ = ["hold_slot", "read_counters"]


@asynccontextmanager
async def read_counters(
    parts: Parts, name: str, topic: Topic, kind: CounterKind | None
) -> AsyncIterator[CounterReader]:
    """Read a set of counters.

    Args:
        parts: of the app.
        name: the name of the set.
        topic: its topic.
        kind: as it is declared; None where nobody knows the declaration.

    Raises:
        TopicsNotAsDeclared: the topic is missing, or it is not compacted, or not only compacted.
    """
    await check_topics(parts.topics, [topic])
    partitions = _partitions(topic)
    view = ComponentView(
        partitions,
        ComponentDecoder(parts.catalogue).decode,
        kind=kind,
        raise_alarm=parts.alarm,
    )
    reader = CounterReader(
        name,
        view,
        partial(parts.cluster.reader, *partitions),
        look_up=parts.catalogue.lookup,
        clock=parts.clock,
        entropy=parts.entropy,
    )
    async with reading(reader, name):
        yield reader


@asynccontextmanager
async def hold_slot(
    parts: Parts, counters: Counters, slot: str, settings: SlotSettings
) -> AsyncIterator[CounterSlot]:
    """Count as one slot.

    Args:
        parts: of the app.
        counters: as they are declared.
        slot: the slot's name.
        settings: limits and rhythm.

    Raises:
        IllegalName: the slot's name is illegal.
        TopicsNotAsDeclared: the topic is missing, or it is not compacted, or not only compacted.
        TransactionDoubt: the slot could not be taken in several attempts.
    """
    app = parts.settings.app
    topic = counters_topic(app, counters.name)
    transactional_id = crdt_transactional_id(app, counters.name, slot)
    await check_topics(parts.topics, [topic])
    await parts.catalogue.ensure([COMPONENT_SCHEMA])
    hold = SlotHold(
        counters.name,
        slot,
        parts.cluster.slot_log(_partitions(topic), transactional_id),
        ComponentDecoder(parts.catalogue, to_write_again=True).decode,
        look_up=parts.catalogue.lookup,
        now_ms=parts.clock.wall_ms,
    )
    held = CounterSlot(
        counters,
        slot,
        hold,
        clock=parts.clock,
        entropy=parts.entropy,
        partitions=topic.partitions,
        topic=topic.name,
        raise_alarm=parts.alarm,
        settings=settings,
    )
    async with counting(held):
        yield held


def _partitions(topic: Topic) -> list[Partition]:
    return [Partition(topic.name, number) for number in range(topic.partitions)]
