"""The configurations of groups and of client metrics, as Apache Kafka 4.1 defines them.

They belong to protocols that this broker does not announce (the new consumer, share and streams
groups; client telemetry). As on a Kafka whose clients do not use those, they are taken, checked and
shown, and nothing reads them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from penstock.infra.embedded.configs.config_check import OneOf, Ranged
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.config_type import ConfigType, ConfigValue, invalid_value

__all__ = ["CLIENT_METRICS_CONFIGS", "GROUP_CONFIGS"]

_INT, _STRING, _LIST = ConfigType.INT, ConfigType.STRING, ConfigType.LIST
_DURATION: Final = re.compile(
    r"by_duration:P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?", re.ASCII | re.IGNORECASE
)


@final
@dataclass(frozen=True, slots=True)
class _OffsetReset:
    """Where a share group begins (Kafka's ShareGroupAutoOffsetResetStrategy)."""

    def __call__(self, name: str, value: ConfigValue) -> ConfigRefusal | None:
        """Return None, or why the value is refused."""
        if value in {"latest", "earliest"} or _DURATION.fullmatch(str(value)):
            return None
        message = (
            f"Invalid value `{value}` for configuration {name}. The value must be either "
            "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
        )
        return invalid_value(name, value, message)


_WHOLE_NUMBERS: Final = (
    # name, default, least, documentation
    ("consumer.heartbeat.interval.ms", 5_000, 1, "The heartbeats of a new consumer group."),
    ("consumer.session.timeout.ms", 45_000, 1, "The session time-out of a new consumer group."),
    ("share.heartbeat.interval.ms", 5_000, 1, "The heartbeats of a share group."),
    ("share.record.lock.duration.ms", 30_000, 1_000, "How long a member may hold a record."),
    ("share.session.timeout.ms", 45_000, 1, "The session time-out of a share group."),
    ("streams.heartbeat.interval.ms", 5_000, 1, "The heartbeats of a streams group."),
    ("streams.num.standby.replicas", 0, 0, "The standby replicas of a streams group."),
    ("streams.session.timeout.ms", 45_000, 1, "The session time-out of a streams group."),
)

_GROUP_ROWS: Final = (
    *(
        ConfigDefinition(name, _INT, default, documentation, Ranged(least))
        for name, default, least, documentation in _WHOLE_NUMBERS
    ),
    ConfigDefinition(
        "share.auto.offset.reset", _STRING, "latest", "Where a share group begins.", _OffsetReset()
    ),
    ConfigDefinition(
        "share.isolation.level",
        _STRING,
        "read_uncommitted",
        "Whether a share group sees records of open and aborted transactions.",
        OneOf(("read_committed", "read_uncommitted")),
    ),
)

_METRICS_ROWS: Final = (
    ConfigDefinition("interval.ms", _INT, 300_000, "How often a client sends its metrics."),
    ConfigDefinition("match", _LIST, (), "Which clients send their metrics."),
    ConfigDefinition("metrics", _LIST, (), "The prefixes of the metrics that are sent."),
)

GROUP_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    {row.name: row for row in sorted(_GROUP_ROWS, key=lambda row: row.name)}
)
"""Every configuration of a group by its name, in alphabetical order."""
CLIENT_METRICS_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    {row.name: row for row in _METRICS_ROWS}
)
"""Every configuration of a client metrics subscription by its name."""
