"""The answers of DescribeConfigs, AlterConfigs and IncrementalAlterConfigs for one resource."""

from typing import NamedTuple

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_entry import ConfigEntry
from penstock.infra.embedded.configs.config_resource import ConfigResource

__all__ = ["ConfigsAltered", "ConfigsDescribed"]


class ConfigsDescribed(NamedTuple):
    """The configurations of one resource, or why they cannot be told."""

    resource: ConfigResource
    error: ErrorCode = ErrorCode.none
    reason: str | None = None
    entries: tuple[ConfigEntry, ...] = ()


class ConfigsAltered(NamedTuple):
    """What became of the wish to change one resource; with an error, nothing changed."""

    resource: ConfigResource
    error: ErrorCode = ErrorCode.none
    reason: str | None = None
