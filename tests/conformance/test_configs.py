"""Configurations of topics and of the broker: told, changed, refused."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import BROKER, TOPIC, Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only
from tests.conformance.record_batches import Batch, Record

SET, DELETE, APPEND, SUBTRACT = range(4)
TOPIC_S_OWN, BROKER_S_STATIC, DEFAULT = 1, 4, 5


def alter(
    talk: Conversation,
    name: str,
    *changes: tuple[str, int, str | None],
    resource: int = TOPIC,
    validate_only: bool = False,
) -> Any:
    """Change entries one by one; returns the answer for the resource."""
    wanted = {
        "resource_type": resource,
        "resource_name": name,
        "configs": [
            {"name": key, "config_operation": operation, "value": value}
            for key, operation, value in changes
        ],
    }
    answer = talk.ask(
        "incremental_alter_configs", 1, resources=[wanted], validate_only=validate_only
    )
    return only(answer.responses)


def replace_all(talk: Conversation, topic: str, config: Mapping[str, str], version: int = 2) -> Any:
    """Set all entries of a topic by the old way; returns the answer for it."""
    wanted = {
        "resource_type": TOPIC,
        "resource_name": topic,
        "configs": [{"name": key, "value": value} for key, value in config.items()],
    }
    return only(talk.ask("alter_configs", version, resources=[wanted]).responses)


def becomes(talk: Conversation, topic: str, key: str, value: str, source: int) -> None:
    """Wait for an entry."""

    def seen() -> bool:
        entry = talk.config(topic, key)[key]
        return (entry.value, entry.config_source) == (value, source)

    until(seen, what=f"{key}={value} from {source}")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_each_version_describes_a_topic(version: int, talk: Conversation, topic: str) -> None:
    """The keys that were asked for, with value, source, and whether they may be changed."""
    asked = {
        "resource_type": TOPIC,
        "resource_name": topic,
        "configuration_keys": ["cleanup.policy", "max.message.bytes", "no.such.key"],
    }
    result = only(talk.ask("describe_configs", version, resources=[asked]).results)
    assert not result.error_code
    found = {entry.name: entry for entry in result.configs}
    assert set(found) == {"cleanup.policy", "max.message.bytes"}
    assert found["cleanup.policy"].value == "delete"
    assert found["max.message.bytes"].value == "1048588"
    assert found["cleanup.policy"].config_source == DEFAULT
    assert not found["cleanup.policy"].read_only
    assert not found["cleanup.policy"].is_sensitive
    if version >= 3:  # int and list, by Kafka's numbers of types
        assert (found["max.message.bytes"].config_type, found["cleanup.policy"].config_type) == (
            3,
            7,
        )


KNOWN_DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "file.delete.delay.ms": "60000",
    "flush.messages": "9223372036854775807",
    "index.interval.bytes": "4096",
    "max.compaction.lag.ms": "9223372036854775807",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": "3600000",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.5",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "segment.ms": "604800000",
    "unclean.leader.election.enable": "false",
}


def test_a_topic_has_all_entries(talk: Conversation, topic: str) -> None:
    """Null keys mean all; the defaults are Kafka's."""
    found = talk.config(topic)
    assert {key: found[key].value for key in KNOWN_DEFAULTS if key in found} == KNOWN_DEFAULTS


def test_synonyms_tell_where_a_value_comes_from(talk: Conversation, topic: str) -> None:
    """The topic's own entry first, then the broker's of the other name."""
    alter(talk, topic, ("retention.ms", SET, "1000"))
    becomes(talk, topic, "retention.ms", "1000", TOPIC_S_OWN)
    own = talk.config(topic, "retention.ms")["retention.ms"].synonyms[0]
    assert (own.name, own.value, own.source) == ("retention.ms", "1000", TOPIC_S_OWN)
    inherited = talk.config(topic, "max.message.bytes")["max.message.bytes"].synonyms
    assert [(each.name, each.value, each.source) for each in inherited] == [
        ("message.max.bytes", "1048588", DEFAULT)
    ]


def test_an_unknown_topic_has_no_configuration(talk: Conversation) -> None:
    """Neither to describe nor to change."""
    asked = {"resource_type": TOPIC, "resource_name": "nowhere", "configuration_keys": None}
    result = only(talk.ask("describe_configs", 4, resources=[asked]).results)
    assert result.error_code == ErrorCode.unknown_topic_or_partition
    answer = alter(talk, "nowhere", ("retention.ms", SET, "1000"))
    assert answer.error_code == ErrorCode.unknown_topic_or_partition


