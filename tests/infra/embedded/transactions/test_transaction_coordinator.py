"""Transactions from their first partition to their last marker.

The error codes are those that Apache Kafka 4.1.0 with transaction.version 0 was seen to answer.
"""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction import ForbiddenChange
from penstock.infra.embedded.transactions.transaction_config import TransactionConfig
from penstock.infra.embedded.transactions.transaction_entry import (
    ProducerIdBlockKept,
    TransactionForgotten,
)
from tests.infra.embedded.transactions.coordinator_bench import (
    A0,
    A1,
    B0,
    ID,
    MINUTE_MS,
    CoordinatorBench,
    JournalFull,
)

WEEK_MS = 604_800_000
STRANGER = 77, 0


def open_transaction(bench: CoordinatorBench) -> tuple[int, int]:
    """A producer with a transaction at one partition and one group."""
    producer = bench.producer()
    assert bench.add(producer, A0) is ErrorCode.none
    assert bench.add_group(producer, "g") is ErrorCode.none
    return producer


# --- adding ---


def test_a_transaction_collects_partitions_and_groups() -> None:
    """All of them get the outcome."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.add(producer, A0, A1, B0)
    bench.add_group(producer, "")
    assert bench.end(producer) is ErrorCode.none
    (work,) = bench.coordinator.take_markers()
    assert work.commit
    assert work.partitions == {A0, A1, B0}
    assert work.groups == {"g", ""}
    assert (work.producer_id, work.producer_epoch, work.coordinator_epoch) == (*producer, 0)


def test_no_partition_at_all_opens_a_transaction() -> None:
    """Kafka does not look whether the list is empty."""
    bench = CoordinatorBench()
    producer = bench.producer()
    assert bench.add(producer) is ErrorCode.none
    assert bench.state() == "Ongoing"
    assert bench.end(producer) is ErrorCode.none


def test_what_is_in_the_transaction_already_is_not_kept_again() -> None:
    """A client that asks again costs nothing."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    kept = len(bench.journal)
    assert bench.add(producer, A0) is ErrorCode.none
    assert bench.add_group(producer, "g") is ErrorCode.none
    assert len(bench.journal) == kept


@pytest.mark.parametrize("who", [None, ""])
def test_a_transaction_needs_an_id(who: str | None) -> None:
    """INVALID_REQUEST for all that is asked without one."""
    bench = CoordinatorBench()
    assert bench.add(STRANGER, A0, transactional_id=who) is ErrorCode.invalid_request
    assert bench.add_group(STRANGER, "g", transactional_id=who) is ErrorCode.invalid_request
    assert bench.end(STRANGER, transactional_id=who) is ErrorCode.invalid_request
    assert bench.verify(STRANGER, A0, transactional_id=who) is ErrorCode.invalid_request


