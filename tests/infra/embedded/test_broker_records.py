"""Records of the whole broker: what produce takes and refuses, and what transactions do to them."""

from copy import deepcopy

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_requests import CommittedOffset, TransactionalOffsetCommit
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from tests.infra.embedded.broker_bench import NOW, BrokerBench, Killed
from tests.infra.embedded.log.record_batches import client_batch

_NONE = ErrorCode.none
_PARTITION = TopicPartition("orders", 0)
_OTHER_PARTITION = TopicPartition("orders", 1)
_ID = "tx"


@pytest.fixture
def bench() -> BrokerBench:
    """Give a broker with a topic of two partitions."""
    made = BrokerBench()
    made.create("orders", partitions=2)
    return made


def _begin(bench: BrokerBench, *partitions: TopicPartition) -> tuple[int, int]:
    answer = bench.broker.transactions.init_producer(_ID, 60_000, now_ms=bench.now_ms)
    assert answer.error is _NONE
    producer = answer.producer_id, answer.producer_epoch
    if partitions:
        error = bench.broker.transactions.add_partitions(
            _ID, *producer, partitions, now_ms=bench.now_ms
        )
        assert error is _NONE
    return producer


def _write(
    bench: BrokerBench, producer: tuple[int, int], value: bytes, sequence: int = 0
) -> ErrorCode:
    return bench.produce(
        "orders",
        [(None, value)],
        transactional_id=_ID,
        producer_id=producer[0],
        epoch=producer[1],
        sequence=sequence,
    ).error


def _end(bench: BrokerBench, producer: tuple[int, int], *, commit: bool) -> None:
    error = bench.broker.transactions.end(_ID, *producer, commit=commit, now_ms=bench.now_ms)
    assert error is _NONE


def _log_end(bench: BrokerBench, partition: TopicPartition) -> int:
    log = bench.broker.log(*partition)
    assert log is not None
    return log.end_offset


def test_what_is_taken_is_there_and_wakes_its_readers(bench: BrokerBench) -> None:
    """Once."""
    bench.broker.take_readable()
    appended = bench.produce("orders", [(None, b"1"), (None, b"2")], partition=1)
    assert (appended.error, appended.base_offset) == (_NONE, 0)
    assert bench.values("orders", 1) == [b"1", b"2"]
    assert bench.broker.take_readable() == {TopicPartition("orders", 1)}
    assert bench.broker.take_readable() == set()
    statistics = bench.broker.statistics()
    assert (statistics.batches_appended, statistics.records_appended) == (1, 2)
    assert statistics.bytes_appended == statistics.logs.size_bytes > 0


@pytest.mark.parametrize("acks", [-1, 0, 1])
def test_legal_acks_are_taken(bench: BrokerBench, acks: int) -> None:
    """All, none, and the leader's."""
    assert bench.produce("orders", [(None, b"1")], acks=acks).error is _NONE


@pytest.mark.parametrize("acks", [2, -2, 32_767])
def test_other_acks_are_refused(bench: BrokerBench, acks: int) -> None:
    """Nothing is written."""
    appended = bench.produce("orders", [(None, b"1")], acks=acks)
    assert appended.error is ErrorCode.invalid_required_acks
    assert bench.values("orders") == []
    assert bench.broker.statistics().appends_refused == 1


@pytest.mark.parametrize("partition", [2, -1])
def test_a_partition_that_is_not_there_takes_nothing(bench: BrokerBench, partition: int) -> None:
    """And produce makes no topics."""
    appended = bench.produce("orders", [(None, b"1")], partition=partition)
    assert appended.error is ErrorCode.unknown_topic_or_partition
    assert bench.produce("nope", [(None, b"1")]).error is ErrorCode.unknown_topic_or_partition
    assert bench.broker.topics.names() == ["orders"]


def test_records_must_be_exactly_one_batch(bench: BrokerBench) -> None:
    """None, no bytes, a part of a batch, two batches; and nothing that is damaged."""
    batch = client_batch([(None, b"1")])
    for data in (None, b"", batch[:-1], batch + batch):
        assert bench.send("orders", data).error is ErrorCode.invalid_record
    damaged = batch[:-1] + bytes([batch[-1] ^ 1])
    assert bench.send("orders", damaged).error is ErrorCode.corrupt_message
    assert bench.values("orders") == []


def test_replicas_that_cannot_be_are_not_asked_for(bench: BrokerBench) -> None:
    """Apache Kafka 4.1 never wants more in-sync replicas than the partition has."""
    bench.create("safe", min_insync_replicas="2")
    assert bench.produce("safe", [(None, b"1")], acks=-1).error is _NONE


