"""Every topic configuration of Apache Kafka 4.1: type, default, limits, what it inherits.

The types, defaults and limits are those of its LogConfig, the broker's names those of its
ServerTopicConfigSynonyms; tests/infra/embedded/configs compares them with a dump of both. What has
no meaning on one node in memory (replication, tiered storage, index files, flushing) is taken,
checked and shown.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.infra.embedded.configs.config_check import (
    ConfigCheck,
    EachOf,
    OneOf,
    Ranged,
    RangeOr,
    ThrottledReplicas,
)
from penstock.infra.embedded.configs.config_definition import ConfigDefinition, Inherited
from penstock.infra.embedded.configs.config_type import ConfigType, ConfigValue

__all__ = ["CODECS", "HOUR_MS", "MINUTE_MS", "TIMESTAMP_TYPES", "TOPIC_CONFIGS"]

_LONG_MAX: Final = 2**63 - 1
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * HOUR_MS
CODECS: Final = ("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer")
"""The values of compression.type, in Kafka's order."""
TIMESTAMP_TYPES: Final = ("CreateTime", "LogAppendTime")
"""The values of message.timestamp.type, in Kafka's order."""

_BOOLEAN, _STRING, _INT = ConfigType.BOOLEAN, ConfigType.STRING, ConfigType.INT
_LONG, _DOUBLE, _LIST = ConfigType.LONG, ConfigType.DOUBLE, ConfigType.LIST


def _topic(  # noqa: PLR0917 - a row of the table below, one argument for a column
    name: str,
    config_type: ConfigType,
    default: ConfigValue | None,
    inherited: str | tuple[Inherited, ...] | None,
    check: ConfigCheck | None,
    documentation: str,
) -> ConfigDefinition:
    if isinstance(inherited, str):
        inherited = (Inherited(inherited),)
    return ConfigDefinition(
        name=name,
        config_type=config_type,
        default=default,
        inherited=inherited or (),
        check=check,
        documentation=documentation,
        is_hidden=name.startswith("internal."),
    )


