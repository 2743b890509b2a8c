"""AlterConfigs: a resource gets new configurations; what is not named falls to its default."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.altered_configs import all_refused, answer
from penstock.infra.embedded.configs.config_resource import ConfigResource
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ANSWER: Final = "AlterConfigsResponse"


def handle(node: Node, call: Call) -> Any:
    """Set configurations, or only say whether it could be done.

    Args:
        node: The broker.
        call: The request.

    Returns:
        The answer: what became of each resource.
    """
    request = call.request
    wishes = [
        (
            ConfigResource(resource.resource_type, resource.resource_name),
            [(config.name, config.value) for config in resource.configs],
        )
        for resource in request.resources
    ]
    altered = node.broker.alter_configs(wishes, validate_only=request.validate_only)
    return answer(call, _ANSWER, altered)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, with the error at each resource.
    """
    return all_refused(call, _ANSWER, error)