def test_all_logs_together_hold_so_much_and_no_more() -> None:
    """The refusal names the options that raise it."""
    batch = client_batch([(None, b"x" * 100)])
    bench = BrokerBench(log_memory_bytes=2 * len(batch) + 10)
    bench.create("orders", partitions=2)
    assert bench.send("orders", batch).error is _NONE
    assert bench.send("orders", batch, partition=1).error is _NONE
    refused = bench.send("orders", batch)
    assert refused.error is ErrorCode.kafka_storage_error
    assert "log_memory_bytes" in refused.reason
    assert "--memory" in refused.reason
    assert bench.broker.statistics().logs.refused_for_memory == 1


def test_what_is_in_the_log_already_needs_no_room() -> None:
    """A producer whose answer was lost sends again, and is told where its batch is."""
    batch = client_batch([(None, b"x" * 100)], producer_id=7, epoch=0, sequence=0)
    following = client_batch([(None, b"x" * 100)], producer_id=7, epoch=0, sequence=1)
    bench = BrokerBench(log_memory_bytes=len(batch))
    bench.create("orders")
    assert bench.send("orders", batch).error is _NONE
    assert bench.send("orders", following).error is ErrorCode.kafka_storage_error
    again = bench.send("orders", batch)
    assert (again.error, again.base_offset, again.duplicate) == (_NONE, 0, True)
    assert bench.broker.statistics().logs.refused_for_memory == 1
    assert bench.values("orders") == [b"x" * 100]


def test_a_marker_needs_no_room() -> None:
    """Without it the transaction would stay open, and readers would wait for ever."""
    bench = BrokerBench(log_memory_bytes=200)
    bench.create("orders", partitions=2)
    producer = _begin(bench, _PARTITION)
    assert _write(bench, producer, b"x" * 100) is _NONE
    assert _write(bench, producer, b"x" * 100, sequence=1) is ErrorCode.kafka_storage_error
    _end(bench, producer, commit=True)
    bench.broker.settle(bench.now_ms)
    assert bench.values("orders", committed=True) == [b"x" * 100]


def test_deleted_records_make_room_when_they_are_cleaned() -> None:
    """Closed segments go; the rest stays for the next."""
    bench = BrokerBench(log_memory_bytes=2_000)
    bench.create("orders", internal_segment_bytes="200")
    while bench.produce("orders", [(None, b"x" * 100)]).error is _NONE:
        pass
    log = bench.broker.log("orders", 0)
    assert log is not None
    assert bench.broker.delete_records(_PARTITION, -1) == (_NONE, log.end_offset)
    bench.tick(later_ms=300_000)
    assert bench.produce("orders", [(None, b"x" * 100)]).error is _NONE


def test_only_a_policy_that_deletes_lets_records_be_deleted(bench: BrokerBench) -> None:
    """A compacted topic keeps them."""
    bench.create("table", cleanup_policy="compact")
    error, _ = bench.broker.delete_records(TopicPartition("table", 0), -1)
    assert error is ErrorCode.policy_violation
    error, _ = bench.broker.delete_records(TopicPartition("nope", 0), -1)
    assert error is ErrorCode.unknown_topic_or_partition


@pytest.mark.parametrize(("commit", "values"), [(True, [b"1"]), (False, [])])
def test_a_transaction_is_seen_as_a_whole_or_not_at_all(
    bench: BrokerBench,
    commit: bool,
    values: list[bytes],
) -> None:
    """After its marker is written."""
    producer = _begin(bench, _PARTITION)
    assert _write(bench, producer, b"1") is _NONE
    bench.broker.take_readable()
    _end(bench, producer, commit=commit)
    assert bench.values("orders", committed=True) == []
    bench.broker.settle(bench.now_ms)
    assert bench.broker.take_readable() == {_PARTITION}
    assert bench.values("orders", committed=True) == values
    assert bench.broker.transactions.describe(_ID).state.startswith("Complete")


def test_a_transactional_batch_needs_its_id(bench: BrokerBench) -> None:
    """Kafka could not check the right to write otherwise."""
    producer = _begin(bench, _PARTITION)
    appended = bench.produce(
        "orders",
        [(None, b"1")],
        producer_id=producer[0],
        epoch=producer[1],
        sequence=0,
        transactional=True,
    )
    assert appended.error is ErrorCode.transactional_id_authorization_failed


