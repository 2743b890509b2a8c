"""Transactions by the old protocol: partitions and groups are added before they are written.

KIP-98, KIP-447, KIP-890 (verification), KIP-360. Clients of the new protocol ask for
`transaction.version`, which no broker here has finalized.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.conversation import LATEST, Conversation
from tests.conformance.patience import until
from tests.conformance.raw_client import RawClient, only
from tests.conformance.record_batches import Batch, batches_in, records_in
from tests.conformance.transactional_producer import TransactionalProducer, started


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 5])
def test_each_version_starts_a_producer(
    version: int, talk: Conversation, unique: Callable[[str], str]
) -> None:
    """A new id begins with epoch 0."""
    answer = talk.init_producer(unique("id"), version=version)
    assert not answer.error_code
    assert answer.producer_epoch == 0


def test_each_start_raises_the_epoch(talk: Conversation, producer: TransactionalProducer) -> None:
    """The producer id stays, the epoch counts the starts."""
    again = started(talk, producer.transactional_id)
    assert (again.producer_id, again.epoch) == (producer.producer_id, producer.epoch + 1)


def test_what_was_committed_is_read(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Records become readable with the commit, and the marker takes one offset."""
    assert producer.write(topic, b"a", b"b") == 0
    assert talk.end(topic, committed=True) == 0
    producer.end(commit=True, topics=[topic])
    assert talk.end(topic, committed=True) == talk.end(topic) == 3
    answer = talk.fetch(topic, committed=True)
    assert answer.aborted_transactions in ((), None)
    *_, marker = batches_in(answer.records)
    assert [record.value for record in records_in(batches_in(answer.records)[:-1])] == [b"a", b"b"]
    assert marker.is_control
    assert marker.is_transactional
    assert (marker.base_offset, marker.record_count) == (2, 1)


