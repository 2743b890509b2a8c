"""Settings of the whole broker, described and changed, in the words of Apache Kafka 4.1.0."""

from collections.abc import Sequence

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_change import ConfigChange, ConfigOperation
from penstock.infra.embedded.configs.config_entry import ConfigEntry
from penstock.infra.embedded.configs.config_resource import ConfigResource, ResourceKind
from penstock.infra.embedded.configs.config_type import ConfigType
from tests.infra.embedded.broker_bench import BrokerBench

_SET, _DELETE = ConfigOperation.SET, ConfigOperation.DELETE
_APPEND, _SUBTRACT = ConfigOperation.APPEND, ConfigOperation.SUBTRACT
_TOPIC = ConfigResource(ResourceKind.TOPIC, "orders")
_BROKER = ConfigResource(ResourceKind.BROKER, "1")
_CLUSTER = ConfigResource(ResourceKind.BROKER, "")

_EXPIRY_CHECK_MS = 600_000
"""Kafka's producer.id.expiration.check.interval.ms."""

_Answer = tuple[str, str | None]


@pytest.fixture
def bench() -> BrokerBench:
    """Give a broker with a topic."""
    made = BrokerBench()
    made.create("orders")
    return made


def _change(
    bench: BrokerBench, resource: ConfigResource, *changes: ConfigChange, only: bool = False
) -> _Answer:
    (answer,) = bench.broker.incremental_alter_configs([(resource, changes)], validate_only=only)
    assert answer.resource == resource
    return answer.error.name, answer.reason


def _replace(
    bench: BrokerBench, resource: ConfigResource, *settings: tuple[str, str | None]
) -> _Answer:
    (answer,) = bench.broker.alter_configs([(resource, settings)])
    return answer.error.name, answer.reason


def _entry(bench: BrokerBench, resource: ConfigResource, name: str) -> ConfigEntry:
    (entry,) = bench.broker.describe_configs(resource, names=[name], synonyms=True).entries
    return entry


def _places(entry: ConfigEntry) -> Sequence[tuple[str, str | None, int]]:
    return [(each.name, each.value, int(each.source)) for each in entry.synonyms]


def test_a_setting_is_made_taken_back_and_survives_the_broker(bench: BrokerBench) -> None:
    """And the log follows at once."""
    assert _change(bench, _TOPIC, ConfigChange("retention.ms", _SET, "5")) == ("none", None)
    log = bench.broker.log("orders", 0)
    assert log is not None
    assert log.config.retention_ms == 5
    bench.restart()
    assert _entry(bench, _TOPIC, "retention.ms").value == "5"
    assert _change(bench, _TOPIC, ConfigChange("retention.ms", _DELETE, None)) == ("none", None)
    assert _entry(bench, _TOPIC, "retention.ms").value == "604800000"


def test_alter_configs_replaces_everything(bench: BrokerBench) -> None:
    """What is not named is taken back."""
    assert (
        _replace(bench, _TOPIC, ("retention.ms", "5"), ("cleanup.policy", "compact"))[0] == "none"
    )
    assert _replace(bench, _TOPIC, ("retention.bytes", "9"))[0] == "none"
    topic = bench.broker.topics.get("orders")
    assert topic is not None
    assert topic.configs == {"retention.bytes": "9"}


def test_what_is_only_checked_does_not_change(bench: BrokerBench) -> None:
    """Neither now nor after a restart."""
    change = ConfigChange("retention.ms", _SET, "5")
    assert _change(bench, _TOPIC, change, only=True) == ("none", None)
    bench.restart()
    assert _entry(bench, _TOPIC, "retention.ms").value == "604800000"


