"""The answer that AlterConfigs and IncrementalAlterConfigs have in common."""

from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_answer import ConfigsAltered
from penstock.infra.embedded.configs.config_resource import ConfigResource
from penstock.infra.embedded.wire.call import Call

__all__ = ["all_refused", "answer"]


def answer(call: Call, name: str, altered: Iterable[ConfigsAltered]) -> Any:
    """Say what became of each resource.

    Args:
        call: The request.
        name: Of the answer's struct.
        altered: In the order of the answer.

    Returns:
        The answer.
    """
    return call.make(
        name,
        responses=tuple(
            call.make(
                "AlterConfigsResourceResponse",
                error_code=one.error,
                error_message=one.reason,
                resource_type=one.resource.kind,
                resource_name=one.resource.name,
            )
            for one in altered
        ),
    )


def all_refused(call: Call, name: str, error: ErrorCode) -> Any:
    """Give the error to each resource of the request.

    Args:
        call: The request.
        name: Of the answer's struct.
        error: Why nothing is done.

    Returns:
        The answer.
    """
    resources = (ConfigResource(r.resource_type, r.resource_name) for r in call.request.resources)
    return answer(call, name, (ConfigsAltered(resource=r, error=error) for r in resources))
