"""A topic is gone where two looks in a row have missed it."""

import asyncio

import pytest

from penstock.events.log import Partition, TopicMissing
from penstock.events.range_source import RangeSource
from penstock.events.topic_watch import LOOK_S, TopicWatch
from tests.events.conftest import World


def looks(*answers: list[str]) -> TopicWatch:
    """Look once for each answer."""
    watch = TopicWatch(0.0)
    left = list(answers)
    for number in range(1, len(answers) + 1):
        watch.look(number * LOOK_S, lambda: left.pop(0))
    return watch


def test_what_two_looks_have_missed_is_gone() -> None:
    """All of it is named."""
    with pytest.raises(TopicMissing) as told:
        looks(["a", "b", "c"], ["c", "d", "b"])
    assert told.value.topics == "b, c"


def test_what_comes_back_was_never_gone() -> None:
    """As with a broker that has just begun."""
    looks(["a"], [], ["a"], ["b"], ["a"])


def test_nobody_is_asked_before_it_is_time() -> None:
    """Else two looks would be one."""
    watch = looks(["a"])
    assert watch.due_s == 2 * LOOK_S
    watch.look(2 * LOOK_S - 0.001, lambda: pytest.fail("it looks"))


def test_a_topic_that_went_is_told_though_others_go_on(world: World) -> None:
    """Whoever reads without a group; reads that bring something are no reason to be silent."""
    world.log.create("kept", 1)
    world.log.create("gone", 1)
    places = [Partition("kept", 0), Partition("gone", 0)]
    reader = world.reader(*places)

    async def scenario() -> None:
        source = RangeSource(reader, places, world.clock)
        reading = asyncio.ensure_future(read_on(source))
        await world.clock.advance(LOOK_S * 5)
        assert not reading.done()
        reader.unknown = ["gone"]
        await world.clock.advance(LOOK_S * 2 + 1)
        with pytest.raises(TopicMissing, match="gone"):
            await reading

    async def read_on(source: RangeSource) -> None:
        while await source.more():
            while (record := source.take()) is not None:
                source.finish(record)

    asyncio.run(scenario())
