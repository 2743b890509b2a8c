"""A slot: many callers share one commit, a doubt is settled, an end is told to everybody.

On a topic in memory, with a clock turned by hand.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.events.log import Partition
from penstock.infra.replication.count_waiters import CountUnconfirmed
from penstock.infra.replication.counter_slot import CounterSlot, CountsNotWritten, counting
from penstock.infra.replication.counter_value import CounterToken
from penstock.infra.replication.counters_closed import CountersClosed
from penstock.infra.replication.slot_hold import SlotTaken
from penstock.infra.replication.slot_settings import BadSlotSettings, SlotSettings
from penstock.workers.counters import BadCount, CounterComponent, component_key
from penstock.workers.ports import TransactionDoubt
from tests.infra.replication.counter_world import CounterWorld, SlotProcess

Scenario = Callable[[CounterWorld], Coroutine[Any, Any, None]]


def play(scenario: Scenario, *, decrements: bool = False) -> None:
    """Run a scenario in a world of its own, and see that no task is left."""

    async def whole() -> None:
        await scenario(CounterWorld(decrements=decrements))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others

    asyncio.run(whole())


def counts(world: CounterWorld) -> int:
    """Records of counts on the topic, without those of generations."""
    return sum(not (each.key or b"").endswith(b":") for each in world.topic.records())


def component(ups: int) -> CounterComponent:
    """A component that only grows."""
    return CounterComponent(kind="g", increments=ups, decrements=0)


def test_a_thousand_callers_share_one_commit_and_one_record() -> None:
    """Each has the same token, whose record holds the increments of all."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        calls = [process.call("a", 1) for _ in range(1_000)]
        await world.clock.advance(0.0)
        await world.clock.advance(0.01)
        assert len({call.result() for call in calls}) == 1
        assert process.slot.component("a") == component(1_000)
        assert process.slot.statistics().commits == 1
        assert counts(world) == 1
        await process.crash()

    play(scenario)


@pytest.mark.parametrize("misfortune", [None, "not begun", "answer lost"])
def test_each_caller_is_told_where_its_own_counter_was_written(misfortune: Any) -> None:
    """With more counters than one batch holds, and whether the first is in doubt or not."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        if misfortune is not None:
            world.topic.misfortunes.append(misfortune)
        names = [f"{number:0512}" for number in range(1_000)]
        calls = {name: process.call(name, 1) for name in names}
        await world.clock.advance(0.0)
        assert 0 < process.slot.statistics().ledger.in_flight < len(names)
        await advancing(world, process.slot.flush())
        written = {
            CounterToken(Partition(each.topic, each.partition), each.offset): each.key
            for each in world.topic.records()
        }
        for name, call in calls.items():
            assert written[call.result()] == component_key("slot/web-0", name)
        await process.crash()

    play(scenario)


def test_whoever_comes_during_a_commit_is_told_by_the_next() -> None:
    """A batch tells only those whose increments it holds."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        first = process.call("a", 1)
        await world.clock.advance(0.001)
        assert process.slot.statistics().ledger.in_flight == 1
        second = process.call("a", 1)
        await world.clock.advance(0.0045)
        assert first.done()
        assert not second.done()
        await world.clock.advance(0.01)
        assert second.result().offset > first.result().offset
        await process.crash()

    play(scenario)


def test_what_nobody_waits_for_is_written_at_the_flush_interval() -> None:
    """Not before, so that much becomes little; and not later."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        for _ in range(3):
            process.slot.increment_nowait("a", 5)
            await world.clock.advance(0.05)
        assert counts(world) == 0
        await world.clock.advance(0.06)
        assert process.slot.component("a") == component(15)
        assert counts(world) == 1
        await world.clock.advance(10.0)
        assert counts(world) == 1, "an idle slot writes nothing"
        await process.crash()

    play(scenario)


def test_somebody_who_waits_takes_along_what_is_pending() -> None:
    """One commit, at once."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        process.slot.increment_nowait("a")
        await world.clock.advance(0.01)
        call = process.call("b", 1)
        await world.clock.advance(0.01)
        assert call.done()
        assert process.slot.component("a") == component(1)
        assert process.slot.statistics().commits == 1
        await process.crash()

    play(scenario)


