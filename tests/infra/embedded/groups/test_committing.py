"""Committed offsets: who may commit, and what is fetched."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from penstock.infra.embedded.groups.group_requests import CommittedOffset, OffsetCommit
from penstock.infra.embedded.topic_partition import TopicPartition
from tests.infra.embedded.groups.group_bench import GROUP, ORDERS, Bench, Member

PAYMENTS = TopicPartition("payments", 3)


def test_a_member_commits_and_everybody_fetches() -> None:
    """What was committed last counts, also when it is less."""
    bench = Bench()
    (member,) = bench.stable("a")
    assert bench.committed() == -1
    for offset in (7, 9, 4):
        assert bench.commit(offset, member) is ErrorCode.none
        assert bench.committed() == offset


def test_an_offset_comes_back_as_it_was_committed() -> None:
    """With its leader epoch and note; a null note is an empty one."""
    bench = Bench()
    bench.coordinator.commit_offsets(
        OffsetCommit(
            group=GROUP,
            offsets={
                ORDERS: CommittedOffset(offset=5, leader_epoch=2, metadata="from the shop"),
                PAYMENTS: CommittedOffset(offset=6, metadata=None),
            },
        ),
        now_ms=bench.now_ms,
    )
    fetched = bench.coordinator.fetch_offsets(GROUP, None, require_stable=False)
    assert {
        partition: (one.offset, one.leader_epoch, one.metadata)
        for partition, one in fetched.items()
    } == {ORDERS: (5, 2, "from the shop"), PAYMENTS: (6, -1, "")}


def test_of_a_group_that_is_not_there_nothing_is_committed() -> None:
    """It is no error, and the group is not made by asking."""
    bench = Bench()
    assert bench.committed(group="nobody") == -1
    assert bench.coordinator.fetch_offsets("nobody", None, require_stable=True) == {}
    assert bench.coordinator.list_groups() == ()


def test_a_simple_consumer_makes_a_group_that_only_holds_offsets() -> None:
    """Even one without a name, as in Kafka."""
    bench = Bench()
    for group in (GROUP, ""):
        assert bench.commit(5, group=group) is ErrorCode.none
        assert bench.committed(group=group) == 5
    assert {
        (one.group, one.protocol_type, one.state) for one in bench.coordinator.list_groups()
    } == {
        (GROUP, "", "Empty"),
        ("", "", "Empty"),
    }


def test_while_a_group_has_members_only_they_commit() -> None:
    """An administrator who resets offsets must wait until they are gone."""
    bench = Bench()
    (member,) = bench.stable("a")
    assert bench.commit(5) is ErrorCode.unknown_member_id
    assert bench.commit(5, Member(member_id="x", generation=1)) is ErrorCode.unknown_member_id
    bench.leave(member)
    assert bench.commit(5) is ErrorCode.none
    assert bench.commit(5, member) is ErrorCode.unknown_member_id


def test_a_member_of_another_generation_does_not_commit() -> None:
    """Its partitions may be another's by now."""
    bench = Bench()
    (member,) = bench.stable("a")
    for generation in (member.generation - 1, member.generation + 1, -1):
        stale = Member(member_id=member.member_id, generation=generation)
        assert bench.commit(5, stale) is ErrorCode.illegal_generation
    assert bench.committed() == -1


@pytest.mark.parametrize(
    ("knows", "error"),
    [(True, ErrorCode.group_id_not_found), (False, ErrorCode.illegal_generation)],
)
def test_a_member_of_a_group_that_is_gone_does_not_commit(knows: bool, error: ErrorCode) -> None:
    """Since version 9 it learns that; before, it is told to join again."""
    bench = Bench()
    member = Member(member_id="x", generation=3)
    assert bench.commit(5, member, knows_missing_group=knows) is error
    assert bench.coordinator.list_groups() == ()


def test_while_members_gather_they_commit_what_they_have_read() -> None:
    """That is how a rebalance loses nothing."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.ask_join("b")
    assert bench.state() == "PreparingRebalance"
    assert bench.commit(5, member) is ErrorCode.none


def test_between_join_and_assignment_nobody_commits() -> None:
    """The member knows the new generation, but not its partitions yet."""
    bench = Bench()
    member = bench.member(bench.ask_join("a"))
    assert bench.commit(5, member) is ErrorCode.rebalance_in_progress
    bench.assign([member])
    assert bench.commit(5, member) is ErrorCode.none


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ("x" * 4_096, ErrorCode.none),
        ("x" * 4_097, ErrorCode.offset_metadata_too_large),
        ("\U0001f600" * 2_048, ErrorCode.none),
        ("\U0001f600" * 2_049, ErrorCode.offset_metadata_too_large),
    ],
)
def test_notes_have_a_limit(metadata: str, error: ErrorCode) -> None:
    """offset.metadata.max.bytes, which Kafka counts in units of UTF-16."""
    bench = Bench()
    assert bench.commit(5, metadata=metadata) is error
    assert bench.committed() == (5 if error is ErrorCode.none else -1)


def test_a_commit_of_nothing_still_makes_the_group() -> None:
    """So it was in Apache Kafka 4.1: its other requests found the group afterwards."""
    bench = Bench()
    bench.commit(5, metadata="x" * 5_000)
    late = Member(member_id="x", generation=3)
    assert bench.commit(5, late) is ErrorCode.unknown_member_id
    assert bench.journal == []


def test_a_note_that_is_too_long_does_not_hold_up_other_partitions() -> None:
    """Each partition has its own error."""
    bench = Bench()
    errors = bench.coordinator.commit_offsets(
        OffsetCommit(
            group=GROUP,
            offsets={
                ORDERS: CommittedOffset(offset=5, metadata="x" * 5_000),
                PAYMENTS: CommittedOffset(offset=6),
            },
        ),
        now_ms=bench.now_ms,
    )
    assert errors == {ORDERS: ErrorCode.offset_metadata_too_large, PAYMENTS: ErrorCode.none}
    assert (bench.committed(), bench.committed(PAYMENTS)) == (-1, 6)


def test_offsets_beyond_the_memory_are_refused_and_what_is_there_can_still_move() -> None:
    """A client learns it by INVALID_COMMIT_OFFSET_SIZE, which no client tries again."""
    bench = Bench(GroupConfig(max_held_bytes=20_000))
    errors = [bench.commit(1, partition=TopicPartition("orders", one)) for one in range(50)]
    assert errors[0] is ErrorCode.none
    assert errors[-1] is ErrorCode.invalid_commit_offset_size
    assert bench.commit(2, partition=TopicPartition("orders", 0)) is ErrorCode.none
    assert bench.commit(2, group="other") is ErrorCode.invalid_commit_offset_size
    statistics = bench.coordinator.statistics()
    assert statistics.held_bytes <= statistics.held_bytes_limit == 20_000
    assert statistics.refused_for_memory == errors.count(ErrorCode.invalid_commit_offset_size) + 1