@pytest.mark.parametrize(
    ("producer", "expected"),
    [
        ((99, 1), ErrorCode.invalid_producer_id_mapping),
        ((0, 0), ErrorCode.producer_fenced),
        ((0, 2), ErrorCode.producer_fenced),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_only_the_holder_acts(
    producer: tuple[int, int], expected: ErrorCode, *, is_open: bool
) -> None:
    """Another producer id is a wrong mapping; another epoch, higher ones too, is fenced."""
    bench = CoordinatorBench()
    bench.producer()
    holder = bench.producer()
    if is_open:
        bench.add(holder, A0)
    assert bench.add(producer, A0) is expected
    assert bench.add_group(producer, "g") is expected
    assert bench.end(producer) is expected
    assert bench.verify(producer, A0) is expected


def test_an_unknown_id_is_a_wrong_mapping() -> None:
    """For all that is asked of a transaction."""
    bench = CoordinatorBench()
    wrong = ErrorCode.invalid_producer_id_mapping
    assert bench.add(STRANGER, A0) is wrong
    assert bench.add_group(STRANGER, "g") is wrong
    assert bench.end(STRANGER) is wrong
    assert bench.verify(STRANGER, A0) is wrong


def test_what_transactions_hold_is_limited() -> None:
    """Nobody fills the memory with names of groups, or with partitions."""
    bench = CoordinatorBench(TransactionConfig(max_held_bytes=40_000))
    producer = bench.producer()
    assert bench.add_group(producer, "a" * 30_000) is ErrorCode.none
    assert bench.add_group(producer, "b" * 30_000) is ErrorCode.invalid_request
    many = [TopicPartition("a", number) for number in range(1_000)]
    assert bench.add(producer, *many) is ErrorCode.invalid_request
    assert bench.add(producer, A0) is bench.add_group(producer, "a" * 30_000) is ErrorCode.none


def test_what_ends_gives_its_memory_back() -> None:
    """To the last byte, restarts or not."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    held = bench.coordinator.statistics().held_bytes
    bench.restart()
    assert bench.coordinator.statistics().held_bytes == held
    bench.end(producer)
    bench.settle()
    assert 0 < bench.coordinator.statistics().held_bytes < held
    bench.pass_time(WEEK_MS)
    assert bench.coordinator.statistics().held_bytes == 0


# --- verifying ---


def test_verifying_says_what_is_in_the_transaction() -> None:
    """TRANSACTION_ABORTABLE for what is not, and for everything when none is open."""
    bench = CoordinatorBench()
    producer = bench.producer()
    assert bench.verify(producer, A0) is ErrorCode.transaction_abortable
    bench.add(producer, A0)
    assert bench.verify(producer, A0) is ErrorCode.none
    assert bench.verify(producer, A1) is ErrorCode.transaction_abortable
    bench.end(producer)
    bench.settle()
    assert bench.verify(producer, A0) is ErrorCode.transaction_abortable


# --- ending ---


@pytest.mark.parametrize("commit", [True, False])
def test_while_markers_are_written_everybody_waits(*, commit: bool) -> None:
    """CONCURRENT_TRANSACTIONS; who adds is not looked at, who ends or verifies is."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer, commit=commit)
    wait = ErrorCode.concurrent_transactions
    for who in (producer, STRANGER, (producer[0], 9)):
        assert bench.add(who, A0) is wait
        assert bench.add_group(who, "g") is wait
    assert bench.end(producer, commit=commit) is wait
    assert bench.end(producer, commit=not commit) is wait
    assert bench.verify(producer, A0) is wait
    assert bench.end(STRANGER) is ErrorCode.invalid_producer_id_mapping
    assert bench.end((producer[0], 9)) is ErrorCode.producer_fenced
    assert bench.verify(STRANGER, A0) is ErrorCode.invalid_producer_id_mapping
    assert bench.verify((producer[0], 9), A0) is ErrorCode.producer_fenced


@pytest.mark.parametrize("commit", [True, False])
def test_an_outcome_may_be_asked_for_again_but_not_the_other(*, commit: bool) -> None:
    """The first answer may have got lost."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer, commit=commit)
    bench.settle()
    assert bench.state() == ("CompleteCommit" if commit else "CompleteAbort")
    assert bench.end(producer, commit=commit) is ErrorCode.none
    assert bench.end(producer, commit=not commit) is ErrorCode.invalid_txn_state
    assert bench.coordinator.take_markers() == []


@pytest.mark.parametrize("commit", [True, False])
def test_nothing_can_be_ended_before_it_began(*, commit: bool) -> None:
    """INVALID_TXN_STATE."""
    bench = CoordinatorBench()
    assert bench.end(bench.producer(), commit=commit) is ErrorCode.invalid_txn_state


def test_the_next_transaction_begins_empty() -> None:
    """Nothing of the former one is left in it."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer)
    bench.settle()
    bench.add(producer, B0)
    bench.end(producer, commit=False)
    (work,) = bench.coordinator.take_markers()
    assert not work.commit
    assert work.partitions == {B0}
    assert work.groups == set()


def test_markers_are_given_out_once_unless_they_were_refused() -> None:
    """A log that cannot take its marker now is asked again."""
    bench = CoordinatorBench()
    bench.end(open_transaction(bench))
    (work,) = bench.coordinator.take_markers()
    assert bench.coordinator.take_markers() == []
    bench.coordinator.markers_refused(ID)
    assert bench.coordinator.take_markers() == [work]


def test_markers_that_are_not_due_cannot_have_been_written() -> None:
    """Saying so is our own bug, and is not believed."""
    bench = CoordinatorBench()
    bench.end(open_transaction(bench))
    bench.settle()
    with pytest.raises(ForbiddenChange, match="PEN-I121"):
        bench.coordinator.markers_written(ID, now_ms=bench.now_ms)


# --- time ---


def test_a_transaction_that_lasts_too_long_is_aborted_and_its_producer_fenced() -> None:
    """All that it says from then on is PRODUCER_FENCED; the next epoch is two higher."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    assert bench.coordinator.next_deadline_ms() == bench.now_ms + MINUTE_MS + 1
    bench.pass_time(MINUTE_MS)
    assert bench.state() == "Ongoing"
    bench.pass_time(1)
    (work,) = bench.coordinator.take_markers()
    assert (work.commit, work.producer_epoch) == (False, producer[1] + 1)
    bench.coordinator.markers_written(ID, now_ms=bench.now_ms)
    for answer in (
        bench.end(producer),
        bench.end(producer, commit=False),
        bench.add(producer, A0),
        bench.add_group(producer, "g"),
        bench.init(producer=producer)[0],
    ):
        assert answer is ErrorCode.producer_fenced
    assert bench.producer() == (producer[0], producer[1] + 2)


def test_time_runs_from_the_first_partition_of_a_transaction() -> None:
    """Not from InitProducerId, and further partitions do not prolong it."""
    bench = CoordinatorBench()
    producer = bench.producer()
    bench.pass_time(10 * MINUTE_MS)
    bench.add(producer, A0)
    bench.pass_time(MINUTE_MS // 2)
    bench.add(producer, A1)
    bench.pass_time(MINUTE_MS // 2 + 1)
    assert bench.state() == "PrepareAbort"


def test_a_settled_transaction_does_not_time_out() -> None:
    """However long its markers take."""
    bench = CoordinatorBench()
    bench.end(open_transaction(bench))
    bench.pass_time(2 * WEEK_MS)
    assert bench.state() == "PrepareCommit"


def test_an_id_that_nobody_uses_is_forgotten() -> None:
    """After transactional.id.expiration.ms since its last change."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer)
    bench.settle()
    bench.pass_time(WEEK_MS - 1)
    assert bench.state() == "CompleteCommit"
    bench.pass_time(1)
    assert bench.journal[-1] == TransactionForgotten(transactional_id=ID)
    assert bench.end(producer) is ErrorCode.invalid_producer_id_mapping
    assert bench.producer() == (1, 0)


def test_an_id_with_an_open_transaction_is_not_forgotten() -> None:
    """The transaction times out first, and the id's time runs from the end of its abort."""
    bench = CoordinatorBench()
    open_transaction(bench)
    bench.pass_time(2 * WEEK_MS)
    assert bench.state() == "PrepareAbort"
    bench.settle()
    bench.pass_time(WEEK_MS - 1)
    assert bench.state() == "CompleteAbort"


# --- keeping ---


def test_what_cannot_be_kept_has_not_happened() -> None:
    """The caller gets the journal's error, and may ask again later."""
    bench = CoordinatorBench()
    producer = bench.producer()
    bench.is_full = True
    with pytest.raises(JournalFull):
        bench.add(producer, A0)
    assert bench.state() == "Empty"
    bench.is_full = False
    bench.add(producer, A0)
    bench.is_full = True
    with pytest.raises(JournalFull):
        bench.end(producer)
    with pytest.raises(JournalFull):
        bench.pass_time(MINUTE_MS + 1)
    assert bench.state() == "Ongoing"
    assert bench.coordinator.take_markers() == []
    bench.is_full = False
    bench.pass_time(0)
    assert bench.state() == "PrepareAbort"


def test_a_settled_outcome_survives_a_restart() -> None:
    """Its markers come out again, whether or not some were written."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer)
    before = bench.coordinator.take_markers()
    bench.restart()
    assert bench.end(producer) is ErrorCode.concurrent_transactions
    assert bench.coordinator.take_markers() == before
    bench.coordinator.markers_written(ID, now_ms=bench.now_ms)
    bench.restart()
    assert bench.coordinator.take_markers() == []
    assert bench.end(producer) is ErrorCode.none


def test_an_open_transaction_goes_on_after_a_restart() -> None:
    """With the time-out that it had."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    deadline = bench.coordinator.next_deadline_ms()
    bench.restart()
    assert bench.coordinator.next_deadline_ms() == deadline
    assert bench.add(producer, A1) is ErrorCode.none
    bench.pass_time(MINUTE_MS + 1)
    assert bench.state() == "PrepareAbort"


def test_no_producer_id_is_given_twice() -> None:
    """Not even after a restart: the rest of the block is left."""
    bench = CoordinatorBench()
    given = [bench.init(None)[1] for _ in range(1_001)]
    bench.restart()
    given += [bench.init(None)[1], bench.producer()[0]]
    assert len(set(given)) == len(given)
    assert bench.journal.count(ProducerIdBlockKept(next_block=2_000)) == 1


def test_a_producer_id_that_a_log_has_is_not_given() -> None:
    """Where the end of the journal was lost."""
    bench = CoordinatorBench()
    bench.coordinator.skip_producer_ids(4_321)
    assert bench.init(None) == (ErrorCode.none, 5_000, 0)


def test_forgotten_ids_stay_forgotten_after_a_restart() -> None:
    """The journal says so."""
    bench = CoordinatorBench()
    bench.producer()
    bench.pass_time(WEEK_MS)
    bench.restart()
    assert bench.coordinator.describe(ID).error is ErrorCode.transactional_id_not_found


def test_a_journal_can_be_written_anew() -> None:
    """One entry for each id, and one for producer ids, make the same coordinator."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.producer("other")
    bench.init(None)
    short = list(bench.coordinator.kept_entries())
    assert len(short) == 3
    twin = CoordinatorBench(entries=short)
    assert twin.coordinator.describe(ID) == bench.coordinator.describe(ID)
    assert twin.init(None)[1] == 1_000
    assert twin.end(producer) is ErrorCode.none


# --- numbers ---


def test_statistics_count_what_is_and_what_was() -> None:
    """Outcomes count when they are settled."""
    bench = CoordinatorBench()
    producer = open_transaction(bench)
    bench.end(producer)
    bench.settle()
    bench.add(producer, A0)
    bench.init()
    bench.settle()
    bench.add(bench.producer(), A0)
    bench.add(bench.producer("late"), A0, transactional_id="late")
    bench.pass_time(MINUTE_MS + 1)
    found = bench.coordinator.statistics()
    assert (found.transactional_ids, found.ongoing, found.completing) == (2, 0, 2)
    assert (found.committed, found.aborted, found.fenced, found.timed_out) == (1, 3, 1, 2)
    assert (found.producer_ids_given, found.expired_ids) == (2, 0)
