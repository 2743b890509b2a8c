"""What administrators ask: list, describe, delete. Asked of Apache Kafka 4.1 where it surprises."""

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from tests.infra.embedded.groups.group_bench import GROUP, ORDERS, Bench, subscription

PAYMENTS = TopicPartition("payments", 0)


def test_all_groups_are_listed() -> None:
    """With their protocol type and state."""
    bench = Bench()
    bench.stable("a")
    bench.commit(1, group="simple")
    assert [
        (one.group, one.protocol_type, one.state, one.group_type)
        for one in bench.coordinator.list_groups()
    ] == [(GROUP, "consumer", "Stable", "classic"), ("simple", "", "Empty", "classic")]


@pytest.mark.parametrize(
    ("states", "types", "found"),
    [
        (["stable"], [], [GROUP]),
        ([" EMPTY ", "Dead"], [], ["simple"]),
        (["no such state"], [], []),
        ([], ["Classic"], [GROUP, "simple"]),
        ([], ["consumer"], []),
        (["Stable"], ["consumer", "classic"], [GROUP]),
    ],
)
def test_lists_are_filtered(states: list[str], types: list[str], found: list[str]) -> None:
    """In upper or lower case; what is not known matches nothing."""
    bench = Bench()
    bench.stable("a")
    bench.commit(1, group="simple")
    assert [one.group for one in bench.coordinator.list_groups(states, types)] == found


def test_a_stable_group_is_described_with_what_its_members_told() -> None:
    """And with what they were assigned."""
    bench = Bench()
    (member,) = bench.stable("shop")
    described = bench.coordinator.describe(GROUP)
    assert (described.state, described.protocol_type, described.protocol_data) == (
        "Stable",
        "consumer",
        "range",
    )
    (one,) = described.members
    assert (one.member_id, one.client_id, one.client_host, one.instance_id) == (
        member.member_id,
        "shop",
        "/127.0.0.1",
        None,
    )
    assert (one.metadata, one.assignment) == (subscription("orders"), member.assignment)


def test_what_members_told_is_hidden_while_it_may_change() -> None:
    """In any other state; the last assignment is shown until the next is awaited."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.ask_join("b")
    described = bench.coordinator.describe(GROUP)
    assert (described.state, described.protocol_data) == ("PreparingRebalance", "")
    assert [(one.metadata, one.assignment) for one in described.members] == [
        (b"", member.assignment),
        (b"", b""),
    ]


def test_a_group_that_is_not_there_is_dead() -> None:
    """Since version 6 with an error in Kafka's words."""
    described = Bench().coordinator.describe("nobody")
    assert (described.error, described.error_message) == (
        ErrorCode.group_id_not_found,
        "Group nobody not found.",
    )
    assert (described.state, described.members) == ("Dead", ())


def test_only_a_group_without_members_is_deleted() -> None:
    """Its offsets go with it, those of open transactions too, and stay away after a restart."""
    bench = Bench()
    delete = bench.coordinator.delete_group
    (member,) = bench.stable("a")
    bench.commit(1, member)
    bench.commit_in_transaction(2, 500, partition=PAYMENTS)
    assert delete(GROUP, now_ms=bench.now_ms) is ErrorCode.non_empty_group
    bench.leave(member)
    assert delete(GROUP, now_ms=bench.now_ms) is ErrorCode.none
    assert delete(GROUP, now_ms=bench.now_ms) is ErrorCode.group_id_not_found
    bench.finish(500, commit=True)
    for one in (bench, bench.restarted()):
        assert (one.committed(), one.committed(PAYMENTS)) == (-1, -1)
        assert one.coordinator.list_groups() == ()
    assert bench.coordinator.statistics().held_bytes == 0


def test_a_group_of_the_same_name_begins_anew() -> None:
    """With its first generation."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.leave(member)
    bench.coordinator.delete_group(GROUP, now_ms=bench.now_ms)
    assert bench.joined(bench.ask_join("a")).generation == 1


def test_an_id_that_was_given_out_is_lost_with_its_group() -> None:
    """It does not make a group again."""
    bench = Bench()
    told = bench.joined(bench.ask_join("a", version=5))
    assert bench.coordinator.delete_group(GROUP, now_ms=bench.now_ms) is ErrorCode.none
    answer = bench.joined(bench.ask_join("a", member_id=told.member_id, version=5))
    assert answer.error is ErrorCode.unknown_member_id
    bench.pass_time(45_000)
    assert bench.coordinator.statistics().held_bytes == 0


def test_offsets_of_topics_that_nobody_reads_are_deleted() -> None:
    """Members may be there; no error where nothing was committed."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.commit(1, member)
    bench.commit(2, member, partition=PAYMENTS)
    bench.commit_in_transaction(3, 500, member, partition=PAYMENTS)
    none = TopicPartition("returns", 0)
    deleted = bench.coordinator.delete_offsets(GROUP, [ORDERS, PAYMENTS, none], now_ms=bench.now_ms)
    assert deleted.error is ErrorCode.none
    assert deleted.partitions == {
        ORDERS: ErrorCode.group_subscribed_to_topic,
        PAYMENTS: ErrorCode.none,
        none: ErrorCode.none,
    }
    bench.finish(500, commit=True)
    assert (bench.committed(), bench.committed(PAYMENTS)) == (1, -1)


def test_where_the_subscription_is_not_known_nothing_is_deleted() -> None:
    """Of consumers whose metadata nobody can read."""
    bench = Bench()
    bench.stable("a", protocols=(("own", b"?"),))
    deleted = bench.coordinator.delete_offsets(GROUP, [PAYMENTS], now_ms=bench.now_ms)
    assert deleted.partitions == {PAYMENTS: ErrorCode.group_subscribed_to_topic}


def test_members_of_another_kind_protect_all_offsets() -> None:
    """The coordinator cannot know what they read."""
    bench = Bench()
    member = bench.member(bench.ask_join("a", protocol_type="connect"))
    delete = bench.coordinator.delete_offsets
    assert delete(GROUP, [ORDERS], now_ms=bench.now_ms).error is ErrorCode.non_empty_group
    bench.leave(member)
    assert delete(GROUP, [ORDERS], now_ms=bench.now_ms).error is ErrorCode.none


def test_offsets_of_a_group_that_is_not_there_cannot_be_deleted() -> None:
    """And a group needs a name here."""
    bench = Bench()
    delete = bench.coordinator.delete_offsets
    assert delete("nobody", [ORDERS], now_ms=bench.now_ms).error is ErrorCode.group_id_not_found
    assert delete("", [ORDERS], now_ms=bench.now_ms).error is ErrorCode.invalid_group_id
