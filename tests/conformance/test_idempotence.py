"""Idempotent producers: sequence numbers, duplicates, epochs (KIP-98, KIP-360)."""

from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import only
from tests.conformance.record_batches import Batch, Record

LAST_SEQUENCE = 2**31 - 1


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 5])
def test_each_version_gives_a_new_producer_id(version: int, talk: Conversation) -> None:
    """Without a transactional id every question is answered by another producer id, epoch 0."""
    first, second = (talk.init_producer(version=version) for _ in range(2))
    assert not first.error_code
    assert first.producer_epoch == second.producer_epoch == 0
    assert first.producer_id >= 0
    assert first.producer_id != second.producer_id


def test_a_duplicate_is_answered_with_its_first_offset(talk: Conversation, topic: str) -> None:
    """The broker knows the last five batches of a producer, and writes none of them twice."""
    batches = [talk.idempotent()]
    while len(batches) < 5:
        batches.append(batches[-1].next())
    assert [talk.produce(topic, each).base_offset for each in batches] == [0, 1, 2, 3, 4]
    again = [talk.produce(topic, each) for each in batches]
    assert [each.error_code for each in again] == [ErrorCode.none] * 5
    assert [each.base_offset for each in again] == [0, 1, 2, 3, 4]
    assert talk.end(topic) == 5


def test_a_duplicate_older_than_five_batches_is_refused(talk: Conversation, topic: str) -> None:
    """It is no longer known as one; it is out of order, and written by no means."""
    first = batch = talk.idempotent()
    for _ in range(6):
        assert not talk.produce(topic, batch).error_code
        batch = batch.next()
    answer = talk.produce(topic, first)
    assert answer.error_code == ErrorCode.out_of_order_sequence_number
    assert talk.end(topic) == 6


def test_a_gap_is_out_of_order(talk: Conversation, topic: str) -> None:
    """A batch that is missing before this one was lost or is late."""
    batch = talk.idempotent()
    assert not talk.produce(topic, batch).error_code
    answer = talk.produce(topic, batch.next().next())
    assert answer.error_code == ErrorCode.out_of_order_sequence_number
    assert talk.end(topic) == 1
    assert not talk.produce(topic, batch.next()).error_code


def test_a_part_of_a_batch_is_no_duplicate(talk: Conversation, topic: str) -> None:
    """A duplicate begins and ends where the batch did."""
    batch = talk.idempotent(records=[Record(), Record()])
    assert not talk.produce(topic, batch).error_code
    part = replace(batch, sequence=1, records=[Record()])
    answer = talk.produce(topic, part)
    assert answer.error_code == ErrorCode.out_of_order_sequence_number
    assert talk.end(topic) == 2


def test_a_producer_nobody_knows_may_begin_anywhere(talk: Conversation, topic: str) -> None:
    """Its state may have expired, so its first batch in a partition is taken as it comes."""
    batch = replace(talk.idempotent(), sequence=17)
    assert not talk.produce(topic, batch).error_code
    assert not talk.produce(topic, batch.next()).error_code
    assert talk.end(topic) == 2


def test_a_new_epoch_begins_at_zero(talk: Conversation, topic: str) -> None:
    """With a raised epoch the sequence starts again; anything else is out of order."""
    batch = talk.idempotent()
    assert not talk.produce(topic, batch).error_code
    wrong = replace(batch, producer_epoch=1, sequence=1)
    answer = talk.produce(topic, wrong)
    assert answer.error_code == ErrorCode.out_of_order_sequence_number
    right = replace(batch, producer_epoch=1, sequence=0)
    assert talk.produce(topic, right).base_offset == 1


def test_an_old_epoch_is_fenced(talk: Conversation, topic: str) -> None:
    """Once a newer epoch has written, the older one may not."""
    batch = talk.idempotent()
    assert not talk.produce(topic, replace(batch, producer_epoch=1)).error_code
    answer = talk.produce(topic, batch)
    assert answer.error_code == ErrorCode.invalid_producer_epoch
    assert talk.end(topic) == 1


def test_sequences_wrap_to_zero(talk: Conversation, topic: str) -> None:
    """After 2^31 - 1 comes 0, also within a batch."""
    batch = replace(talk.idempotent(), sequence=LAST_SEQUENCE)
    assert not talk.produce(topic, batch).error_code
    answer = talk.produce(topic, replace(batch, sequence=0))
    assert (answer.error_code, answer.base_offset) == (ErrorCode.none, 1)
    within = replace(
        talk.idempotent(), sequence=LAST_SEQUENCE, records=[Record(), Record(), Record()]
    )
    assert talk.produce(topic, within).base_offset == 2
    assert talk.produce(topic, within).base_offset == 2
    assert talk.produce(topic, replace(within, sequence=2)).base_offset == 5


def test_partitions_count_for_themselves(talk: Conversation, topic: str) -> None:
    """Sequences of two partitions have nothing to do with each other."""
    other = talk.create_topic(topic + "-other")
    batch = talk.idempotent()
    assert talk.produce(topic, batch).base_offset == 0
    assert talk.produce(other, batch).base_offset == 0


def test_an_id_without_a_sequence_is_refused(talk: Conversation, topic: str) -> None:
    """A producer id comes with a sequence number."""
    batch = replace(talk.idempotent(), sequence=-1)
    answer = talk.produce(topic, batch)
    assert answer.error_code == ErrorCode.invalid_record
    assert talk.end(topic) == 0


def test_producers_are_described(talk: Conversation, topic: str) -> None:
    """DescribeProducers tells the state of each producer of a partition."""
    batch = talk.idempotent(records=[Record(), Record()])
    talk.produce(topic, batch)
    asked = {"name": topic, "partition_indexes": [0, 9]}
    answer = talk.ask("describe_producers", 0, topics=[asked])
    found = {each.partition_index: each for each in only(answer.topics).partitions}
    assert found[9].error_code == ErrorCode.unknown_topic_or_partition
    state = only(found[0].active_producers)
    assert (state.producer_id, state.producer_epoch) == (batch.producer_id, 0)
    assert (state.last_sequence, state.current_txn_start_offset) == (1, -1)
    assert state.coordinator_epoch == -1
    assert state.last_timestamp > 0


def test_plain_producers_leave_no_state(talk: Conversation, topic: str) -> None:
    """Without a producer id nothing is remembered, so the same bytes are written twice."""
    sent = Batch().encoded()
    assert [talk.produce(topic, sent).base_offset for _ in range(2)] == [0, 1]
    answer = talk.ask("describe_producers", 0, topics=[{"name": topic, "partition_indexes": [0]}])
    assert only(only(answer.topics).partitions).active_producers == ()


def test_an_idempotent_producer_may_raise_its_own_epoch(talk: Conversation) -> None:
    """InitProducerId with an id and epoch, but no transactional id, gives a new id (KIP-360)."""
    first = talk.init_producer()
    again = talk.init_producer(producer_id=first.producer_id, producer_epoch=first.producer_epoch)
    assert not again.error_code
    assert again.producer_id != first.producer_id


def test_an_empty_transactional_id_is_refused(talk: Conversation) -> None:
    """Null means none; empty means a mistake."""
    assert talk.init_producer("").error_code == ErrorCode.invalid_request
