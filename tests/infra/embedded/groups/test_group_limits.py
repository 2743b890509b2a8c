"""Limits: the coordinator never grows until the machine dies."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from tests.infra.embedded.groups.group_bench import GROUP, Bench, subscription

SMALL = GroupConfig(initial_rebalance_delay_ms=0, max_held_bytes=50_000)


def test_groups_beyond_the_memory_are_refused() -> None:
    """A client learns it by GROUP_MAX_SIZE_REACHED, which no client tries again."""
    bench = Bench(SMALL)
    errors = [bench.joined(bench.ask_join(version=5, group=f"g{one}")).error for one in range(100)]
    assert errors[0] is ErrorCode.member_id_required
    assert errors[-1] is ErrorCode.group_max_size_reached
    assert bench.coordinator.statistics().held_bytes <= 50_000


def test_ids_that_are_only_asked_for_are_limited_too() -> None:
    """They cost memory until they expire, and then there is room again."""
    bench = Bench(SMALL)
    for _ in range(500):
        bench.ask_join(version=5, session_timeout_ms=10_000)
    statistics = bench.coordinator.statistics()
    assert 0 < statistics.pending_members < 100
    assert statistics.held_bytes <= 50_000
    bench.pass_time(10_000)
    assert bench.coordinator.statistics().pending_members == 0
    assert bench.joined(bench.ask_join(version=5)).error is ErrorCode.member_id_required


def test_metadata_beyond_the_memory_are_refused_and_members_stay() -> None:
    """What a member said before counts on."""
    bench = Bench(SMALL)
    (member,) = bench.stable("a")
    large = (("range", subscription("orders") + b"x" * 60_000),)
    assert bench.joined(bench.ask_join("b", protocols=large)).error is (
        ErrorCode.group_max_size_reached
    )
    again = bench.joined(bench.ask_join(member_id=member.member_id, protocols=large))
    assert again.error is ErrorCode.group_max_size_reached
    assert bench.heartbeat(member) is ErrorCode.none


def test_many_protocols_that_say_nothing_cost_memory_too() -> None:
    """Each is an object, however short its name."""
    bench = Bench(SMALL)
    many = tuple((str(number), b"") for number in range(1_000))
    assert bench.joined(bench.ask_join(protocols=many)).error is ErrorCode.group_max_size_reached


def test_assignments_beyond_the_memory_fail_the_syncs() -> None:
    """As in Kafka when the group's record cannot be written."""
    bench = Bench(SMALL)
    member = bench.member(bench.ask_join("a"))
    token = bench.ask_sync(member, {member.member_id: b"x" * 60_000})
    assert bench.synced(token).error is ErrorCode.unknown_server_error
    assert bench.coordinator.statistics().held_bytes <= 50_000


def test_what_goes_gives_its_memory_back() -> None:
    """To the last byte, whatever has happened meanwhile."""
    bench = Bench()
    members = bench.stable("a", "b", "c")
    bench.commit(1, members[0], metadata="note")
    bench.commit_in_transaction(2, 500)
    bench.ask_join(version=5)
    bench.ask_join(member_id=members[0].member_id, protocols=(("range", b"other"),))
    bench.pass_time(400_000)
    bench.finish(500, commit=True)
    assert bench.state() == "Empty"
    bench.coordinator.delete_group(GROUP, now_ms=bench.now_ms)
    assert bench.coordinator.statistics().held_bytes == 0


def test_a_thousand_members_are_one_generation() -> None:
    """They join, sync, and live; the leader gets all thousand metadata, once."""
    bench = Bench()
    first = bench.member(bench.ask_join("m0"))
    tokens = [bench.ask_join(f"m{one}") for one in range(1, 1_000)]
    tokens.insert(0, bench.ask_join(member_id=first.member_id))
    members = [bench.member(token) for token in tokens]
    bench.assign(members)
    assert len(bench.joined(tokens[0]).members) == 1_000
    for _ in range(20):
        bench.pass_time(10_000)
        assert {bench.heartbeat(member) for member in members} == {ErrorCode.none}
    assert len(bench.coordinator._table.deadlines._heap) < 3_000
    bench.pass_time(45_000)
    assert bench.coordinator.statistics().sessions_expired == 1_000
    assert bench.state() == "Empty"


def test_statistics_count_what_is_there() -> None:
    """Groups by state, members, who waits."""
    bench = Bench()
    bench.stable("a", "b")
    bench.commit(1, group="simple")
    bench.ask_join("c")
    statistics = bench.coordinator.statistics()
    assert {str(state): number for state, number in statistics.groups.items()} == {
        "Empty": 1,
        "PreparingRebalance": 1,
        "CompletingRebalance": 0,
        "Stable": 0,
    }
    assert (statistics.members, statistics.waiting, statistics.offsets) == (3, 1, 1)
    assert (statistics.rebalances, statistics.refused_for_memory) == (1, 0)
