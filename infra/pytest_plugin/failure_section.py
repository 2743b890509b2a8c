"""What the report of a failed test says about its Kafka: address, topics, dead letters.

    ---- penstock ----
    Kafka: 127.0.0.1:40121 (embedded, this test's own)
    shop.orders: 3 records, ends at 0/2 1/0 2/1 3/0
    dead letter shop.orders/2@0: handler-failed ValueError "no such book" in shop.stock:reserve

Laws:
1. Bounded in lines, in characters and in time, and it raises nothing: a report that fails hides
   what it is about.
2. No keys and no payload: reports are kept and passed on (formats F26).
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from penstock.events.dead_letter import NotADeadLetter, parse_note
from penstock.events.log import LogReader, LogRecord, Partition, TopicAdmin
from penstock.infra.kafka.cluster import KafkaCluster
from penstock.infra.parts import open_topics
from penstock.infra.plain_text import excerpt
from penstock.infra.pytest_plugin.kafka import PenstockKafka
from penstock.infra.settings import Settings
from penstock.schemas.errors import PenstockError

__all__ = ["failure_section", "letter_line", "topic_lines"]

LIMIT_S: Final = 5.0
"""Longest look at the broker."""
TOPICS: Final = 40
"""Topics that are told of at most."""
PARTITIONS: Final = 12
"""Partitions of one topic that are told of at most."""
LETTERS: Final = 10
"""Dead letters that are told of at most."""
_TEXT: Final = 300
"""Characters of one line's free text."""
_POLL_S: Final = 0.05


def topic_lines(ends: Mapping[Partition, tuple[int, int]]) -> list[str]:
    """Say where topics end, one line for each that holds anything.

    Args:
        ends: first offset and end, by partition.
    """
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for partition, (first, end) in sorted(ends.items()):
        topics.setdefault(partition.topic, []).append((partition.number, first, end))
    lines = [
        _topic_line(topic, bounds)
        for topic, bounds in topics.items()
        if any(end > 0 for _, _, end in bounds)
    ]
    told = lines[:TOPICS]
    if len(lines) > TOPICS:
        told.append(f"and {len(lines) - TOPICS} more topics")
    return told or ["no topic holds a record"]


def _topic_line(topic: str, bounds: Sequence[tuple[int, int, int]]) -> str:
    places = " ".join(f"{number}:{end}" for number, _, end in bounds[:PARTITIONS])
    more = " ..." if len(bounds) > PARTITIONS else ""
    return f"{topic}: partitions end at {places}{more}"


def letter_line(record: LogRecord) -> str:
    """Say why a record became a dead letter."""
    try:
        note = parse_note(record.headers)
    except NotADeadLetter as error:
        return f"{record.topic}/{record.partition}@{record.offset}: {error}"
    handler = f" in {note.handler}" if note.handler else ""
    text = excerpt(note.message, _TEXT)
    return (
        f"dead letter of {note.topic}/{note.partition}@{note.offset}: {note.reason} "
        f"{note.error_code} after {note.attempts} attempts{handler}: {text}"
    )


def failure_section(kafka: PenstockKafka, app: str) -> str:
    """Return the section's text.

    Args:
        kafka: the test's.
        app: name of the test's app.
    """
    whose = "shared with other tests" if kafka.is_shared else "this test's own"
    lines = [f"Kafka: {kafka.address} ({kafka.choice.kind}, {whose})", f"app: {app}"]
    found: list[str] = []
    # In a thread: a loop may be running here, and the broker's may stand still.
    looking = threading.Thread(target=lambda: found.extend(_looked(kafka, app)), daemon=True)
    looking.start()
    looking.join(LIMIT_S + 1.0)
    return "\n".join([*lines, *(found or ["it does not answer in time"])])


def _looked(kafka: PenstockKafka, app: str) -> list[str]:
    try:
        if not kafka.is_shared:
            kafka.faults.clear()
            kafka.faults.serve_again()
        return asyncio.run(_look(kafka, app))
    except (PenstockError, OSError) as error:  # TimeoutError is one
        return [f"it cannot be looked at: {str(error) or type(error).__name__}"]


async def _look(kafka: PenstockKafka, app: str) -> list[str]:
    settings = Settings.model_validate({"app": app, "kafka": kafka.address})
    cluster = KafkaCluster(settings.connection())
    async with asyncio.timeout(LIMIT_S), open_topics(settings, cluster=cluster) as topics:
        partitions = await _partitions(topics, app, everything=not kafka.is_shared)
        if not partitions:
            return ["it has no topics"]
        reader = await cluster.reader(*partitions)
        try:
            ends = {each: await reader.bounds(each) for each in partitions}
            letters = [each for each in partitions if each.topic.endswith(".dlq")]
            return [*topic_lines(ends), *await _letters(reader, letters, ends)]
        finally:
            await reader.close()


async def _partitions(topics: TopicAdmin, app: str, *, everything: bool) -> list[Partition]:
    """Partitions of all topics on a broker of the test's own, else of the app's."""
    names = [name for name in await topics.names() if everything or app in name]
    states = await topics.describe(sorted(names)[: 4 * TOPICS])
    return [
        Partition(name, number)
        for name, state in sorted(states.items())
        for number in range(min(state.partitions, 2 * PARTITIONS))
    ]


async def _letters(
    reader: LogReader, places: Iterable[Partition], ends: Mapping[Partition, tuple[int, int]]
) -> list[str]:
    wanted = {place for place in places if ends[place][1] > ends[place][0]}
    records: list[LogRecord] = []
    while len(records) <= LETTERS and any(
        reader.position(place) < ends[place][1] for place in wanted
    ):
        found = await reader.read(timeout_s=_POLL_S)
        records += [each for each in found if Partition(each.topic, each.partition) in wanted]
    lines = [letter_line(record) for record in records[:LETTERS]]
    return [*lines, "and more dead letters"] if len(records) > LETTERS else lines
