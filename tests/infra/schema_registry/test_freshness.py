"""How often the topic is read for those who ask."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

import pytest

from penstock.infra.schema_registry.freshness import Freshness
from penstock.infra.virtual_clock import VirtualClock
from penstock.schemas.errors import WorldError


@dataclass(eq=False, kw_only=True)
class Away(WorldError):
    """The cluster is away."""

    code: ClassVar[str] = "PEN-T1"
    what: ClassVar[str] = "It is away."


class Topic:
    """What is read; it takes a time, and may fail."""

    def __init__(self) -> None:
        """Be there, at once."""
        self.clock = VirtualClock()
        self.takes_s = 0.0
        self.error: Exception | None = None
        self.read_at: list[float] = []

    async def refresh(self) -> None:
        """As the catalogue does."""
        self.read_at.append(self.clock.monotonic())
        await self.clock.sleep_until(self.clock.monotonic() + self.takes_s)
        if self.error is not None:
            raise self.error

    def fresh(self) -> Freshness:
        """Waited for by at most three seconds."""
        return Freshness(self.refresh, self.clock, wait_s=3.0)


def test_a_reading_serves_all_who_come_soon_after() -> None:
    """And those who come later have their own."""
    topic = Topic()

    async def scenario() -> None:
        fresh = topic.fresh()
        for at_s in (0.0, 0.3, 0.49, 0.5, 0.8, 1.2):
            await topic.clock.advance(at_s - topic.clock.monotonic())
            assert await fresh.renew(0.5) is None
        assert fresh.statistics().readings == 3

    asyncio.run(scenario())
    assert topic.read_at == [0.0, 0.5, 1.2]


def test_there_is_one_reading_at_a_time() -> None:
    """All who come meanwhile wait for it."""
    topic = Topic()
    topic.takes_s = 2.0

    async def scenario() -> None:
        fresh = topic.fresh()
        every = asyncio.gather(*(fresh.renew(0.0) for _ in range(100)))
        assert await topic.clock.run(_all(every)) == [None] * 100

    asyncio.run(scenario())
    assert topic.read_at == [0.0]


async def _all(every: "asyncio.Future[list[str | None]]") -> list[str | None]:
    return await every


def test_nobody_waits_for_ever() -> None:
    """Who comes to a reading that hangs is told so in time."""
    topic = Topic()
    topic.takes_s = 1_000.0

    async def scenario() -> None:
        fresh = topic.fresh()
        for end_s in (3.0, 6.0):
            problem = await topic.clock.run(fresh.renew(0.5))
            assert problem is not None
            assert topic.clock.monotonic() == end_s
        await fresh.close()

    asyncio.run(scenario())
    assert len(topic.read_at) == 1


def test_who_misses_something_has_it_read_from_then_on() -> None:
    """The reading that was under way may have passed the place; one more serves all who miss."""
    topic = Topic()
    topic.takes_s = 1.0

    async def scenario() -> None:
        fresh = topic.fresh()
        first = asyncio.ensure_future(fresh.renew(0.5))
        await topic.clock.advance(0.4)
        begun = fresh.begun
        every = asyncio.gather(*(fresh.renew_since(begun, 0.1) for _ in range(50)))
        assert await topic.clock.run(_all(every)) == [None] * 50
        assert await first is None
        assert await fresh.renew_since(begun, 0.1) is None

    asyncio.run(scenario())
    assert topic.read_at == [0.0, 1.0]


def test_readings_for_what_is_missing_are_apart() -> None:
    """Bytes of chance that look like ids must not become load on the broker."""
    topic = Topic()

    async def scenario() -> None:
        fresh = topic.fresh()
        for _ in range(3):
            await topic.clock.run(fresh.renew_since(fresh.begun, 0.1))

    asyncio.run(scenario())
    assert topic.read_at == [0.0, pytest.approx(0.1), pytest.approx(0.2)]


def test_a_failure_is_told_until_the_next_reading() -> None:
    """A cluster that is away is not asked by each request."""
    topic = Topic()
    topic.error = Away()

    async def scenario() -> None:
        fresh = topic.fresh()
        assert await fresh.renew(0.5) == "It is away."
        topic.error = None
        await topic.clock.advance(0.4)
        assert await fresh.renew(0.5) == "It is away."
        await topic.clock.advance(0.1)
        assert await fresh.renew(0.5) is None
        assert (fresh.statistics().readings, fresh.statistics().failures) == (2, 1)

    asyncio.run(scenario())


def test_what_nobody_foresaw_is_raised() -> None:
    """It is no state of the cluster, and belongs into the log."""
    topic = Topic()
    topic.error = KeyError("a bug")

    async def scenario() -> None:
        with pytest.raises(KeyError):
            await topic.fresh().renew(0.5)

    asyncio.run(scenario())
