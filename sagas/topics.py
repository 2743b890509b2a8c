"""The topics of a saga: those it uses, and those of its own.

Its names stand in events/names.py, their settings here (formats.md F3). Topics of commands and
events belong to whoever declares their types; a saga knows them by the schemas only.
"""

from datetime import timedelta
from typing import Final

from penstock.events.names import (
    changelog_topic,
    dead_letter_topic,
    saga_definitions_topic,
    saga_history_topic,
    saga_inbox_topic,
    saga_state_topic,
    saga_worker,
)
from penstock.events.topic import Topic
from penstock.sagas.definition import CallStep, Definition
from penstock.schemas.schema import AvroSchema

__all__ = [
    "PARTITIONS",
    "changelogged_topics_of_saga",
    "output_topics",
    "own_topics",
    "written_schemas",
]

PARTITIONS: Final = 4
"""Partitions of a saga's inbox, unless the settings say otherwise: each has a producer and a commit
rhythm of its own, so few are faster than many."""
INBOX_KEPT: Final = timedelta(days=7)
HISTORY_KEPT: Final = timedelta(days=30)
LETTERS_KEPT: Final = timedelta(days=30)


def own_topics(
    app: str, definition: Definition, partitions: int, input_partitions: int | None
) -> tuple[Topic, ...]:
    """Every topic that exists for this saga alone.

    Args:
        app: the application.
        definition: the saga.
        partitions: of its inbox.
        input_partitions: of the topic of events that start it; None where there is none, or where
            it is not known.
    """
    saga, worker = definition.saga, saga_worker(definition.saga)
    inbox = saga_inbox_topic(app, saga)
    own = [
        Topic(inbox, partitions=partitions, retention=INBOX_KEPT),
        Topic(saga_state_topic(app, saga), partitions=partitions, cleanup="compact"),
        Topic(saga_history_topic(app, saga), partitions=partitions, retention=HISTORY_KEPT),
        Topic(saga_definitions_topic(app, saga), partitions=1, cleanup="compact"),
        Topic(dead_letter_topic(inbox, app, worker), partitions=partitions, retention=LETTERS_KEPT),
    ]
    source = definition.input_topic
    if source is not None and input_partitions is not None:
        own += [
            Topic(
                changelog_topic(app, worker, source),
                partitions=input_partitions,
                cleanup="compact",
            ),
            Topic(
                dead_letter_topic(source, app, worker),
                partitions=input_partitions,
                retention=LETTERS_KEPT,
            ),
        ]
    return tuple(own)


def output_topics(definition: Definition) -> frozenset[str]:
    """The topics that a saga sends commands and events to."""
    topics: set[str] = set()
    for step in definition.steps:
        if isinstance(step, CallStep):
            topics.add(step.command.topic)
            if step.undo is not None:
                topics.add(step.undo.command.topic)
        else:
            topics.add(step.topic)
    if definition.compensated is not None:
        topics.add(definition.compensated.topic)
    return frozenset(topics)


def written_schemas(definition: Definition) -> tuple[AvroSchema, ...]:
    """The schemas of the commands and events that a saga sends, without repetition."""
    found: list[AvroSchema] = []
    for step in definition.steps:
        if isinstance(step, CallStep):
            found.append(step.command.schema)
            if step.undo is not None:
                found.append(step.undo.command.schema)
        else:
            found.append(step.event)
    if definition.compensated is not None:
        found.append(definition.compensated.schema)
    return tuple({schema.text: schema for schema in found}.values())


def changelogged_topics_of_saga(app: str, definition: Definition) -> frozenset[str]:
    """The topics of a saga whose partition counts are for life."""
    saga = definition.saga
    topics = {saga_inbox_topic(app, saga), saga_state_topic(app, saga)}
    if definition.input_topic is not None:
        changelog = changelog_topic(app, saga_worker(saga), definition.input_topic)
        topics |= {definition.input_topic, changelog}
    return frozenset(topics)