def test_one_entry_is_set_and_the_others_stay(talk: Conversation, topic: str) -> None:
    """Incrementally; delete gives the default back."""
    assert not alter(talk, topic, ("retention.ms", SET, "1000")).error_code
    assert not alter(talk, topic, ("segment.ms", SET, "2000")).error_code
    becomes(talk, topic, "retention.ms", "1000", TOPIC_S_OWN)
    becomes(talk, topic, "segment.ms", "2000", TOPIC_S_OWN)
    assert not alter(talk, topic, ("retention.ms", DELETE, None)).error_code
    becomes(talk, topic, "retention.ms", "604800000", DEFAULT)
    becomes(talk, topic, "segment.ms", "2000", TOPIC_S_OWN)


def test_lists_are_added_to_and_taken_from(talk: Conversation, topic: str) -> None:
    """What is there already is not added twice."""
    for _ in range(2):
        assert not alter(talk, topic, ("cleanup.policy", APPEND, "compact")).error_code
        becomes(talk, topic, "cleanup.policy", "delete,compact", TOPIC_S_OWN)
    assert not alter(talk, topic, ("cleanup.policy", SUBTRACT, "delete")).error_code
    becomes(talk, topic, "cleanup.policy", "compact", TOPIC_S_OWN)


def test_only_lists_are_added_to(talk: Conversation, topic: str) -> None:
    """A number has no elements."""
    answer = alter(talk, topic, ("retention.ms", APPEND, "1"))
    assert answer.error_code == ErrorCode.invalid_config


@pytest.mark.parametrize(
    "change",
    [
        ("retention.ms", SET, "soon"),
        ("retention.ms", SET, "-2"),
        ("cleanup.policy", SET, "burn"),
        ("compression.type", SET, "zip"),
        ("min.cleanable.dirty.ratio", SET, "2.0"),
        ("preallocate", SET, "perhaps"),
        ("no.such.key", SET, "1"),
    ],
    ids=lambda change: change[0] + str(change[2]),
)
def test_wrong_values_are_refused(
    change: tuple[str, int, str], talk: Conversation, topic: str
) -> None:
    """invalid_config, with the key in the message; nothing of the resource's request is done."""
    answer = alter(talk, topic, ("segment.ms", SET, "2000"), change)
    assert answer.error_code == ErrorCode.invalid_config
    assert change[0] in answer.error_message
    assert talk.config(topic, "segment.ms")["segment.ms"].value == "604800000"


def test_a_key_twice_in_one_request_is_refused(talk: Conversation, topic: str) -> None:
    """Nobody can say which of the two is meant."""
    change = ("segment.ms", SET, "2000")
    assert alter(talk, topic, change, change).error_code == ErrorCode.invalid_request


def test_a_value_of_null_is_refused(talk: Conversation, topic: str) -> None:
    """Deleting has an operation of its own."""
    answer = alter(talk, topic, ("segment.ms", SET, None))
    assert answer.error_code == ErrorCode.invalid_request


def test_an_unknown_operation_is_refused(talk: Conversation, topic: str) -> None:
    """Kafka has words for it only where a broker is to change."""
    answer = alter(talk, topic, ("segment.ms", 9, "2000"))
    assert (answer.error_code, answer.error_message) == (ErrorCode.unknown_server_error, None)
    for name in ("1", ""):
        answer = alter(talk, name, ("log.retention.ms", 9, "2000"), resource=BROKER)
        assert answer.error_code == ErrorCode.invalid_request
        assert answer.error_message == "Unknown operations type 9"


def test_a_trial_changes_nothing(talk: Conversation, topic: str) -> None:
    """validate_only answers as if."""
    answer = alter(talk, topic, ("segment.ms", SET, "2000"), validate_only=True)
    assert not answer.error_code
    assert talk.config(topic, "segment.ms")["segment.ms"].value == "604800000"
    wrong = alter(talk, topic, ("segment.ms", SET, "soon"), validate_only=True)
    assert wrong.error_code == ErrorCode.invalid_config


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_old_way_replaces_everything(version: int, talk: Conversation, topic: str) -> None:
    """AlterConfigs: what is not named gets its default back."""
    alter(talk, topic, ("retention.ms", SET, "1000"))
    becomes(talk, topic, "retention.ms", "1000", TOPIC_S_OWN)
    assert not replace_all(talk, topic, {"segment.ms": "2000"}, version).error_code
    becomes(talk, topic, "segment.ms", "2000", TOPIC_S_OWN)
    becomes(talk, topic, "retention.ms", "604800000", DEFAULT)


