"""Topics of the whole broker: made, grown, deleted with all that belongs to them."""

from contextlib import suppress
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.configs.config_entry import ConfigSource
from penstock.infra.embedded.groups.group_requests import CommittedOffset, OffsetCommit
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.partition_growth import PartitionGrowth
from penstock.infra.embedded.topics.topic_creation import NO_TOPIC_ID, NewTopic
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from tests.infra.embedded.broker_bench import NOW, BrokerBench, Killed

_NONE = ErrorCode.none


def test_a_new_topic_has_an_id_logs_and_settings() -> None:
    """And the answer shows them all, with where each comes from."""
    bench = BrokerBench()
    created = bench.create("orders", partitions=2, retention_ms="5")
    assert (created.num_partitions, created.replication_factor) == (2, 1)
    topic = bench.broker.topics.get("orders")
    assert topic is not None
    assert bench.broker.topics.by_id(created.topic_id) is topic
    assert [bench.broker.log("orders", number) is not None for number in range(3)] == [
        True,
        True,
        False,
    ]
    sources = {entry.name: (entry.value, entry.source) for entry in created.configs}
    assert len(sources) == 33
    assert sources["retention.ms"] == ("5", ConfigSource.DYNAMIC_TOPIC_CONFIG)
    assert sources["segment.bytes"] == ("1073741824", ConfigSource.DEFAULT_CONFIG)


def test_a_topic_whose_logs_cannot_be_opened_is_not_there_and_may_be_made_later() -> None:
    """A full disk takes some folders and then no more; half a topic could not be deleted."""
    bench = BrokerBench()
    bench.stores_left = 1
    with pytest.raises(OSError, match="No space left"):
        bench.create("orders", partitions=3)
    bench.stores_left = None
    assert bench.broker.topics.get("orders") is None
    assert bench.broker.log("orders", 0) is None
    bench.create("orders", partitions=3)
    bench.restart()
    assert bench.broker.log("orders", 2) is not None
    assert bench.broker.statistics().logs.partitions == 3


def test_a_topic_that_cannot_grow_stays_as_large_as_it_was() -> None:
    """And may grow later."""
    bench = BrokerBench()
    bench.create("orders")
    bench.stores_left = 1
    wish = PartitionGrowth(name="orders", count=3)
    with pytest.raises(OSError, match="No space left"):
        bench.broker.create_partitions([wish], now_ms=NOW)
    bench.stores_left = None
    for _ in range(2):
        topic = bench.broker.topics.get("orders")
        assert topic is not None
        assert (topic.partition_count, bench.broker.statistics().logs.partitions) == (1, 1)
        bench.restart()
    assert bench.broker.create_partitions([wish], now_ms=NOW)[0].error is _NONE
    assert bench.broker.statistics().logs.partitions == 3


def test_half_a_topic_that_could_not_be_taken_back_can_be_deleted() -> None:
    """Where not even its end could be kept; a restart makes it whole."""
    bench = BrokerBench()
    bench.stores_left, bench.keeps_left = 1, 1
    with pytest.raises(Killed):
        bench.create("orders", partitions=3)
    bench.stores_left = bench.keeps_left = None
    assert bench.broker.topics.get("orders") is not None
    (deleted,) = bench.broker.delete_topics([TopicReference(name="orders")], now_ms=NOW)
    assert deleted.error is _NONE
    bench.create("orders", partitions=3)


def test_a_topic_that_is_only_checked_is_not_made() -> None:
    """But the answer is the same."""
    bench = BrokerBench()
    wish = NewTopic(name="orders", num_partitions=2)
    created = bench.broker.create_topic(wish, validate_only=True, now_ms=NOW)
    assert (created.error, created.num_partitions) == (_NONE, 2)
    assert len(bench.broker.topics) == 0
    assert len(bench.journal) == 1  # the cluster's id


def test_each_wish_of_a_request_is_answered_by_itself() -> None:
    """A name that comes twice is made not even once."""
    bench = BrokerBench()
    answers = bench.broker.create_topics(
        [NewTopic(name=name) for name in ("a", "twice", "b b", "twice")], now_ms=NOW
    )
    assert [(answer.name, answer.error, answer.reason) for answer in answers][:2] == [
        ("a", _NONE, None),
        ("twice", ErrorCode.invalid_request, "Duplicate topic name."),
    ]
    assert answers[2].error is ErrorCode.invalid_topic_exception
    assert bench.broker.topics.names() == ["a"]