_ROWS: Final = (
    _topic(
        "cleanup.policy",
        _LIST,
        ("delete",),
        "log.cleanup.policy",
        EachOf(("compact", "delete")),
        "What happens to old segments: they are deleted, compacted, or both.",
    ),
    _topic(
        "compression.gzip.level",
        _INT,
        -1,
        "compression.gzip.level",
        RangeOr(1, 9, -1),
        "The level where the broker compresses with gzip.",
    ),
    _topic(
        "compression.lz4.level",
        _INT,
        9,
        "compression.lz4.level",
        Ranged(1, 17),
        "The level where the broker compresses with lz4.",
    ),
    _topic(
        "compression.type",
        _STRING,
        "producer",
        "compression.type",
        OneOf(CODECS),
        "The codec that batches are kept in; `producer` keeps each as it came.",
    ),
    _topic(
        "compression.zstd.level",
        _INT,
        3,
        "compression.zstd.level",
        Ranged(-131072, 22),
        "The level where the broker compresses with zstd.",
    ),
    _topic(
        "delete.retention.ms",
        _LONG,
        _DAY_MS,
        "log.cleaner.delete.retention.ms",
        Ranged(0),
        "How long a compacted topic keeps tombstones.",
    ),
    _topic(
        "file.delete.delay.ms",
        _LONG,
        MINUTE_MS,
        "log.segment.delete.delay.ms",
        Ranged(0),
        "How long a deleted segment's file stays. Without effect on this broker.",
    ),
    _topic(
        "flush.messages",
        _LONG,
        _LONG_MAX,
        "log.flush.interval.messages",
        Ranged(1),
        "Messages between two flushes to disk. Without effect on this broker.",
    ),
    _topic(
        "flush.ms",
        _LONG,
        _LONG_MAX,
        (Inherited("log.flush.interval.ms"), Inherited("log.flush.scheduler.interval.ms")),
        Ranged(0),
        "Time between two flushes to disk. Without effect on this broker.",
    ),
    _topic(
        "follower.replication.throttled.replicas",
        _LIST,
        (),
        None,
        ThrottledReplicas(),
        "Replicas whose copying is slowed down. Without effect on one node.",
    ),
    _topic(
        "index.interval.bytes",
        _INT,
        4096,
        "log.index.interval.bytes",
        Ranged(0),
        "Bytes between two entries of the offset index. Without effect on this broker.",
    ),
    _topic(
        "internal.segment.bytes",
        _INT,
        None,
        None,
        None,
        "The size of a segment, without the lower limit of segment.bytes: for tests only.",
    ),
    _topic(
        "leader.replication.throttled.replicas",
        _LIST,
        (),
        None,
        ThrottledReplicas(),
        "Replicas whose copying is slowed down. Without effect on one node.",
    ),
    _topic(
        "local.retention.bytes",
        _LONG,
        -2,
        "log.local.retention.bytes",
        Ranged(-2),
        "Bytes kept locally with tiered storage. Without effect on this broker.",
    ),
    _topic(
        "local.retention.ms",
        _LONG,
        -2,
        "log.local.retention.ms",
        Ranged(-2),
        "Time kept locally with tiered storage. Without effect on this broker.",
    ),
    _topic(
        "max.compaction.lag.ms",
        _LONG,
        _LONG_MAX,
        "log.cleaner.max.compaction.lag.ms",
        Ranged(1),
        "The longest time that a message stays uncompacted.",
    ),
    _topic(
        "max.message.bytes",
        _INT,
        1_048_588,
        "message.max.bytes",
        Ranged(0),
        "The largest record batch, compressed where it is compressed.",
    ),
    _topic(
        "message.timestamp.after.max.ms",
        _LONG,
        HOUR_MS,
        "log.message.timestamp.after.max.ms",
        Ranged(0),
        "How far ahead of the broker's time a message's timestamp may be.",
    ),
    _topic(
        "message.timestamp.before.max.ms",
        _LONG,
        _LONG_MAX,
        "log.message.timestamp.before.max.ms",
        Ranged(0),
        "How far behind the broker's time a message's timestamp may be.",
    ),
    _topic(
        "message.timestamp.type",
        _STRING,
        "CreateTime",
        "log.message.timestamp.type",
        OneOf(TIMESTAMP_TYPES),
        "Whether a message carries the time of its making or of its appending.",
    ),
    _topic(
        "min.cleanable.dirty.ratio",
        _DOUBLE,
        0.5,
        "log.cleaner.min.cleanable.ratio",
        Ranged(0, 1),
        "The part of a log that must be uncompacted before it is compacted.",
    ),
    _topic(
        "min.compaction.lag.ms",
        _LONG,
        0,
        "log.cleaner.min.compaction.lag.ms",
        Ranged(0),
        "The shortest time that a message stays uncompacted.",
    ),
    _topic(
        "min.insync.replicas",
        _INT,
        1,
        "min.insync.replicas",
        Ranged(1),
        "Replicas that must have a message before it is acknowledged with acks=all; never more "
        "than there are, so without effect on one node.",
    ),
    _topic(
        "preallocate",
        _BOOLEAN,
        False,
        "log.preallocate",
        None,
        "Whether a segment's file gets its size at once. Without effect on this broker.",
    ),
    _topic(
        "remote.log.copy.disable",
        _BOOLEAN,
        False,
        None,
        None,
        "Whether tiered data is read only. Without effect on this broker.",
    ),
    _topic(
        "remote.log.delete.on.disable",
        _BOOLEAN,
        False,
        None,
        None,
        "Whether tiered data goes with tiered storage. Without effect on this broker.",
    ),
    _topic(
        "remote.storage.enable",
        _BOOLEAN,
        False,
        None,
        None,
        "Tiered storage; this broker has none.",
    ),
    _topic(
        "retention.bytes",
        _LONG,
        -1,
        "log.retention.bytes",
        None,
        "The size of a partition beyond which its oldest segments go; -1: no limit.",
    ),
    _topic(
        "retention.ms",
        _LONG,
        7 * _DAY_MS,
        (
            Inherited("log.retention.ms"),
            Inherited("log.retention.minutes", MINUTE_MS),
            Inherited("log.retention.hours", HOUR_MS),
        ),
        Ranged(-1),
        "The age beyond which segments go; -1: no limit.",
    ),
    _topic(
        "segment.bytes",
        _INT,
        1_073_741_824,
        "log.segment.bytes",
        Ranged(1_048_576),
        "The size of a segment; the next begins when it is reached.",
    ),
    _topic(
        "segment.index.bytes",
        _INT,
        10_485_760,
        "log.index.size.max.bytes",
        Ranged(4),
        "The size of a segment's index file. Without effect on this broker.",
    ),
    _topic(
        "segment.jitter.ms",
        _LONG,
        0,
        (Inherited("log.roll.jitter.ms"), Inherited("log.roll.jitter.hours", HOUR_MS)),
        Ranged(0),
        "What is taken at random from segment.ms. Without effect on this broker.",
    ),
    _topic(
        "segment.ms",
        _LONG,
        7 * _DAY_MS,
        (Inherited("log.roll.ms"), Inherited("log.roll.hours", HOUR_MS)),
        Ranged(1),
        "The age of a segment at which the next begins.",
    ),
    _topic(
        "unclean.leader.election.enable",
        _BOOLEAN,
        False,
        "unclean.leader.election.enable",
        None,
        "Whether a replica that lags behind may lead. Without effect on one node.",
    ),
)

TOPIC_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    {row.name: row for row in _ROWS}
)
"""Every topic configuration by its name, in alphabetical order."""
