"""Which error a client gets for a topic that is not there."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topics.topic_name import name_fault

__all__ = ["unknown_topic_error"]


def unknown_topic_error(name: str) -> ErrorCode:
    """Say whether a topic is merely not there, or could never be.

    Args:
        name: of no topic of the table.

    Returns:
        The error, as Kafka has it.
    """
    if name_fault(name) is None:
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.invalid_topic_exception
