"""A restart: what the journal brings back."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from tests.infra.embedded.groups.group_bench import GROUP, Bench


def test_a_stable_group_goes_on() -> None:
    """Members, generation, leader and assignments; nobody has to join again."""
    bench = Bench()
    members = bench.stable("a", "b")
    again = bench.restarted()
    assert again.coordinator.describe(GROUP) == bench.coordinator.describe(GROUP)
    for member in members:
        assert again.heartbeat(member) is ErrorCode.none
        assert again.synced(again.ask_sync(member)).assignment == member.assignment
    token = again.ask_join(member_id=members[0].member_id)
    again.ask_join(member_id=members[1].member_id)
    assert again.joined(token).leader == members[0].member_id


def test_every_member_has_a_whole_session_again() -> None:
    """The time in which there was no coordinator does not count."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.now_ms += 44_000
    again = bench.restarted()
    again.pass_time(44_999)
    assert again.heartbeat(member) is ErrorCode.none
    again.pass_time(45_000)
    assert again.state() == "Empty"


def test_a_rebalance_is_forgotten() -> None:
    """The group is as it was last stable; its members see that their generation still holds."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.ask_join("b")
    assert bench.state() == "PreparingRebalance"
    again = bench.restarted()
    assert again.state() == "Stable"
    assert again.heartbeat(member) is ErrorCode.none
    assert list(again.coordinator.snapshot()) == list(bench.coordinator.snapshot())


def test_a_static_member_keeps_its_new_id() -> None:
    """The replacement was kept although there was no rebalance."""
    bench = Bench()
    first, second = bench.static("i-1", "i-2")
    new = bench.joined(bench.ask_join(instance_id="i-2", version=5)).member_id
    again = bench.restarted()
    assert again.heartbeat(second) is ErrorCode.fenced_instance_id
    second.member_id = new
    assert again.heartbeat(second) is again.heartbeat(first) is ErrorCode.none


def test_a_generation_is_never_used_twice() -> None:
    """An empty group remembers its last one."""
    bench = Bench()
    (member,) = bench.stable("a")
    bench.leave(member)
    again = bench.restarted()
    assert again.joined(again.ask_join("a")).generation == member.generation + 2


def test_a_group_over_a_limit_that_was_lowered_rebalances() -> None:
    """Its members get the chance to commit first."""
    bench = Bench()
    members = bench.stable("a", "b", "c")
    again = bench.restarted(GroupConfig(initial_rebalance_delay_ms=0, max_size=2))
    assert again.state() == "PreparingRebalance"
    assert again.commit(5, members[0]) is ErrorCode.none


def test_a_snapshot_says_the_same_in_fewer_words() -> None:
    """What was overwritten is left out."""
    bench = Bench()
    (member,) = bench.stable("a")
    for offset in range(100):
        bench.commit(offset, member)
    snapshot = list(bench.coordinator.snapshot())
    assert len(snapshot) == 2
    again = Bench(entries=snapshot, now_ms=bench.now_ms)
    assert again.committed() == 99
    assert again.coordinator.describe(GROUP) == bench.coordinator.describe(GROUP)


def test_subscriptions_are_known_again() -> None:
    """Offsets of what is read stay protected."""
    bench = Bench()
    bench.stable("a")
    again = bench.restarted()
    assert again.coordinator._table.groups[GROUP].subscriptions == frozenset({"orders"})
