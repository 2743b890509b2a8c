"""Members of a group in memory: sessions, rebalances and offsets, by the clock alone."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from kio.schema.errors import ErrorCode

from penstock.events.log import Partition, PositionLost
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.memory_cluster import NoSuchMember
from penstock.infra.memory.request_kind import RequestKind
from penstock.workers.ports import (
    Assignments,
    CommitRefused,
    CommitUncertain,
    GroupMember,
    Membership,
    NotAMember,
)
from tests.infra.memory.bench import Bench, Seat
from tests.infra.memory.turning import play, turned_until

FIRST, SECOND = Partition("t", 0), Partition("t", 1)
BOTH = {FIRST, SECOND}
HEARTBEAT_S = 2.5


async def shared(bench: Bench) -> tuple[Seat, Seat]:
    """Two members that have one partition each."""
    await bench.topic(partitions=2)
    one, two = Seat(bench, "one"), Seat(bench, "two")
    await one.join()
    await turned_until(bench.clock, lambda: one.owned == BOTH)
    await two.join()
    await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
    return one, two


async def leave(*seats: Seat) -> None:
    """Stop members."""
    for seat in seats:
        assert seat.member is not None
        await seat.member.stop()


def test_a_rebalance_takes_until_the_next_heartbeat() -> None:
    """The member that is there learns of the other with it, lets go, and both get their share."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        assert one.revocations == [BOTH]
        assert one.owned | two.owned == BOTH
        assert bench.clock.monotonic() <= 2 * HEARTBEAT_S
        await leave(two)
        await bench.clock.advance(HEARTBEAT_S)
        assert one.owned == BOTH
        await leave(one)

    play(scenario())


def test_a_member_that_is_killed_is_missed_when_its_session_is_over() -> None:
    """No earlier; then the others get its partitions."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        assert two.member is not None
        two.member.drop()
        killed_s = bench.clock.monotonic()
        await bench.clock.advance(10.0 - 2 * HEARTBEAT_S)
        assert len(one.owned) == 1
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        assert bench.clock.monotonic() - killed_s <= 10.0 + HEARTBEAT_S
        await leave(one)

    play(scenario())


def test_lost_heartbeats_end_a_session() -> None:
    """The member is thrown out, commits nothing of that generation, and comes back later."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        (lost,) = two.owned
        bench.cluster.faults.add(
            Fault(
                request=RequestKind.HEARTBEAT,
                client="two",
                loses=Loss.REQUEST,
                noticed=True,
                times=8,
            )
        )
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        assert two.owned == {lost}
        assert two.member is not None
        with pytest.raises(NotAMember):
            await two.member.commit(lost, 1, "")
        await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
        await two.member.commit(next(iter(two.owned)), 1, "")
        await leave(one, two)

    play(scenario())


def test_a_session_can_be_ended_by_hand() -> None:
    """The member learns of it with its next request."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        bench.cluster.expire("g", "two")
        assert two.member is not None
        assert await two.member.membership() is Membership.LOST
        with pytest.raises(NotAMember):
            await two.member.commit(next(iter(two.owned)), 1, "")
        await bench.clock.advance(3 * HEARTBEAT_S)
        assert len(one.owned) == len(two.owned) == 1
        with pytest.raises(NoSuchMember):
            bench.cluster.expire("g", "three")
        await leave(one, two)

    play(scenario())


def test_heartbeats_go_on_while_partitions_are_let_go() -> None:
    """A drain may be longer than the session, as long as the group waits; nothing is polled."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        one, two = Seat(bench, "one", drain_s=20.0), Seat(bench, "two")
        await one.join()
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        await bench.write(FIRST, b"a")
        await two.join()
        await bench.clock.advance(15.0)
        assert one.revocations == [BOTH]
        await one.poll()
        assert one.values == {}
        assert one.member is not None
        assert await one.member.membership() is Membership.UNCERTAIN
        await one.member.commit(FIRST, 1, "drained")
        await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
        assert bench.clock.monotonic() > 20.0
        await leave(one, two)

    play(scenario())


def test_a_group_does_not_wait_for_ever() -> None:
    """Who lets go for longer than the rebalance timeout is left behind."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        one, two = Seat(bench, "one", drain_s=100.0), Seat(bench, "two")
        await one.join(rebalance_timeout_s=12.0)
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        await two.join(rebalance_timeout_s=12.0)
        await turned_until(bench.clock, lambda: two.owned == BOTH)
        assert bench.clock.monotonic() < 20.0
        assert one.member is not None
        one.member.drop()
        await leave(two)

    play(scenario())


def test_who_does_not_poll_leaves_and_comes_back() -> None:
    """A process that stands still must not keep its partitions."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        one, two = Seat(bench, "one"), Seat(bench, "two")
        for seat in (one, two):
            await seat.join(max_poll_interval_s=30.0)
        await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
        for _ in range(20):
            await two.poll()
            await bench.clock.advance(2.0)
        assert (one.owned, two.owned) == (set(), BOTH)
        await one.poll()
        await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
        await leave(one, two)

    play(scenario())


