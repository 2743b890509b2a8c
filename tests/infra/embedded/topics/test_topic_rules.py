"""Wishes for topics are refused in the order and the words of Apache Kafka 4.1.0."""

from typing import Any
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth
from penstock.infra.embedded.topics.topic import Topic
from penstock.infra.embedded.topics.topic_creation import NewTopic
from penstock.infra.embedded.topics.topic_rules import (
    PlannedTopic,
    TopicRefusal,
    plan_growth,
    plan_topic,
)
from penstock.infra.embedded.topics.topic_table import TopicTable

_THERE = Topic(name="a.x_y", topic_id=UUID(int=7), partition_count=2)
_CONSECUTIVE = "partitions should be a consecutive 0-based integer sequence"
_ONE_BROKER = (
    "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be "
    "reached because only 1 broker(s) are registered."
)
_UNREGISTERED = (
    "The manual partition assignment includes broker 2, but no such broker is registered."
)
_NOT_MINUS_ONE = "A manual partition assignment was specified, but {} was not set to -1."


def _planned(options: dict[str, str] | None = None, **wish: Any) -> PlannedTopic | TopicRefusal:
    topics, config = TopicTable([_THERE]), BrokerConfig.parse(options or {})
    return plan_topic(NewTopic(**{"name": "new", **wish}), topics=topics, config=config)


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ({}, 1),
        ({"num_partitions": 4, "replication_factor": 1}, 4),
        ({"assignments": ((1, (1,)), (0, (1,)))}, 2),
    ],
)
def test_a_wish_that_one_broker_can_grant_is_granted(wish: dict[str, Any], count: int) -> None:
    """Counted, by default, or placed by hand."""
    assert _planned(**wish) == PlannedTopic(partition_count=count, configs={})


def test_the_brokers_defaults_count_where_nobody_says() -> None:
    """num.partitions and default.replication.factor."""
    assert _planned({"num.partitions": "6"}) == PlannedTopic(partition_count=6, configs={})
    refused = _planned({"default.replication.factor": "2"})
    assert refused == TopicRefusal(error=ErrorCode.invalid_replication_factor, reason=_ONE_BROKER)


@pytest.mark.parametrize(
    ("wish", "error", "reason"),
    [
        (
            {"name": "__cluster_metadata"},
            "invalid_request",
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        ({"name": "a.x_y"}, "topic_already_exists", "Topic 'a.x_y' already exists."),
        (
            {"name": "a_x.y"},
            "invalid_topic_exception",
            "Topic 'a_x.y' collides with existing topic: a.x_y",
        ),
        (
            {"num_partitions": 0},
            "invalid_partitions",
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            {"num_partitions": -2, "replication_factor": 2},
            "invalid_partitions",
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            {"num_partitions": 0, "replication_factor": 0},
            "invalid_replication_factor",
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        ({"replication_factor": 2}, "invalid_replication_factor", _ONE_BROKER),
        (
            {"assignments": ((0, (1,)),), "replication_factor": 1, "num_partitions": 1},
            "invalid_request",
            _NOT_MINUS_ONE.format("replication factor"),
        ),
        (
            {"assignments": ((0, (1,)),), "num_partitions": 1},
            "invalid_request",
            _NOT_MINUS_ONE.format("numPartitions"),
        ),
        ({"assignments": ((0, (1, 2)),)}, "invalid_replica_assignment", _UNREGISTERED),
        (
            {"assignments": ((0, (1, 1)),)},
            "invalid_replica_assignment",
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            {"assignments": ((0, ()),)},
            "invalid_replica_assignment",
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            {"assignments": ((0, (1,)), (0, (1,)))},
            "invalid_replica_assignment",
            "Found multiple manual partition assignments for partition 0",
        ),
        ({"assignments": ((1, (1,)),)}, "invalid_replica_assignment", _CONSECUTIVE),
        (
            {"configs": (("retention.ms", None), ("nope", "1"))},
            "invalid_config",
            "Null value not supported for topic configs: retention.ms",
        ),
        (
            {"configs": (("nope", "1"),), "num_partitions": 0},
            "invalid_config",
            "Unknown topic config name: nope",
        ),
        (
            {"configs": (("leader.replication.throttled.replicas", "0:1," * 10_000 + "0:1"),)},
            "policy_violation",
            "A setting can have 32767 characters.",
        ),
    ],
)
def test_a_wish_is_refused_in_kafkas_words(wish: dict[str, Any], error: str, reason: str) -> None:
    """Names first, then settings, then numbers."""
    assert _planned(**wish) == TopicRefusal(error=ErrorCode[error], reason=reason)


def test_of_a_setting_that_comes_twice_the_last_counts() -> None:
    """As in Kafka."""
    planned = _planned(configs=(("retention.ms", "1"), ("retention.ms", "2")))
    assert isinstance(planned, PlannedTopic)
    assert planned.configs == {"retention.ms": "2"}


@pytest.mark.parametrize(
    ("count", "assignments", "error", "reason"),
    [
        (2, None, "invalid_partitions", "Topic already has 2 partition(s)."),
        (
            -1,
            None,
            "invalid_partitions",
            "The topic a.x_y currently has 2 partition(s); -1 would not be an increase.",
        ),
        (
            4,
            ((1,),),
            "invalid_replica_assignment",
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (3, ((2,),), "invalid_replica_assignment", _UNREGISTERED),
    ],
)
def test_growth_is_refused_in_kafkas_words(
    count: int, assignments: tuple[tuple[int, ...], ...] | None, error: str, reason: str
) -> None:
    """Only more is allowed."""
    wish = PartitionGrowth(name="a.x_y", count=count, assignments=assignments)
    assert plan_growth(wish, _THERE) == TopicRefusal(error=ErrorCode[error], reason=reason)


def test_growth_by_hand_or_by_count_is_allowed() -> None:
    """On the one broker there is."""
    assert plan_growth(PartitionGrowth(name="a.x_y", count=9), _THERE) is None
    by_hand = PartitionGrowth(name="a.x_y", count=4, assignments=((1,), (1,)))
    assert plan_growth(by_hand, _THERE) is None
