"""ListConfigResources: what has configurations, or may have some (KIP-1142).

Version 0 is ListClientMetricsResources (KIP-1000) and lists subscriptions of clients' metrics only.
"""

from collections.abc import Iterator
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.config_resource import ConfigResource, ResourceKind
from penstock.infra.embedded.configs.configs_kept import ConfigsKept
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_KINDS_FROM: Final = 1
"""Since then a request names the kinds that it wants."""

_ALL_KINDS: Final = tuple(kind for kind in ResourceKind if kind is not ResourceKind.UNKNOWN)


def handle(node: Node, call: Call) -> Any:
    """List resources; no kinds at all means all kinds.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer.
    """
    kinds = (
        call.request.resource_types or _ALL_KINDS
        if call.version >= _KINDS_FROM
        else (ResourceKind.CLIENT_METRICS,)
    )
    if not set(kinds).issubset(_ALL_KINDS):
        return refuse(call, ErrorCode.unsupported_version)
    return call.make(
        "ListConfigResourcesResponse",
        config_resources=tuple(
            call.make("ConfigResource", resource_name=resource.name, resource_type=resource.kind)
            for resource in _resources(node.broker)
            if resource.kind in kinds
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, which lists nothing.
    """
    return call.make("ListConfigResourcesResponse", error_code=error)


def _resources(broker: Broker) -> Iterator[ConfigResource]:
    for name in broker.topics.names():
        yield ConfigResource(ResourceKind.TOPIC, name)
    yield ConfigResource(ResourceKind.BROKER, str(broker.node_id))
    yield ConfigResource(ResourceKind.BROKER_LOGGER, str(broker.node_id))
    # Groups and subscriptions are resources while something is set for them.
    for entry in broker.snapshot():
        if isinstance(entry, ConfigsKept) and entry.kind != ResourceKind.BROKER:
            yield ConfigResource(entry.kind, entry.name)
