"""What stands before the body of every request, and what stands before every answer.

A request begins with its API key, its version and a number that its answer repeats; then the
client's name, and in flexible versions (KIP-482) tagged fields, of which Kafka has none there.
The answer to ApiVersions never has tagged fields in its header, because a client reads it before
it knows what the broker can do (KIP-511).
"""

import struct
from typing import Final, NamedTuple, final

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.message_reader import skip_tagged
from penstock.infra.embedded.wire.wire_errors import UnreadableMessage

__all__ = ["RequestHeader", "read_api", "read_header", "write_header"]

_API = struct.Struct(">hh")
_START = struct.Struct(">hhih")
_ANSWER = struct.Struct(">i")
_FLEXIBLE_END: Final = b"\0"


@final
class RequestHeader(NamedTuple):
    """The header of one request."""

    api_key: int
    version: int
    correlation_id: int
    """Repeated by the answer."""
    client_id: str
    """Empty where there is none."""
    body_at: int
    """Where in the frame the body begins."""


def read_api(frame: bytes) -> tuple[int, int]:
    """Read of a request only what decides how the rest is read.

    Returns:
        The API key and the version.

    Raises:
        UnreadableMessage: the frame is too short for any request.
    """
    try:
        return _API.unpack_from(frame)
    except struct.error:
        raise UnreadableMessage(reason=f"a request has more than {len(frame)} bytes") from None


def read_header(frame: bytes, *, flexible: bool) -> RequestHeader:
    """Read a request's header.

    Args:
        frame: the request without its length.
        flexible: whether this version of its API is flexible.

    Raises:
        UnreadableMessage: the frame is cut.
    """
    try:
        api_key, version, correlation_id, length = _START.unpack_from(frame)
    except struct.error:
        raise UnreadableMessage(reason=f"a request has more than {len(frame)} bytes") from None
    start = _START.size
    end = start + max(length, 0)
    if end > len(frame):
        raise UnreadableMessage(reason=f"the client's name claims {length} bytes")
    client_id = frame[start:end].decode("utf-8", "replace")
    body_at = skip_tagged(frame, end) if flexible else end
    return RequestHeader(api_key, version, correlation_id, client_id, body_at)


def write_header(api_key: int, correlation_id: int, *, flexible: bool) -> bytes:
    """Write what stands before an answer.

    Args:
        api_key: of the request.
        correlation_id: of the request.
        flexible: whether this version of the answer is flexible.
    """
    header = _ANSWER.pack(correlation_id)
    if flexible and api_key != ApiKey.API_VERSIONS:
        header += _FLEXIBLE_END
    return header