def test_the_old_way_refuses_wrong_values_too(talk: Conversation, topic: str) -> None:
    """Unknown keys and values that do not fit."""
    for config in ({"no.such.key": "1"}, {"retention.ms": "soon"}):
        assert replace_all(talk, topic, config).error_code == ErrorCode.invalid_config


def test_a_change_is_felt(talk: Conversation, topic: str) -> None:
    """The log goes by the new value at once."""
    assert not talk.write(topic, bytes(2000))
    alter(talk, topic, ("max.message.bytes", SET, "1000"))
    becomes(talk, topic, "max.message.bytes", "1000", TOPIC_S_OWN)

    def refused() -> bool:
        fields = talk.produce_fields(topic, _large())
        answer = talk.ask("produce", 9, **fields)
        code: ErrorCode = only(only(answer.responses).partition_responses).error_code
        return code == ErrorCode.message_too_large

    until(refused, what="the new limit")


def _large() -> bytes:
    return Batch(records=[Record(value=bytes(2000))]).encoded()


def test_the_broker_tells_its_own(talk: Conversation) -> None:
    """Node 1 by its number; what was set at its start is static, and the rest default."""
    keys: Sequence[str] = (
        "num.partitions",
        "offset.metadata.max.bytes",
        "auto.create.topics.enable",
        "group.max.session.timeout.ms",
    )
    found = talk.config("1", *keys, resource=BROKER)
    assert {key: found[key].value for key in keys} == {
        "num.partitions": "2",
        "offset.metadata.max.bytes": "4096",
        "auto.create.topics.enable": "false",
        "group.max.session.timeout.ms": "1800000",
    }
    assert found["num.partitions"].config_source == BROKER_S_STATIC
    assert found["offset.metadata.max.bytes"].config_source == DEFAULT
    assert found["num.partitions"].read_only


def test_the_broker_tells_its_number(talk: Conversation) -> None:
    """Under its new name and its old one."""
    found = talk.config("1", "node.id", "broker.id", resource=BROKER)
    for name in ("node.id", "broker.id"):
        entry = found[name]
        assert (entry.value, entry.read_only, entry.config_source) == ("1", True, 4)


def test_a_user_that_is_not_there_has_no_credentials(
    talk: Conversation, unique: Callable[[str], str]
) -> None:
    """kafka-configs.sh asks for those of SCRAM."""
    name = unique("user")
    answer = talk.ask("describe_user_scram_credentials", 0, users=[{"name": name}])
    assert (answer.error_code, answer.error_message) == (ErrorCode.none, "")
    found = only(answer.results)
    assert (found.user, found.error_code) == (name, ErrorCode.resource_not_found)
    words = f"Attempt to describe a user credential that does not exist: {name}"
    assert (found.error_message, found.credential_infos) == (words, ())


@pytest.mark.parametrize("name", ["7", "one"])
def test_another_broker_is_not_here(name: str, talk: Conversation) -> None:
    """A number that is not this node's, or no number at all."""
    asked = {"resource_type": BROKER, "resource_name": name, "configuration_keys": None}
    result = only(talk.ask("describe_configs", 4, resources=[asked]).results)
    assert result.error_code == ErrorCode.invalid_request


@pytest.mark.parametrize("key", ["num.partitions", "auto.create.topics.enable"])
def test_a_read_only_entry_of_the_broker_is_not_changed(key: str, talk: Conversation) -> None:
    """What is read at the start only."""
    answer = alter(talk, "1", (key, SET, "5"), resource=BROKER)
    assert answer.error_code == ErrorCode.invalid_request
    assert key in answer.error_message


def test_the_broker_s_defaults_reach_its_topics(talk: Conversation, topic: str) -> None:
    """A dynamic default of the whole cluster is the value of topics that have none of their own."""
    assert not alter(
        talk, "", ("log.segment.delete.delay.ms", SET, "1234"), resource=BROKER
    ).error_code
    try:
        until(
            lambda: (
                talk.config(topic, "file.delete.delay.ms")["file.delete.delay.ms"].value == "1234"
            ),
            what="the broker's default",
        )
    finally:
        alter(talk, "", ("log.segment.delete.delay.ms", DELETE, None), resource=BROKER)
    becomes(talk, topic, "file.delete.delay.ms", "60000", DEFAULT)


@pytest.mark.parametrize("kind", [3, 77])
def test_unknown_kinds_of_resources_are_refused(kind: int, talk: Conversation) -> None:
    """Topics and brokers have configurations here."""
    answer = alter(talk, "x", ("retention.ms", SET, "1000"), resource=kind)
    assert answer.error_code == ErrorCode.invalid_request