def test_flush_returns_where_each_counter_was_written() -> None:
    """Those in flight and those that are pending; of what was written before it says nothing."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        await asyncio.wait_for(advancing(world, process.slot.flush()), 10)
        process.slot.increment_nowait("old")
        await world.clock.advance(1.0)
        call = process.call("a", 1)
        await world.clock.advance(0.001)
        process.slot.increment_nowait("b")
        process.slot.increment_nowait("a")
        tokens = await advancing(world, process.slot.flush())
        assert set(tokens) == {"a", "b"}
        assert tokens["a"].offset > call.result().offset
        assert await advancing(world, process.slot.flush()) == {}
        await process.crash()

    play(scenario)


async def advancing(world: CounterWorld, work: Coroutine[Any, Any, Any]) -> Any:
    """Let time pass until something is done."""
    task = asyncio.ensure_future(work)
    for _ in range(10_000):
        await world.clock.advance(0.001)
        if task.done():
            break
    return await task


@pytest.mark.parametrize("misfortune", ["not begun", "left open", "answer lost", "offset unknown"])
def test_a_doubt_is_settled_and_counting_goes_on(misfortune: Any) -> None:
    """Whether it was committed or not: each increment counts once, and its caller is told."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        world.topic.misfortunes.append(misfortune)
        call = process.call("a", 7)
        await world.clock.advance(0.02)
        assert not call.done()
        during = process.call("a", 1)
        process.slot.increment_nowait("b")
        await world.clock.advance(5.0)
        assert call.result().offset <= during.result().offset
        assert process.slot.component("a") == component(8)
        assert process.slot.statistics().doubts == 1
        assert [each.name for each in world.alarms] == ["counter-slot-in-doubt"]
        assert await world.fresh_values() == {"a": 8, "b": 1}
        await process.crash()

    play(scenario)


def test_a_fence_without_a_new_owner_is_a_doubt_like_others() -> None:
    """Kafka fences a producer whose transaction took too long; the slot is still ours."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        world.topic.new_epoch("web-0")
        call = process.call("a", 1)
        await world.clock.advance(2.0)
        assert call.done()
        assert await world.fresh_values() == {"a": 1}
        assert process.slot.statistics().generation == 1
        await process.crash()

    play(scenario)


def test_whose_slot_was_taken_is_told_for_ever() -> None:
    """Those who wait, and every later call; it does not take the slot back, and nothing counts."""

    async def scenario(world: CounterWorld) -> None:
        old = await world.opened()
        await advancing(world, old.slot.increment("a"))
        new = await world.opened()
        waiting = old.call("a", 100)
        await world.clock.advance(3.0)
        assert isinstance(waiting.exception(), SlotTaken)
        for call in (old.slot.increment_nowait, old.slot.decrement_nowait):
            with pytest.raises(SlotTaken):
                call("a")
        for work in (old.slot.increment("a"), old.slot.flush()):
            with pytest.raises(SlotTaken):
                await work
        await advancing(world, new.slot.increment("a"))
        assert new.slot.statistics().doubts == 0, "nobody took it back"
        assert await world.fresh_values() == {"a": 2}
        await old.crash()
        await new.crash()

    play(scenario)


def test_who_is_paused_in_the_middle_of_a_commit_does_not_take_the_slot_back() -> None:
    """Its answer is lost, so it cannot know from that alone; it looks before it fences."""

    async def scenario(world: CounterWorld) -> None:
        old = await world.opened()
        world.topic.misfortunes.append("left open")
        waiting = old.call("a", 100)
        await world.clock.advance(0.006)  # the commit has failed, and it waits to look
        new = await world.opened()
        await world.clock.advance(5.0)
        assert isinstance(waiting.exception(), SlotTaken)
        await advancing(world, new.slot.increment("a"))
        assert new.slot.statistics().doubts == 0
        assert await world.fresh_values() == {"a": 1}
        await old.crash()
        await new.crash()

    play(scenario)


def test_of_many_that_open_one_slot_at_once_one_has_it() -> None:
    """They fence each other while they open; in the end one counts, and the others are told."""

    async def scenario(world: CounterWorld) -> None:
        slots = [world.slot() for _ in range(4)]
        opening = [asyncio.ensure_future(slot.open()) for slot in slots]
        await world.clock.advance(30.0)
        opened = [
            SlotProcess(slot)
            for slot, each in zip(slots, opening, strict=True)
            if each.done() and each.exception() is None
        ]
        assert opened
        calls = [process.call("a", 1) for process in opened]
        await world.clock.advance(10.0)
        assert all(call.done() for call in calls)
        acknowledged = [call for call in calls if call.exception() is None]
        assert len(acknowledged) == 1
        assert await world.fresh_values() == {"a": 1}
        for process in opened:
            await process.crash()

    play(scenario)


def test_kafka_away_counting_goes_on_and_waiting_is_bounded() -> None:
    """What was not acknowledged in time stays counted, once."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        world.topic.away = True
        call = asyncio.ensure_future(process.slot.increment("a", timeout_s=3.0))
        await world.clock.advance(2.0)
        assert not call.done()
        await world.clock.advance(1.1)
        assert isinstance(call.exception(), CountUnconfirmed)
        for _ in range(1_000):
            process.slot.increment_nowait("a")
        assert process.slot.statistics().ledger.counters == 1
        assert process.slot.statistics().waiting == 0, "who has given up is forgotten"
        world.topic.away = False
        await world.clock.advance(12.0)
        assert await world.fresh_values() == {"a": 1_001}
        await process.crash()

    play(scenario)


