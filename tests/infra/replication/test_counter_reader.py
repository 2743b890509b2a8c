"""A reader: it goes on whatever happens to Kafka, wakes who waits, and ends in the open."""

import asyncio
from typing import Any

import pytest

from penstock.events.log import NewRecord, Partition
from penstock.infra.replication.component_records import encode_component
from penstock.infra.replication.counter_reader import (
    CounterReader,
    CountersNotRead,
    TokenOfOtherCounters,
    reading,
)
from penstock.infra.replication.counter_value import CounterChange, CounterToken
from penstock.infra.replication.counters_closed import CountersClosed
from penstock.infra.replication.patience import PATIENCE_S, CountersCut
from penstock.workers.counters import CounterComponent, component_key, counter_partition
from tests.infra.replication.counter_world import CounterWorld, MemoryReader
from tests.infra.replication.test_component_view import newer_schema
from tests.infra.replication.test_counter_slot import advancing, play


def write(world: CounterWorld, increments: int, counter: str = "a") -> CounterToken:
    """A replica has counted."""
    place = world.topic.partitions[counter_partition(counter, len(world.topic.partitions))]
    component = CounterComponent(kind="g", increments=increments, decrements=0)
    key = component_key("totals/shop.orders/0", counter)
    record = NewRecord(key, encode_component(component), [], 0)
    return CounterToken(place, world.topic.append(place, [record]))


def test_it_is_restored_when_all_was_read_that_was_there_at_its_opening() -> None:
    """Whatever is written meanwhile."""

    async def scenario(world: CounterWorld) -> None:
        for number in range(50):
            write(world, number + 1)
        live = world.reader()
        assert not live.reader.statistics().restored
        await advancing(world, live.reader.restored())
        assert live.reader.value("a").value == 50
        assert live.reader.statistics().restored
        await live.stop()

    play(scenario)


def test_an_empty_topic_is_restored_at_once() -> None:
    """Everything of it was read."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        await advancing(world, live.reader.restored())
        assert live.reader.values() == {}
        assert live.reader.value("a").value == 0
        await live.stop()

    play(scenario)


def test_to_be_restored_is_waited_for_within_a_limit() -> None:
    """Kafka is away from the beginning; it goes on trying, and comes to it later."""

    async def scenario(world: CounterWorld) -> None:
        world.topic.away = True
        write(world, 3)
        live = world.reader()
        with pytest.raises(CountersNotRead) as told:
            await advancing(world, live.reader.restored(timeout_s=2.0))
        assert told.value.__notes__ == ["Reading was interrupted: PEN-T2 No broker answers."]
        assert live.reader.statistics().last_failure == "PEN-T2 No broker answers."
        assert live.reader.lag().age_s is None
        assert live.reader.lag().records is None
        world.topic.away = False
        await advancing(world, live.reader.restored(timeout_s=10.0))
        assert live.reader.value("a").value == 3
        await live.stop()

    play(scenario)


def test_kafka_away_values_stay_and_their_age_grows() -> None:
    """What was seen last, and since when nothing newer could be seen."""

    async def scenario(world: CounterWorld) -> None:
        write(world, 3)
        live = world.reader()
        await advancing(world, live.reader.restored())
        await world.clock.advance(5.0)
        age_s = live.reader.lag().age_s
        assert age_s is not None
        assert age_s <= 1.2
        world.topic.away = True
        await world.clock.advance(60.0)
        write(world, 4)
        assert live.reader.value("a").value == 3
        age_s = live.reader.lag().age_s
        assert age_s is not None
        assert age_s >= 60.0
        assert live.reader.statistics().failures >= 5
        world.topic.away = False
        await world.clock.advance(7.0)
        assert live.reader.value("a").value == 4
        age_s = live.reader.lag().age_s
        assert age_s is not None
        assert age_s <= 1.2
        assert world.alarms == [], "it went on where it was"
        await live.stop()

    play(scenario)


def test_lag_counts_what_is_still_to_be_read() -> None:
    """By the ends at the last look."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        await advancing(world, live.reader.restored())
        assert live.reader.lag().records == 0
        await live.stop()
        for number in range(500):
            write(world, number + 1)
        other = world.reader()
        await world.clock.advance(0.0)
        read = sum(other.reader.value("a").offsets.values())
        assert 0 < read < 500
        assert other.reader.lag().records == 500 - read
        await advancing(world, other.reader.restored())
        assert other.reader.lag().records == 0
        await other.stop()

    play(scenario)


