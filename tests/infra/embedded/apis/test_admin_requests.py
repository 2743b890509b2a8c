"""Requests about topics and configurations, in every version, over a socket.

Errors and their texts are Apache Kafka 4.1's.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode
from kio.static.constants import uuid_zero

from tests.conformance.conversation import BROKER, TOPIC, Conversation
from tests.conformance.raw_client import only

GROUP = 32
_UNKNOWN_ID = UUID(int=5)
_ALL_TOPIC_CONFIGS = 33
"""As many as Apache Kafka 4.1 has."""


@pytest.mark.parametrize("version", range(2, 8))
def test_a_topic_is_created_in_every_version(talk: Conversation, name: str, version: int) -> None:
    """Since version 5 the answer tells its configurations, since version 7 its id."""
    created = talk.try_create_topic(
        name, partitions=3, config={"retention.ms": "1000"}, version=version
    )
    assert (created.error_code, created.error_message) == (ErrorCode.none, None)
    found = talk.topic(name)
    assert len(found.partitions) == 3
    if version >= 5:
        assert (created.num_partitions, created.replication_factor) == (3, 1)
        configs = {config.name: config for config in created.configs}
        assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("1000", 1)
        assert configs["cleanup.policy"].config_source == 5
    if version >= 7:
        assert created.topic_id == found.topic_id


@pytest.mark.parametrize("version", range(2, 8))
def test_a_refused_topic_has_a_reason(talk: Conversation, topic: str, version: int) -> None:
    """And an empty list of configurations, never null: Java takes null for a refusal to tell."""
    refused = talk.try_create_topic(topic, version=version)
    assert refused.error_code == ErrorCode.topic_already_exists
    assert refused.error_message == f"Topic '{topic}' already exists."
    if version >= 5:
        assert (refused.num_partitions, refused.replication_factor) == (-1, -1)
        assert refused.configs == ()
    if version >= 7:
        assert refused.topic_id in {None, uuid_zero}


@pytest.mark.parametrize("version", range(2, 8))
def test_validating_a_topic_creates_none(talk: Conversation, name: str, version: int) -> None:
    """It only says whether it could be done."""
    assert not talk.try_create_topic(name, version=version, validate_only=True).error_code
    assert talk.topic(name).error_code == ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize("version", range(2, 8))
def test_a_topic_that_is_named_twice_is_not_created(
    talk: Conversation, name: str, version: int
) -> None:
    """It has one answer."""
    wish = {"name": name, "num_partitions": 1, "replication_factor": 1}
    answer = talk.ask("create_topics", version, topics=[wish, wish], timeout=1000)
    assert only(answer.topics).error_code == ErrorCode.invalid_request
    assert talk.topic(name).error_code == ErrorCode.unknown_topic_or_partition


def test_replicas_may_be_placed_by_hand(talk: Conversation, name: str) -> None:
    """There is one broker to place them on."""
    placed = [{"partition_index": number, "broker_ids": [1]} for number in range(2)]
    created = talk.try_create_topic(name, partitions=-1, replication=-1, assignments=placed)
    assert (created.error_code, created.num_partitions) == (ErrorCode.none, 2)
    elsewhere = [{"partition_index": 0, "broker_ids": [5]}]
    refused = talk.try_create_topic(
        f"{name}-no", partitions=-1, replication=-1, assignments=elsewhere
    )
    assert refused.error_code == ErrorCode.invalid_replica_assignment


@pytest.mark.parametrize("version", range(1, 6))
def test_topics_are_deleted_by_name(talk: Conversation, topic: str, version: int) -> None:
    """A topic that is not there is an error."""

    def deleted() -> Any:
        return only(talk.ask("delete_topics", version, topic_names=[topic]).responses)

    assert not deleted().error_code
    again = deleted()
    assert (again.name, again.error_code) == (topic, ErrorCode.unknown_topic_or_partition)


def test_topics_are_deleted_by_id_since_version_6(talk: Conversation, topic: str) -> None:
    """The answer names a topic as far as it is known."""
    topic_id = talk.topic_id(topic)

    def deleted(**reference: Any) -> Any:
        return only(talk.ask("delete_topics", 6, topics=[reference]).responses)

    assert deleted(name=topic, topic_id=topic_id).error_code == ErrorCode.invalid_request
    assert deleted(name=None, topic_id=uuid_zero).error_code == ErrorCode.invalid_request
    unknown = deleted(name=None, topic_id=_UNKNOWN_ID)
    assert (unknown.name, unknown.topic_id) == (None, _UNKNOWN_ID)
    assert unknown.error_code == ErrorCode.unknown_topic_id
    done = deleted(name=None, topic_id=topic_id)
    assert (done.name, done.topic_id, done.error_code) == (topic, topic_id, ErrorCode.none)


@pytest.mark.parametrize("version", range(4))
def test_partitions_are_added_in_every_version(
    talk: Conversation, topic: str, version: int
) -> None:
    """Only ever more of them."""

    def grown(count: int, *, validate_only: bool = False) -> Any:
        wish = {"name": topic, "count": count, "assignments": None}
        answer = talk.ask("create_partitions", version, topics=[wish], validate_only=validate_only)
        return only(answer.results)

    assert not grown(3, validate_only=True).error_code
    assert len(talk.topic(topic).partitions) == 1
    assert (grown(3).error_code, len(talk.topic(topic).partitions)) == (ErrorCode.none, 3)
    refused = grown(2)
    assert refused.error_code == ErrorCode.invalid_partitions
    assert refused.error_message == (
        f"The topic {topic} currently has 3 partition(s); 2 would not be an increase."
    )


# Configurations


def _described(talk: Conversation, version: int, *resources: Mapping[str, Any], **more: Any) -> Any:
    return talk.ask("describe_configs", version, resources=resources, **more).results


def _resource(name: str, kind: int = TOPIC, **more: Any) -> dict[str, Any]:
    return {"resource_type": kind, "resource_name": name, **more}


@pytest.mark.parametrize("version", range(1, 5))
def test_a_topic_is_described_in_every_version(
    talk: Conversation, topic: str, version: int
) -> None:
    """With all its configurations, or those that are named; an empty list of names means all."""
    for keys, count in [
        (None, _ALL_TOPIC_CONFIGS),
        ([], _ALL_TOPIC_CONFIGS),
        (["retention.ms"], 1),
    ]:
        asked = _resource(topic, configuration_keys=keys)
        result = only(_described(talk, version, asked))
        assert (result.error_code, result.error_message) == (ErrorCode.none, "")
        assert (result.resource_type, result.resource_name) == (TOPIC, topic)
        assert len(result.configs) == count
        found = {config.name: config for config in result.configs}["retention.ms"]
        assert (found.value, found.config_source, found.is_sensitive) == ("604800000", 5, False)
        assert (found.read_only, found.synonyms) == (False, ())
        if version >= 3:
            assert (found.config_type, found.documentation) == (5, None)


def test_a_value_is_described_with_all_that_it_may_come_from(
    talk: Conversation, topic: str
) -> None:
    """The first of its synonyms wins."""
    _altered(talk, 1, topic, ("cleanup.policy", 0, "compact"))
    asked = _resource(topic, configuration_keys=["cleanup.policy"])
    result = only(_described(talk, 4, asked, include_synonyms=True, include_documentation=True))
    found = only(result.configs)
    assert (found.value, found.config_source) == ("compact", 1)
    assert [(each.name, each.value, each.source) for each in found.synonyms] == [
        ("cleanup.policy", "compact", 1),
        ("log.cleanup.policy", "delete", 5),
    ]
    assert found.documentation


def test_what_cannot_be_described_has_a_reason(talk: Conversation) -> None:
    """As Kafka says it."""
    asked = [
        (_resource("no-such-topic"), ErrorCode.unknown_topic_or_partition, ""),
        (
            _resource(""),
            ErrorCode.invalid_topic_exception,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            _resource("7", BROKER),
            ErrorCode.invalid_request,
            "Unexpected broker id, expected 1 or empty string, but received 7",
        ),
    ]
    results = _described(talk, 4, *(resource for resource, _, _ in asked))
    assert [(result.error_code, result.error_message) for result in results] == [
        (error, reason) for _, error, reason in asked
    ]


def test_the_broker_is_described(talk: Conversation) -> None:
    """What may be changed while it runs is not read-only."""
    configs = talk.config("1", "num.partitions", "log.retention.ms", resource=BROKER)
    assert configs["num.partitions"].value == "1"
    assert configs["num.partitions"].read_only
    assert not configs["log.retention.ms"].read_only


def _altered(
    talk: Conversation,
    version: int,
    name: str,
    *changes: tuple[str, int, str | None],
    kind: int = TOPIC,
    validate_only: bool = False,
) -> tuple[ErrorCode, str | None]:
    configs = [
        {"name": key, "config_operation": operation, "value": value}
        for key, operation, value in changes
    ]
    answer = talk.ask(
        "incremental_alter_configs",
        version,
        resources=[_resource(name, kind, configs=configs)],
        validate_only=validate_only,
    )
    result = only(answer.responses)
    assert (result.resource_type, result.resource_name) == (kind, name)
    return result.error_code, result.error_message


@pytest.mark.parametrize("version", range(2))
def test_single_configurations_are_changed(talk: Conversation, topic: str, version: int) -> None:
    """Set, appended to, subtracted from, unset; the others stay."""
    done = (ErrorCode.none, None)
    assert _altered(talk, version, topic, ("retention.ms", 0, "1000")) == done
    assert _altered(talk, version, topic, ("cleanup.policy", 2, "compact")) == done
    assert talk.config(topic, "cleanup.policy")["cleanup.policy"].value == "delete,compact"
    assert _altered(talk, version, topic, ("cleanup.policy", 3, "delete")) == done
    assert talk.config(topic, "cleanup.policy")["cleanup.policy"].value == "compact"
    assert _altered(talk, version, topic, ("cleanup.policy", 1, None)) == done
    assert talk.config(topic, "cleanup.policy")["cleanup.policy"].value == "delete"
    assert talk.config(topic, "retention.ms")["retention.ms"].value == "1000"


def test_a_change_that_makes_no_sense_changes_nothing(talk: Conversation, topic: str) -> None:
    """And says why, as Kafka does."""
    assert _altered(talk, 1, topic, ("retention.ms", 0, "x")) == (
        ErrorCode.invalid_config,
        "Invalid value x for configuration retention.ms: Not a number of type LONG",
    )
    assert _altered(talk, 1, topic, ("nonsense", 0, "x")) == (
        ErrorCode.invalid_config,
        "Unknown topic config name: nonsense",
    )
    assert _altered(talk, 1, topic, ("retention.ms", 2, "1")) == (
        ErrorCode.invalid_config,
        "Can't APPEND to key retention.ms because its type is not LIST.",
    )
    assert _altered(talk, 1, topic, ("retention.ms", 0, None)) == (
        ErrorCode.invalid_request,
        "Null value not supported for : retention.ms",
    )
    assert _altered(talk, 1, topic, ("retention.ms", 0, "77"), validate_only=True) == (
        ErrorCode.none,
        None,
    )
    assert talk.config(topic, "retention.ms")["retention.ms"].value == "604800000"


def test_the_brokers_own_configuration_is_changed_where_kafka_changes_it(
    talk: Conversation, topic: str
) -> None:
    """What is fixed at its start is refused; topics follow what is changed."""
    assert _altered(talk, 1, "1", ("num.partitions", 0, "4"), kind=BROKER) == (
        ErrorCode.invalid_request,
        "Cannot update these configs dynamically: Set(num.partitions)",
    )
    name = "log.cleaner.min.compaction.lag.ms"
    try:
        assert not _altered(talk, 1, "1", (name, 0, "123"), kind=BROKER)[0]
        found = talk.config("1", name, resource=BROKER)[name]
        assert (found.value, found.config_source) == ("123", 2)
        followed = talk.config(topic, "min.compaction.lag.ms")["min.compaction.lag.ms"]
        assert (followed.value, followed.config_source) == ("123", 2)
    finally:
        assert not _altered(talk, 1, "1", (name, 1, None), kind=BROKER)[0]


@pytest.mark.parametrize("version", range(3))
def test_all_configurations_of_a_topic_are_replaced(
    talk: Conversation, topic: str, version: int
) -> None:
    """What is not named falls back to its default."""

    def replaced(*configs: tuple[str, str | None]) -> tuple[ErrorCode, str | None]:
        values = [{"name": key, "value": value} for key, value in configs]
        resources = [_resource(topic, configs=values)]
        answer = talk.ask("alter_configs", version, resources=resources, validate_only=False)
        result = only(answer.responses)
        return result.error_code, result.error_message

    assert not replaced(("retention.ms", "1000"), ("cleanup.policy", "compact"))[0]
    assert not replaced(("retention.ms", "2000"))[0]
    assert talk.config(topic, "retention.ms")["retention.ms"].value == "2000"
    assert talk.config(topic, "cleanup.policy")["cleanup.policy"].value == "delete"
    assert replaced(("retention.ms", "x"))[0] == ErrorCode.invalid_config
    assert replaced(("retention.ms", None))[0] == ErrorCode.invalid_request
    assert talk.config(topic, "retention.ms")["retention.ms"].value == "2000"


def test_resources_are_listed_by_kind(talk: Conversation, topic: str, name: str) -> None:
    """Groups and subscriptions of metrics are resources while something is set for them."""

    def listed(*kinds: int) -> set[tuple[int, str]]:
        answer = talk.ask("list_config_resources", 1, resource_types=kinds)
        assert not answer.error_code
        return {(each.resource_type, each.resource_name) for each in answer.config_resources}

    assert (GROUP, name) not in listed(GROUP)
    done = _altered(talk, 1, name, ("consumer.session.timeout.ms", 0, "50000"), kind=GROUP)
    assert done == (ErrorCode.none, None)
    assert (GROUP, name) in listed(GROUP)
    assert listed(BROKER) == {(BROKER, "1")}
    assert {(GROUP, name), (BROKER, "1"), (TOPIC, topic)} <= listed()
    assert talk.ask("list_config_resources", 0).config_resources == ()
    unknown = talk.ask("list_config_resources", 1, resource_types=[3])
    assert unknown.error_code == ErrorCode.unsupported_version


@pytest.mark.parametrize("version", range(2))
def test_there_are_no_quotas(talk: Conversation, version: int) -> None:
    """A question that makes no sense is told so."""

    def described(**component: Any) -> Any:
        return talk.ask("describe_client_quotas", version, components=[component], strict=True)

    answer = described(entity_type="user", match_type=2, match=None)
    assert (answer.error_code, answer.error_message, answer.entries) == (ErrorCode.none, "", ())
    answer = described(entity_type="user", match_type=0, match=None)
    assert (answer.error_code, answer.entries) == (ErrorCode.invalid_request, None)
    assert answer.error_message == (
        "Request specified MATCH_TYPE_EXACT, but set match string to null."
    )
    answer = described(entity_type="nonsense", match_type=2, match=None)
    assert answer.error_code == ErrorCode.unsupported_version
