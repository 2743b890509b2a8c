"""Discovery against the twin and in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.infra.redis.errors import RedisUnreachable
from penstock.infra.registry.instance import BadInstance, Status
from penstock.infra.registry.instance_codec import encode_instance
from penstock.infra.registry.view import Discovery
from tests.infra.registry.instances import an_instance
from tests.infra.registry.stage import Stage
from tests.infra.registry.twin import ServiceTwin


def play(scenario: Callable[[Stage], Awaitable[None]]) -> None:
    """Play a scenario on a stage of its own."""

    async def on_stage() -> None:
        await scenario(Stage())

    asyncio.run(on_stage())


def ids(found: Discovery) -> list[str]:
    """Who takes work."""
    return [instance.id for instance in found.instances]


def test_those_who_drain_take_no_new_work() -> None:
    """From the moment on in which they say so; they are named apart."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered(id="a"), stage.registered(id="b") as b:
            assert ids(await stage.registry.discover("orders")) == ["a", "b"]
            b.drain()
            await stage.clock.advance(0)
            found = await stage.registry.discover("orders")
            assert ids(found) == ["a"]
            assert [each.status for each in found.draining] == [Status.DRAINING]
            assert not found.stale

    play(scenario)


def test_a_service_of_which_nobody_is_there_is_empty() -> None:
    """The registry cannot tell it from one that never was."""

    async def scenario(stage: Stage) -> None:
        assert ids(await stage.registry.discover("orders")) == []
        assert await stage.registry.services() == ()

    play(scenario)


def test_without_an_answer_and_without_a_list_it_raises() -> None:
    """There is nothing to serve; and the next call asks again."""

    async def scenario(stage: Stage) -> None:
        stage.twin.away = True
        for _ in range(2):
            with pytest.raises(RedisUnreachable):
                await stage.registry.discover("orders")
        assert stage.twin.calls == ["look", "look"]
        assert stage.told() == []

    play(scenario)


def test_an_outage_serves_the_last_good_list_and_its_age() -> None:
    """For hours; it is told once, and the registry is asked once a second, not once a call."""

    async def scenario(stage: Stage) -> None:
        await stage.twin.register(an_instance(id="a"))
        await stage.registry.discover("orders")
        stage.twin.away = True
        stage.twin.calls.clear()
        for call in range(1, 101):
            await stage.clock.advance(0.1)
            found = await stage.registry.discover("orders")
            assert (ids(found), found.stale) == (["a"], True)
            assert found.age_s == pytest.approx(call / 10)
        assert stage.twin.calls == ["look"] * 10
        assert stage.told() == ["registry-list-stale"]
        await stage.clock.advance(3600.0)
        assert ids(await stage.registry.discover("orders")) == ["a"]
        stage.twin.away = False
        await stage.clock.advance(1.0)
        found = await stage.registry.discover("orders")
        assert (ids(found), found.stale) == (["a"], True)
        await stage.clock.advance(6.0)
        found = await stage.registry.discover("orders")
        assert (ids(found), found.stale) == ([], False)
        numbers = stage.registry.statistics()
        assert (numbers.stale, numbers.services) == (102, 1)

    play(scenario)


def test_readers_at_a_time_ask_a_silent_registry_once_together() -> None:
    """A frozen one costs one of a thousand readers its deadline, and the others nothing."""

    async def scenario(stage: Stage) -> None:
        await stage.twin.register(an_instance(id="a"))
        await stage.registry.discover("orders")
        stage.twin.away = True
        await stage.registry.discover("orders")
        stage.twin.answers_after_s = 0.9
        stage.twin.calls.clear()
        await stage.clock.advance(1.0)
        readers = [asyncio.ensure_future(stage.registry.discover("orders")) for _ in range(1000)]
        await stage.clock.advance(0)
        assert stage.twin.calls == ["look"]
        assert sum(reader.done() for reader in readers) == 999
        await stage.clock.advance(0.9)
        found = await asyncio.gather(*readers)
        assert {(*ids(each), each.stale) for each in found} == {("a", True)}

    play(scenario)


