"""A process and its entry, against the twin and in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.infra.registry.instance import BadInstance, Status
from penstock.infra.registry.instance_codec import ENTRY_LIMIT_BYTES, encode_instance
from tests.infra.registry.instances import an_instance
from tests.infra.registry.stage import Stage


def play(scenario: Callable[[Stage], Awaitable[None]]) -> None:
    """Play a scenario on a stage of its own."""

    async def on_stage() -> None:
        await scenario(Stage())

    asyncio.run(on_stage())


def test_an_entry_is_there_for_as_long_as_the_block() -> None:
    """From the first turn of the loop on, for hours, and not a moment longer."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            assert await stage.listed() == ["host-7-aa"]
            await stage.clock.advance(3 * 3600.0)
            assert await stage.listed() == ["host-7-aa"]
            assert registration.statistics().listed
        assert await stage.listed() == []
        assert stage.told() == []

    play(scenario)


def test_heartbeats_come_each_three_seconds_or_a_little_sooner() -> None:
    """An hour of them: no fewer than 1 200, and no more than a tenth above that."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            await stage.clock.advance(3600.0)
            numbers = registration.statistics()
            assert 1200 <= numbers.renewed <= 1334
            assert (numbers.registered, numbers.lost, numbers.unanswered) == (1, 0, 0)

    play(scenario)


def test_a_registry_that_is_away_at_the_start_stops_nobody() -> None:
    """The block begins; it is told once; the entry is there within a heartbeat of its return."""

    async def scenario(stage: Stage) -> None:
        stage.twin.away = True
        async with stage.registered() as registration:
            await stage.clock.advance(600.0)
            assert not registration.statistics().listed
            assert stage.told() == ["registry-silent"]
            stage.twin.away = False
            await stage.clock.advance(3.0)
            assert await stage.listed() == ["host-7-aa"]
            assert stage.told() == ["registry-silent"]

    play(scenario)


def test_each_outage_is_told_once() -> None:
    """In the middle, for long, and again."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            for outage in (1, 2):
                stage.twin.away = True
                await stage.clock.advance(60.0)
                assert not registration.statistics().listed
                stage.twin.away = False
                await stage.clock.advance(3.0)
                assert await stage.listed() == ["host-7-aa"]
                assert stage.told().count("registry-silent") == outage

    play(scenario)


def test_a_short_outage_costs_nobody_its_place() -> None:
    """Up to five seconds a lease survives whatever moment they begin at."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            for _ in range(50):
                stage.twin.away = True
                await stage.clock.advance(4.9)
                stage.twin.away = False
                await stage.clock.advance(1.1)
                assert await stage.listed() == ["host-7-aa"]
        assert "registry-entry-lost" not in stage.told()

    play(scenario)


def test_who_was_forgotten_is_back_within_a_heartbeat() -> None:
    """FLUSHALL, a hundred times at different moments."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            for _ in range(100):
                stage.twin.forget_everything()
                await stage.clock.advance(3.0)
                assert await stage.listed() == ["host-7-aa"]
            assert registration.statistics().lost == 100
            assert stage.told() == ["registry-entry-lost"] * 100

    play(scenario)


def test_a_process_that_stood_still_registers_again() -> None:
    """Its lease ended meanwhile: its heartbeat finds that out and brings nothing back by itself."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            stage.twin.kept["orders"].ends_ms["host-7-aa"] = 0
            await stage.clock.advance(3.0)
            assert await stage.listed() == ["host-7-aa"]
            assert "heartbeat register" in " ".join(stage.twin.calls)
            assert stage.told() == ["registry-entry-lost"]

    play(scenario)


def test_draining_is_told_at_once_and_stays() -> None:
    """Whatever the registry forgets afterwards: the process says what it is itself."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            registration.drain()
            registration.drain()
            await stage.clock.advance(0)
            assert (await stage.looked())[0].status is Status.DRAINING
            stage.twin.forget_everything()
            await stage.clock.advance(3.0)
            assert (await stage.looked())[0].status is Status.DRAINING
            assert registration.instance.status is Status.DRAINING

    play(scenario)


