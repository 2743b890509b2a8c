"""Waiting with clients that have to be polled for whatever they do, each wait with an end."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, Message

from tests.conformance.patience import until

__all__ = ["poll_until", "read_values"]

_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.05


def poll_until(*consumers: Consumer, seen: Callable[[], bool], what: str) -> list[Message]:
    """Poll consumers in turn until something is so.

    Args:
        consumers: Each has to be polled for its part of a rebalance.
        seen: Looks once.
        what: What is waited for, in words.

    Returns:
        The messages that came meanwhile.
    """
    messages: list[Message] = []

    def polled() -> bool:
        for consumer in consumers:
            messages.extend(_taken(consumer, 1))
        return seen()

    until(polled, what=what, limit_s=_LIMIT_S)
    return messages


def read_values(consumer: Consumer, count: int) -> list[bytes]:
    """Read so many messages.

    Args:
        consumer: Subscribed or assigned.
        count: How many.

    Returns:
        Their values, in the order of their coming.
    """
    messages: list[Message] = []

    def read() -> bool:
        messages.extend(_taken(consumer, count - len(messages)))
        return len(messages) == count

    until(read, what=f"{count} messages", limit_s=_LIMIT_S)
    return [message.value() or b"" for message in messages]


def _taken(consumer: Consumer, most: int) -> list[Message]:
    messages = consumer.consume(most, _POLL_S)
    for message in messages:
        assert message.error() is None, message.error()
    return messages