@pytest.mark.parametrize(("commit", "kind"), [(True, 1), (False, 0)])
def test_a_marker_says_how_the_transaction_ended(
    commit: bool, kind: int, talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Key: version 0, kind 0 for abort, 1 for commit. It carries the producer's id and epoch."""
    producer.write(topic, b"a")
    producer.end(commit=commit, topics=[topic])
    (marker,) = batches_in(talk.fetch(topic, 1).records)
    assert (marker.producer_id, marker.producer_epoch) == (producer.producer_id, producer.epoch)
    assert marker.sequence == -1
    (record,) = records_in([marker])
    assert record.key == bytes([0, 0, 0, kind])
    assert record.value is not None
    assert record.value[:2] == bytes([0, 0])  # version; then the coordinator's epoch
    assert len(record.value) == 6


def test_an_aborted_transaction_is_listed(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Committed readers get its records and the list that tells them which to leave out."""
    talk.write(topic, b"before")
    producer.write(topic, b"a", b"b")
    producer.end(commit=False, topics=[topic])
    answer = talk.fetch(topic, committed=True)
    aborted = only(answer.aborted_transactions)
    assert (aborted.producer_id, aborted.first_offset) == (producer.producer_id, 1)
    assert answer.last_stable_offset == answer.high_watermark == 4
    assert [batch.base_offset for batch in batches_in(answer.records)] == [0, 1, 3]


def test_the_list_holds_what_the_answer_reaches(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Aborted transactions that ended before the fetched offset are left out."""
    for _ in range(2):
        producer.write(topic, b"a")
        producer.end(commit=False, topics=[topic])
    found = {
        offset: [
            each.first_offset
            for each in talk.fetch(topic, offset, committed=True).aborted_transactions
        ]
        for offset in (0, 1, 2)
    }
    assert found == {0: [0, 2], 1: [0, 2], 2: [2]}


def test_uncommitted_readers_get_no_list(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """They read everything up to the high watermark."""
    producer.write(topic, b"a")
    answer = talk.fetch(topic)
    assert answer.aborted_transactions is None
    assert (answer.high_watermark, answer.last_stable_offset) == (1, 0)
    assert len(batches_in(answer.records)) == 1


def test_an_open_transaction_holds_committed_readers(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Nothing behind its first record is read, whoever wrote it, until it has ended."""
    talk.write(topic, b"before")
    producer.write(topic, b"open")
    talk.write(topic, b"after")
    answer = talk.fetch(topic, committed=True)
    assert [batch.base_offset for batch in batches_in(answer.records)] == [0]
    assert (answer.last_stable_offset, answer.high_watermark) == (1, 3)
    assert (talk.end(topic, committed=True), talk.end(topic)) == (1, 3)
    assert not talk.fetch(topic, 2, committed=True).error_code
    producer.end(commit=True, topics=[topic])
    assert talk.end(topic, committed=True) == 4


def test_the_earliest_open_transaction_decides(
    talk: Conversation, producer: TransactionalProducer, topic: str, unique: Callable[[str], str]
) -> None:
    """Of two open ones, the stable end stands at the first; it moves when that one ends."""
    other = started(talk, unique("other"))
    producer.write(topic, b"first")
    other.write(topic, b"second")
    other.end(commit=True, topics=[topic])
    assert talk.end(topic, committed=True) == 0
    producer.end(commit=True, topics=[topic])
    assert talk.end(topic, committed=True) == 4


def test_a_waiting_committed_reader_is_woken_by_the_marker(
    producer: TransactionalProducer,
    topic: str,
    connect: Callable[..., RawClient],
) -> None:
    """min_bytes counts what the reader may see."""
    waiting = connect()
    part = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    sent = waiting.send(
        "fetch",
        11,
        max_wait=60_000,
        min_bytes=1,
        isolation_level=1,
        topics=[{"topic": topic, "partitions": [part]}],
    )
    producer.write(topic, b"a")
    assert waiting.is_silent(for_s=0.05)
    producer.end(commit=True)
    assert batches_in(only(only(waiting.answer(sent).responses).partitions).records)


def test_a_partition_that_was_not_added_is_refused(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """The broker verifies with the coordinator (KIP-890)."""
    answer = producer.try_produce(topic, producer.batch(topic))
    assert answer.error_code == ErrorCode.invalid_txn_state
    assert talk.end(topic) == 0


def test_a_transactional_batch_takes_a_transactional_id(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Request and batch must agree."""
    producer.add(topic)
    answer = talk.produce(topic, producer.batch(topic))
    assert answer.error_code == ErrorCode.transactional_id_authorization_failed
    assert talk.end(topic) == 0


def test_a_plain_batch_of_a_transactional_producer_is_refused_within_a_transaction(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Between transactional batches nothing of the same producer may be plain."""
    producer.write(topic, b"a")
    plain = replace(producer.batch(topic), transactional=False)
    answer = talk.produce(topic, plain)
    assert answer.error_code == ErrorCode.invalid_txn_state
    assert talk.end(topic) == 1


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_each_version_adds_partitions(
    version: int, producer: TransactionalProducer, topic: str
) -> None:
    """Twice is as good as once."""
    for _ in range(2):
        assert producer.try_add(topic, version=version) == ErrorCode.none
    assert producer.try_end(commit=True) == ErrorCode.none


def test_unknown_partitions_are_not_added(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """All or nothing: the good ones of the same request are told `operation_not_attempted`."""
    answer = talk.ask(
        "add_partitions_to_txn",
        3,
        v3_and_below_transactional_id=producer.transactional_id,
        v3_and_below_producer_id=producer.producer_id,
        v3_and_below_producer_epoch=producer.epoch,
        v3_and_below_topics=[{"name": topic, "partitions": [0, 9]}],
    )
    codes = {
        each.partition_index: each.partition_error_code
        for each in only(answer.results_by_topic_v3_and_below).results_by_partition
    }
    assert codes == {
        0: ErrorCode.operation_not_attempted,
        9: ErrorCode.unknown_topic_or_partition,
    }


@pytest.mark.parametrize("commit", [True, False])
def test_nothing_to_end_is_a_wrong_state(commit: bool, producer: TransactionalProducer) -> None:
    """A producer that has added nothing has no transaction."""
    assert producer.try_end(commit=commit) == ErrorCode.invalid_txn_state


@pytest.mark.parametrize("commit", [True, False])
def test_an_end_may_be_repeated_but_not_turned(
    commit: bool, talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """The same end again is fine, as its answer may have been lost; the other one is refused."""
    producer.write(topic, b"a")
    producer.end(commit=commit, topics=[topic])
    assert until(
        lambda: [
            code
            for code in [producer.try_end(commit=commit)]
            if code != ErrorCode.concurrent_transactions
        ],
        what="the markers",
    ) == [ErrorCode.none]
    assert producer.try_end(commit=not commit) == ErrorCode.invalid_txn_state
    assert talk.end(topic) == 2


def test_the_next_transaction_goes_on_counting(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Sequence numbers of one epoch go on from one transaction to the next."""
    for value in (b"a", b"b"):
        producer.write(topic, value)
        producer.end(commit=True, topics=[topic])
    assert talk.values(topic) == [b"a", b"b"]
    assert talk.end(topic) == 4


def test_a_second_start_fences_the_first(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """Whoever holds the old epoch can add, write and end no more."""
    producer.write(topic, b"a")
    started(talk, producer.transactional_id)
    until(lambda: talk.end(topic) == 2, what="the marker of the abort")
    assert producer.try_add(topic) == ErrorCode.producer_fenced
    assert producer.try_end(commit=True) == ErrorCode.producer_fenced
    assert producer.add_group("group") == ErrorCode.producer_fenced
    answer = producer.try_produce(topic, producer.batch(topic))
    assert answer.error_code == ErrorCode.invalid_producer_epoch
    assert talk.end(topic) == 2


def test_older_clients_are_told_of_fencing_by_the_older_code(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """`producer_fenced` came with AddPartitionsToTxn v2 and EndTxn v2."""
    started(talk, producer.transactional_id)
    assert producer.try_add(topic, version=1) == ErrorCode.invalid_producer_epoch
    answer = talk.ask(
        "end_txn",
        1,
        transactional_id=producer.transactional_id,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        committed=True,
    )
    assert answer.error_code == ErrorCode.invalid_producer_epoch


def test_a_start_during_a_transaction_aborts_it(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """The first answer is concurrent_transactions; once the markers stand, the epoch has risen."""
    producer.write(topic, b"a")
    first = talk.init_producer(producer.transactional_id)
    assert first.error_code == ErrorCode.concurrent_transactions
    again = started(talk, producer.transactional_id)
    assert again.epoch > producer.epoch
    until(lambda: talk.end(topic, committed=True) == 2, what="the marker of the abort")
    answer = talk.fetch(topic, committed=True)
    assert [each.first_offset for each in answer.aborted_transactions] == [0]


def test_a_producer_may_raise_its_own_epoch(
    talk: Conversation, producer: TransactionalProducer
) -> None:
    """InitProducerId with its id and epoch goes on as the same producer (KIP-360)."""
    mine = {"producer_id": producer.producer_id, "producer_epoch": producer.epoch}
    raised = talk.init_producer(producer.transactional_id, **mine)
    assert (raised.error_code, raised.producer_epoch) == (ErrorCode.none, producer.epoch + 1)
    again = talk.init_producer(producer.transactional_id, **mine)
    assert (again.error_code, again.producer_epoch) == (ErrorCode.none, producer.epoch + 1)


def test_a_stranger_may_not_raise_the_epoch(
    talk: Conversation, producer: TransactionalProducer
) -> None:
    """An epoch that is neither the present nor the last one is fenced."""
    for _ in range(2):
        started(talk, producer.transactional_id)
    old = talk.init_producer(
        producer.transactional_id,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
    )
    assert old.error_code == ErrorCode.producer_fenced


def test_an_unknown_transactional_id_is_told(producer: TransactionalProducer, topic: str) -> None:
    """And so is a producer id that does not belong to it."""
    nobody = replace(producer, transactional_id="nobody-has-this")
    assert nobody.try_add(topic) == ErrorCode.invalid_producer_id_mapping
    assert nobody.try_end(commit=True) == ErrorCode.invalid_producer_id_mapping
    other = replace(producer, producer_id=producer.producer_id + 1000)
    assert other.try_add(topic) == ErrorCode.invalid_producer_id_mapping


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
def test_timeouts_have_limits(
    timeout_ms: int, talk: Conversation, unique: Callable[[str], str]
) -> None:
    """Above zero, and no more than transaction.max.timeout.ms."""
    answer = talk.init_producer(unique("id"), timeout_ms=timeout_ms)
    assert answer.error_code == ErrorCode.invalid_transaction_timeout


def test_a_transaction_that_takes_too_long_is_aborted(
    talk: Conversation, topic: str, unique: Callable[[str], str], broker: BrokerUnderTest
) -> None:
    """By the coordinator, which raises the epoch, so that its producer is fenced."""
    # So long that a busy machine writes in time.
    producer = started(talk, unique("id"), timeout_ms=2_000)
    producer.write(topic, b"a")
    broker.pass_time(3_000)
    until(lambda: talk.end(topic, committed=True) == 2, what="the marker of the abort")
    assert only(talk.fetch(topic, committed=True).aborted_transactions).first_offset == 0
    (marker,) = batches_in(talk.fetch(topic, 1).records)
    assert marker.producer_epoch == producer.epoch + 1
    assert producer.try_end(commit=True) == ErrorCode.producer_fenced
    # The marker stands in the log before its coordinator has heard so.
    added = until(lambda: _unless_concurrent(producer.try_add(topic)), what="the former markers")
    assert added == ErrorCode.producer_fenced


def _unless_concurrent(code: ErrorCode) -> ErrorCode | None:
    """The code of a refusal; None where it only asks to wait for markers."""
    assert code != ErrorCode.none
    return None if code == ErrorCode.concurrent_transactions else code


def test_markers_go_to_every_partition_that_was_added(
    talk: Conversation, producer: TransactionalProducer, unique: Callable[[str], str]
) -> None:
    """Also where nothing was written."""
    topic = talk.create_topic(unique("t"), partitions=2)
    for partition in (0, 1):
        producer.add(topic, partition)
    producer.end(commit=True)
    for partition in (0, 1):
        until(lambda part=partition: talk.end(topic, partition=part) == 1, what="a marker")  # type: ignore[misc] # mypy knows no such lambda


def test_a_topic_made_anew_is_in_the_open_transactions_of_its_name(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """A transaction knows names: while the topic is gone it is told all the same."""
    producer.write(topic, b"gone with its topic")
    assert not talk.delete_topic(topic).error_code
    until(lambda: talk.offset_of(topic, LATEST).error_code, what="the deletion")
    told = talk.ask("describe_transactions", 0, transactional_ids=[producer.transactional_id])
    assert [each.topic for each in only(told.transaction_states).topics] == [topic]
    talk.create_topic(topic)
    producer.sequences.clear()
    assert not producer.try_produce(topic, producer.batch(topic, values=[b"a"])).error_code
    producer.end(commit=True, topics=[topic])
    assert talk.end(topic, committed=True) == 2
    assert talk.values(topic) == [b"a"]


def test_plain_batches_of_others_do_not_wait(
    talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """An open transaction holds readers, never writers."""
    producer.write(topic, b"a")
    assert not talk.produce(topic, Batch()).error_code
    assert not talk.produce(topic, talk.idempotent()).error_code
    assert talk.end(topic) == 3


@pytest.mark.parametrize("version", [4, 5])
def test_brokers_may_ask_whether_a_partition_was_added(
    version: int, talk: Conversation, producer: TransactionalProducer, topic: str
) -> None:
    """AddPartitionsToTxn v4 and above is between brokers; verify_only adds nothing."""
    asked = {
        "transactional_id": producer.transactional_id,
        "producer_id": producer.producer_id,
        "producer_epoch": producer.epoch,
        "verify_only": True,
        "topics": [{"name": topic, "partitions": [0]}],
    }

    def verified() -> ErrorCode:
        answer = talk.ask("add_partitions_to_txn", version, transactions=[asked])
        assert not answer.error_code
        result = only(only(only(answer.results_by_transaction).topic_results).results_by_partition)
        code: ErrorCode = result.partition_error_code
        return code

    assert verified() == ErrorCode.transaction_abortable
    producer.add(topic)
    assert verified() == ErrorCode.none
