"""Loops of clients that have to be polled, each with an end."""

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, Message

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
    deadline_s = time.monotonic() + _LIMIT_S
    messages = []
    while not seen():
        assert time.monotonic() < deadline_s, f"waited in vain for {what}"
        for consumer in consumers:
            message = consumer.poll(_POLL_S)
            if message is not None:
                assert message.error() is None, message.error()
                messages.append(message)
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
    deadline_s = time.monotonic() + _LIMIT_S
    while len(messages) < count:
        assert time.monotonic() < deadline_s, f"{len(messages)} of {count} messages came"
        for message in consumer.consume(count - len(messages), _POLL_S):
            assert message.error() is None, message.error()
            messages.append(message)
    return [message.value() or b"" for message in messages]