def test_new_partitions_are_dealt_out() -> None:
    """And a topic that comes later, once it is there."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()
        seat = Seat(bench, "one", topics=("t", "later"))
        await seat.join()
        await turned_until(bench.clock, lambda: seat.owned == {FIRST})
        assert seat.member is not None
        assert seat.member.missing() == ["later"]
        await bench.cluster.admin().add_partitions("t", 2)
        await bench.topic("later")
        await turned_until(bench.clock, lambda: seat.owned == {*BOTH, Partition("later", 0)})
        assert seat.member.missing() == []
        await leave(seat)

    play(scenario())


def test_polls_wait_on_the_clock_and_on_records() -> None:
    """As reads do; a resume is noticed by a poll that waits."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()
        seat = Seat(bench, "one")
        member = await seat.join()
        await turned_until(bench.clock, lambda: seat.owned == {FIRST})
        polling = asyncio.ensure_future(seat.poll(timeout_s=5.0))
        await bench.clock.advance(4.0)
        assert not polling.done()
        await bench.write(FIRST, b"a")
        await polling
        assert seat.values == {FIRST: [b"a"]}
        member.pause(FIRST)
        await bench.write(FIRST, b"b")
        polling = asyncio.ensure_future(seat.poll(timeout_s=5.0))
        await bench.clock.advance(1.0)
        assert not polling.done()
        member.resume(FIRST)
        await polling
        assert seat.values == {FIRST: [b"a", b"b"]}
        assert (member.position(FIRST), member.end(FIRST)) == (2, 2)
        await leave(seat)

    play(scenario())


def test_a_lost_position_is_told() -> None:
    """Each time, until somebody says where to read on."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()
        seat = Seat(bench, "one")
        member = await seat.join()
        await turned_until(bench.clock, lambda: seat.owned == {FIRST})
        await bench.write(FIRST, b"a")
        member.seek(FIRST, 9)
        for _ in range(2):
            with pytest.raises(PositionLost) as lost:
                await seat.poll()
            assert (lost.value.partition, lost.value.position) == (FIRST, 9)
        member.seek(FIRST, 0)
        await seat.poll()
        assert seat.values == {FIRST: [b"a"]}
        await leave(seat)

    play(scenario())


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ErrorCode.illegal_generation, NotAMember),
        (ErrorCode.unknown_member_id, NotAMember),
        (ErrorCode.rebalance_in_progress, CommitUncertain),
        (ErrorCode.not_coordinator, CommitUncertain),
        (ErrorCode.group_authorization_failed, CommitRefused),
    ],
)
def test_what_the_coordinator_says_to_a_commit(error: ErrorCode, raised: type[Exception]) -> None:
    """Three answers that a worker treats differently."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        (place,), member = one.owned, one.member
        assert member is not None
        bench.cluster.faults.add(Fault(request=RequestKind.COMMIT_OFFSET, error=error))
        with pytest.raises(raised):
            await member.commit(place, 1, "")
        assert await member.committed(place) is None
        await leave(one, two)

    play(scenario())


@pytest.mark.parametrize(("loses", "kept"), [(Loss.REQUEST, None), (Loss.ANSWER, (1, "note"))])
def test_a_commit_without_an_answer_is_uncertain(loses: Loss, kept: tuple[int, str] | None) -> None:
    """It may have been taken or not."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        (place,), member = one.owned, one.member
        assert member is not None
        bench.cluster.faults.add(Fault(request=RequestKind.COMMIT_OFFSET, loses=loses))
        with pytest.raises(CommitUncertain):
            await bench.turned(member.commit(place, 1, "note"))
        assert await member.committed(place) == kept
        await leave(one, two)

    play(scenario())


def test_long_metadata_is_refused() -> None:
    """By the broker's own limit."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        (place,), member = one.owned, one.member
        assert member is not None
        limit = await bench.cluster.admin().offset_metadata_bytes()
        await member.commit(place, 1, "x" * limit)
        with pytest.raises(CommitRefused, match="OFFSET_METADATA_TOO_LARGE"):
            await member.commit(place, 2, "x" * (limit + 1))
        await leave(one, two)

    play(scenario())


def test_an_offset_is_asked_for_until_there_is_an_answer() -> None:
    """A coordinator that loads does not make it None; one that stays silent is told."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        (place,), member = one.owned, one.member
        assert member is not None
        await member.commit(place, 7, "")
        loading = ErrorCode.coordinator_load_in_progress
        faults = bench.cluster.faults
        faults.add(Fault(request=RequestKind.FETCH_OFFSET, error=loading, times=3))
        assert await bench.turned(member.committed(place)) == (7, "")
        faults.add(Fault(request=RequestKind.FETCH_OFFSET, error=loading, times=1_000))
        with pytest.raises(CommitUncertain, match="COORDINATOR_LOAD_IN_PROGRESS"):
            await bench.turned(member.committed(place))
        await leave(one, two)

    play(scenario())


def test_a_restart_keeps_the_members() -> None:
    """Sessions begin anew, and the generation goes on."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        owned = one.owned.copy()
        bench.cluster.restart()
        await bench.clock.advance(20.0)
        assert (one.owned, len(two.owned)) == (owned, 1)
        for seat in (one, two):
            assert seat.member is not None
            assert await seat.member.membership() is Membership.MEMBER
        assert one.revocations == [BOTH]
        await leave(one, two)

    play(scenario())


