"""Why a configuration is refused: an error code and Kafka's sentence."""

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

__all__ = ["ConfigRefusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefusal:
    """Why a configuration is refused."""

    error: ErrorCode = ErrorCode.invalid_config
    reason: str | None
    """Kafka's text; None where Kafka has none."""
