"""Which topics a reading is about, from the types that somebody names.

A type of the project travels where the project says. One that only the cluster knows, by the
schemas that were registered there, travels on each topic that a version of it has named.

Laws:
1. The project is asked before the cluster: what it declares is meant.
2. What the project declares must exist. A topic that only an old version names may be gone.
3. This file knows no cluster and no project; both are arguments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from penstock.events.names import IllegalName, NameTooLong, check_topic
from penstock.infra.type_names import UnknownType, named_by, the_type
from penstock.schemas.schema import AvroSchema

__all__ = ["TopicChoice", "TypeTopics", "all_named", "chosen_topics", "topics_of"]

TypeTopics: TypeAlias = Mapping[str, frozenset[str]]
"""The topics that each type travels on, by its full name; none for replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChoice:
    """What is to be read."""

    types: frozenset[str] = frozenset()
    """Full names of the types that were named; empty for all."""
    topics: tuple[str, ...] = ()
    """Topics that must exist, in order."""
    perhaps: tuple[str, ...] = ()
    """Topics that may be gone, in order."""


def topics_of(schemas: Iterable[AvroSchema]) -> dict[str, frozenset[str]]:
    """Return the topics that schemas name, by their types.

    Args:
        schemas: of any origin: what they say of a topic may be anything.
    """
    found: dict[str, frozenset[str]] = {}
    for schema in schemas:
        topics = frozenset(_topic_in(schema))
        found[schema.full_name] = found.get(schema.full_name, frozenset()) | topics
    return found


def all_named(names: Iterable[str], known: TypeTopics) -> bool:
    """Return whether each name stands for types that are known."""
    return all(named_by(name, known) for name in names)


def chosen_topics(names: Sequence[str], project: TypeTopics, cluster: TypeTopics) -> TopicChoice:
    """Return what is to be read.

    Args:
        names: full or short names of types; without any, all types of the project are meant.
        project: the types of the project.
        cluster: the types that are registered.

    Raises:
        UnknownType: a name stands for no type, for several, or for one that has no topic.
    """
    if not names:
        topics = {topic for those in project.values() for topic in those}
        return TopicChoice(topics=tuple(sorted(topics)))
    types = [the_type(name, project, cluster) for name in names]
    for name in types:
        if not (project.get(name) or cluster.get(name)):
            hint = "It has no topic of its own: say with --topic where its records are."
            raise UnknownType(name=name, hint=hint)
    ours = {topic for name in types for topic in project.get(name, ())}
    others = {topic for name in types if not project.get(name) for topic in cluster[name]}
    return TopicChoice(
        types=frozenset(types), topics=tuple(sorted(ours)), perhaps=tuple(sorted(others - ours))
    )


def _topic_in(schema: AvroSchema) -> Iterable[str]:
    topic = schema.document.get("topic")
    if isinstance(topic, str):
        try:
            yield check_topic(topic)
        except (IllegalName, NameTooLong):
            return  # whoever registered it, no record of it can be on such a topic
