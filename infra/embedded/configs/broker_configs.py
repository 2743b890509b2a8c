"""The broker's configurations, as Apache Kafka 4.1 defines them, that a single node can have.

Most have their effect here. Some have none on one node (threads, replication, the topics in which
Kafka keeps its own state) and are known because settings for a real broker name them. What would
promise something that this broker does not do (TLS, tiered storage, quotas, listeners, Kafka's own
folders) is not known, and refused at the start.

Configurations that are a topic's default are made of the topic's own definition: they have the same
type, limits and default.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from penstock.infra.embedded.configs.config_check import ConfigCheck, Ranged
from penstock.infra.embedded.configs.config_definition import ConfigDefinition
from penstock.infra.embedded.configs.config_type import ConfigType, ConfigValue
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS

__all__ = ["BROKER_CONFIGS", "TIME_SYNONYMS"]

_BOOLEAN, _STRING, _INT = ConfigType.BOOLEAN, ConfigType.STRING, ConfigType.INT
_LONG, _DOUBLE, _SHORT = ConfigType.LONG, ConfigType.DOUBLE, ConfigType.SHORT
_INT_MAX: Final = 2**31 - 1
_LONG_MAX: Final = 2**63 - 1
_AT_LEAST_0: Final = Ranged(0)
_AT_LEAST_1: Final = Ranged(1)
_NO_EFFECT: Final = "Without effect on this broker."

TIME_SYNONYMS: Final = (
    ("log.retention.ms", "log.retention.minutes", "log.retention.hours"),
    ("log.roll.ms", "log.roll.hours"),
    ("log.roll.jitter.ms", "log.roll.jitter.hours"),
    ("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
)
"""Names for the same thing, the first that is set counts
(DynamicBrokerConfig.brokerConfigSynonyms)."""


def _row(
    name: str,
    config_type: ConfigType,
    default: ConfigValue | None,
    check: ConfigCheck | None,
    documentation: str,
    *,
    is_dynamic: bool = False,
    is_hidden: bool = False,
) -> ConfigDefinition:
    return ConfigDefinition(
        name=name,
        config_type=config_type,
        default=default,
        check=check,
        documentation=documentation,
        is_dynamic=is_dynamic,
        is_hidden=is_hidden,
    )


_OWN: Final = (
    _row(
        "auto.create.topics.enable", _BOOLEAN, True, None, "Topics are made when first asked for."
    ),
    _row("background.threads", _INT, 10, _AT_LEAST_1, _NO_EFFECT, is_dynamic=True),
    _row("broker.id", _INT, -1, None, "The broker's number: here there is only one broker."),
    _row("broker.heartbeat.interval.ms", _INT, 2000, None, _NO_EFFECT),
    _row("broker.session.timeout.ms", _INT, 9000, None, _NO_EFFECT),
    _row("connections.max.idle.ms", _LONG, 600_000, None, "An idle connection is closed then."),
    _row("controlled.shutdown.enable", _BOOLEAN, True, None, _NO_EFFECT),
    _row("default.replication.factor", _INT, 1, None, "Replicas of a topic; one node has one."),
    _row("delete.topic.enable", _BOOLEAN, True, None, "Topics may be deleted."),
    _row("fetch.max.bytes", _INT, 57_671_680, Ranged(1024), "The most that one fetch brings."),
    _row(
        "group.initial.rebalance.delay.ms",
        _INT,
        3000,
        None,
        "How long a new group waits for more members.",
    ),
    _row("group.max.session.timeout.ms", _INT, 1_800_000, None, "A member's longest time-out."),
    _row("group.max.size", _INT, _INT_MAX, _AT_LEAST_1, "The most members of one group."),
    _row("group.min.session.timeout.ms", _INT, 6000, None, "A member's shortest time-out."),
    _row(
        "log.cleaner.backoff.ms",
        _LONG,
        15_000,
        _AT_LEAST_0,
        "How long compaction rests when there is nothing to do.",
        is_dynamic=True,
    ),
    _row("log.cleaner.dedupe.buffer.size", _LONG, 134_217_728, None, _NO_EFFECT, is_dynamic=True),
    _row("log.cleaner.enable", _BOOLEAN, True, None, "Topics are compacted."),
    _row("log.cleaner.io.buffer.load.factor", _DOUBLE, 0.9, None, _NO_EFFECT, is_dynamic=True),
    _row("log.cleaner.io.buffer.size", _INT, 524_288, _AT_LEAST_0, _NO_EFFECT, is_dynamic=True),
    _row(
        "log.cleaner.io.max.bytes.per.second",
        _DOUBLE,
        1.7976931348623157e308,
        None,
        _NO_EFFECT,
        is_dynamic=True,
    ),
    _row("log.cleaner.threads", _INT, 1, _AT_LEAST_0, _NO_EFFECT, is_dynamic=True),
    _row(
        "log.flush.interval.ms",
        _LONG,
        None,
        None,
        f"Time between two flushes to disk. {_NO_EFFECT}",
        is_dynamic=True,
    ),
    _row("log.flush.scheduler.interval.ms", _LONG, _LONG_MAX, None, _NO_EFFECT),
    _row("log.initial.task.delay.ms", _LONG, 30_000, _AT_LEAST_0, _NO_EFFECT, is_hidden=True),
    _row(
        "log.retention.check.interval.ms",
        _LONG,
        300_000,
        _AT_LEAST_1,
        "How often logs are searched for what may go.",
    ),
    _row("log.retention.hours", _INT, 168, None, "retention.ms of topics, in hours."),
    _row("log.retention.minutes", _INT, None, None, "retention.ms of topics, in minutes."),
    _row("log.retention.ms", _LONG, None, None, "retention.ms of topics.", is_dynamic=True),
    _row("log.roll.hours", _INT, 168, _AT_LEAST_1, "segment.ms of topics, in hours."),
    _row("log.roll.jitter.hours", _INT, 0, _AT_LEAST_0, "segment.jitter.ms of topics, in hours."),
    _row("log.roll.jitter.ms", _LONG, None, None, "segment.jitter.ms of topics.", is_dynamic=True),
    _row("log.roll.ms", _LONG, None, None, "segment.ms of topics.", is_dynamic=True),
    _row(
        "max.connections",
        _INT,
        _INT_MAX,
        _AT_LEAST_0,
        "The most connections at a time.",
        is_dynamic=True,
    ),
    _row(
        "max.connections.per.ip",
        _INT,
        _INT_MAX,
        _AT_LEAST_0,
        "The most connections from one address at a time.",
        is_dynamic=True,
    ),
    _row(
        "max.incremental.fetch.session.cache.slots",
        _INT,
        1000,
        _AT_LEAST_0,
        "The most fetch sessions at a time.",
    ),
    _row(
        "max.request.partition.size.limit",
        _INT,
        2000,
        _AT_LEAST_1,
        "The most partitions in one answer to DescribeTopicPartitions.",
    ),
    _row("node.id", _INT, None, _AT_LEAST_0, "The broker's number, as broker.id."),
    _row("num.io.threads", _INT, 8, _AT_LEAST_1, _NO_EFFECT, is_dynamic=True),
    _row("num.network.threads", _INT, 3, _AT_LEAST_1, _NO_EFFECT, is_dynamic=True),
    _row("num.partitions", _INT, 1, _AT_LEAST_1, "Partitions of a topic, where nobody says."),
    _row("num.recovery.threads.per.data.dir", _INT, 2, _AT_LEAST_1, _NO_EFFECT, is_dynamic=True),
    _row("num.replica.fetchers", _INT, 1, None, _NO_EFFECT, is_dynamic=True),
    _row("offset.metadata.max.bytes", _INT, 4096, None, "The longest note in an offset commit."),
    _row("offsets.commit.timeout.ms", _INT, 5000, _AT_LEAST_1, _NO_EFFECT),
    _row(
        "offsets.retention.check.interval.ms",
        _LONG,
        600_000,
        _AT_LEAST_1,
        "How often groups are searched for offsets that may go.",
    ),
    _row(
        "offsets.retention.minutes",
        _INT,
        10_080,
        _AT_LEAST_1,
        "How long the offsets of an empty group stay.",
    ),
    _row(
        "offsets.topic.num.partitions",
        _INT,
        50,
        _AT_LEAST_1,
        "Which partition of Kafka's offsets topic a transaction shows for its group.",
    ),
    _row("offsets.topic.replication.factor", _SHORT, 3, _AT_LEAST_1, _NO_EFFECT),
    _row(
        "producer.id.expiration.check.interval.ms",
        _INT,
        600_000,
        _AT_LEAST_1,
        _NO_EFFECT,
        is_hidden=True,
    ),
    _row(
        "producer.id.expiration.ms",
        _INT,
        86_400_000,
        _AT_LEAST_1,
        "How long a partition remembers an idempotent producer that is silent.",
        is_dynamic=True,
    ),
    _row(
        "queued.max.request.bytes",
        _LONG,
        -1,
        None,
        "Bytes of requests that wait; -1 here means half a gigabyte.",
    ),
    _row("queued.max.requests", _INT, 500, _AT_LEAST_1, _NO_EFFECT),
    _row("request.timeout.ms", _INT, 30_000, None, _NO_EFFECT),
    _row("share.coordinator.state.topic.min.isr", _SHORT, 2, _AT_LEAST_1, _NO_EFFECT),
    _row("share.coordinator.state.topic.replication.factor", _SHORT, 3, _AT_LEAST_1, _NO_EFFECT),
    _row("socket.listen.backlog.size", _INT, 50, _AT_LEAST_1, "Connections not yet accepted."),
    _row("socket.receive.buffer.bytes", _INT, 102_400, None, _NO_EFFECT),
    _row("socket.request.max.bytes", _INT, 104_857_600, _AT_LEAST_1, "The largest request."),
    _row("socket.send.buffer.bytes", _INT, 102_400, None, _NO_EFFECT),
    _row(
        "transaction.abort.timed.out.transaction.cleanup.interval.ms",
        _INT,
        10_000,
        _AT_LEAST_1,
        f"Transactions are aborted as soon as they time out. {_NO_EFFECT}",
    ),
    _row("transaction.max.timeout.ms", _INT, 900_000, _AT_LEAST_1, "The longest time-out."),
    _row(
        "transaction.partition.verification.enable",
        _BOOLEAN,
        True,
        None,
        "A transaction's batch is taken only for a partition that is part of it.",
        is_dynamic=True,
    ),
    _row(
        "transaction.remove.expired.transaction.cleanup.interval.ms",
        _INT,
        3_600_000,
        _AT_LEAST_1,
        f"Transactional ids are forgotten as soon as they expire. {_NO_EFFECT}",
    ),
    _row("transaction.state.log.min.isr", _INT, 2, _AT_LEAST_1, _NO_EFFECT),
    _row("transaction.state.log.num.partitions", _INT, 50, _AT_LEAST_1, _NO_EFFECT),
    _row("transaction.state.log.replication.factor", _SHORT, 3, _AT_LEAST_1, _NO_EFFECT),
    _row(
        "transactional.id.expiration.ms",
        _INT,
        604_800_000,
        _AT_LEAST_1,
        "How long a transactional id that nobody uses is remembered.",
    ),
)


def _from_topics() -> dict[str, ConfigDefinition]:
    own = {row.name for row in _OWN}
    made: dict[str, ConfigDefinition] = {}
    for topic in TOPIC_CONFIGS.values():
        for name, _ in topic.inherited:
            if name not in own:
                made[name] = ConfigDefinition(
                    name=name,
                    config_type=topic.config_type,
                    default=topic.default,
                    check=topic.check,
                    documentation=f"{topic.name} of topics. {topic.documentation}",
                    is_dynamic=True,
                )
    return made


BROKER_CONFIGS: Final[Mapping[str, ConfigDefinition]] = MappingProxyType(
    dict(sorted((_from_topics() | {row.name: row for row in _OWN}).items()))
)
"""Every configuration of the broker by its name, in alphabetical order."""
