"""What is said where the broker in memory gave no usable answer, in the words of infra/kafka."""

from typing import Final

from kio.schema.errors import ErrorCode

from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.kafka.error_codes import describe_code

__all__ = ["described", "unreachable"]

_ADDRESS: Final = "memory"
"""Stands where errors name an address."""


def described(code: ErrorCode) -> str:
    """`NAME (number)` of a code, as infra/kafka says it."""
    return describe_code(code.value)


def unreachable(reason: object) -> KafkaUnreachable:
    """Make the error for a broker that did not answer."""
    return KafkaUnreachable(bootstrap=_ADDRESS, reason=str(reason))
