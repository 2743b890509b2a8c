"""ListTransactions and DescribeTransactions, as Apache Kafka 4.1.0 was seen to answer."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_answers import (
    ListedTransaction,
    TransactionDescription,
)
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_state import TransactionState
from tests.infra.embedded.transactions.coordinator_bench import A0, A1, B0, ID, CoordinatorBench


def bench_of_three() -> CoordinatorBench:
    """One id that never had a transaction, one with an open one, one whose last is complete."""
    bench = CoordinatorBench()
    bench.producer("new")
    producer = bench.producer("done")
    bench.add(producer, A0, transactional_id="done")
    bench.end(producer, transactional_id="done")
    bench.settle()
    bench.pass_time(1_000)
    bench.add(bench.producer("open"), A0, transactional_id="open")
    bench.now_ms += 500
    return bench


def names(bench: CoordinatorBench, **wanted: object) -> set[str]:
    """The ids that are listed."""
    listed = bench.coordinator.list_transactions(**wanted, now_ms=bench.now_ms)  # type: ignore[arg-type] # as each test says
    assert listed.error is ErrorCode.none
    return {one.transactional_id for one in listed.transactions}


def test_without_filters_all_are_listed() -> None:
    """Each with its producer id and its state."""
    bench = bench_of_three()
    assert bench.coordinator.list_transactions(now_ms=bench.now_ms).transactions == (
        ListedTransaction(transactional_id="new", producer_id=0, state=TransactionState.EMPTY),
        ListedTransaction(
            transactional_id="done", producer_id=1, state=TransactionState.COMPLETE_COMMIT
        ),
        ListedTransaction(transactional_id="open", producer_id=2, state=TransactionState.ONGOING),
    )


def test_filters_narrow_the_list_together() -> None:
    """State and producer id; all that are given must fit."""
    bench = bench_of_three()
    assert names(bench, states=["Ongoing", "Empty"]) == {"open", "new"}
    assert names(bench, producer_ids=[2, 1]) == {"open", "done"}
    assert names(bench, states=["Ongoing", "Empty"], producer_ids=[2, 1]) == {"open"}
    assert names(bench, producer_ids=[-5]) == set()


def test_unknown_states_are_named_and_match_nothing() -> None:
    """Names are compared with their case; Dead and PrepareEpochFence are known and never seen."""
    bench = bench_of_three()
    asked = ["ongoing", "Dead", "PrepareEpochFence", "Nope", "Nope"]
    listed = bench.coordinator.list_transactions(asked, now_ms=bench.now_ms)
    assert set(listed.unknown_states) == {"ongoing", "Nope"}
    assert len(listed.unknown_states) == 2
    assert listed.transactions == ()


def test_what_lasts_longer_than_the_duration_is_listed() -> None:
    """Without any transaction it is for ever, as in Kafka; negative means no filter."""
    bench = bench_of_three()
    assert names(bench, duration_ms=499) == {"new", "done", "open"}
    assert names(bench, duration_ms=500) == {"new", "done"}
    assert names(bench, duration_ms=1_500) == {"new"}
    assert names(bench, duration_ms=2**63 - 1) == set()
    assert names(bench, duration_ms=-2) == {"new", "done", "open"}


def test_a_pattern_has_to_match_the_whole_id() -> None:
    """An empty one is none; one that cannot be read is INVALID_REGULAR_EXPRESSION."""
    bench = bench_of_three()
    assert names(bench, pattern="") == {"new", "done", "open"}
    assert names(bench, pattern="n") == set()
    assert names(bench, pattern="n.*|open") == {"new", "open"}
    refused = bench.coordinator.list_transactions(pattern="(", now_ms=bench.now_ms)
    assert refused.error is ErrorCode.invalid_regular_expression


def test_a_description_says_all_about_an_id() -> None:
    """Groups show as the partitions of __consumer_offsets that they fall on, each once."""
    bench = CoordinatorBench(TransactionConfig(offsets_topic_partitions=4))
    producer = bench.producer(timeout_ms=1_234)
    for partition in (B0, A1, A0):
        bench.add(producer, partition)
    for group in ("g", "another", "", "c"):
        bench.add_group(producer, group)
    assert bench.coordinator.describe(ID) == TransactionDescription(
        transactional_id=ID,
        state="Ongoing",
        timeout_ms=1_234,
        start_ms=bench.now_ms,
        producer_id=0,
        producer_epoch=0,
        partitions=(
            *(TopicPartition("__consumer_offsets", number) for number in (0, 1, 3)),
            A0,
            A1,
            B0,
        ),
    )


def test_the_start_stays_until_the_next_producer_comes() -> None:
    """Of a complete transaction too; then it is -1."""
    bench = bench_of_three()
    done = bench.coordinator.describe("done")
    assert (done.start_ms, done.partitions) == (1_000_000, ())
    bench.producer("done")
    assert bench.coordinator.describe("done").start_ms == -1


def test_unknown_and_empty_ids_are_errors_of_their_own() -> None:
    """The rest of the answer is Kafka's default."""
    describe = CoordinatorBench().coordinator.describe
    assert describe("nope") == TransactionDescription(
        transactional_id="nope", error=ErrorCode.transactional_id_not_found
    )
    assert describe("") == TransactionDescription(
        transactional_id="", error=ErrorCode.invalid_request
    )
