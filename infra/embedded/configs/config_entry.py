"""One configuration as DescribeConfigs and CreateTopics show it."""

from enum import IntEnum
from typing import NamedTuple

from penstock.infra.embedded.configs.config_type import ConfigType

__all__ = ["ConfigEntry", "ConfigSource", "ConfigSynonym"]


class ConfigSource(IntEnum):
    """Where a value comes from, with Kafka's numbers (DescribeConfigsResponse.ConfigSource)."""

    DYNAMIC_TOPIC_CONFIG = 1
    DYNAMIC_BROKER_CONFIG = 2
    DYNAMIC_DEFAULT_BROKER_CONFIG = 3
    STATIC_BROKER_CONFIG = 4
    DEFAULT_CONFIG = 5
    DYNAMIC_BROKER_LOGGER_CONFIG = 6
    CLIENT_METRICS_CONFIG = 7
    GROUP_CONFIG = 8


class ConfigSynonym(NamedTuple):
    """One of the places that a value may come from, the first that holds one wins."""

    name: str
    value: str | None
    """As text; None where it is sensitive or not set."""
    source: ConfigSource


class ConfigEntry(NamedTuple):
    """One configuration with its value and where it comes from."""

    name: str
    value: str | None
    """As text; None where it is sensitive or not set."""
    read_only: bool
    is_sensitive: bool
    source: ConfigSource
    config_type: ConfigType
    synonyms: tuple[ConfigSynonym, ...] = ()
    """In order of precedence; empty where they were not asked for."""
    documentation: str | None = None
    """None where it was not asked for."""

    @property
    def is_default(self) -> bool:
        """True where nobody set it (DescribeConfigs v0)."""
        return self.source is ConfigSource.DEFAULT_CONFIG