def test_who_waits_for_an_increment_gets_it_when_it_was_read() -> None:
    """By the position: one record further is not needed, one less is not enough."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        await advancing(world, live.reader.restored())
        world.topic.away = True
        token = write(world, 7)
        waiting = asyncio.ensure_future(live.reader.value_at_least("a", token, timeout_s=60.0))
        await world.clock.advance(1.0)
        assert not waiting.done()
        assert live.reader.statistics().waiting == 1
        world.topic.away = False
        await world.clock.advance(5.0)
        assert waiting.result().value == 7
        assert live.reader.statistics().waiting == 0
        at_once = await advancing(world, live.reader.value_at_least("a", token, timeout_s=0.0))
        assert at_once.value == 7
        await live.stop()

    play(scenario)


def test_waiting_for_an_increment_is_bounded_and_leaves_nothing_behind() -> None:
    """Who has given up is forgotten, however long Kafka is away."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        await advancing(world, live.reader.restored())
        token = CounterToken(world.topic.partitions[0], 100)
        waits = [
            asyncio.ensure_future(live.reader.value_at_least("a", token, timeout_s=2.0))
            for _ in range(10)
        ]
        await world.clock.advance(2.1)
        assert all(isinstance(each.exception(), CountersNotRead) for each in waits)
        assert live.reader.statistics().waiting == 0
        await live.stop()

    play(scenario)


def test_markers_count_as_read() -> None:
    """A transaction that was aborted leaves offsets without records; nobody waits for them."""

    async def scenario(world: CounterWorld) -> None:
        process = await world.opened()
        world.topic.misfortunes.append("left open")
        call = process.call("a", 1)
        await world.clock.advance(5.0)
        live = world.reader()
        await advancing(world, live.reader.restored())
        value = await advancing(world, live.reader.value_at_least("a", call.result()))
        assert value.value == 1
        assert value.offsets == {each: world.topic.end(each) for each in world.topic.partitions}
        await live.stop()
        await process.crash()

    play(scenario)


def test_a_token_of_another_topic_is_refused() -> None:
    """It would be waited for in vain."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        with pytest.raises(TokenOfOtherCounters):
            await live.reader.value_at_least("a", CounterToken(Partition("other", 0), 1))
        await live.stop()

    play(scenario)


def test_whoever_watches_sees_the_latest_of_each_counter() -> None:
    """Steps may be missed, the last never is."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        await advancing(world, live.reader.restored())
        seen: list[CounterChange] = []
        changes = live.reader.changes()
        watching = asyncio.ensure_future(collect(changes, seen))
        await world.clock.advance(0.0)
        write(world, 1)
        await world.clock.advance(0.5)
        write(world, 2)
        write(world, 5, counter="b")
        await world.clock.advance(0.5)
        write(world, 2)  # no change
        await world.clock.advance(0.5)
        last = {change.counter: change.value.value for change in seen}
        assert last == {"a": 2, "b": 5}
        assert len(seen) == 3
        await live.stop()
        live.reader.end(CountersClosed(counters="orders"))
        await world.clock.advance(0.0)
        assert isinstance(watching.exception(), CountersClosed)

    play(scenario)


async def collect(changes: Any, seen: list[CounterChange]) -> None:
    """Iterate to the end."""
    async for change in changes:
        seen.append(change)  # noqa: PERF401 - the iteration ends in an exception


def test_a_schema_that_is_registered_later_is_looked_for() -> None:
    """A newer version has begun to write; what is unknown for good is skipped and told."""

    async def scenario(world: CounterWorld) -> None:
        schema, value = newer_schema()
        live = world.reader()
        await advancing(world, live.reader.restored())
        world.schemas.later[schema.fingerprint] = schema
        world.topic.append(world.topic.partitions[0], [NewRecord(b"slot/x:a", value, [], 0)])
        await world.clock.advance(1.0)
        assert live.reader.value("a").value == 9
        assert world.alarms == []
        unknown = b"\xc3\x01" + b"12345678" + b"\x00\x02\x00"
        world.topic.append(world.topic.partitions[0], [NewRecord(b"slot/x:b", unknown, [], 0)])
        await world.clock.advance(1.0)
        assert live.reader.values() == {"a": 9}
        assert [each.name for each in world.alarms] == ["counter-record-skipped"]
        await live.stop()

    play(scenario)


