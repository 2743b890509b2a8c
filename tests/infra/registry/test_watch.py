"""A watch against the twin and in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

from penstock.infra.registry.changes import Change, Changed, Joined, Left
from penstock.infra.registry.lease_times import LEASE_S
from penstock.infra.registry.pace import BURST, LOOKS_PER_S
from penstock.infra.registry.watch import Watch
from tests.infra.registry.instances import an_instance
from tests.infra.registry.stage import Stage


class Reader:
    """Takes from a watch whatever comes, in a task of its own."""

    def __init__(self, stage: Stage) -> None:
        """Begin to read."""
        self.watch: Watch = stage.registry.watch("orders")
        self.changes: list[Change] = []
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for change in self.watch:
            self.changes.append(change)

    def read(self) -> list[str]:
        """What came since the last call: + who joined, ~ who changed, - who left."""
        signs = {Joined: "+", Changed: "~", Left: "-"}
        taken, self.changes = self.changes, []
        return [signs[type(change)] + change.instance.id for change in taken]

    async def end(self) -> None:
        """Stop reading, and raise what the watch raised."""
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled():
            self._task.result()


def play(scenario: Callable[[Stage, Reader], Awaitable[None]]) -> None:
    """Play a scenario on a stage of its own, with a reader in front of it."""

    async def on_stage() -> None:
        stage = Stage()
        reader = Reader(stage)
        await stage.clock.advance(0)
        await scenario(stage, reader)
        await reader.end()

    asyncio.run(on_stage())


def test_who_is_there_already_comes_first() -> None:
    """Then every change, in the very moment."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        assert reader.read() == []
        async with stage.registered(id="a") as a:
            assert reader.read() == ["+a"]
            async with stage.registered(id="b"):
                later = Reader(stage)
                await stage.clock.advance(0)
                assert later.read() == ["+a", "+b"]
                a.drain()
                await stage.clock.advance(0)
                assert reader.read() == ["+b", "~a"]
                assert later.read() == ["~a"]
                await later.end()
            assert reader.read() == ["-b"]
        assert reader.read() == ["-a"]

    play(scenario)


def test_who_falls_silent_is_missed_when_its_lease_ends() -> None:
    """No event tells of it, and yet it is known within ten seconds of the last heartbeat."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        await stage.twin.register(an_instance(id="dead"))
        await stage.clock.advance(0)
        assert reader.read() == ["+dead"]
        async with stage.registered(id="alive"):
            await stage.clock.advance(LEASE_S - 0.01)
            assert reader.read() == ["+alive"]
            await stage.clock.advance(0.9)
            assert reader.read() == ["-dead"]

    play(scenario)


def test_an_outage_changes_nothing() -> None:
    """It is told once, and afterwards everything is found out that happened meanwhile."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        async with stage.registered(id="a"):
            assert reader.read() == ["+a"]
            stage.twin.away = True
            await stage.clock.advance(60.0)
            assert reader.read() == []
            numbers = reader.watch.statistics()
            assert numbers.stale
            assert 60.0 <= numbers.age_s <= 75.0
            assert stage.told().count("registry-list-stale") == 1
            stage.twin.away = False
            await stage.twin.register(an_instance(id="b"))
            await stage.clock.advance(3.1)
            assert reader.read() == ["+b"]
            assert not reader.watch.statistics().stale

    play(scenario)


def test_a_registry_that_is_away_from_the_start_is_waited_for() -> None:
    """The watch raises nothing."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        stage.twin.away = True
        early = Reader(stage)
        await stage.clock.advance(30.0)
        assert early.read() == []
        stage.twin.away = False
        await stage.twin.register(an_instance(id="a"))
        await stage.clock.advance(3.0)
        assert (early.read(), reader.read()[:1]) == (["+a"], ["+a"])
        await early.end()

    play(scenario)


def test_a_registry_that_forgets_everything_costs_no_reader_its_list() -> None:
    """Who lives comes back before its lease, as it was known, has ended; who died is missed."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        await stage.twin.register(an_instance(id="dead"))
        async with stage.registered(id="a"), stage.registered(id="b"):
            await stage.clock.advance(2.0)
            assert sorted(reader.read()) == ["+a", "+b", "+dead"]
            stage.twin.forget_everything()
            await stage.clock.advance(20.0)
            assert reader.read() == ["-dead"]

    play(scenario)


def test_a_thousand_that_come_at_once_are_a_few_looks() -> None:
    """However many events: the pace holds, and nobody is missed."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        looks = reader.watch.statistics().looks
        for number in range(1000):
            await stage.twin.register(an_instance(id=f"i{number}"))
            if number % 10 == 0:
                await stage.clock.advance(0.01)
        await stage.clock.advance(1.0)
        assert len(reader.read()) == 1000
        assert reader.watch.statistics().looks - looks <= BURST + 2 * LOOKS_PER_S + 1

    play(scenario)


def test_a_service_that_nothing_happens_to_is_looked_at_every_ten_seconds() -> None:
    """Or a little later, so that many watchers do not look in step."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        await stage.clock.advance(1000.0)
        assert 94 <= reader.watch.statistics().looks <= 101

    play(scenario)


def test_living_instances_are_looked_at_no_more_often_than_leases_may_end() -> None:
    """Each lease that is seen runs for six seconds more at least."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        async with stage.registered(id="a"), stage.registered(id="b"):
            before = reader.watch.statistics().looks
            await stage.clock.advance(600.0)
            assert reader.watch.statistics().looks - before <= 100
            assert reader.read() == ["+a", "+b"]

    play(scenario)


def test_events_that_cannot_be_waited_for_are_told_once() -> None:
    """Where only that fails, it looks every few seconds instead."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        await reader.end()
        stage.twin.deaf = True
        reader = Reader(stage)
        await stage.clock.advance(60.0)
        assert stage.told() == ["registry-watch-deaf"]
        assert 20 <= reader.watch.statistics().looks <= 35
        await stage.twin.register(an_instance(id="a"))
        await stage.clock.advance(3.0)
        assert reader.read() == ["+a"]
        await reader.end()

    play(scenario)


def test_who_cannot_be_read_is_told_once_and_hides_nobody() -> None:
    """And comes as soon as it can be read."""

    async def scenario(stage: Stage, reader: Reader) -> None:
        async with stage.registered(id="good"):
            kept = stage.twin.kept["orders"]
            kept.ends_ms["bad"], kept.entries["bad"] = 10**15, b"\xff"
            await stage.clock.advance(60.0)
            assert reader.read() == ["+good"]
            assert stage.told() == ["registry-entries-unreadable"]
            await stage.twin.register(an_instance(id="bad"))
            await stage.clock.advance(0)
            assert reader.read() == ["+bad"]

    play(scenario)