def test_a_caller_that_is_cancelled_leaves_its_increment_and_nothing_else() -> None:
    """It may have been written already, so it cannot be taken back."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        call = process.call("a", 1)
        other = process.call("a", 1)
        await world.clock.advance(0.001)
        call.cancel()
        await world.clock.advance(0.05)
        assert call.cancelled()
        assert other.done()
        assert process.slot.statistics().waiting == 0
        assert await world.fresh_values() == {"a": 2}
        await process.crash()

    play(scenario)


def test_bad_calls_change_nothing_and_end_nothing() -> None:
    """The slot goes on behind them."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        for bad in (-1, True, 1.5, 2**63):
            with pytest.raises(BadCount):
                process.slot.increment_nowait("a", bad)  # type: ignore[arg-type] # that is the point
            with pytest.raises(BadCount):
                await process.slot.increment("a", bad)  # type: ignore[arg-type] # that is the point
        with pytest.raises(BadCount):
            process.slot.decrement_nowait("a")
        await advancing(world, process.slot.increment("a"))
        assert await world.fresh_values() == {"a": 1}
        await process.crash()

    play(scenario)


def test_counters_may_go_down_where_that_is_declared() -> None:
    """By whoever waits and by whoever does not."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        process.slot.increment_nowait("a", 5)
        process.slot.decrement_nowait("a", 2)
        await advancing(world, process.slot.decrement("a", 4))
        assert await world.fresh_values() == {"a": -1}
        await process.crash()

    play(scenario, decrements=True)


# --- the block ---------------------------------------------------------------------------------


async def held(
    world: CounterWorld,
    within: Callable[[CounterSlot], Coroutine[Any, Any, None]],
    settings: SlotSettings | None = None,
) -> None:
    """Hold a slot for the time of a block, while time passes."""

    async def block() -> None:
        async with counting(world.slot(settings=settings)) as slot:
            await within(slot)

    task = asyncio.ensure_future(block())
    for _ in range(2_000):
        await world.clock.advance(0.01)
        if task.done():
            break
    await task


def test_the_end_of_the_block_writes_what_is_pending() -> None:
    """And behind it nothing can be counted."""

    async def scenario(world: CounterWorld) -> None:
        kept = []

        async def within(slot: CounterSlot) -> None:
            slot.increment_nowait("a", 3)
            kept.append(slot)

        await held(world, within)
        assert await world.fresh_values() == {"a": 3}
        with pytest.raises(CountersClosed):
            kept[0].increment_nowait("a")

    play(scenario)


def test_the_end_is_bounded_and_says_what_was_not_written() -> None:
    """Kafka is away: five seconds, then an error with numbers."""

    async def scenario(world: CounterWorld) -> None:
        async def within(slot: CounterSlot) -> None:
            world.topic.away = True
            slot.increment_nowait("a", 3)
            slot.increment_nowait("b", 4)

        begun_s = world.clock.monotonic()
        with pytest.raises(CountsNotWritten) as told:
            await held(world, within, SlotSettings(close_limit_s=5.0))
        assert (told.value.counters, told.value.unwritten) == (2, 7)
        assert world.clock.monotonic() - begun_s < 6.0

    play(scenario)


def test_an_error_in_the_block_is_not_hidden_and_what_is_pending_is_written() -> None:
    """Where that does not succeed, an alarm tells it: one error at a time can be raised."""

    async def scenario(world: CounterWorld) -> None:
        async def within(slot: CounterSlot) -> None:
            slot.increment_nowait("a", 3)
            raise LookupError

        with pytest.raises(LookupError):
            await held(world, within)
        assert await world.fresh_values() == {"a": 3}
        assert world.alarms == []

        async def within_without_kafka(slot: CounterSlot) -> None:
            world.topic.away = True
            await within(slot)

        with pytest.raises(LookupError):
            await held(world, within_without_kafka)
        assert world.alarms[-1].name == "counts-not-written"

    play(scenario)


def test_a_slot_that_was_taken_is_told_at_the_end_at_the_latest() -> None:
    """Nobody waited for anything, and still it is not passed over in silence."""

    async def scenario(world: CounterWorld) -> None:
        others: list[SlotProcess] = []

        async def within(slot: CounterSlot) -> None:
            others.append(await opened_beside(world))
            slot.increment_nowait("a")

        with pytest.raises(SlotTaken):
            await held(world, within)
        await others[0].crash()

    play(scenario)


async def opened_beside(world: CounterWorld) -> SlotProcess:
    """Open the same slot, while somebody else lets time pass."""
    slot = world.slot()
    await slot.open()
    return SlotProcess(slot)


def test_a_slot_that_cannot_be_opened_gives_up() -> None:
    """After five attempts, each with a longer wait."""

    async def scenario(world: CounterWorld) -> None:
        world.topic.misfortunes.extend(["not begun"] * 5)
        with pytest.raises(TransactionDoubt):
            await world.opened()
        await advancing_nothing(world)

    play(scenario)


async def advancing_nothing(world: CounterWorld) -> None:
    """A world in which nobody waits any more."""
    assert world.clock.statistics().sleeping == 0


def test_settings_have_ranges() -> None:
    """All problems at once."""
    with pytest.raises(BadSlotSettings) as told:
        SlotSettings(flush_interval_s=0.0, close_limit_s=float("nan"), counters=0)
    assert len(told.value.problems) == 3


def test_flush_waits_for_all_of_it_when_a_doubt_has_changed_the_order() -> None:
    """A batch comes back and is written first; what does not fit beside it any more comes later."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        # Five hundred names of 512 bytes are less than a batch, and a thousand are more.
        first = [f"first-{number:0506}" for number in range(500)]
        second = [f"second-{number:0505}" for number in range(500)]
        world.topic.misfortunes.append("not begun")
        for counter in first:
            process.slot.increment_nowait(counter)
        call = process.call(first[0], 1)
        await world.clock.advance(0.0)
        assert process.slot.statistics().ledger.in_flight == len(first)
        for counter in (*second, first[-1]):
            process.slot.increment_nowait(counter)
        tokens = await advancing(world, process.slot.flush())
        assert tokens.keys() == {*first, *second}
        assert process.slot.component(second[-1]) == component(1)
        assert process.slot.component(first[-1]) == component(2)
        assert call.done()
        await process.crash()

    play(scenario)