def test_draining_while_a_question_is_under_way() -> None:
    """It is told by the next one, and its answer is no loss."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            stage.twin.answers_after_s = 0.5
            await stage.clock.advance(3.0)
            registration.drain()
            await stage.clock.advance(1.5)
            stage.twin.answers_after_s = 0.0
            assert (await stage.looked())[0].status is Status.DRAINING
        assert stage.told() == []

    play(scenario)


def test_draining_while_the_registry_is_away() -> None:
    """It does not wait, and is told when the registry is back."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered() as registration:
            stage.twin.away = True
            await stage.clock.advance(5.0)
            asked = len(stage.twin.calls)
            registration.drain()
            await stage.clock.advance(0)
            assert len(stage.twin.calls) == asked
            stage.twin.away = False
            await stage.clock.advance(3.0)
            assert (await stage.looked())[0].status is Status.DRAINING

    play(scenario)


@pytest.mark.parametrize("answers_after_s", [0.0, 0.9, 1.5, 60.0])
def test_leaving_takes_two_seconds_at_most(answers_after_s: float) -> None:
    """However slow the registry is; `Stage.registered` holds that."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            stage.twin.answers_after_s = answers_after_s
            await stage.clock.advance(3.1)
        assert stage.tasks() == 0

    play(scenario)


def test_leaving_early() -> None:
    """Whoever has several to leave need not wait for one after the other."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered(id="a") as a, stage.registered(id="b") as b:
            stage.twin.answers_after_s = 0.9
            leaving = asyncio.gather(a.leave(), b.leave())
            await stage.clock.advance(0.9)
            await leaving
        assert stage.twin.calls.count("leave") == 2

    play(scenario)


def test_leaving_comes_after_the_question_under_way() -> None:
    """Else an old registration could arrive last, and the entry would stay."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            stage.twin.forget_everything()
            stage.twin.answers_after_s = 0.5
            await stage.clock.advance(3.6)
        stage.twin.answers_after_s = 0.0
        assert await stage.listed() == []
        assert stage.twin.calls[-2:] == ["leave", "look"]

    play(scenario)


def test_leaving_while_the_registry_is_away() -> None:
    """Nothing is raised; the entry ends with its lease."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            stage.twin.away = True
        stage.twin.away = False
        assert await stage.listed() == ["host-7-aa"]
        await stage.clock.advance(7.0)
        assert await stage.listed() == []

    play(scenario)


def test_an_error_in_the_block_goes_through() -> None:
    """And the entry is gone."""

    async def scenario(stage: Stage) -> None:
        with pytest.raises(ZeroDivisionError):
            async with stage.registered():
                raise ZeroDivisionError
        assert await stage.listed() == []

    play(scenario)


def test_a_mistake_of_ours_ends_no_worker_and_is_told() -> None:
    """The heartbeats stop, which somebody must know; the block goes on."""

    async def scenario(stage: Stage) -> None:
        async with stage.registered():
            stage.twin.mistaken = True
            await stage.clock.advance(60.0)
            assert stage.told() == ["registry-heartbeats-ended"]
            stage.twin.mistaken = False
        assert await stage.listed() == []

    play(scenario)


def test_what_cannot_be_written_is_refused_before_the_block() -> None:
    """At once, and not in some heartbeat later: also where only the longer state is too long."""
    names = [f"name-{number:02}" for number in range(30)]
    spare = ENTRY_LIMIT_BYTES - len(encode_instance(an_instance(metadata=dict.fromkeys(names, ""))))
    words = dict.fromkeys(names, "x" * (spare // 30))
    words["name-00"] += "x" * (spare % 30)
    assert len(encode_instance(an_instance(metadata=words))) == ENTRY_LIMIT_BYTES

    async def scenario(stage: Stage) -> None:
        with pytest.raises(BadInstance):
            async with stage.registered(metadata=words):
                raise AssertionError
        words["name-00"] = words["name-00"][: -len("draining") + len("up")]
        async with stage.registered(metadata=words) as registration:
            registration.drain()
            await stage.clock.advance(0)
            assert (await stage.looked())[0].status is Status.DRAINING

    play(scenario)
