"""librdkafka as a client: transactions, static and cooperative members, administration."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    ElectionType,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # names it only passes on
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.infra.embedded.apis.client_patience import poll_until, read_values

_LIMIT_S = 30.0
_PARTITIONS = 6


@pytest.fixture
def consumer(bootstrap: str) -> Iterator[Callable[..., Consumer]]:
    """Make consumers that end with the test."""
    with ExitStack() as stack:

        def make(group: str, **options: Any) -> Consumer:
            made = Consumer(
                {
                    "bootstrap.servers": bootstrap,
                    "group.id": group,
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": False,
                    "heartbeat.interval.ms": 100,
                    "session.timeout.ms": 6000,
                    "fetch.wait.max.ms": 50,
                    **{name.replace("_", "."): value for name, value in options.items()},
                }
            )
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def transactional(bootstrap: str) -> Callable[[str], Producer]:
    """Make transactional producers that are ready to begin."""

    def make(transactional_id: str) -> Producer:
        made = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
        made.init_transactions(_LIMIT_S)
        return made

    return make


@pytest.fixture
def admin(bootstrap: str) -> AdminClient:
    """The admin client."""
    return AdminClient({"bootstrap.servers": bootstrap})


def _done(futures: dict[Any, Future[Any]]) -> Any:
    """The result of the only one of the futures."""
    (future,) = futures.values()
    return future.result(_LIMIT_S)


def test_offsets_and_records_of_a_transaction_commit_together(
    consumer: Callable[..., Consumer],
    transactional: Callable[[str], Producer],
    make_topic: Callable[[int], str],
    name: str,
) -> None:
    """What is read is answered once, whatever was aborted between."""
    source, sink = make_topic(1), make_topic(1)
    feeder = transactional(f"{name}-feeder")
    feeder.begin_transaction()
    for number in range(4):
        feeder.produce(source, str(number).encode())
    feeder.commit_transaction(_LIMIT_S)
    worker = consumer(name, isolation_level="read_committed")
    worker.subscribe([source])
    producer = transactional(name)
    for number, commits in enumerate([True, False, True]):
        (value,) = read_values(worker, 1)
        producer.begin_transaction()
        producer.produce(sink, value)
        producer.send_offsets_to_transaction(
            worker.position(worker.assignment()), worker.consumer_group_metadata(), _LIMIT_S
        )
        if commits:
            producer.commit_transaction(_LIMIT_S)
        else:
            producer.abort_transaction(_LIMIT_S)
        committed = worker.committed([TopicPartition(source, 0)], _LIMIT_S)
        assert committed[0].offset == (number + 1 if commits else number)
    reader = consumer(f"{name}-reader", isolation_level="read_committed")
    reader.subscribe([sink])
    assert read_values(reader, 2) == [b"0", b"2"]


def test_a_second_producer_fences_the_first(
    consumer: Callable[..., Consumer],
    transactional: Callable[[str], Producer],
    make_topic: Callable[[int], str],
    name: str,
) -> None:
    """The first cannot commit any more."""
    topic = make_topic(1)
    first = transactional(name)
    first.begin_transaction()
    first.produce(topic, b"of the first")
    first.flush(_LIMIT_S)
    second = transactional(name)
    second.begin_transaction()
    second.produce(topic, b"of the second")
    second.commit_transaction(_LIMIT_S)
    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(_LIMIT_S)
    assert caught.value.args[0].code() in {KafkaError._FENCED, KafkaError.PRODUCER_FENCED}
    reader = consumer(f"{name}-reader", isolation_level="read_committed")
    reader.subscribe([topic])
    assert read_values(reader, 1) == [b"of the second"]


def test_a_static_member_comes_back_without_a_rebalance(
    consumer: Callable[..., Consumer], make_topic: Callable[[int], str], name: str
) -> None:
    """The other member is never asked to give anything up."""
    topic = make_topic(2)
    lasting = consumer(name, group_instance_id="lasting")
    passing = consumer(name, group_instance_id="passing")
    changes: list[str] = []
    lasting.subscribe(
        [topic],
        on_assign=lambda _, assigned: changes.append(f"+{len(assigned)}"),
        on_revoke=lambda _, revoked: changes.append(f"-{len(revoked)}"),
    )
    passing.subscribe([topic])
    poll_until(
        lasting,
        passing,
        seen=lambda: len(lasting.assignment()) == len(passing.assignment()) == 1,
        what="a partition for each",
    )
    share = passing.assignment()
    changes.clear()
    passing.close()
    back = consumer(name, group_instance_id="passing")
    back.subscribe([topic])
    poll_until(lasting, back, seen=lambda: bool(back.assignment()), what="the member's return")
    assert [(each.topic, each.partition) for each in back.assignment()] == [
        (each.topic, each.partition) for each in share
    ]
    assert changes == []


def test_cooperative_members_keep_what_they_can(
    consumer: Callable[..., Consumer], make_topic: Callable[[int], str], name: str
) -> None:
    """When a second comes, the first gives up only what the second gets."""
    topic = make_topic(_PARTITIONS)
    first, second = (
        consumer(name, partition_assignment_strategy="cooperative-sticky") for _ in range(2)
    )
    revoked: list[int] = []
    first.subscribe([topic], on_revoke=lambda _, gone: revoked.append(len(gone)))
    poll_until(first, seen=lambda: len(first.assignment()) == _PARTITIONS, what="all partitions")
    second.subscribe([topic])
    poll_until(
        first,
        second,
        seen=lambda: len(first.assignment()) == len(second.assignment()) == _PARTITIONS // 2,
        what="half of the partitions for each",
    )
    assert revoked == [_PARTITIONS // 2]


def test_topics_are_administered(admin: AdminClient, name: str) -> None:
    """Created, described, given partitions, deleted."""
    _done(admin.create_topics([NewTopic(name, 2, 1, config={"retention.ms": "1000"})]))
    with pytest.raises(KafkaException) as caught:
        _done(admin.create_topics([NewTopic(name, 2, 1)]))
    assert caught.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    _done(admin.create_partitions([NewPartitions(name, 3)]))
    described = _done(admin.describe_topics(TopicCollection([name])))
    assert [part.id for part in described.partitions] == [0, 1, 2]
    assert len(admin.list_topics(name, _LIMIT_S).topics[name].partitions) == 3
    _done(admin.delete_topics([name]))
    with pytest.raises(KafkaException) as caught:
        _done(admin.describe_topics(TopicCollection([name])))
    assert caught.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_configurations_are_administered(
    admin: AdminClient, make_topic: Callable[[int], str]
) -> None:
    """Of topics and of the broker."""
    topic = make_topic(1)
    changed = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET),
            ConfigEntry(
                "cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND
            ),
        ],
    )
    _done(admin.incremental_alter_configs([changed]))
    found = _done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    assert found["retention.ms"].value == "1000"
    assert found["cleanup.policy"].value == "delete,compact"
    replaced = ConfigResource(ResourceType.TOPIC, topic, set_config={"retention.ms": "2000"})
    with pytest.warns(DeprecationWarning, match="incremental_alter_configs"):
        altered = admin.alter_configs([replaced])
    _done(altered)
    found = _done(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
    assert found["cleanup.policy"].value == "delete"
    broker = _done(admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]))
    assert broker["num.partitions"].value == "1"
    bad = ConfigResource(
        ResourceType.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("retention.ms", "x", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    with pytest.raises(KafkaException) as caught:
        _done(admin.incremental_alter_configs([bad]))
    assert caught.value.args[0].code() == KafkaError.INVALID_CONFIG


def test_groups_are_administered(
    admin: AdminClient,
    consumer: Callable[..., Consumer],
    make_topic: Callable[[int], str],
    name: str,
) -> None:
    """Listed, described, their offsets told and changed, deleted."""
    topic = make_topic(1)
    member = consumer(name)
    member.subscribe([topic])
    poll_until(member, seen=lambda: bool(member.assignment()), what="an assignment")
    listed = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(_LIMIT_S)
    assert name in {group.group_id for group in listed.valid}
    described = _done(admin.describe_consumer_groups([name], include_authorized_operations=True))
    assert described.state == ConsumerGroupState.STABLE
    assert described.authorized_operations
    (found,) = described.members
    assert [each.topic for each in found.assignment.topic_partitions] == [topic]
    with pytest.raises(KafkaException) as caught:
        _done(admin.delete_consumer_groups([name]))
    assert caught.value.args[0].code() == KafkaError.NON_EMPTY_GROUP
    member.close()
    assert _done(admin.describe_consumer_groups([name])).state == ConsumerGroupState.EMPTY
    _done(admin.delete_consumer_groups([name]))
    assert _done(admin.describe_consumer_groups([name])).state == ConsumerGroupState.DEAD


def test_offsets_are_administered(
    admin: AdminClient,
    transactional: Callable[[str], Producer],
    make_topic: Callable[[int], str],
    name: str,
) -> None:
    """Those of groups, and those of the log."""
    topic = make_topic(1)
    producer = transactional(name)
    producer.begin_transaction()
    for number in range(5):
        producer.produce(topic, str(number).encode())
    producer.commit_transaction(_LIMIT_S)
    place = TopicPartition(topic, 0, 3)
    _done(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, [place])]))
    told = _done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)]))
    assert [(each.topic, each.offset) for each in told.topic_partitions] == [(topic, 3)]
    latest = _done(
        admin.list_offsets(
            {TopicPartition(topic, 0): OffsetSpec.latest()},  # type: ignore[no-untyped-call] # it has no types
            isolation_level=IsolationLevel.READ_COMMITTED,
        )
    )
    assert latest.offset == 6
    deleted = _done(admin.delete_records([TopicPartition(topic, 0, 2)]))
    assert deleted.low_watermark == 2
    _done(admin.delete_consumer_groups([name]))
    with pytest.raises(KafkaException) as caught:
        _done(admin.delete_consumer_groups([name]))
    assert caught.value.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND


def test_the_cluster_is_described(admin: AdminClient, make_topic: Callable[[int], str]) -> None:
    """It is one node, and there is no leader to elect."""
    described = admin.describe_cluster().result(_LIMIT_S)
    assert [node.id for node in described.nodes] == [1]
    assert described.controller.id == 1
    place = TopicPartition(make_topic(1), 0)
    elected = admin.elect_leaders(ElectionType.PREFERRED, [place]).result(_LIMIT_S)
    assert elected[place].code() == KafkaError.ELECTION_NOT_NEEDED
