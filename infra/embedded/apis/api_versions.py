"""ApiVersions: which requests the broker has, in which versions. The first request of all.

A version that is not known is answered in the format of version 0, so that a newer client can read
of it what it may ask instead (KIP-511); franz-go relies on it.
"""

import re
from typing import Any

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE, Api
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_NAMED_FROM = 3
"""Since then a client names its software (KIP-511)."""

_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


def handle(node: Node, call: Call) -> Any:
    """Tell what there is.

    Args:
        node: the broker.
        call: the request; without a body where its version is not known.

    Returns:
        The answer.
    """
    del node
    if call.request is None:
        own = _announced(call, API_TABLE[ApiKey.API_VERSIONS])
        return _answer(call, ErrorCode.unsupported_version, (own,))
    if call.version >= _NAMED_FROM and not _is_named(call.request):
        return refuse(call, ErrorCode.invalid_request)
    return _answer(call, ErrorCode.none, tuple(_announced(call, a) for a in API_TABLE.values()))


def refuse(call: Call, error: ErrorCode) -> Any:
    """Refuse the request.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer.
    """
    return _answer(call, error, ())


def _is_named(request: Any) -> bool:
    names = (request.client_software_name, request.client_software_version)
    return all(_SOFTWARE.fullmatch(name) for name in names)


def _announced(call: Call, api: Api) -> Any:
    return call.make(
        "ApiVersion",
        api_key=int(api.key),
        min_version=api.announced_lowest,
        max_version=api.highest,
    )


def _answer(call: Call, error: ErrorCode, keys: tuple[Any, ...]) -> Any:
    return call.make("ApiVersionsResponse", error_code=error, api_keys=keys)