def test_a_batch_outside_of_its_transaction_is_refused(bench: BrokerBench) -> None:
    """Unless somebody has switched the verification off; older clients are told another code."""
    producer = _begin(bench, TopicPartition("orders", 1))
    assert _write(bench, producer, b"1") is ErrorCode.transaction_abortable
    bench.restart(options={"transaction.partition.verification.enable": "false"})
    assert _write(bench, producer, b"1") is _NONE


def test_a_fenced_producer_writes_nothing(bench: BrokerBench) -> None:
    """Produce says it as INVALID_PRODUCER_EPOCH."""
    old = _begin(bench)
    new = _begin(bench, _PARTITION)
    assert _write(bench, old, b"1") is ErrorCode.invalid_producer_epoch
    assert _write(bench, new, b"1") is _NONE


def test_while_markers_are_held_back_the_next_transaction_waits(bench: BrokerBench) -> None:
    """Produce says it with an error that every client tries again."""
    producer = _begin(bench, TopicPartition("orders", 1))
    _end(bench, producer, commit=True)
    assert _write(bench, producer, b"1") is ErrorCode.not_enough_replicas


def test_offsets_of_a_transaction_count_when_it_commits(bench: BrokerBench) -> None:
    """For their group, and not before."""
    producer = _begin(bench)
    error = bench.broker.transactions.add_group(_ID, *producer, "g", now_ms=NOW)
    assert error is _NONE
    bench.broker.groups.commit_in_transaction(
        TransactionalOffsetCommit(
            group="g",
            producer_id=producer[0],
            producer_epoch=producer[1],
            offsets={_PARTITION: CommittedOffset(offset=7)},
        ),
        now_ms=NOW,
    )
    _end(bench, producer, commit=True)
    found = []
    for _ in range(2):
        fetched = bench.broker.groups.fetch_offsets("g", [_PARTITION], require_stable=False)
        found.append(fetched[_PARTITION].offset)
        bench.broker.settle(NOW)
    assert found == [-1, 7]


def test_a_transaction_that_lasts_too_long_is_aborted(bench: BrokerBench) -> None:
    """Its reader goes on."""
    producer = _begin(bench, _PARTITION)
    _write(bench, producer, b"1")
    bench.produce("orders", [(None, b"2")])
    assert bench.values("orders", committed=True) == []
    deadline = bench.broker.next_deadline_ms()
    assert deadline is not None
    assert deadline <= NOW + 60_000
    bench.tick(later_ms=60_001)
    assert bench.values("orders", committed=True) == [b"2"]
    assert bench.broker.statistics().transactions.timed_out == 1


def test_a_deleted_topic_does_not_keep_a_transaction_open(bench: BrokerBench) -> None:
    """Its other partitions get their markers."""
    bench.create("stock")
    producer = _begin(bench, _PARTITION, TopicPartition("stock", 0))
    _write(bench, producer, b"1")
    bench.broker.delete_topics([TopicReference(name="stock")], now_ms=NOW)
    _end(bench, producer, commit=True)
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"1"]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_log_that_takes_no_marker_holds_up_no_other_one(
    bench: BrokerBench, *, restarts: bool
) -> None:
    """Neither of its own transaction nor of the next one; and none gets its marker twice."""
    created = bench.create("broken", internal_segment_bytes="200")
    broken = TopicPartition("broken", 0)
    bench.produce("broken", [(None, b"x" * 100)])
    first = _begin(bench, _PARTITION, broken)
    _write(bench, first, b"1")
    second = bench.broker.transactions.init_producer("other", 60_000, now_ms=NOW)
    bench.broker.transactions.add_partitions(
        "other", second.producer_id, second.producer_epoch, [_OTHER_PARTITION], now_ms=NOW
    )
    _end(bench, first, commit=True)
    bench.broker.transactions.end(
        "other", second.producer_id, second.producer_epoch, commit=True, now_ms=NOW
    )
    bench.doors[created.topic_id, 0].changes = 0
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output error"):
            bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"1"]
    assert [_log_end(bench, each) for each in (_PARTITION, _OTHER_PARTITION)] == [2, 1]
    assert bench.broker.transactions.describe(_ID).state == "PrepareCommit"
    assert bench.broker.transactions.describe("other").state == "CompleteCommit"
    bench.doors[created.topic_id, 0].changes = -1
    if restarts:
        bench.restart()
    bench.broker.settle(NOW)
    assert bench.broker.transactions.describe(_ID).state == "CompleteCommit"
    # What was written already is not known after a restart, and one marker more does no harm.
    assert [_log_end(bench, each) for each in (_PARTITION, broken)] == [2 + restarts, 2]


