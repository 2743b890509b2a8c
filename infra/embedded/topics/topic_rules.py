"""Whether a topic may be made or may grow: Kafka's checks in Kafka's order."""

from collections.abc import Mapping
from typing import Final, NamedTuple, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.config_limits import refuse_size
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth
from penstock.infra.embedded.topics.replica_placement import (
    assignment_fault,
    assignments_fault,
    replication_fault,
)
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_creation import NewTopic
from penstock.infra.embedded.topics.topic_name import METADATA_LOG, name_fault
from penstock.infra.embedded.topics.topic_table import TopicTable

__all__ = ["MOST_PARTITIONS_AT_ONCE", "PlannedTopic", "TopicRefusal", "plan_growth", "plan_topic"]

MOST_PARTITIONS_AT_ONCE: Final = 10_000
"""In one request (ReplicationControlManager.MAX_PARTITIONS_PER_BATCH)."""


@final
class TopicRefusal(NamedTuple):
    """Why a wish cannot be granted."""

    error: ErrorCode
    reason: str | None = None
    """Kafka's sentence; None where Kafka has none."""


@final
class PlannedTopic(NamedTuple):
    """A topic as it will be made."""

    partition_count: int
    configs: Mapping[str, str]


def plan_topic(
    wish: NewTopic, *, topics: TopicTable, config: BrokerConfig
) -> PlannedTopic | TopicRefusal:
    """Decide on a wish for a topic.

    Args:
        wish: the topic.
        topics: those there are.
        config: the broker's settings.

    Returns:
        What to make, or why nothing.
    """
    refusal = _refuse_name(wish.name, topics)
    if refusal is not None:
        return refusal
    configs = _configs(wish, config)
    if isinstance(configs, TopicRefusal):
        return configs
    count = _partition_count(wish, config)
    if isinstance(count, TopicRefusal):
        return count
    return PlannedTopic(partition_count=count, configs=configs)


def plan_growth(wish: PartitionGrowth, topic: Topic) -> TopicRefusal | None:
    """Decide on a wish for more partitions.

    Args:
        wish: the new total.
        topic: the topic as it is.

    Returns:
        None where it may grow, or why not.
    """
    now, added = topic.partition_count, wish.count - topic.partition_count
    if added == 0:
        reason = f"Topic already has {now} partition(s)."
        return TopicRefusal(error=ErrorCode.invalid_partitions, reason=reason)
    if added < 0:
        reason = (
            f"The topic {wish.name} currently has {now} partition(s); {wish.count} would not be "
            "an increase."
        )
        return TopicRefusal(error=ErrorCode.invalid_partitions, reason=reason)
    if wish.assignments is None:
        return None
    if len(wish.assignments) != added:
        reason = (
            f"Attempted to add {added} additional partition(s), but only "
            f"{len(wish.assignments)} assignment(s) were specified."
        )
        return TopicRefusal(error=ErrorCode.invalid_replica_assignment, reason=reason)
    for brokers in wish.assignments:
        fault = assignment_fault(brokers)
        if fault is not None:
            return TopicRefusal(error=ErrorCode.invalid_replica_assignment, reason=fault)
    return None


def _refuse_name(name: str, topics: TopicTable) -> TopicRefusal | None:
    if name == METADATA_LOG:
        reason = f"Creation of internal topic {METADATA_LOG} is prohibited."
        return TopicRefusal(error=ErrorCode.invalid_request, reason=reason)
    fault = name_fault(name)
    if fault is not None:
        return TopicRefusal(error=ErrorCode.invalid_topic_exception, reason=fault)
    if topics.get(name) is not None:
        reason = f"Topic '{name}' already exists."
        return TopicRefusal(error=ErrorCode.topic_already_exists, reason=reason)
    other = topics.colliding(name)
    if other is not None:
        reason = f"Topic '{name}' collides with existing topic: {other}"
        return TopicRefusal(error=ErrorCode.invalid_topic_exception, reason=reason)
    return None


def _configs(wish: NewTopic, config: BrokerConfig) -> Mapping[str, str] | TopicRefusal:
    empty = [name for name, text in wish.configs if text is None]
    if empty:
        reason = f"Null value not supported for topic configs: {','.join(empty)}"
        return TopicRefusal(error=ErrorCode.invalid_config, reason=reason)
    configs = {name: text for name, text in wish.configs if text is not None}
    refusal = refuse_size(configs) or config.refuse_topic_configs(configs)
    if refusal is not None:
        return TopicRefusal(error=refusal.error, reason=refusal.reason)
    return configs


def _partition_count(wish: NewTopic, config: BrokerConfig) -> int | TopicRefusal:
    if wish.assignments:
        return _assigned_count(wish)
    factor, count = wish.replication_factor, wish.num_partitions
    if factor == -1:
        factor = config.integer("default.replication.factor")
    fault = replication_fault(factor)
    if fault is not None and factor < 1:
        return TopicRefusal(error=ErrorCode.invalid_replication_factor, reason=fault)
    if count == 0 or count < -1:
        reason = "Number of partitions was set to an invalid non-positive value."
        return TopicRefusal(error=ErrorCode.invalid_partitions, reason=reason)
    if fault is not None:
        return TopicRefusal(error=ErrorCode.invalid_replication_factor, reason=fault)
    return config.integer("num.partitions") if count == -1 else count


def _assigned_count(wish: NewTopic) -> int | TopicRefusal:
    for value, name in (
        (wish.replication_factor, "replication factor"),
        (wish.num_partitions, "numPartitions"),
    ):
        if value != -1:
            reason = f"A manual partition assignment was specified, but {name} was not set to -1."
            return TopicRefusal(error=ErrorCode.invalid_request, reason=reason)
    fault = assignments_fault(wish.assignments)
    if fault is not None:
        return TopicRefusal(error=ErrorCode.invalid_replica_assignment, reason=fault)
    return len(wish.assignments)
