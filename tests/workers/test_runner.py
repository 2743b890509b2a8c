"""The loop of a worker process beside a group that a test plays."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from penstock.events.log import LogRecord, Partition, TopicMissing
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.ports import Assignments, GroupMember, Membership
from penstock.workers.runner import POLL_S, WATCH_S, RunnerLimits, WorkerRunner


class Member:
    """A member without partitions; some of its topics may be gone. Fulfils `GroupMember`."""

    def __init__(self, clock: VirtualClock) -> None:
        """Miss nothing."""
        self.clock = clock
        self.gone: tuple[str, ...] = ()
        self.left = False

    async def poll(
        self, *, timeout_s: float, max_records: int
    ) -> Mapping[Partition, Sequence[LogRecord]]:
        """Nothing comes."""
        assert max_records > 0
        await self.clock.sleep_until(self.clock.monotonic() + timeout_s)
        return {}

    def missing(self) -> Sequence[str]:
        """What the test says."""
        return self.gone

    def pause(self, partition: Partition) -> None:
        """There is none."""
        raise NotImplementedError

    def resume(self, partition: Partition) -> None:
        """There is none."""
        raise NotImplementedError

    def seek(self, partition: Partition, offset: int) -> None:
        """There is none."""
        raise NotImplementedError

    def position(self, partition: Partition) -> int | None:
        """There is none."""
        raise NotImplementedError

    def end(self, partition: Partition) -> int | None:
        """There is none."""
        raise NotImplementedError

    async def membership(self) -> Membership:
        """It is one."""
        return Membership.MEMBER

    async def committed(self, partition: Partition) -> tuple[int, str] | None:
        """There is none."""
        raise NotImplementedError

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """There is none."""
        raise NotImplementedError

    async def offset_at(self, partition: Partition, timestamp_ms: int) -> int:
        """There is none."""
        raise NotImplementedError

    async def commit(self, partition: Partition, offset: int, metadata: str) -> None:
        """There is none."""
        raise NotImplementedError


class Bench:
    """A runner, its member and its clock."""

    def __init__(self) -> None:
        """Join at once."""
        self.clock = VirtualClock()
        self.member = Member(self.clock)
        self.runner = WorkerRunner(
            contexts=lambda _member: {},
            join=self.join,
            leave=self.leave,
            clock=self.clock,
            limits=RunnerLimits(),
        )
        self.running = asyncio.ensure_future(self.runner.run())

    async def join(self, assignments: Assignments) -> GroupMember:
        """Give it no partition."""
        assignments.assigned(self.member, [])
        return self.member

    async def leave(self) -> None:
        """Take note."""
        self.member.left = True

    async def watch(self) -> None:
        """Let the next look happen, and another poll behind it."""
        await self.clock.advance(WATCH_S)
        await self.clock.advance(POLL_S)


def test_a_topic_that_is_gone_ends_the_process() -> None:
    """The group goes on without it, so the process would be idle for ever and look healthy."""

    async def scenario() -> None:
        bench = Bench()
        bench.member.gone = ("shop.orders",)
        await bench.watch()
        assert not bench.running.done(), "a broker that has just started does not know it yet"
        await bench.watch()
        with pytest.raises(TopicMissing, match=r"shop\.orders"):
            await bench.running
        assert bench.member.left

    asyncio.run(scenario())


def test_a_topic_that_comes_back_is_no_trouble() -> None:
    """Two looks in a row must miss it."""

    async def scenario() -> None:
        bench = Bench()
        for gone in (("shop.orders",), (), ("shop.orders",), ("shop.lines",), ()):
            bench.member.gone = gone
            await bench.watch()
        assert not bench.running.done()
        bench.runner.stop()
        await bench.clock.advance(POLL_S)
        await bench.running
        assert bench.member.left

    asyncio.run(scenario())
