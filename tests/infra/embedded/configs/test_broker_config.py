"""What the broker is set to: layers, what a topic inherits, what its parts get."""

import pytest

from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.configs.config_errors import BrokerOptionRefused, BrokerOptionUnknown
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS
from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.log.log_config import LogConfig
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig


def test_without_options_all_parts_have_their_defaults() -> None:
    """Each part's own defaults are Kafka's, and so are those of the names."""
    config = BrokerConfig.parse({})
    assert config.log_config({}) == LogConfig()
    assert config.group_config() == GroupConfig()
    assert config.transaction_config() == TransactionConfig()
    assert config.refuse_topic_configs({}) is None


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    """A typo is seen at the start."""
    with pytest.raises(BrokerOptionUnknown) as caught:
        BrokerConfig.parse({"num.partition": "3"})
    assert caught.value.code == "PEN-I122"
    assert "did you mean 'num.partitions'?" in str(caught.value)


def test_a_topics_name_is_answered_with_the_brokers() -> None:
    """Who writes a topic's retention.ms wants log.retention.ms."""
    with pytest.raises(BrokerOptionUnknown) as caught:
        BrokerConfig.parse({"retention.ms": "3"})
    assert "did you mean 'log.retention.ms'?" in str(caught.value)


def test_a_name_like_none_gets_no_advice() -> None:
    """Rather none than a wrong one."""
    with pytest.raises(BrokerOptionUnknown) as caught:
        BrokerConfig.parse({"ssl.keystore.location": "x"})
    assert caught.value.nearest == ""


def test_all_refused_values_are_named_at_once() -> None:
    """Nobody corrects one after the other."""
    with pytest.raises(BrokerOptionRefused) as caught:
        BrokerConfig.parse({"num.partitions": "0", "log.retention.ms": "x"})
    assert caught.value.code == "PEN-I123"
    assert "num.partitions: Value must be at least 1" in str(caught.value)
    assert "log.retention.ms: Not a number of type LONG" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"log.cleaner.min.compaction.lag.ms": "10", "log.cleaner.max.compaction.lag.ms": "5"},
        {"group.min.session.timeout.ms": "9", "group.max.session.timeout.ms": "8"},
    ],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, str]) -> None:
    """Before anything starts."""
    with pytest.raises(BrokerOptionRefused, match=" > "):
        BrokerConfig.parse(options)


@pytest.mark.parametrize("name", ["node.id", "broker.id"])
def test_the_only_broker_has_no_other_number(name: str) -> None:
    """Clients are told 1; an option that says something else would be a lie."""
    assert BrokerConfig.parse({name: "1"}).integer(name) == 1
    with pytest.raises(BrokerOptionRefused, match=f"{name} is 2"):
        BrokerConfig.parse({name: "2"})


def test_options_reach_the_part_that_reads_them() -> None:
    """By Kafka's names."""
    config = BrokerConfig.parse(
        {
            "group.initial.rebalance.delay.ms": "0",
            "offset.metadata.max.bytes": "7",
            "transaction.max.timeout.ms": "8",
            "transaction.partition.verification.enable": "false",
            "message.max.bytes": "9",
            "auto.create.topics.enable": "false",
        }
    )
    assert config.group_config().initial_rebalance_delay_ms == 0
    assert config.group_config().offset_metadata_max_bytes == 7
    assert config.transaction_config().max_timeout_ms == 8
    assert not config.flag("transaction.partition.verification.enable")
    assert config.log_config({}).max_message_bytes == 9
    assert not config.flag("auto.create.topics.enable")


@pytest.mark.parametrize(
    ("options", "retention_ms"),
    [
        ({}, 604_800_000),
        ({"log.retention.hours": "1"}, 3_600_000),
        ({"log.retention.hours": "1", "log.retention.minutes": "1"}, 60_000),
        ({"log.retention.minutes": "1", "log.retention.ms": "5"}, 5),
        ({"log.retention.hours": "-1"}, -1),
        ({"log.retention.ms": "-5"}, -1),
    ],
)
def test_the_finest_unit_that_is_set_counts(options: dict[str, str], retention_ms: int) -> None:
    """Milliseconds before minutes before hours; each negative number is no limit."""
    assert BrokerConfig.parse(options).log_config({}).retention_ms == retention_ms


def test_the_topic_wins_over_the_broker_over_the_cluster_over_the_start() -> None:
    """From the nearest to the farthest."""
    name = "max.message.bytes"
    config = BrokerConfig.parse({"message.max.bytes": "1"})
    assert config.topic_value(name, {}) == 1
    config = config.with_changes(for_cluster={"message.max.bytes": "2"})
    assert config.topic_value(name, {}) == 2
    config = config.with_changes(for_broker={"message.max.bytes": "3"})
    assert config.topic_value(name, {}) == 3
    assert config.topic_value(name, {name: "4"}) == 4
    assert config.with_changes(for_broker={}).topic_value(name, {}) == 2


def test_every_setting_of_a_log_can_be_set_on_the_topic() -> None:
    """By the topic's names."""
    log = BrokerConfig().log_config(
        {
            "cleanup.policy": "compact",
            "retention.ms": "1",
            "retention.bytes": "2",
            "segment.bytes": "1048576",
            "segment.ms": "3",
            "max.message.bytes": "4",
            "message.timestamp.type": "LogAppendTime",
            "message.timestamp.before.max.ms": "5",
            "message.timestamp.after.max.ms": "6",
            "min.cleanable.dirty.ratio": "0",
            "delete.retention.ms": "7",
            "min.compaction.lag.ms": "8",
            "max.compaction.lag.ms": "9",
            "compression.type": "zstd",
        }
    )
    assert log == LogConfig(
        cleanup_delete=False,
        cleanup_compact=True,
        retention_ms=1,
        retention_bytes=2,
        segment_bytes=1_048_576,
        segment_ms=3,
        max_message_bytes=4,
        log_append_time=True,
        timestamp_before_max_ms=5,
        timestamp_after_max_ms=6,
        min_cleanable_dirty_ratio=0.0,
        delete_retention_ms=7,
        min_compaction_lag_ms=8,
        max_compaction_lag_ms=9,
        compression_type="zstd",
    )


def test_tests_may_have_small_segments() -> None:
    """Kafka's internal name has no lower limit."""
    assert BrokerConfig().log_config({"internal.segment.bytes": "100"}).segment_bytes == 100


def test_an_unknown_topic_configuration_comes_before_a_wrong_value() -> None:
    """Kafka looks at the names first."""
    refusal = BrokerConfig().refuse_topic_configs({"retention.ms": "x", "nope": "1"})
    assert refusal is not None
    assert refusal.reason == "Unknown topic config name: nope"


def test_tiered_storage_is_refused_as_by_a_broker_without_it() -> None:
    """It would promise what is not there."""
    refusal = BrokerConfig().refuse_topic_configs({"remote.storage.enable": "true"})
    assert refusal is not None
    assert refusal.reason == (
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
        "remote log storage."
    )


@pytest.mark.parametrize("name", TOPIC_CONFIGS)
def test_every_default_of_a_topic_passes_its_own_check(name: str) -> None:
    """What DescribeConfigs shows can be set again."""
    definition = TOPIC_CONFIGS[name]
    if definition.default is not None and definition.check is not None:
        assert definition.check(name, definition.default) is None
