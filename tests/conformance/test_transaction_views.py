"""What is told about transactions and their producers (KIP-664)."""

import struct
from collections.abc import Callable

from kio.schema.errors import ErrorCode

from tests.conformance.conversation import Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import only
from tests.conformance.transactional_producer import TransactionalProducer


def test_transactions_are_told(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """DescribeTransactions and ListTransactions follow the state."""
    nobody = unique("nobody")

    mine = {"producer_id_filters": [producer.producer_id]}

    def state() -> str:
        answer = talk.ask("list_transactions", 1, **mine)
        told: str = only(answer.transaction_states).transaction_state
        return told

    assert state() == "Empty"
    producer.write(topic, b"a")
    answer = talk.ask(
        "describe_transactions", 0, transactional_ids=[producer.transactional_id, nobody]
    )
    found = {each.transactional_id: each for each in answer.transaction_states}
    assert found[nobody].error_code == ErrorCode.transactional_id_not_found
    open_one = found[producer.transactional_id]
    assert open_one.transaction_state == "Ongoing"
    assert (open_one.producer_id, open_one.producer_epoch) == (producer.producer_id, producer.epoch)
    assert [(each.topic, each.partitions) for each in open_one.topics] == [(topic, (0,))]
    listed = talk.ask("list_transactions", 1, state_filters=["Ongoing", "Asleep"], **mine)
    assert listed.unknown_state_filters == ("Asleep",)
    assert [each.transactional_id for each in listed.transaction_states] == [
        producer.transactional_id
    ]
    producer.end(commit=True)
    until(lambda: state() == "CompleteCommit", what="the state after the markers")


def test_an_empty_transaction_began_at_no_time(
    talk: Conversation, producer: TransactionalProducer
) -> None:
    """Its start is -1, which kio cannot read."""
    talk.client.send("describe_transactions", 0, transactional_ids=[producer.transactional_id])
    frame = talk.client.read_frame()
    behind_state = frame.index(b"Empty") + len(b"Empty")
    timeout_ms, start_ms = struct.unpack_from(">iq", frame, behind_state)
    assert (timeout_ms, start_ms) == (60_000, -1)


def test_the_start_of_an_open_transaction_is_told(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """DescribeProducers names the first offset; after the end there is none."""
    talk.write(topic, b"before")
    producer.write(topic, b"a")

    def start() -> int:
        asked = {"name": topic, "partition_indexes": [0]}
        answer = talk.ask("describe_producers", 0, topics=[asked])
        state = only(only(only(answer.topics).partitions).active_producers)
        found: int = state.current_txn_start_offset
        return found

    assert start() == 1
    producer.end(commit=True, topics=[topic])
    assert start() == -1
