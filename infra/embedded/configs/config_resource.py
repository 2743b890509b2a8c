"""What a configuration belongs to: a topic, the broker, and the kinds that Kafka has besides."""

from enum import IntEnum
from typing import NamedTuple

__all__ = ["ConfigResource", "ResourceKind"]


class ResourceKind(IntEnum):
    """The kinds of resources, with Kafka's numbers (ConfigResource.Type)."""

    UNKNOWN = 0
    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class ConfigResource(NamedTuple):
    """One resource, as a client names it."""

    kind: int
    """A `ResourceKind`, or an unknown number."""
    name: str
    """The topic's name; the broker's id, or "" for all brokers."""
