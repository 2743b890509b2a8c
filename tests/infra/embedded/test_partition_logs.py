"""Logs are cleaned in turns: when Kafka does it, and a few at a time."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topics.topic_deletion import TopicReference
from tests.infra.embedded.broker_bench import NOW, BrokerBench, Killed

_DAY_MS = 86_400_000


def test_without_logs_there_is_nothing_to_wait_for() -> None:
    """Apart from the groups' own search."""
    bench = BrokerBench()
    assert bench.broker.statistics().logs.partitions == 0
    deadline = bench.broker.next_deadline_ms()
    assert deadline is None or deadline > NOW + 15_000


def test_old_segments_go_after_the_retention_interval() -> None:
    """Not before log.retention.check.interval.ms has passed."""
    bench = BrokerBench({"log.retention.check.interval.ms": "1000"})
    bench.create("orders", retention_ms="10", internal_segment_bytes="200")
    for _ in range(3):
        assert bench.produce("orders", [(None, b"x" * 100)]).error is ErrorCode.none
    bench.tick(later_ms=999)
    assert len(bench.values("orders")) == 3
    bench.tick(later_ms=1)
    assert bench.values("orders") == []
    statistics = bench.broker.statistics().logs
    assert (statistics.segments_deleted >= 2, statistics.bytes_deleted > 0) == (True, True)
    log = bench.broker.log("orders", 0)
    assert log is not None
    assert statistics.size_bytes == log.size_bytes


def test_compaction_has_an_interval_of_its_own() -> None:
    """log.cleaner.backoff.ms, and the last value of each key stays."""
    bench = BrokerBench({"log.cleaner.backoff.ms": "1000"})
    bench.create(
        "table",
        cleanup_policy="compact",
        internal_segment_bytes="100",
        min_cleanable_dirty_ratio="0",
    )
    for number in range(5):
        bench.produce("table", [(b"k", b"%d" % number)])
    bench.tick(later_ms=999)
    assert len(bench.values("table")) == 5
    bench.tick(later_ms=1)
    assert bench.values("table") == [b"3", b"4"]  # the last segment is never compacted
    assert bench.broker.statistics().logs.records_compacted == 3


def test_compaction_can_be_switched_off() -> None:
    """By log.cleaner.enable."""
    bench = BrokerBench({"log.cleaner.enable": "false"})
    bench.create(
        "table",
        cleanup_policy="compact",
        internal_segment_bytes="100",
        min_cleanable_dirty_ratio="0",
    )
    for number in range(5):
        bench.produce("table", [(b"k", b"%d" % number)])
    bench.tick(later_ms=_DAY_MS)
    assert len(bench.values("table")) == 5


def test_a_call_cleans_a_few_logs_and_says_that_more_are_due() -> None:
    """So that no client waits for a sweep over thousands."""
    bench = BrokerBench({"log.retention.check.interval.ms": "1000"})
    bench.create("orders", partitions=80)
    due_ms = NOW + 1000
    calls = 0
    while (deadline := bench.broker.next_deadline_ms()) is not None and deadline <= due_ms:
        bench.broker.tick(due_ms)
        calls += 1
    assert calls == 3


def test_logs_are_cleaned_although_the_journal_takes_nothing() -> None:
    """On a full disk only that makes room again; an open transaction's time is over meanwhile."""
    bench = BrokerBench({"log.retention.check.interval.ms": "1000"})
    bench.create("orders", retention_ms="10", internal_segment_bytes="200")
    for _ in range(3):
        bench.produce("orders", [(None, b"x" * 100)])
    transactions = bench.broker.transactions
    begun = transactions.init_producer("tx", 500, now_ms=bench.now_ms)
    producer = begun.producer_id, begun.producer_epoch
    transactions.add_group("tx", *producer, "g", now_ms=bench.now_ms)
    bench.keeps_left = 0
    for _ in range(2):
        bench.now_ms += 1000
        with pytest.raises(Killed):
            bench.broker.tick(bench.now_ms)
    assert bench.values("orders") == []


def test_a_topic_may_go_in_the_middle_of_a_sweep() -> None:
    """Its logs are skipped."""
    bench = BrokerBench({"log.retention.check.interval.ms": "1000"})
    bench.create("orders", partitions=80)
    bench.now_ms += 1000
    bench.broker.tick(bench.now_ms)
    (deleted,) = bench.broker.delete_topics([TopicReference(name="orders")], now_ms=bench.now_ms)
    assert deleted.error is ErrorCode.none
    bench.tick()
    assert bench.broker.statistics().logs.partitions == 0
