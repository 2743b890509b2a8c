"""One change of IncrementalAlterConfigs."""

from enum import IntEnum
from typing import NamedTuple

__all__ = ["ConfigChange", "ConfigOperation"]


class ConfigOperation(IntEnum):
    """The operations, with Kafka's numbers (AlterConfigOp.OpType)."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


class ConfigChange(NamedTuple):
    """One change of one configuration."""

    name: str
    operation: int
    """A `ConfigOperation`, or an unknown number from the wire."""
    value: str | None
