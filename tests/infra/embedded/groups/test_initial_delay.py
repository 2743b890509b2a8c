"""The initial rebalance delay: an empty group waits for more members (KIP-134)."""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.groups.group_config import GroupConfig
from tests.infra.embedded.groups.group_bench import Bench, Member

CONFIG = GroupConfig(initial_rebalance_delay_ms=3_000)


def test_a_first_member_waits_for_others() -> None:
    """Three seconds by default, then all that came are one generation."""
    bench = Bench(CONFIG)
    first = bench.ask_join("a")
    bench.pass_time(2_999)
    assert bench.waits(first)
    bench.pass_time(1)
    assert bench.joined(first).generation == 1


def test_without_a_delay_the_first_join_is_answered_at_once() -> None:
    """group.initial.rebalance.delay.ms=0, as tests set it."""
    bench = Bench()
    assert not bench.waits(bench.ask_join("a"))


def test_each_step_in_which_somebody_came_adds_another() -> None:
    """Who comes in the second step is waited for in a third."""
    bench = Bench(CONFIG)
    first = bench.ask_join("a")
    bench.pass_time(2_000)
    second = bench.ask_join("b")
    bench.pass_time(1_000)
    assert bench.waits(first)
    bench.pass_time(2_000)
    third = bench.ask_join("c")
    bench.pass_time(1_000)
    assert bench.waits(first)
    bench.pass_time(3_000)
    assert {bench.joined(token).generation for token in (first, second, third)} == {1}
    assert len(bench.joined(first).members) == 3


def test_it_never_becomes_longer_than_the_rebalance_timeout() -> None:
    """However many keep coming."""
    bench = Bench(CONFIG)
    first = bench.ask_join("a", rebalance_timeout_ms=7_000)
    for number in range(6):
        bench.pass_time(1_000)
        bench.ask_join(f"b{number}", rebalance_timeout_ms=7_000)
        assert bench.waits(first)
    bench.pass_time(1_000)
    assert len(bench.joined(first).members) == 7


def test_when_all_leave_during_the_delay_the_group_is_empty_after_it() -> None:
    """A leave does not end the delay, as in Kafka."""
    bench = Bench(CONFIG)
    token = bench.ask_join("a")
    (described,) = bench.coordinator.describe("billing").members
    bench.leave(Member(member_id=described.member_id, generation=-1))
    assert bench.joined(token).error is ErrorCode.unknown_member_id
    assert bench.state() == "PreparingRebalance"
    bench.pass_time(3_000)
    assert bench.state() == "Empty"


def test_one_large_step_of_the_clock_leads_where_small_ones_lead() -> None:
    """Each thing happens at its own time, even if nobody looked."""
    answers = []
    for steps in ([20_000], [1] * 200 + [100] * 198):
        bench = Bench(CONFIG)
        bench.ask_join("a", session_timeout_ms=10_000)
        for step in steps:
            bench.pass_time(step)
        answers.append((bench.state(), list(bench.answers.values()), bench.journal))
    assert answers[0] == answers[1]
    assert answers[0][0] == "Empty"
