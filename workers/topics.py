"""The topics of a worker: those it reads, those it announces to write, and those of its own.

Its own are, for each input, the dead letters and, where the input is transactional, the changelog.
The topics of replicated counters are the app's: whoever counts in them names them.
Their names stand in events/names.py, their settings here (formats.md F3, F14).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from penstock.events.event import message_declaration_of
from penstock.events.names import (
    SCHEMAS_TOPIC,
    changelog_topic,
    crdt_topic,
    dead_letter_topic,
)
from penstock.events.topic import Topic
from penstock.workers.worker import Worker

__all__ = ["changelogged_topics", "counters_topic", "schemas_topic", "topics_of_worker"]

DEAD_LETTERS_KEPT: Final = timedelta(days=30)
"""Longer than most topics keep records: somebody must come back from a holiday and look."""
_NOTE_ROOM: Final = 64 * 1024
_DEFAULT_MAX_MESSAGE: Final = 1_048_588
COUNTERS_PARTITIONS: Final = 4
"""Of each set of counters, for life: whoever writes a component and whoever reads it takes it from
here (formats.md F3), and `check_topics` holds the cluster to it."""
COUNTERS_SEGMENT: Final = timedelta(minutes=10)
"""A segment that is written to is never compacted, and everybody who begins to read counters reads
all that is not. A partition that commits fifty times a second leaves 30 000 records of each of its
counters in ten minutes, which are read within a second. Shorter segments would make a cluster open
and clean files all day for topics that hardly change."""
COUNTERS_DIRTY_RATIO: Final = "0.1"
"""Compact once a tenth is out of date, and not a half as by default: cleaning is cheap here, since
there is little to keep."""


def counters_topic(app: str, name: str) -> Topic:
    """The topic of a set of counters.

    It is compacted and nothing else: with "compact,delete" a counter that rests would be lost.
    """
    return Topic(
        crdt_topic(app, name),
        partitions=COUNTERS_PARTITIONS,
        cleanup="compact",
        config={
            "segment.ms": str(COUNTERS_SEGMENT // timedelta(milliseconds=1)),
            "min.cleanable.dirty.ratio": COUNTERS_DIRTY_RATIO,
        },
    )


def schemas_topic() -> Topic:
    """The cluster-wide topic of schemas."""
    return Topic(SCHEMAS_TOPIC, partitions=1, cleanup="compact")


def topics_of_worker(app: str, worker: Worker) -> tuple[Topic, ...]:
    """Every topic that a worker reads, announces to write, or owns; without repetition."""
    topics: dict[str, Topic] = {}
    for each in worker.inputs:
        topics[each.topic.name] = each.topic
        topics.update(_named(_own_topics(app, worker, each.topic, each.transactional)))
        topics.update(_named(counters_topic(app, counters.name) for counters in each.counters))
        for handler in each.handlers:
            topics.update(
                _named(message_declaration_of(event).topic for event in handler.announced)
            )
    return tuple(topics.values())


def _named(topics: Iterable[Topic]) -> dict[str, Topic]:
    return {topic.name: topic for topic in topics}


def _own_topics(app: str, worker: Worker, source: Topic, transactional: bool) -> list[Topic]:
    largest = int(source.config.get("max.message.bytes", _DEFAULT_MAX_MESSAGE))
    letters = Topic(
        dead_letter_topic(source.name, app, worker.name),
        partitions=source.partitions,
        retention=DEAD_LETTERS_KEPT,
        # The record as it was, and the note that tells why it is here.
        config={"max.message.bytes": str(largest + _NOTE_ROOM)},
    )
    if not transactional:
        return [letters]
    changelog = Topic(
        changelog_topic(app, worker.name, source.name),
        partitions=source.partitions,
        cleanup="compact",
    )
    return [letters, changelog]


def changelogged_topics(app: str, worker: Worker) -> frozenset[str]:
    """The inputs that have a changelog, and the changelogs: their partition counts are for life."""
    inputs = [each.topic.name for each in worker.inputs if each.transactional]
    return frozenset(inputs) | {changelog_topic(app, worker.name, name) for name in inputs}