def test_a_topic_that_was_made_again_ends_the_reader_in_the_open() -> None:
    """After a while, since a new leader may be behind; then for every call and who waits."""

    async def scenario(world: CounterWorld) -> None:
        write(world, 3)
        token = write(world, 4)
        live = world.reader()
        await advancing(world, live.reader.restored())
        world.topic.recreate()
        beyond = CounterToken(token.partition, token.offset + 100)
        waiting = asyncio.ensure_future(live.reader.value_at_least("a", beyond, timeout_s=500.0))
        await world.clock.advance(PATIENCE_S - 5.0)
        assert live.reader.value("a").value == 4
        await world.clock.advance(15.0)
        assert isinstance(waiting.exception(), CountersCut)
        for call in (live.reader.values, lambda: live.reader.value("a")):
            with pytest.raises(CountersCut):
                call()
        with pytest.raises(CountersCut):
            await live.reader.restored()
        await live.stop()

    play(scenario)


def test_a_topic_that_is_cut_for_a_moment_is_no_end() -> None:
    """It is as long as before when it is looked at again."""

    async def scenario(world: CounterWorld) -> None:
        write(world, 3)
        live = world.reader()
        await advancing(world, live.reader.restored())
        world.topic.recreate()
        await world.clock.advance(PATIENCE_S / 2)
        write(world, 3)
        await world.clock.advance(PATIENCE_S)
        assert live.reader.value("a").value == 3
        assert live.reader.lag().records == 0
        await live.stop()

    play(scenario)


def test_a_topic_that_is_cut_before_and_after_kafka_was_away_is_no_end() -> None:
    """Who has come back twice knows little for a moment, twice; in between nobody knew anything."""

    async def scenario(world: CounterWorld) -> None:
        write(world, 3)
        live = world.reader()
        await advancing(world, live.reader.restored())
        world.topic.recreate()
        await world.clock.advance(1.0)
        world.topic.away = True
        await world.clock.advance(2 * PATIENCE_S)
        world.topic.away = False
        await world.clock.advance(PATIENCE_S / 2)
        write(world, 3)
        await world.clock.advance(PATIENCE_S)
        assert live.reader.value("a").value == 3
        assert live.reader.lag().records == 0
        await live.stop()

    play(scenario)


def test_who_goes_on_asking_a_reader_that_has_ended_takes_no_memory() -> None:
    """An error that is raised again and again would keep every frame it was raised in."""

    async def scenario(world: CounterWorld) -> None:
        live = world.reader()
        live.reader.end(CountersClosed(counters="orders"))
        frames = []
        for _ in range(100):
            with pytest.raises(CountersClosed) as told:
                live.reader.value("a")
            frames.append(len(told.traceback))
        assert frames[-1] == frames[0]
        await live.stop()

    play(scenario)


def block_of(world: CounterWorld) -> tuple[CounterReader, list[MemoryReader]]:
    """A reader that no task reads for yet."""
    live = world.reader()
    live._task.cancel()
    return live.reader, live._opened


def test_the_end_of_the_block_closes_it() -> None:
    """Whoever kept the reader is told."""

    async def scenario(world: CounterWorld) -> None:
        reader, _ = block_of(world)
        async with reading(reader, "orders") as same:
            await advancing(world, same.restored())
        with pytest.raises(CountersClosed):
            reader.value("a")

    play(scenario)


def test_what_has_ended_the_reader_is_raised_at_the_end_of_the_block() -> None:
    """Where nobody has asked it anything in between; an error of the block itself goes first."""

    async def scenario(world: CounterWorld) -> None:
        async def block(error: BaseException | None) -> None:
            write(world, 3)
            reader, _ = block_of(world)
            async with reading(reader, "orders"):
                await advancing(world, reader.restored())
                world.topic.recreate()
                await world.clock.advance(PATIENCE_S + 10.0)
                if error is not None:
                    raise error

        with pytest.raises(CountersCut):
            await block(None)
        with pytest.raises(LookupError):
            await block(LookupError())

    play(scenario)