def test_a_wish_sees_the_topics_of_the_wishes_before_it() -> None:
    """Two names that collide with each other do not both exist."""
    bench = BrokerBench()
    answers = bench.broker.create_topics([NewTopic(name="a.b"), NewTopic(name="a_b")], now_ms=NOW)
    assert answers[1].reason == "Topic 'a_b' collides with existing topic: a.b"


def test_a_request_for_too_many_partitions_is_refused_as_a_whole() -> None:
    """Kafka's limit is 10000 in one request."""
    bench = BrokerBench()
    wishes = [NewTopic(name="a", num_partitions=1), NewTopic(name="b", num_partitions=10_000)]
    for answer in bench.broker.create_topics(wishes, now_ms=NOW):
        assert answer.error is ErrorCode.policy_violation
        assert answer.reason == "Excessively large number of partitions per request."
    assert len(bench.broker.topics) == 0


def test_the_broker_has_so_many_partitions_and_no_more() -> None:
    """Neither by making topics nor by growing them."""
    bench = BrokerBench(most_partitions=3)
    bench.create("a", partitions=2)
    refused = bench.broker.create_topic(NewTopic(name="b", num_partitions=2), now_ms=NOW)
    assert refused.error is ErrorCode.policy_violation
    (grown,) = bench.broker.create_partitions([PartitionGrowth(name="a", count=4)], now_ms=NOW)
    assert grown.error is ErrorCode.policy_violation
    bench.create("b")


def test_a_topic_grows_and_keeps_its_records() -> None:
    """New partitions begin empty."""
    bench = BrokerBench()
    bench.create("a")
    bench.produce("a", [(None, b"1")])
    wishes = [PartitionGrowth(name=name, count=3) for name in ("a", "nope")]
    checked = bench.broker.create_partitions(wishes, validate_only=True, now_ms=NOW)
    assert bench.broker.log("a", 2) is None
    grown = bench.broker.create_partitions(wishes, now_ms=NOW)
    assert [answer.error for answer in grown] == [_NONE, ErrorCode.unknown_topic_or_partition]
    assert grown == checked
    assert (bench.values("a", 0), bench.values("a", 2)) == ([b"1"], [])


def test_metadata_makes_topics_where_it_may() -> None:
    """An illegal name is told from one that may not be made."""
    bench = BrokerBench({"num.partitions": "3"})
    assert bench.broker.ensure_topic("orders", now_ms=NOW).num_partitions == 3
    again = bench.broker.ensure_topic("orders", now_ms=NOW)
    assert (again.error, again.num_partitions) == (_NONE, 3)
    illegal = bench.broker.ensure_topic("a b", now_ms=NOW)
    assert illegal.error is ErrorCode.invalid_topic_exception
    bench.restart(options={"auto.create.topics.enable": "false"})
    unknown = bench.broker.ensure_topic("stock", now_ms=NOW)
    assert unknown.error is ErrorCode.unknown_topic_or_partition


def test_a_deleted_topic_takes_its_records_and_its_offsets_along() -> None:
    """A topic made anew under its name is another one."""
    bench = BrokerBench()
    first = bench.create("orders")
    bench.produce("orders", [(None, b"1")])
    partition = TopicPartition("orders", 0)
    commit = OffsetCommit(group="g", offsets={partition: CommittedOffset(offset=1)})
    bench.broker.groups.commit_offsets(commit, now_ms=NOW)
    bench.broker.take_readable()
    (deleted,) = bench.broker.delete_topics([TopicReference(name="orders")], now_ms=NOW)
    assert (deleted.error, deleted.topic_id) == (_NONE, first.topic_id)
    assert bench.broker.log("orders", 0) is None
    assert bench.broker.take_readable() == {partition}
    assert bench.broker.statistics().logs.size_bytes == 0
    second = bench.create("orders")
    assert second.topic_id != first.topic_id
    for _ in range(2):
        assert bench.values("orders") == []
        fetched = bench.broker.groups.fetch_offsets("g", [partition], require_stable=False)
        assert fetched[partition].offset == -1
        bench.restart()


@pytest.mark.parametrize("kept", range(3))
def test_a_topic_and_its_offsets_go_together_or_not_at_all(kept: int) -> None:
    """In memory and after a restart, wherever the journal ends, in all groups."""
    bench = BrokerBench()
    bench.create("orders")
    partition = TopicPartition("orders", 0)
    for group in ("g", "h"):
        commit = OffsetCommit(group=group, offsets={partition: CommittedOffset(offset=1)})
        bench.broker.groups.commit_offsets(commit, now_ms=NOW)
    bench.keeps_left = kept
    with suppress(Killed):
        bench.broker.delete_topics([TopicReference(name="orders")], now_ms=NOW)
    for _ in range(2):
        fetched = [
            bench.broker.groups.fetch_offsets(group, [partition], require_stable=False)
            for group in ("g", "h")
        ]
        found = [each[partition].offset for each in fetched]
        assert found == ([-1, -1] if bench.broker.topics.get("orders") is None else [1, 1])
        bench.restart()