def test_a_marker_is_not_written_again_because_a_journal_is_full(bench: BrokerBench) -> None:
    """Each attempt to complete the transaction would let the log grow."""
    producer = _begin(bench, _PARTITION)
    _end(bench, producer, commit=True)
    bench.journal_is_full = True
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            bench.broker.settle(NOW)
    bench.journal_is_full = False
    bench.broker.settle(NOW)
    assert bench.broker.transactions.describe(_ID).state == "CompleteCommit"
    assert _log_end(bench, _PARTITION) == 1


def test_a_settling_that_fails_is_done_again(bench: BrokerBench) -> None:
    """A journal that raises loses nothing of what was decided."""
    producer = _begin(bench, _PARTITION)
    _write(bench, producer, b"1")
    _end(bench, producer, commit=True)
    bench.keeps_left = 0
    with pytest.raises(Killed):
        bench.broker.settle(NOW)
    bench.keeps_left = None
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"1"]
    assert bench.broker.transactions.describe(_ID).state == "CompleteCommit"


@pytest.mark.parametrize("written_anew", [False, True])
def test_a_settled_transaction_is_finished_by_the_next_broker(
    bench: BrokerBench,
    written_anew: bool,
) -> None:
    """Whether its journal is the old one or one that was written anew."""
    producer = _begin(bench, _PARTITION)
    _write(bench, producer, b"1")
    _end(bench, producer, commit=True)
    if written_anew:
        bench.restart_on_snapshot()
    else:
        bench.restart()
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"1"]
    assert _write(bench, _begin(bench, _PARTITION), b"2") is _NONE


def test_a_producer_id_in_a_log_is_never_given_again(bench: BrokerBench) -> None:
    """Even where the journal has lost that it was given."""
    bench.produce("orders", [(None, b"1")], producer_id=5_000, epoch=0, sequence=0)
    bench.restart()
    answer = bench.broker.transactions.init_producer(None, 0, now_ms=NOW)
    assert answer.producer_id > 5_000


def test_a_transaction_of_which_the_journal_has_lost_the_beginning_is_aborted(
    bench: BrokerBench,
) -> None:
    """A machine that dies may lose its end and not a log's; nobody else would ever end it."""
    kept = len(bench.journal)
    _write(bench, _begin(bench, _PARTITION), b"lost")
    bench.produce("orders", [(None, b"after")])
    del bench.journal[kept:]
    bench.restart()
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"after"]
    assert bench.broker.take_readable() == {_PARTITION}
    end = bench.records("orders")[-1].offset + 2  # the marker takes one
    bench.restart()
    bench.broker.settle(NOW)
    log = bench.broker.log(*_PARTITION)
    assert log is not None
    assert (log.last_stable_offset, log.end_offset) == (end, end)


@pytest.mark.parametrize("commit", [True, False])
def test_a_complete_transaction_of_which_a_log_has_lost_the_marker_ends_as_it_was_decided(
    bench: BrokerBench, commit: bool
) -> None:
    """A machine that dies may have the record of the completion on its disk before the marker."""
    producer = _begin(bench, _PARTITION)
    _write(bench, producer, b"1")
    before = deepcopy(bench.stores)
    _end(bench, producer, commit=commit)
    bench.broker.settle(NOW)
    bench.stores = before
    bench.restart()
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == ([b"1"] if commit else [])
    log = bench.broker.log(*_PARTITION)
    assert log is not None
    assert log.last_stable_offset == log.end_offset


def test_an_open_transaction_goes_on_after_a_restart(bench: BrokerBench) -> None:
    """Its coordinator knows it, and will end it."""
    producer = _begin(bench, _PARTITION)
    _write(bench, producer, b"1")
    bench.restart()
    bench.broker.settle(NOW)
    assert _write(bench, producer, b"2", 1) is _NONE
    _end(bench, producer, commit=True)
    bench.broker.settle(NOW)
    assert bench.values("orders", committed=True) == [b"1", b"2"]


def test_the_cluster_keeps_its_id() -> None:
    """22 characters, as Kafka writes it."""
    bench = BrokerBench()
    first = bench.broker.cluster_id
    assert len(first) == 22
    assert bench.restart().cluster_id == first
    assert bench.restart_on_snapshot().cluster_id == first
    assert BrokerBench().broker.node_id == 1
