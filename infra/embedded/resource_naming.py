"""Whether there is what a client names when it asks for settings, in Kafka's words.

Kafka's ConfigHelper checks it before settings are described, its ConfigAdminManager before they are
changed; the two have other words for the same fault, and for some another code.
"""

import re
from typing import Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal, invalid_request
from penstock.infra.embedded.configs.config_resource import ConfigResource, ResourceKind
from penstock.infra.embedded.only_broker import ONLY_BROKER
from penstock.infra.embedded.topics.topic_name import name_fault
from penstock.infra.embedded.topics.topic_table import TopicTable

__all__ = ["unalterable", "undescribable", "unknown_kind"]

_MALFORMED: Final = (
    "This most likely occurs because of a request being malformed by the client library or the "
    "message was sent to an incompatible broker. See the broker logs for more details."
)
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}")


def undescribable(  # noqa: PLR0911 - one for each kind and its faults
    resource: ConfigResource, topics: TopicTable
) -> ConfigRefusal | None:
    """Say why a resource's settings cannot be told.

    Args:
        resource: as a client names it.
        topics: those there are.

    Returns:
        None, or the refusal.
    """
    kind, name = resource
    match kind:
        case ResourceKind.TOPIC:
            fault = name_fault(name)
            if fault is not None:
                return ConfigRefusal(error=ErrorCode.invalid_topic_exception, reason=fault)
            if topics.get(name) is None:
                return ConfigRefusal(error=ErrorCode.unknown_topic_or_partition, reason="")
            return None
        case ResourceKind.BROKER:
            expected = f"expected {ONLY_BROKER} or empty string,"
            return _other_broker(name, expected) if name else None
        case ResourceKind.BROKER_LOGGER:
            if not name:
                return invalid_request("Broker id must not be empty")
            return _other_broker(name, f"expected {ONLY_BROKER}")
        case ResourceKind.CLIENT_METRICS if not name:
            return invalid_request("Client metrics subscription name must not be empty")
        case ResourceKind.GROUP if not name:
            return invalid_request("Group name must not be empty")
        case ResourceKind.CLIENT_METRICS | ResourceKind.GROUP:
            return None
        case _:
            return invalid_request(_MALFORMED)


def unalterable(resource: ConfigResource, topics: TopicTable) -> ConfigRefusal | None:
    """Say why a resource's settings cannot be changed.

    Args:
        resource: as a client names it.
        topics: those there are.

    Returns:
        None, or the refusal.
    """
    kind, name = resource
    match kind:
        case ResourceKind.TOPIC:
            return _unalterable_topic(name, topics)
        case ResourceKind.BROKER:
            unexpected = f"Unexpected broker id, expected {ONLY_BROKER}, but received {name}"
            return _other_node(name, unexpected) if name else None
        case ResourceKind.BROKER_LOGGER:
            unexpected = f"Unexpected node id. Expected {ONLY_BROKER}, but received {name}"
            return _other_node(name, unexpected)
        case ResourceKind.CLIENT_METRICS:
            return None if name else invalid_request("Subscription name can't be empty")
        case ResourceKind.GROUP:
            words = "Default group resources are not allowed."
            return None if name else invalid_request(words)
        case _:
            return unknown_kind(resource)


def _unalterable_topic(name: str, topics: TopicTable) -> ConfigRefusal | None:
    if not name:
        return invalid_request("Default topic resources are not allowed.")
    fault = name_fault(name)
    if fault is not None:
        return ConfigRefusal(error=ErrorCode.invalid_topic_exception, reason=fault)
    if topics.get(name) is None:
        reason = f"The topic '{name}' does not exist."
        return ConfigRefusal(error=ErrorCode.unknown_topic_or_partition, reason=reason)
    return None


def unknown_kind(resource: ConfigResource) -> ConfigRefusal:
    """Refuse a kind of resource that has no settings to change."""
    return invalid_request(f"Unknown resource type {int(resource.kind)}")


def _other_broker(name: str, expected: str) -> ConfigRefusal | None:
    if not _INTEGER.fullmatch(name):
        return invalid_request(f"Broker id must be an integer, but it is: {name}")
    if int(name) != ONLY_BROKER:
        return invalid_request(f"Unexpected broker id, {expected} but received {int(name)}")
    return None


def _other_node(name: str, unexpected: str) -> ConfigRefusal | None:
    if not _INTEGER.fullmatch(name):
        return invalid_request(f"Node id must be an integer, but it is: {name}")
    return None if int(name) == ONLY_BROKER else invalid_request(unexpected)
