"""DescribeConfigs: the configurations of topics, the broker, and what else has some."""

from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_answer import ConfigsDescribed
from penstock.infra.embedded.configs.config_entry import ConfigEntry
from penstock.infra.embedded.configs.config_resource import ConfigResource
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]


def handle(node: Node, call: Call) -> Any:
    """Describe configurations.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer, in the order of the request.
    """
    request = call.request
    broker = node.broker
    return _answer(
        call,
        (
            broker.describe_configs(
                ConfigResource(resource.resource_type, resource.resource_name),
                # No names, like an empty list of names, means all.
                names=resource.configuration_keys or None,
                synonyms=request.include_synonyms,
                documentation=getattr(request, "include_documentation", False),
            )
            for resource in request.resources
        ),
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each resource.
    """
    resources = (ConfigResource(r.resource_type, r.resource_name) for r in call.request.resources)
    return _answer(call, (ConfigsDescribed(resource=r, error=error) for r in resources))


def _answer(call: Call, described: Iterable[ConfigsDescribed]) -> Any:
    return call.make(
        "DescribeConfigsResponse",
        results=tuple(
            call.make(
                "DescribeConfigsResult",
                error_code=one.error,
                error_message=one.reason or "",  # Kafka says nothing, not null
                resource_type=one.resource.kind,
                resource_name=one.resource.name,
                configs=tuple(_config(call, entry) for entry in one.entries),
            )
            for one in described
        ),
    )


def _config(call: Call, entry: ConfigEntry) -> Any:
    return call.make(
        "DescribeConfigsResourceResult",
        name=entry.name,
        value=entry.value,
        read_only=entry.read_only,
        config_source=entry.source,
        is_sensitive=entry.is_sensitive,
        config_type=entry.config_type,
        documentation=entry.documentation,
        synonyms=tuple(
            call.make(
                "DescribeConfigsSynonym",
                name=synonym.name,
                value=synonym.value,
                source=synonym.source,
            )
            for synonym in entry.synonyms
        ),
    )