def test_lists_are_appended_to_and_subtracted_from(bench: BrokerBench) -> None:
    """Beginning with what the topic inherits; a part that is there is not there twice."""
    texts = []
    for operation, value in (
        (_APPEND, "compact"),
        (_APPEND, "compact"),
        (_SUBTRACT, "delete"),
        (_SUBTRACT, "compact"),
        (_APPEND, "delete,compact"),
    ):
        assert _change(bench, _TOPIC, ConfigChange("cleanup.policy", operation, value))[0] == "none"
        texts.append(_entry(bench, _TOPIC, "cleanup.policy").value)
    assert texts == ["delete,compact", "delete,compact", "compact", "", "delete,compact"]


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (
            [("retention.ms", _SET, None)],
            "invalid_request",
            "Null value not supported for : retention.ms",
        ),
        ([("nope", _SET, "1")], "invalid_config", "Unknown topic config name: nope"),
        (
            [("retention.ms", _SET, "x")],
            "invalid_config",
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            [("retention.ms", _APPEND, "5")],
            "invalid_config",
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (
            [("nope", _SUBTRACT, "5")],
            "invalid_config",
            "Can't SUBTRACT to key nope because its type is not LIST.",
        ),
        ([("cleanup.policy", 7, "x")], "unknown_server_error", None),
        (
            [("retention.ms", _SET, "5"), ("retention.ms", _DELETE, None)],
            "invalid_request",
            "Error due to duplicate config keys",
        ),
        (
            [("min.compaction.lag.ms", _SET, "10"), ("max.compaction.lag.ms", _SET, "5")],
            "invalid_config",
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
        ),
        (
            [("segment.bytes", _SET, "1048576"), ("nope", _SET, "1")],
            "invalid_config",
            "Unknown topic config name: nope",
        ),
    ],
)
def test_a_topics_change_is_refused_as_a_whole(
    bench: BrokerBench,
    changes: list[tuple[str, int, str | None]],
    error: str,
    reason: str | None,
) -> None:
    """In Kafka's words."""
    assert _change(bench, _TOPIC, *(ConfigChange(*each) for each in changes)) == (error, reason)
    topic = bench.broker.topics.get("orders")
    assert topic is not None
    assert topic.configs == {}


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        (
            [("num.partitions", _SET, "5")],
            "invalid_request",
            "Cannot update these configs dynamically: Set(num.partitions)",
        ),
        (
            [("log.retention.ms", _SET, "x")],
            "invalid_request",
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
        ),
        (
            [("log.retention.ms", _APPEND, "1")],
            "invalid_config",
            "Config value append is not allowed for config key: log.retention.ms",
        ),
        ([("nope", 9, "1")], "invalid_request", "Unknown operations type 9"),
        (
            [("log.retention.ms", _APPEND, "1"), ("nope", -1, "1")],
            "invalid_request",
            "Unknown operations type -1",
        ),
        (
            [("log.retention.ms", 9, None)],
            "invalid_request",
            "Null value not supported for : log.retention.ms",
        ),
        (
            [("node.id", _SET, "2")],
            "invalid_request",
            "Cannot update these configs dynamically: Set(node.id)",
        ),
    ],
)
def test_a_brokers_change_is_refused(
    bench: BrokerBench, changes: list[tuple[str, int, str | None]], error: str, reason: str
) -> None:
    """With other codes than a topic's, as in Kafka."""
    assert _change(bench, _BROKER, *(ConfigChange(*each) for each in changes)) == (error, reason)


def test_what_is_set_for_the_broker_reaches_every_topic(bench: BrokerBench) -> None:
    """Also after a restart; and all places show where a value comes from."""
    assert _change(bench, _CLUSTER, ConfigChange("log.retention.ms", _SET, "60000"))[0] == "none"
    assert _change(bench, _BROKER, ConfigChange("log.retention.ms", _SET, "-5"))[0] == "none"
    for _ in range(2):
        log = bench.broker.log("orders", 0)
        assert log is not None
        assert log.config.retention_ms == -1
        entry = _entry(bench, _TOPIC, "retention.ms")
        assert (entry.value, int(entry.source)) == ("-1", 2)
        expected = [
            ("log.retention.ms", "-5", 2),
            ("log.retention.ms", "60000", 3),
            ("log.retention.hours", "168", 5),
        ]
        assert _places(entry) == expected
        assert _places(_entry(bench, _BROKER, "log.retention.ms")) == expected
        bench.restart_on_snapshot()


def test_how_long_producers_are_remembered_can_be_changed(bench: BrokerBench) -> None:
    """The logs that are there follow at their next look, as in Kafka."""
    bench.produce("orders", [(None, b"1")], producer_id=7, epoch=0, sequence=0)
    bench.tick(_EXPIRY_CHECK_MS)
    assert bench.broker.statistics().logs.producers_expired == 0
    change = ConfigChange("producer.id.expiration.ms", _SET, "60000")
    assert _change(bench, _CLUSTER, change)[0] == "none"
    bench.tick(_EXPIRY_CHECK_MS)
    assert bench.broker.statistics().logs.producers_expired == 1