def test_what_is_counted_while_the_slot_closes_is_refused_and_not_lost() -> None:
    """Whoever still counts learns it from the call: behind it nothing would write the count."""

    async def scenario(world: CounterWorld) -> None:
        refused: list[str] = []

        async def go_on(slot: CounterSlot) -> None:
            while True:
                try:
                    slot.increment_nowait("late")
                except CountersClosed as error:
                    refused.append(error.code)
                    return
                await world.clock.sleep_until(world.clock.monotonic() + 0.001)

        async def within(slot: CounterSlot) -> None:
            slot.increment_nowait("a", 3)
            others.append(asyncio.ensure_future(go_on(slot)))
            await world.clock.sleep_until(world.clock.monotonic() + 0.01)
            kept.append(slot)

        others: list[asyncio.Task[None]] = []
        kept: list[CounterSlot] = []
        await held(world, within)
        await world.clock.advance(0.01)
        assert others[0].done()
        assert refused == ["PEN-I113"]
        assert kept[0].statistics().ledger.unwritten == 0

    play(scenario)


def test_a_slot_that_is_cancelled_while_it_closes_counts_no_more() -> None:
    """Its block has ended: who waits is told, and nobody counts into nothing."""

    async def scenario(world: CounterWorld) -> None:
        slot = world.slot()

        async def block() -> None:
            async with counting(slot):
                world.topic.away = True
                slot.increment_nowait("a", 3)

        task = asyncio.ensure_future(block())
        await world.clock.advance(1.0)
        assert slot.statistics().waiting == 1
        waiting = asyncio.ensure_future(slot.flush(timeout_s=10_000.0))
        await world.clock.advance(0.0)
        task.cancel()
        await world.clock.advance(0.0)
        assert task.cancelled()
        with pytest.raises(CountersClosed):
            slot.increment_nowait("a")
        assert isinstance(waiting.exception(), CountersClosed)
        assert world.alarms[-1].name == "counts-not-written"

    play(scenario)


def test_who_goes_on_calling_an_ended_slot_takes_no_memory() -> None:
    """An error that is raised again and again would keep every frame it was raised in."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        process.slot.end(SlotTaken(slot="web-0", counters="orders", reason="a test says so"))
        frames = []
        for _ in range(100):
            with pytest.raises(SlotTaken) as told:
                process.slot.increment_nowait("a")
            frames.append(len(told.traceback))
        assert frames[-1] == frames[0]
        await process.crash()

    play(scenario)