def test_a_question_that_was_given_up_keeps_the_others_away_for_a_second_only() -> None:
    """Its reader was cancelled, so nobody will say how it ended."""

    async def scenario(stage: Stage) -> None:
        await stage.twin.register(an_instance(id="a"))
        await stage.registry.discover("orders")
        stage.twin.away = True
        await stage.registry.discover("orders")
        stage.twin.answers_after_s = 0.9
        await stage.clock.advance(1.0)
        reader = asyncio.ensure_future(stage.registry.discover("orders"))
        await stage.clock.advance(0.1)
        reader.cancel()
        await asyncio.wait({reader})
        stage.twin.away, stage.twin.answers_after_s = False, 0.0
        await stage.clock.advance(0.8)
        assert (await stage.registry.discover("orders")).stale
        await stage.clock.advance(0.1)
        assert not (await stage.registry.discover("orders")).stale

    play(scenario)


def test_a_registry_that_forgets_everything_empties_no_list() -> None:
    """Until the lease that was seen has ended; who lives is back by then."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered(id="a"):
            await stage.twin.register(an_instance(id="dead"))
            await stage.registry.discover("orders")
            stage.twin.forget_everything()
            for _ in range(89):
                found = await stage.registry.discover("orders")
                assert ids(found) == ["a", "dead"]
                assert found.stale
                await stage.clock.advance(0.1)
            await stage.clock.advance(0.2)
            found = await stage.registry.discover("orders")
            assert (ids(found), found.stale) == (["a"], False)

    play(scenario)


def test_two_that_look_at_once() -> None:
    """Each gets a list, and the later question wins."""

    async def scenario(stage: Stage) -> None:
        stage.twin.answers_after_s = 0.5
        stage.twin.kept["orders"] = ServiceTwin(
            ends_ms={"a": 10**15}, entries={"a": encode_instance(an_instance(id="a"))}
        )
        first = asyncio.ensure_future(stage.registry.discover("orders"))
        await stage.clock.advance(0.2)
        second = asyncio.ensure_future(stage.registry.discover("orders"))
        await stage.clock.advance(1.0)
        assert ids(await first) == ids(await second) == ["a"]

    play(scenario)


def test_entries_that_cannot_be_read_are_counted_and_told_once() -> None:
    """Whoever can be read is there."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered(id="good"):
            kept = stage.twin.kept["orders"]
            kept.ends_ms["bad"], kept.entries["bad"] = 10**15, b"{}"
            for _ in range(3):
                found = await stage.registry.discover("orders")
                assert ids(found) == ["good"]
                assert [each.instance for each in found.unreadable] == ["bad"]
            assert stage.told() == ["registry-entries-unreadable"]
            assert stage.registry.statistics().looks.unreadable == 3

    play(scenario)


def test_all_services_at_once() -> None:
    """By name."""

    async def scenario(stage: Stage) -> None:
        async with (
            stage.registered(id="a"),
            stage.registered(service="saga-order", id="s"),
        ):
            assert await stage.registry.services() == ("orders", "saga-order")
            survey = await stage.registry.survey()
            assert [(each.service, ids(each)) for each in survey.found] == [
                ("orders", ["a"]),
                ("saga-order", ["s"]),
            ]
            assert survey.damaged == ()
            assert survey.found[0].counts == {"up": 1, "draining": 0, "unreadable": 0}

    play(scenario)


def test_names_that_no_service_has_are_refused() -> None:
    """Before anything is asked."""

    async def scenario(stage: Stage) -> None:
        with pytest.raises(BadInstance):
            await stage.registry.discover("a:b")
        with pytest.raises(BadInstance):
            stage.registry.watch("*")
        assert stage.twin.calls == []

    play(scenario)


def test_what_is_remembered_for_readers_is_bounded() -> None:
    """The thousand services that were asked for last."""

    async def scenario(stage: Stage) -> None:
        for number in range(1_100):
            await stage.registry.discover(f"service-{number}")
        assert stage.registry.statistics().services == 1_000
        stage.twin.away = True
        assert (await stage.registry.discover("service-1099")).stale
        with pytest.raises(RedisUnreachable):
            await stage.registry.discover("service-0")

    play(scenario)


def test_statistics_name_the_registrations_of_this_process() -> None:
    """For as long as their blocks."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered(id="a"), stage.registered(id="b"):
            numbers = stage.registry.statistics().registrations
            assert [(each.instance.id, each.listed) for each in numbers] == [
                ("a", True),
                ("b", True),
            ]
        assert stage.registry.statistics().registrations == ()

    play(scenario)