def test_a_topic_is_deleted_by_its_id() -> None:
    """And an id that was deleted is not known any more."""
    bench = BrokerBench()
    created = bench.create("orders")
    reference = TopicReference(topic_id=created.topic_id)
    (deleted,) = bench.broker.delete_topics([reference], now_ms=NOW)
    assert (deleted.error, deleted.name) == (_NONE, "orders")
    (unknown,) = bench.broker.delete_topics([reference], now_ms=NOW)
    assert unknown.error is ErrorCode.unknown_topic_id
    assert unknown.reason == "This server does not host this topic ID."


def test_deletions_are_refused_in_kafkas_words() -> None:
    """Measured on Apache Kafka 4.1.0."""
    bench = BrokerBench()
    topic_id = bench.create("a").topic_id
    bench.create("b")
    answers = bench.broker.delete_topics(
        [
            TopicReference(name="nope"),
            TopicReference(),
            TopicReference(name="x", topic_id=UUID(int=99)),
            TopicReference(name="b"),
            TopicReference(name="b"),
            TopicReference(topic_id=topic_id),
            TopicReference(name="a"),
        ],
        now_ms=NOW,
    )
    assert [(answer.name, answer.reason) for answer in answers] == [
        ("nope", "This server does not host this topic-partition."),
        (None, "Neither topic name nor id were specified."),
        ("x", "You may not specify both topic name and topic id."),
        ("b", "Duplicate topic name."),
        ("a", "The provided topic name maps to an ID that was already supplied."),
    ]
    assert answers[0].topic_id == NO_TOPIC_ID
    assert bench.broker.topics.names() == ["a", "b"]


def test_a_topic_that_is_named_twice_stays() -> None:
    """Measured on Apache Kafka 4.1.0: what is told is what was asked, and no more of the topic."""
    bench = BrokerBench()
    topic_id = bench.create("a").topic_id
    name, by_id = TopicReference(name="a"), TopicReference(topic_id=topic_id)
    both = TopicReference(name="a", topic_id=topic_id)

    def delete(*references: TopicReference) -> list[tuple[str | None, UUID, str | None]]:
        answers = bench.broker.delete_topics(references, now_ms=NOW)
        return [(answer.name, answer.topic_id, answer.reason) for answer in answers]

    named = ("a", NO_TOPIC_ID, "Duplicate topic name.")
    by_its_id = (None, topic_id, "Duplicate topic id.")
    mapped = ("a", topic_id, "The provided topic name maps to an ID that was already supplied.")
    doubled = ("a", topic_id, "You may not specify both topic name and topic id.")
    neither = (None, NO_TOPIC_ID, "Neither topic name nor id were specified.")
    assert delete(name, name) == [named]
    assert delete(by_id, by_id) == [by_its_id]
    assert delete(by_id, name) == delete(name, by_id) == [mapped]
    assert delete(name, by_id, by_id) == [mapped, by_its_id]
    assert delete(name, name, by_id, by_id) == [named, by_its_id]
    assert delete(both, both) == [doubled, doubled]
    assert delete(TopicReference(), TopicReference()) == [neither, neither]
    assert bench.broker.topics.names() == ["a"]
    # As in Kafka, where a name that was named twice counts for nothing, and the id for one topic.
    assert delete(name, name, by_id) == [named, ("a", topic_id, None)]


def test_deleting_can_be_forbidden() -> None:
    """By delete.topic.enable: every reference is refused, whatever else is wrong with it."""
    bench = BrokerBench({"delete.topic.enable": "false"})
    topic_id = bench.create("a").topic_id
    references = [
        TopicReference(name="a"),
        TopicReference(name="a"),
        TopicReference(topic_id=topic_id),
        TopicReference(),
    ]
    answers = bench.broker.delete_topics(references, now_ms=NOW)
    assert {(answer.error, answer.reason) for answer in answers} == {
        (ErrorCode.topic_deletion_disabled, None)
    }
    assert [(answer.name, answer.topic_id) for answer in answers] == [
        ("a", NO_TOPIC_ID),
        ("a", NO_TOPIC_ID),
        (None, topic_id),
        (None, NO_TOPIC_ID),
    ]
