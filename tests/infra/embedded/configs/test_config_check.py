"""Values are refused in the words of Kafka's validators, measured on Apache Kafka 4.1.0."""

import pytest

from penstock.infra.embedded.configs.config_refusal import ConfigRefusal
from penstock.infra.embedded.configs.resource_configs import GROUP_CONFIGS
from penstock.infra.embedded.configs.topic_configs import TOPIC_CONFIGS


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("retention.ms", "-2", "Value must be at least -1"),
        ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
        ("compression.zstd.level", "23", "Value must be no more than 22"),
        ("compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"),
        ("segment.bytes", "100", "Value must be at least 1048576"),
        ("cleanup.policy", "foo", "String must be one of: compact, delete"),
        (
            "compression.type",
            "foo",
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
    ],
)
def test_a_value_outside_its_limits_is_refused(name: str, text: str, reason: str) -> None:
    """With Kafka's sentence."""
    refusal = TOPIC_CONFIGS[name].parse(text)
    assert isinstance(refusal, ConfigRefusal)
    assert refusal.reason == f"Invalid value {text} for configuration {name}: {reason}"


def test_throttled_replicas_are_a_star_or_pairs() -> None:
    """Kafka shows the refused list in brackets."""
    name = "leader.replication.throttled.replicas"
    definition = TOPIC_CONFIGS[name]
    assert definition.parse("*") == ("*",)
    assert definition.parse("0:1,1:1") == ("0:1", "1:1")
    refusal = definition.parse("x")
    assert isinstance(refusal, ConfigRefusal)
    assert refusal.reason == (
        f"Invalid value [x] for configuration {name}: {name} must be the literal '*' or a list of "
        "replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )


@pytest.mark.parametrize(
    "text", ["latest", "earliest", "by_duration:P1DT2H3M4.5S", "by_duration:PT1H"]
)
def test_a_share_group_begins_where_kafka_allows(text: str) -> None:
    """By name or by duration."""
    assert GROUP_CONFIGS["share.auto.offset.reset"].parse(text) == text


@pytest.mark.parametrize("text", ["x", "by_duration:P", "by_duration:PT", "by_duration:1"])
def test_a_share_group_begins_nowhere_else(text: str) -> None:
    """Kafka says which forms there are."""
    refusal = GROUP_CONFIGS["share.auto.offset.reset"].parse(text)
    assert isinstance(refusal, ConfigRefusal)
    assert refusal.reason is not None
    assert "by_duration:<PnDTnHnMn.nS>" in refusal.reason