def test_a_static_setting_shows_as_one(bench: BrokerBench) -> None:
    """Over Kafka's default."""
    bench.restart(options={"log.cleanup.policy": "compact"})
    entry = _entry(bench, _BROKER, "log.cleanup.policy")
    assert (entry.value, int(entry.source), entry.read_only) == ("compact", 4, False)
    assert _places(entry) == [
        ("log.cleanup.policy", "compact", 4),
        ("log.cleanup.policy", "delete", 5),
    ]
    assert int(_entry(bench, _TOPIC, "cleanup.policy").source) == 4


def test_the_brokers_number_is_shown_under_both_its_names(bench: BrokerBench) -> None:
    """As something that the broker was started with; in Kafka only the old name has a default."""
    found = {name: _entry(bench, _BROKER, name) for name in ("node.id", "broker.id")}
    assert {(entry.value, entry.read_only) for entry in found.values()} == {("1", True)}
    assert _places(found["node.id"]) == [("node.id", "1", 4)]
    assert _places(found["broker.id"]) == [("broker.id", "1", 4), ("broker.id", "-1", 5)]


def test_only_the_clusters_settings_are_shown_for_all_brokers(bench: BrokerBench) -> None:
    """Not the defaults, and not this broker's own."""
    _change(bench, _BROKER, ConfigChange("max.connections", _SET, "5"))
    _change(bench, _CLUSTER, ConfigChange("message.max.bytes", _SET, "9"))
    described = bench.broker.describe_configs(_CLUSTER, synonyms=True)
    (entry,) = described.entries
    assert (entry.name, entry.value, _places(entry)) == (
        "message.max.bytes",
        "9",
        [("message.max.bytes", "9", 3)],
    )


def test_an_unknown_setting_of_the_broker_is_kept_like_a_secret(bench: BrokerBench) -> None:
    """It may belong to a plugin, says Kafka."""
    assert _change(bench, _BROKER, ConfigChange("some.plugin", _SET, "x")) == ("none", None)
    entry = _entry(bench, _BROKER, "some.plugin")
    assert (entry.value, entry.is_sensitive, entry.config_type) == (None, True, ConfigType.UNKNOWN)
    assert bench.broker.config.for_broker == {"some.plugin": "x"}


@pytest.mark.parametrize(
    ("kind", "name", "error", "reason"),
    [
        (2, "nope", "unknown_topic_or_partition", ""),
        (
            2,
            "",
            "invalid_topic_exception",
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            4,
            "2",
            "invalid_request",
            "Unexpected broker id, expected 1 or empty string, but received 2",
        ),
        (4, "x", "invalid_request", "Broker id must be an integer, but it is: x"),
        (8, "", "invalid_request", "Broker id must not be empty"),
        (8, "2", "invalid_request", "Unexpected broker id, expected 1 but received 2"),
        (16, "", "invalid_request", "Client metrics subscription name must not be empty"),
        (32, "", "invalid_request", "Group name must not be empty"),
    ],
)
def test_what_cannot_be_described_is_refused_in_kafkas_words(
    bench: BrokerBench, kind: int, name: str, error: str, reason: str
) -> None:
    """For each kind of resource."""
    described = bench.broker.describe_configs(ConfigResource(kind, name))
    assert (described.error.name, described.reason, described.entries) == (error, reason, ())


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 64, 99])
def test_an_unknown_kind_of_resource_is_refused(bench: BrokerBench, kind: int) -> None:
    """Whatever number a client sends."""
    resource = ConfigResource(kind, "x")
    assert bench.broker.describe_configs(resource).error is ErrorCode.invalid_request
    refused = ("invalid_request", f"Unknown resource type {kind}")
    assert _change(bench, resource) == _replace(bench, resource) == refused


