"""DescribeClientQuotas: what clients are held back by, which here is nothing.

The broker has no quotas and lets nobody set one; kafka-configs.sh asks for them all the same.
"""

from collections.abc import Iterable
from typing import Any, Final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_ENTITY_TYPES: Final = frozenset({"user", "client-id", "ip"})
_EXACT, _DEFAULT, _ANY = range(3)


def handle(_node: Node, call: Call) -> Any:
    """Say that there are no quotas, to a question that makes sense.

    Args:
        _node: The broker, which has none.
        call: The request.

    Returns:
        The answer.
    """
    wrong = _wrong(call.request.components)
    if wrong is None:
        return call.make("DescribeClientQuotasResponse", error_message="", entries=())
    error, reason = wrong
    return call.make(
        "DescribeClientQuotasResponse", error_code=error, error_message=reason, entries=None
    )


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: The request.
        error: Why.

    Returns:
        The answer, whose entries are null.
    """
    return call.make("DescribeClientQuotasResponse", error_code=error, entries=None)


def _wrong(components: Iterable[Any]) -> tuple[ErrorCode, str] | None:
    seen: set[str] = set()
    for component in components:
        kind = component.entity_type
        if not kind:
            return ErrorCode.invalid_request, "Invalid empty entity type."
        if kind in seen:
            return (
                ErrorCode.invalid_request,
                f"Entity type {kind} cannot appear more than once in the filter.",
            )
        if kind not in _ENTITY_TYPES:
            return ErrorCode.unsupported_version, f"Unsupported entity type {kind}"
        if (reason := _wrong_match(component.match_type, component.match)) is not None:
            return ErrorCode.invalid_request, reason
        seen.add(kind)
    return None


def _wrong_match(match_type: int, match: str | None) -> str | None:
    if match_type == _EXACT:
        if match is None:
            return "Request specified MATCH_TYPE_EXACT, but set match string to null."
    elif match_type not in {_DEFAULT, _ANY}:
        return f"Unknown match type {match_type}"
    elif match is not None:
        name = "MATCH_TYPE_DEFAULT" if match_type == _DEFAULT else "MATCH_TYPE_SPECIFIED"
        return f"Request specified {name}, but also specified a match string."
    return None
