"""The answer to the wish that a topic goes, as DeleteTopics has it."""

from typing import NamedTuple
from uuid import UUID

from kio.schema.errors import ErrorCode

__all__ = ["TopicDeleted", "TopicReference"]


class TopicReference(NamedTuple):
    """A topic by its name or by its id; exactly one of the two is meant to be given."""

    name: str | None = None
    topic_id: UUID | None = None
    """None or the zero id: the name counts."""


class TopicDeleted(NamedTuple):
    """What became of the wish; with an error, the topic is still there or never was."""

    name: str | None
    topic_id: UUID
    """Zero where it is not known."""
    error: ErrorCode = ErrorCode.none
    reason: str | None = None
