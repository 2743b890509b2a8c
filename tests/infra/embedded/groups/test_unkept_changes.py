"""A journal that takes nothing: what cannot be kept has not happened, and may happen later."""

from collections.abc import Callable

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.groups.group_bench import GROUP, ORDERS, Bench

_DAY_MS = 86_400_000


def refused(bench: Bench, change: Callable[[], object]) -> None:
    """Try something while the disk is full."""
    bench.disk_is_full = True
    with pytest.raises(OSError, match="No space left"):
        change()
    bench.disk_is_full = False


@pytest.mark.parametrize(("commit", "offset"), [(True, 8), (False, 3)])
def test_the_end_of_a_transaction_may_be_told_again(*, commit: bool, offset: int) -> None:
    """Its offsets still wait, and the second attempt is in the journal: a restart knows the end."""
    bench = Bench()
    bench.commit(3)
    bench.commit_in_transaction(8, 500)
    refused(bench, lambda: bench.finish(500, commit=commit))
    assert bench.committed(stable=True) is ErrorCode.unstable_offset_commit
    bench.finish(500, commit=commit)
    assert bench.committed(stable=True) == offset
    assert bench.restarted().committed(stable=True) == offset


def test_an_offset_that_cannot_be_kept_is_not_committed() -> None:
    """Else a reader would go on from there, and behind it after a restart."""
    bench = Bench()
    bench.commit(3)
    refused(bench, lambda: bench.commit(8))
    assert bench.committed() == bench.restarted().committed() == 3


def test_an_offset_stays_as_long_as_its_end_cannot_be_kept() -> None:
    """Deleted by an administrator, or together with its group."""
    bench = Bench()
    bench.commit(3)
    coordinator = bench.coordinator
    refused(bench, lambda: coordinator.delete_offsets(GROUP, [ORDERS], now_ms=bench.now_ms))
    refused(bench, lambda: coordinator.delete_group(GROUP, now_ms=bench.now_ms))
    assert bench.committed() == bench.restarted().committed() == 3
    coordinator.delete_offsets(GROUP, [ORDERS], now_ms=bench.now_ms)
    assert bench.committed() == bench.restarted().committed() == -1


def test_offsets_still_expire_after_a_search_that_failed() -> None:
    """The next one comes an interval later."""
    bench = Bench()
    bench.commit(3)
    refused(bench, lambda: bench.pass_time(8 * _DAY_MS))
    assert bench.committed() == 3
    bench.pass_time(600_000)
    assert bench.committed() == -1


def test_a_leader_that_is_gone_after_its_assignment_could_not_be_kept_is_missed() -> None:
    """Its group does not wait for it for ever."""
    bench = Bench()
    (leader,) = bench.stable("a")
    token = bench.ask_join("b")
    again = bench.member(bench.ask_join(member_id=leader.member_id))
    follower = bench.member(token)
    waits = bench.ask_sync(follower)
    refused(bench, lambda: bench.ask_sync(again, {follower.member_id: b"all"}))
    bench.pass_time(60_000)
    assert not bench.waits(waits)
    assert bench.synced(waits).error is ErrorCode.rebalance_in_progress


def test_a_static_member_whose_return_could_not_be_kept_is_missed_when_it_stays_away() -> None:
    """Nobody waits for the answer to its join: it must not count as one who waits for it."""
    bench = Bench()
    leader, seat = bench.static("leader", "seat")
    refused(bench, lambda: bench.ask_join(instance_id="seat", version=5))
    assert bench.heartbeat(seat) is ErrorCode.none  # it is as it was
    for _ in range(3):
        assert bench.heartbeat(leader) is ErrorCode.none
        bench.pass_time(20_000)
    assert bench.heartbeat(leader) is ErrorCode.rebalance_in_progress


def test_a_static_member_may_return_after_all() -> None:
    """The first attempt has left nothing behind."""
    bench = Bench()
    leader, seat = bench.static("leader", "seat")
    refused(bench, lambda: bench.ask_join(instance_id="seat", version=5))
    back = bench.member(bench.ask_join(instance_id="seat", version=5), "seat")
    assert back.generation == seat.generation
    assert bench.heartbeat(seat) is ErrorCode.fenced_instance_id
    assert bench.heartbeat(leader) is bench.heartbeat(back) is ErrorCode.none
