"""InitProducerId, row by row: what Apache Kafka 4.1.0 with transaction.version 0 answered."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import TransactionState
from tests.infra.embedded.transactions.coordinator_bench import A0, ID, MINUTE_MS, CoordinatorBench

NO_ANSWER = -1, -1


def near_the_last_epoch(epoch: int, *, producer_id: int = 7) -> CoordinatorBench:
    """A coordinator whose only producer has this epoch."""
    kept = TransactionKept(
        transactional_id=ID,
        producer_id=producer_id,
        producer_epoch=epoch,
        previous_producer_id=producer_id,
        timeout_ms=MINUTE_MS,
        state=TransactionState.EMPTY,
        update_ms=1_000_000,
    )
    return CoordinatorBench(entries=[kept])


def test_without_an_id_each_producer_is_new() -> None:
    """Whatever time-out and producer it names: an idempotent producer is never refused."""
    bench = CoordinatorBench()
    asked = [bench.init(None), bench.init(None, producer=(0, 0)), bench.init(None, -5)]
    assert asked == [(ErrorCode.none, number, 0) for number in range(3)]


def test_an_empty_id_is_an_invalid_request() -> None:
    """Before anything else is looked at, the time-out included."""
    assert CoordinatorBench().init("", -1) == (ErrorCode.invalid_request, *NO_ANSWER)


@pytest.mark.parametrize("half", [(-1, 3), (3, -1)])
def test_half_a_producer_is_an_invalid_request(half: tuple[int, int]) -> None:
    """Producer id and epoch come together, or not at all; even where there is no id."""
    bench = CoordinatorBench()
    assert bench.init(ID, producer=half) == (ErrorCode.invalid_request, *NO_ANSWER)
    assert bench.init(None, producer=half) == (ErrorCode.invalid_request, *NO_ANSWER)


@pytest.mark.parametrize(
    ("timeout_ms", "fits"), [(-1, 0), (0, 0), (1, 1), (900_000, 1), (900_001, 0)]
)
def test_a_timeout_is_positive_and_at_most_the_configured_one(timeout_ms: int, fits: int) -> None:
    """Else INVALID_TRANSACTION_TIMEOUT, also for an id that would have to wait."""
    bench = CoordinatorBench()
    expected = ErrorCode.none if fits else ErrorCode.invalid_transaction_timeout
    assert bench.init(timeout_ms=timeout_ms)[0] is expected
    producer = bench.producer("other")
    bench.add(producer, A0, transactional_id="other")
    bench.end(producer, transactional_id="other")
    waiting = ErrorCode.concurrent_transactions if fits else expected
    assert bench.init("other", timeout_ms)[0] is waiting


def test_each_further_call_raises_the_epoch() -> None:
    """The producer id stays."""
    bench = CoordinatorBench()
    assert [bench.producer() for _ in range(3)] == [(0, 0), (0, 1), (0, 2)]
    assert bench.producer("another") == (1, 0)


def test_the_timeout_of_the_last_call_holds() -> None:
    """A transaction that begins later has it."""
    bench = CoordinatorBench()
    bench.producer(timeout_ms=5_000)
    bench.producer(timeout_ms=9_000)
    assert bench.coordinator.describe(ID).timeout_ms == 9_000


def test_an_unknown_id_takes_whatever_producer_is_named() -> None:
    """KIP-360: the id may have expired meanwhile; the producer goes on with a new producer id."""
    bench = CoordinatorBench()
    bench.init(None)
    assert bench.init(producer=(77, 4)) == (ErrorCode.none, 1, 0)


def test_a_producer_raises_its_own_epoch_and_may_ask_again() -> None:
    """KIP-360: the answer may have got lost; asking again with the same epoch changes nothing."""
    bench = CoordinatorBench()
    producer_id, epoch = bench.producer()
    raised = ErrorCode.none, producer_id, epoch + 1
    assert bench.init(producer=(producer_id, epoch)) == raised
    assert bench.init(producer=(producer_id, epoch)) == raised


def test_asking_again_works_after_a_transaction() -> None:
    """The epoch that the producer raised itself is remembered over commits."""
    bench = CoordinatorBench()
    bench.producer()
    bench.init(producer=(0, 0))
    bench.add((0, 1), A0)
    bench.end((0, 1))
    bench.settle()
    assert bench.init(producer=(0, 0)) == (ErrorCode.none, 0, 1)
    assert bench.init(producer=(0, 1)) == (ErrorCode.none, 0, 2)


@pytest.mark.parametrize("named", [(0, 0), (0, 9), (77, 2)])
def test_a_producer_that_is_not_the_holder_is_fenced(named: tuple[int, int]) -> None:
    """An older epoch, one never given, another producer id."""
    bench = CoordinatorBench()
    for _ in range(3):
        bench.producer()
    assert bench.init(producer=named) == (ErrorCode.producer_fenced, *NO_ANSWER)


def test_a_new_producer_fences_the_open_transaction() -> None:
    """Abort, with the epoch raised for nobody; wait for its markers; then the epoch after that."""
    bench = CoordinatorBench()
    old = bench.producer()
    bench.add(old, A0)
    assert bench.init() == (ErrorCode.concurrent_transactions, *NO_ANSWER)
    assert bench.state() == "PrepareAbort"
    assert bench.init() == (ErrorCode.concurrent_transactions, *NO_ANSWER)
    (work,) = bench.coordinator.take_markers()
    assert (work.commit, work.producer_epoch) == (False, old[1] + 1)
    assert work.partitions == {A0}
    bench.coordinator.markers_written(ID, now_ms=bench.now_ms)
    assert bench.end(old) is ErrorCode.producer_fenced
    assert bench.producer() == (old[0], old[1] + 2)


def test_a_holder_that_names_itself_fences_its_own_transaction() -> None:
    """And is fenced with it: asking again with the same epoch is too late then."""
    bench = CoordinatorBench()
    producer = bench.producer()
    bench.add(producer, A0)
    assert bench.init(producer=producer)[0] is ErrorCode.concurrent_transactions
    bench.settle()
    assert bench.init(producer=producer)[0] is ErrorCode.producer_fenced


def test_after_a_fence_nobody_may_ask_again() -> None:
    """Not even who had raised its own epoch before: another has taken the id over."""
    bench = CoordinatorBench()
    producer_id, epoch = bench.producer()
    _, *raised = bench.init(producer=(producer_id, epoch))
    bench.add((raised[0], raised[1]), A0)
    bench.init()
    bench.settle()
    assert bench.init(producer=(producer_id, epoch))[0] is ErrorCode.producer_fenced


def test_an_open_transaction_is_fenced_by_any_epoch_of_its_producer() -> None:
    """Kafka compares the producer id only, before it aborts."""
    bench = CoordinatorBench()
    producer_id, epoch = bench.producer()
    bench.add((producer_id, epoch), A0)
    assert bench.init(producer=(99, 0))[0] is ErrorCode.producer_fenced
    assert bench.state() == "Ongoing"
    assert bench.init(producer=(producer_id, 7))[0] is ErrorCode.concurrent_transactions
    assert bench.state() == "PrepareAbort"


def test_while_markers_are_written_nobody_is_looked_at() -> None:
    """A stranger is told to wait like everybody."""
    bench = CoordinatorBench()
    producer = bench.producer()
    bench.add(producer, A0)
    bench.end(producer)
    assert bench.init(producer=(99, 0))[0] is ErrorCode.concurrent_transactions


def test_after_the_last_epoch_comes_a_new_producer_id() -> None:
    """32766 is the last epoch given; 32767 is left for a fence."""
    bench = near_the_last_epoch(32_765)
    assert bench.producer() == (7, 32_766)
    assert bench.producer() == (1_000, 0)


def test_a_producer_at_its_last_epoch_may_ask_again_once() -> None:
    """Kafka forgets the former producer id with the second call, and fences the third."""
    bench = near_the_last_epoch(32_766)
    answers = [bench.init(producer=(7, 32_766)) for _ in range(3)]
    assert answers == [
        (ErrorCode.none, 1_000, 0),
        (ErrorCode.none, 1_000, 0),
        (ErrorCode.producer_fenced, -1, -1),
    ]


def test_at_the_last_epoch_kafka_stumbles_over_an_older_one() -> None:
    """UNKNOWN_SERVER_ERROR, where PRODUCER_FENCED would be expected: so says Kafka 4.1.0."""
    bench = near_the_last_epoch(32_766)
    assert bench.init(producer=(7, 32_765))[0] is ErrorCode.unknown_server_error


def test_a_fence_at_the_last_epoch_leads_to_a_new_producer_id() -> None:
    """The fence takes 32767, which nobody is given."""
    bench = near_the_last_epoch(32_766)
    bench.add((7, 32_766), A0)
    bench.init()
    (work,) = bench.coordinator.take_markers()
    assert work.producer_epoch == 32_767
    bench.coordinator.markers_written(ID, now_ms=bench.now_ms)
    assert bench.init(producer=(7, 32_766))[0] is ErrorCode.unknown_server_error
    assert bench.producer() == (1_000, 0)


def test_who_guesses_the_epoch_of_a_fence_cannot_raise_it_beyond_16_bits() -> None:
    """Nobody was given 32767; its transaction is aborted without a further epoch."""
    bench = near_the_last_epoch(32_767)
    bench.add((7, 32_767), A0)
    bench.init()
    assert bench.coordinator.take_markers()[0].producer_epoch == 32_767


def test_more_ids_than_memory_has_room_for_are_refused() -> None:
    """POLICY_VIOLATION; known ids go on. A long name counts as what it is."""
    bench = CoordinatorBench(TransactionConfig(max_held_bytes=40_000))
    bench.producer("a")
    bench.producer("b" * 30_000)
    assert bench.init("c" * 30_000)[0] is ErrorCode.policy_violation
    assert bench.producer("a") == (0, 1)
    bench.producer("c")
    assert 30_000 < bench.coordinator.statistics().held_bytes <= 40_000
