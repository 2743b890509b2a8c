"""Whoever is cancelled while a client starts leaves no connection behind, wherever it was.

Each start is cancelled once at every answer that it waits for.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest

from penstock.events.log import Partition
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group_start import begin_at
from penstock.infra.kafka.log_ends import open_log_ends
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.slot_log import log_ends
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.transactions import fence
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.fault_proxy import FaultProxy
from tests.integration.seat import Seat
from tests.integration.workbench import eventually, make_topic, off_loop, play

pytestmark = pytest.mark.timeout(120)

Start = Callable[[KafkaConnection, Partition], Coroutine[Any, Any, None]]


async def start_writer(connection: KafkaConnection, _: Partition) -> None:
    """A producer of plain records."""
    writer = KafkaWriter(connection)
    await writer.start()
    await writer.close()


async def start_transactions(connection: KafkaConnection, place: Partition) -> None:
    """A producer of transactions."""
    writer = await fence(connection, f"cancelled.{place.topic}")
    await writer.close()


async def start_reader(connection: KafkaConnection, place: Partition) -> None:
    """A consumer without a group."""
    reader = await open_reader(connection, [place])
    await reader.close()


async def start_member(connection: KafkaConnection, place: Partition) -> None:
    """A consumer in a group."""
    member = await Seat().join(connection, place.topic)
    await member.stop()


async def begin_group(connection: KafkaConnection, place: Partition) -> None:
    """A consumer that only commits."""
    await begin_at(connection, f"begun.{place.topic}", {place: 0})


async def ask_ends(connection: KafkaConnection, place: Partition) -> None:
    """A consumer that only asks."""
    assert await log_ends(connection, [place]) == {place: 0}


async def ask_committed_ends(connection: KafkaConnection, _: Partition) -> None:
    """Another that only asks."""
    async with open_log_ends(connection):
        await asyncio.sleep(0)


async def start_topics(connection: KafkaConnection, _: Partition) -> None:
    """Administration."""
    topics = KafkaTopics(connection)
    await topics.start()
    await topics.close()


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is forgotten in a cycle would be closed by the collector, at some time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "start",
    [
        start_writer,
        start_transactions,
        start_reader,
        start_member,
        begin_group,
        ask_ends,
        ask_committed_ends,
        start_topics,
    ],
)
def test_a_cancelled_start_leaves_no_connection(
    fault_proxy: FaultProxy, unique: Callable[[str], str], start: Start
) -> None:
    """No task reads from a socket any more, without an answer having come."""
    connection = KafkaConnection(bootstrap=fault_proxy.address)

    async def is_cancelled_behind(answers: int, place: Partition) -> bool:
        held = fault_proxy.hold(None, direction="answer", skip=answers)
        starting = asyncio.create_task(start(connection, place))
        try:
            await eventually(lambda: held.reached or starting.done(), what="an answer to be held")
            if starting.done():
                await starting
                return False
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            await eventually(only_this_task, limit_s=5.0, what=lambda: f"{asyncio.all_tasks()}")
            return True
        finally:
            await off_loop(fault_proxy.heal)

    async def scenario() -> None:
        place = await make_topic(connection, unique("cancelled"))
        answers = 0
        while await is_cancelled_behind(answers, place):
            answers += 1
        assert answers > 1, "more than one answer is waited for"

    play(scenario())


def only_this_task() -> bool:
    """Whether nothing runs besides whoever asks."""
    return asyncio.all_tasks() == {asyncio.current_task()}
