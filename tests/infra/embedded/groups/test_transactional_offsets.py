"""Offsets that are committed in transactions."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from tests.infra.embedded.groups.group_bench import GROUP, ORDERS, Bench, Member

PAYMENTS = TopicPartition("payments", 0)


def test_they_count_when_the_transaction_commits() -> None:
    """Until then the former offset is fetched."""
    bench = Bench()
    bench.commit(3)
    assert bench.commit_in_transaction(8, 500) is ErrorCode.none
    assert bench.committed() == 3
    bench.finish(500, commit=True)
    assert bench.committed() == 8


def test_they_never_count_when_it_aborts() -> None:
    """Nothing is left of them."""
    bench = Bench()
    bench.commit(3)
    bench.commit_in_transaction(8, 500)
    bench.finish(500, commit=False)
    assert bench.committed(stable=True) == 3
    assert bench.coordinator.statistics().pending_offsets == 0


def test_who_needs_a_stable_offset_is_told_that_it_is_not() -> None:
    """require_stable (KIP-447), for each partition of its own, also where nothing is committed."""
    bench = Bench()
    bench.commit_in_transaction(8, 500)
    assert bench.committed(stable=True) is ErrorCode.unstable_offset_commit
    assert bench.committed(stable=False) == -1
    assert bench.committed(PAYMENTS, stable=True) == -1
    bench.finish(500, commit=True)
    assert bench.committed(stable=True) == 8


def test_all_offsets_that_are_committed_are_listed_and_the_unstable_ones_marked() -> None:
    """A partition that only an open transaction commits is not in the list, as in Kafka."""
    bench = Bench()
    bench.commit(3)
    bench.commit_in_transaction(8, 500)
    bench.commit_in_transaction(8, 500, partition=PAYMENTS)
    fetched = bench.coordinator.fetch_offsets(GROUP, None, require_stable=True)
    assert {partition: one.error for partition, one in fetched.items()} == {
        ORDERS: ErrorCode.unstable_offset_commit
    }


def test_several_producers_have_open_transactions_over_one_group() -> None:
    """Each ends on its own; a partition is stable when all that touch it have ended."""
    bench = Bench()
    bench.commit_in_transaction(10, 500)
    bench.commit_in_transaction(20, 600, partition=PAYMENTS)
    bench.commit_in_transaction(11, 600)
    bench.finish(600, commit=False)
    assert bench.committed(stable=True) is ErrorCode.unstable_offset_commit
    assert bench.committed(PAYMENTS, stable=True) == -1
    bench.finish(500, commit=True)
    assert bench.committed(stable=True) == 10


def test_a_commit_after_it_is_not_undone_by_a_transaction() -> None:
    """The later commit counts, whenever the transaction ends."""
    bench = Bench()
    bench.commit_in_transaction(8, 500)
    bench.commit(3)
    bench.finish(500, commit=True)
    assert bench.committed() == 3


def test_the_order_of_commits_outlives_the_process() -> None:
    """Replayed from the journal, and from a snapshot of it."""
    bench = Bench()
    bench.commit(1, partition=PAYMENTS)
    bench.commit_in_transaction(8, 500)
    bench.commit_in_transaction(9, 500, partition=PAYMENTS)
    bench.commit(3)
    for entries in (bench.journal, list(bench.coordinator.snapshot())):
        again = Bench(entries=entries)
        assert again.committed(stable=True) is ErrorCode.unstable_offset_commit
        again.finish(500, commit=True)
        assert (again.committed(), again.committed(PAYMENTS)) == (3, 9)


def test_a_consumer_that_says_who_it_is_is_fenced_by_its_group() -> None:
    """Since version 3 (KIP-447): a zombie's transaction must not move the group's offsets."""
    bench = Bench()
    (member,) = bench.stable("a")
    stale = Member(member_id=member.member_id, generation=member.generation - 1)
    stranger = Member(member_id="x", generation=member.generation)
    assert bench.commit_in_transaction(8, 500, stale) is ErrorCode.illegal_generation
    assert bench.commit_in_transaction(8, 500, stranger) is ErrorCode.unknown_member_id
    assert bench.commit_in_transaction(8, 500, member) is ErrorCode.none


def test_a_client_that_does_not_say_who_it_is_is_fenced_by_its_producer_alone() -> None:
    """Before version 3, in a group with members too; between join and assignment as well."""
    bench = Bench()
    member = bench.member(bench.ask_join("a"))
    assert bench.commit_in_transaction(8, 500) is ErrorCode.none
    assert bench.commit_in_transaction(8, 500, member) is ErrorCode.none


def test_a_group_that_is_gone_fences_its_members() -> None:
    """And a group needs a name here."""
    bench = Bench()
    late = Member(member_id="x", generation=4)
    assert bench.commit_in_transaction(8, 500, late) is ErrorCode.illegal_generation
    assert bench.commit_in_transaction(8, 500, group="") is ErrorCode.invalid_group_id
    assert bench.coordinator.list_groups() == ()


def test_an_older_epoch_of_the_producer_is_fenced_while_a_newer_one_is_open() -> None:
    """The transaction coordinator fences first; this is the last line."""
    bench = Bench()
    bench.commit_in_transaction(8, 500, epoch=2)
    assert bench.commit_in_transaction(7, 500, epoch=1) is ErrorCode.invalid_producer_epoch
    bench.finish(500, commit=True)
    assert bench.committed() == 8


def test_a_marker_for_a_transaction_without_offsets_changes_nothing() -> None:
    """It is not even kept."""
    bench = Bench()
    bench.finish(500, commit=True)
    assert bench.journal == []
