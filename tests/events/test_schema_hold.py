"""Holding an event whose schema is not known: for a bounded time, and not again and again."""

from __future__ import annotations

import asyncio
import json

import pytest

from penstock.events.schema_hold import SchemaHold
from penstock.schemas.schema import AvroSchema
from tests.events.conftest import VirtualClock

SCHEMA = AvroSchema.parse(json.dumps({"type": "record", "name": "shop.A", "fields": []}))


class Place:
    """A place where schemas come to be known after some looks."""

    def __init__(self, after: int | None) -> None:
        """Know the schema after so many looks; None for never."""
        self.after = after
        self.looks = 0

    def find(self) -> AvroSchema | None:
        """From memory."""
        return None if self.after is None or self.looks < self.after else SCHEMA

    async def look(self) -> None:
        """Look."""
        await asyncio.sleep(0)
        self.looks += 1


def a_hold(clock: VirtualClock, *, wait_s: float = 5.0, remembered: int = 3) -> SchemaHold:
    """A hold of five seconds that remembers three frames."""
    return SchemaHold(clock, wait_s=wait_s, missing_s=10.0, remembered=remembered)


async def ended(
    clock: VirtualClock, hold: SchemaHold, place: Place, frame: bytes = b"a", *, once: bool = False
) -> tuple[AvroSchema | None, float]:
    """What came of it, and after how many seconds."""
    begun = clock.monotonic()
    task = asyncio.ensure_future(hold.until_found(frame, place.find, place.look, once=once))
    done_s: list[float] = []
    task.add_done_callback(lambda _: done_s.append(clock.monotonic() - begun))
    for _ in range(100):
        await clock.advance(0.1)
        if task.done():
            break
    return await task, done_s[0]


@pytest.mark.parametrize(("after", "most_s"), [(0, 0.0), (1, 0.0), (2, 0.1), (4, 0.7)])
def test_it_ends_as_soon_as_the_schema_is_there(after: int, most_s: float) -> None:
    """What is known needs no look; what was registered before the event needs one."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(after)
        found, took_s = await ended(clock, a_hold(clock), place)
        assert found is SCHEMA
        assert place.looks == after
        assert took_s == pytest.approx(most_s, abs=0.01)

    asyncio.run(scenario())


def test_it_ends_in_time_without_the_schema() -> None:
    """After some looks, ever rarer ones, and a last one at the end of the time."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(None)
        hold = a_hold(clock)
        found, took_s = await ended(clock, hold, place)
        assert found is None
        assert took_s == pytest.approx(5.0, abs=0.01)
        assert place.looks == 9
        assert (hold.statistics().held, hold.statistics().found) == (1, 0)

    asyncio.run(scenario())


def test_what_is_missing_is_not_waited_for_again() -> None:
    """Ten more events of its kind pass at once; after a while it is looked for once more."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(None)
        hold = a_hold(clock)
        await ended(clock, hold, place)
        looks = place.looks
        for _ in range(10):
            assert await hold.until_found(b"a", place.find, place.look) is None
        assert place.looks == looks
        await clock.advance(10.0)
        place.after = looks + 1
        assert (await ended(clock, hold, place))[0] is SCHEMA
        assert hold.statistics().missing == 0

    asyncio.run(scenario())


def test_bytes_of_chance_hold_one_event_and_no_further_ones() -> None:
    """Each names another schema; all but the first cost one look."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(None)
        hold = a_hold(clock)
        await ended(clock, hold, place, b"0")
        for number in range(1, 20):
            found, took_s = await ended(clock, hold, place, b"%d" % number)
            assert found is None
            assert took_s == pytest.approx(0.0, abs=0.01)
        assert hold.statistics().held == 1
        assert hold.statistics().missing == 3

    asyncio.run(scenario())


def test_what_has_come_meanwhile_is_found_although_nobody_waits() -> None:
    """One look is always worth while: schemas are registered before events."""

    async def scenario() -> None:
        clock, garbage, real = VirtualClock(), Place(None), Place(1)
        hold = a_hold(clock)
        await ended(clock, hold, garbage, b"0")
        assert (await ended(clock, hold, real, b"1"))[0] is SCHEMA

    asyncio.run(scenario())


@pytest.mark.parametrize(("wait_s", "once"), [(0.0, False), (5.0, True)])
def test_it_may_look_once_only(wait_s: float, once: bool) -> None:
    """For whoever has no event in hand."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(None)
        hold = a_hold(clock, wait_s=wait_s)
        found, took_s = await ended(clock, hold, place, once=once)
        assert (found, place.looks) == (None, 1)
        assert took_s == pytest.approx(0.0, abs=0.01)

    asyncio.run(scenario())


def test_who_cannot_look_is_told() -> None:
    """That says nothing about the schema, and nothing is noted."""

    async def scenario() -> None:
        clock, place = VirtualClock(), Place(None)
        hold = a_hold(clock)

        async def fail() -> None:
            await asyncio.sleep(0)
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011 - any failure of the place passes through
            await hold.until_found(b"a", place.find, fail)
        assert hold.statistics().missing == 0

    asyncio.run(scenario())


class SlowPlace(Place):
    """A place that takes its time, as a registry under load does."""

    def __init__(self, clock: VirtualClock, *, takes_s: float) -> None:
        """Know nothing."""
        super().__init__(None)
        self.clock = clock
        self.takes_s = takes_s

    async def look(self) -> None:
        """Look."""
        self.looks += 1
        await self.clock.sleep_until(self.clock.monotonic() + self.takes_s)


@pytest.mark.parametrize(("takes_s", "ends_s"), [(0.2, 5.2), (1.5, 5.5), (4.8, 5.5), (9.0, 9.0)])
def test_a_slow_place_holds_no_longer_than_promised(takes_s: float, ends_s: float) -> None:
    """A look that has begun in time is cut off at its end; only the first is waited for."""

    async def scenario() -> None:
        clock = VirtualClock()
        place, hold = SlowPlace(clock, takes_s=takes_s), a_hold(clock)
        found, took_s = await ended(clock, hold, place)
        assert found is None
        assert took_s == pytest.approx(ends_s, abs=0.11)
        _, took_s = await ended(clock, hold, place, b"b")
        assert took_s == pytest.approx(takes_s, abs=0.11)

    asyncio.run(scenario())
