"""Why a configuration is refused: an error code and Kafka's sentence."""

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

__all__ = ["ConfigRefusal", "invalid_request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefusal:
    """Why a configuration is refused."""

    error: ErrorCode = ErrorCode.invalid_config
    reason: str | None
    """Kafka's text; None where Kafka has none."""


def invalid_request(reason: str) -> ConfigRefusal:
    """Refuse with Kafka's code for what is wrong with the request itself."""
    return ConfigRefusal(error=ErrorCode.invalid_request, reason=reason)