@pytest.mark.parametrize(
    ("kind", "name", "error", "reason"),
    [
        (2, "nope", "unknown_topic_or_partition", "The topic 'nope' does not exist."),
        (2, "", "invalid_request", "Default topic resources are not allowed."),
        (4, "2", "invalid_request", "Unexpected broker id, expected 1, but received 2"),
        (4, "x", "invalid_request", "Node id must be an integer, but it is: x"),
        (8, "2", "invalid_request", "Unexpected node id. Expected 1, but received 2"),
        (16, "", "invalid_request", "Subscription name can't be empty"),
        (32, "", "invalid_request", "Default group resources are not allowed."),
    ],
)
def test_what_cannot_be_changed_is_refused_in_kafkas_words(
    bench: BrokerBench, kind: int, name: str, error: str, reason: str
) -> None:
    """For each kind of resource, even where nothing is to change."""
    assert _change(bench, ConfigResource(kind, name)) == (error, reason)


def test_a_resource_that_is_named_twice_does_not_change(bench: BrokerBench) -> None:
    """The others of the request do."""
    bench.create("stock")
    other = ConfigResource(ResourceKind.TOPIC, "stock")
    changes = [ConfigChange("retention.ms", _SET, "5")]
    answers = bench.broker.incremental_alter_configs(
        [(_TOPIC, changes), (other, changes), (_TOPIC, changes)]
    )
    assert [answer.reason for answer in answers] == [
        "Each resource must appear at most once.",
        None,
        "Each resource must appear at most once.",
    ]
    assert _entry(bench, other, "retention.ms").value == "5"


@pytest.mark.parametrize(
    ("kind", "name", "source", "unknown"),
    [
        (
            32,
            "consumer.session.timeout.ms",
            8,
            ("invalid_config", "Unknown group config name: nope"),
        ),
        (16, "interval.ms", 7, ("invalid_request", "Unknown client metrics configuration: nope")),
    ],
)
def test_groups_and_metrics_have_settings_too(
    bench: BrokerBench, kind: int, name: str, source: int, unknown: _Answer
) -> None:
    """Taken, checked, shown, and kept."""
    resource = ConfigResource(kind, "some")
    assert _change(bench, resource, ConfigChange("nope", _SET, "1")) == unknown
    assert _change(bench, resource, ConfigChange(name, _SET, "x"))[0] == "invalid_config"
    assert _change(bench, resource, ConfigChange(name, _SET, "50000")) == ("none", None)
    bench.restart_on_snapshot()
    entry = _entry(bench, resource, name)
    assert (entry.value, int(entry.source)) == ("50000", source)
    assert _replace(bench, resource) == ("none", None)
    assert int(_entry(bench, resource, name).source) == 5


def test_a_broker_has_no_loggers_to_set(bench: BrokerBench) -> None:
    """As Kafka says of a logger that it does not have."""
    loggers = ConfigResource(ResourceKind.BROKER_LOGGER, "1")
    assert bench.broker.describe_configs(loggers).entries == ()
    assert _change(bench, loggers, ConfigChange("root", _SET, "INFO")) == (
        "invalid_config",
        "Logger root does not exist!",
    )


def test_settings_have_an_end(bench: BrokerBench) -> None:
    """Nobody fills the broker's memory with them."""
    long = ConfigChange("x", _SET, "y" * 40_000)
    assert _change(bench, _BROKER, long)[0] == "policy_violation"
    many = [ConfigChange(f"x{number}", _SET, "y") for number in range(501)]
    assert _change(bench, _BROKER, *many)[0] == "policy_violation"


@pytest.mark.parametrize("operation", [_APPEND, _SUBTRACT])
def test_a_long_list_is_changed_at_once(bench: BrokerBench, operation: ConfigOperation) -> None:
    """Not in a time that grows with the square of its parts: the broker would stand still."""
    name = "leader.replication.throttled.replicas"
    parts = ",".join(f"0:{number}" for number in range(300_000))
    assert _change(bench, _TOPIC, ConfigChange(name, _SET, "0:1," * 8_000 + "0:1"))[0] == "none"
    change = ConfigChange(name, operation, parts)
    expected = "policy_violation" if operation == _APPEND else "none"
    assert _change(bench, _TOPIC, change)[0] == expected


def test_documentation_and_synonyms_come_only_when_asked_for(bench: BrokerBench) -> None:
    """They are long."""
    bare = bench.broker.describe_configs(_BROKER).entries
    assert all(entry.synonyms == () and entry.documentation is None for entry in bare)
    full = bench.broker.describe_configs(_BROKER, synonyms=True, documentation=True).entries
    assert [entry.name for entry in full] == [entry.name for entry in bare]
    assert all(entry.documentation for entry in full)
