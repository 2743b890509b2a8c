"""What must outlive the process of the settings of a broker, a cluster, a group, a subscription."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ConfigsKept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigsKept:
    """All that was set for one resource; a topic's settings are kept with the topic."""

    kind: int
    """A `ResourceKind`."""
    name: str
    """The resource's name; "" for all brokers."""
    configs: Mapping[str, str]
    """By Kafka's names, as text; empty: nothing is set any more."""
