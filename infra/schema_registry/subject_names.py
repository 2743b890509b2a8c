"""Under which name a schema is registered: the three rules that the world knows.

    topic          <topic>-value           one history per topic (TopicNameStrategy)
    record         <full name>             one history per type, wherever it is sent
    topic-record   <topic>-<full name>     one history per type and topic

Law: the rule and the schema alone make the name, so that each process finds the same.
"""

from typing import Final, Literal

from penstock.infra.schema_registry.registry_errors import NoSubject
from penstock.schemas.schema import AvroSchema

__all__ = ["SUBJECT_RULES", "SubjectRule", "subject_of"]

SubjectRule = Literal["topic", "record", "topic-record"]

SUBJECT_RULES: Final[tuple[SubjectRule, ...]] = ("topic", "record", "topic-record")
"""All of them; the first is the default of every registry's clients."""


def subject_of(schema: AvroSchema, rule: SubjectRule) -> str:
    """Return the subject of a schema.

    Args:
        schema: with the attribute "topic", as the schemas of events and commands have it.
        rule: how subjects are named.

    Raises:
        NoSubject: the rule needs a topic, and the schema names none.
    """
    if rule == "record":
        return schema.full_name
    topic = schema.document.get("topic")
    if not isinstance(topic, str) or not topic:
        raise NoSubject(full_name=schema.full_name, rule=rule)
    return f"{topic}-value" if rule == "topic" else f"{topic}-{schema.full_name}"
