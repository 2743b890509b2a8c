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


_GROUP_ROWS: Final = (
    ConfigDefinition(
        name="consumer.heartbeat.interval.ms",
        config_type=_INT,
        default=5000,
        check=Ranged(1),
        documentation="The heartbeat interval of a consumer group of the new protocol.",
    ),
    ConfigDefinition(
        name="consumer.session.timeout.ms",
        config_type=_INT,
        default=45_000,
        check=Ranged(1),
        documentation="The session time-out of a consumer group of the new protocol.",
    ),
    ConfigDefinition(
        name="share.auto.offset.reset",
        config_type=_STRING,
        default="latest",
        check=_OffsetReset(),
        documentation="Where a share group begins.",
    ),
    ConfigDefinition(
        name="share.heartbeat.interval.ms",
        config_type=_INT,
        default=5000,
        check=Ranged(1),
        documentation="The heartbeat interval of a share group.",
    ),
    ConfigDefinition(
        name="share.isolation.level",
        config_type=_STRING,
        default="read_uncommitted",
        check=OneOf(("read_committed", "read_uncommitted")),
        documentation="Whether a share group sees records of open and aborted transactions.",
    ),
    ConfigDefinition(
        name="share.record.lock.duration.ms",
        config_type=_INT,
        default=30_000,
        check=Ranged(1000),
        documentation="How long a record is held for a member of a share group.",
    ),
    ConfigDefinition(
        name="share.session.timeout.ms",
        config_type=_INT,
        default=45_000,
        check=Ranged(1),
        documentation="The session time-out of a share group.",
    ),
    ConfigDefinition(
        name="streams.heartbeat.interval.ms",
        config_type=_INT,
        default=5000,
        check=Ranged(1),
        documentation="The heartbeat interval of a streams group.",
    ),
    ConfigDefinition(
        name="streams.num.standby.replicas",
        config_type=_INT,
        default=0,
        check=Ranged(0),
        documentation="The standby replicas of a streams group.",
    ),
    ConfigDefinition(
        name="streams.session.timeout.ms",
        config_type=_INT,
        default=45_000,
        check=Ranged(1),
        documentation="The session time-out of a streams group.",
    ),
)

_METRICS_ROWS: Final = (
    ConfigDefinition(
        name="interval.ms",
        config_type=_INT,
        default=300_000,
        documentation="How often a client sends its metrics.",
    ),
    ConfigDefinition(
        name="match",
        config_type=_LIST,
        default=(),
        documentation="Which clients send their metrics.",
    ),
    ConfigDefinition(
        name="metrics",
        config_type=_LIST,
        default=(),
        documentation="The prefixes of the metrics that are sent.",
    ),
)

GROUP_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    {row.name: row for row in _GROUP_ROWS}
)
"""Every configuration of a group by its name."""
CLIENT_METRICS_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    {row.name: row for row in _METRICS_ROWS}
)
"""Every configuration of a client metrics subscription by its name."""