def test_a_restart_in_the_middle_of_a_rebalance_ends_well() -> None:
    """Who waited for the others is broken off, and asks again."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        one, two = Seat(bench, "one", drain_s=5.0), Seat(bench, "two")
        await one.join()
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        await two.join()
        await bench.clock.advance(HEARTBEAT_S + 1)
        assert bench.cluster.statistics().waiting_members == 1
        bench.cluster.restart()
        assert bench.cluster.statistics().waiting_members == 0
        await turned_until(bench.clock, lambda: len(one.owned) == len(two.owned) == 1)
        await leave(one, two)

    play(scenario())


def test_what_a_callback_raises_is_raised_by_poll() -> None:
    """It must not get lost in a background task."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()

        def assigned(_member: GroupMember, _partitions: Sequence[Partition]) -> None:
            raise LookupError("a bug of the worker")

        async def revoked(_partitions: Sequence[Partition]) -> None:
            """Nothing was begun."""

        member = await bench.cluster.member(
            group="g", topics=["t"], assignments=Assignments(assigned, revoked)
        )
        await bench.clock.advance(1.0)
        with pytest.raises(LookupError, match="a bug of the worker"):
            await member.poll(timeout_s=0, max_records=1)
        await member.stop()

    play(scenario())


def test_a_member_that_the_coordinator_refuses_is_told() -> None:
    """A session that is too short for the broker; it goes on trying, since that may change."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()
        seat = Seat(bench, "one")
        await seat.join(session_timeout_s=0.1)
        await bench.clock.advance(1.0)
        with pytest.raises(KafkaUnreachable, match=r"\(26\)"):
            await seat.poll()
        await leave(seat)

    play(scenario())


@pytest.mark.parametrize(("drain_s", "drained"), [(4.0, True), (50.0, False)])
def test_a_stop_lets_a_drain_end(drain_s: float, drained: bool) -> None:
    """Within its limit, so that what was begun is committed; then it leaves all the same."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        one, two = Seat(bench, "one", drain_s=drain_s), Seat(bench, "two")
        member = await one.join()
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        await two.join()
        await turned_until(bench.clock, lambda: bool(one.revocations))
        begun_s = bench.clock.monotonic()
        await bench.turned(member.stop())
        assert bench.clock.monotonic() - begun_s <= 5.2
        assert (one.owned == set()) == drained
        await turned_until(bench.clock, lambda: two.owned == BOTH)
        await leave(two)

    play(scenario())


def test_a_stop_ends_without_a_broker() -> None:
    """In bounded time; the group misses the member when its session is over."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        assert two.member is not None
        bench.cluster.stop()
        begun_s = bench.clock.monotonic()
        await bench.turned(two.member.stop())
        assert bench.clock.monotonic() - begun_s <= 5.2
        bench.cluster.start()
        await turned_until(bench.clock, lambda: one.owned == BOTH)
        await leave(one)

    play(scenario())


@pytest.mark.parametrize("request_kind", [RequestKind.JOIN, RequestKind.SYNC])
@pytest.mark.parametrize("loses", [Loss.REQUEST, Loss.ANSWER])
def test_a_lost_answer_does_not_keep_a_member_out(request_kind: RequestKind, loses: Loss) -> None:
    """It asks again; whoever the coordinator believes to be there is gone after its session."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic(partitions=2)
        seat = Seat(bench, "one")
        bench.cluster.faults.add(Fault(request=request_kind, loses=loses, times=2))
        await seat.join()
        await turned_until(bench.clock, lambda: seat.owned == BOTH)
        await leave(seat)

    play(scenario())


def test_members_stay_while_hours_pass_by() -> None:
    """They were heard of all the while, and a poll that is under way is no idleness."""

    async def scenario() -> None:
        bench = Bench()
        one, two = await shared(bench)
        polling = [asyncio.ensure_future(each.poll(timeout_s=0.2)) for each in (one, two)]
        await bench.clock.advance(0.1)
        begun_s = bench.clock.monotonic()
        await bench.clock.run(bench.cluster.pass_by(timedelta(hours=6)))
        assert bench.clock.monotonic() - begun_s == pytest.approx(21_601.0, abs=0.2)
        await asyncio.gather(*polling)
        await bench.clock.advance(2 * HEARTBEAT_S)
        assert len(one.owned) == len(two.owned) == 1
        for seat in (one, two):
            assert seat.member is not None
            assert await seat.member.membership() is Membership.MEMBER
            assert not seat.revocations[1:], "none since the second had joined"
        await leave(one, two)

    play(scenario())
