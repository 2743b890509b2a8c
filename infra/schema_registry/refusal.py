"""How this API says no: an HTTP status, a code of its own and a sentence.

    {"error_code": 40401, "message": "Subject 'shop.orders-value' not found."}

The codes are those of Confluent's registry, which clients look at; their first three digits are the
status.

Laws:
1. We write this form strictly, whatever went wrong; we read what others write in its place, too.
2. A message is one line of at most `MAX_MESSAGE` characters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.registry_json import NotJson, read_json

__all__ = ["MAX_MESSAGE", "NOT_THERE", "ApiCode", "Refusal", "refusal_in"]

MAX_MESSAGE: Final = 8_000
"""Fifty reasons for an incompatibility fit; nobody reads more."""


class ApiCode(IntEnum):
    """The error codes that are used here, by Confluent's names."""

    UNSUPPORTED_PATH = 404
    METHOD_NOT_ALLOWED = 405
    FOREIGN_HOST = 403
    TOO_SLOW = 408
    TOO_LARGE = 413
    MEDIA_TYPE = 415
    BAD_REQUEST = 400
    SUBJECT_NOT_FOUND = 40401
    VERSION_NOT_FOUND = 40402
    SCHEMA_NOT_FOUND = 40403
    SUBJECT_LEVEL_NOT_CONFIGURED = 40408
    SUBJECT_MODE_NOT_CONFIGURED = 40409
    INCOMPATIBLE_SCHEMA = 409
    INVALID_SCHEMA = 42201
    INVALID_VERSION = 42202
    INVALID_COMPATIBILITY_LEVEL = 42203
    OPERATION_NOT_PERMITTED = 42205
    INVALID_SUBJECT = 42208
    SCHEMA_TOO_LARGE = 42209
    STORE_ERROR = 50001


NOT_THERE: Final = frozenset(
    {ApiCode.SUBJECT_NOT_FOUND, ApiCode.VERSION_NOT_FOUND, ApiCode.SCHEMA_NOT_FOUND}
)
"""What a registry says of a thing that it does not have; a bare 404 says that the path is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One no."""

    code: int
    """One of `ApiCode`, where we say it."""
    message: str
    """Why."""

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the code."""
        return int(str(self.code)[:3])

    def body(self) -> dict[str, str | int]:
        """Return what is sent."""
        return {"error_code": int(self.code), "message": excerpt(self.message, MAX_MESSAGE)}


def refusal_in(status: int, body: bytes) -> Refusal:
    """Read what a registry says with a status that is no success.

    Args:
        status: the HTTP status, 3xx to 5xx.
        body: what came with it; may be anything, as proxies answer in the registry's place.

    Returns:
        The code is the status where the body has none, and the message then says so.
    """
    try:
        found = read_json(body)
    except NotJson:
        found = None
    fields: Mapping[str, object] = found if isinstance(found, dict) else {}
    code, message = fields.get("error_code"), fields.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not 100 <= code <= 99_999:  # noqa: PLR2004 - three to five digits
        code = status
    if not isinstance(message, str) or not message.strip():
        message = "(it gave no reason)"
    return Refusal(code=code, message=excerpt(message.strip(), MAX_MESSAGE))
