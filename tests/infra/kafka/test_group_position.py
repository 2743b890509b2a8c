"""Where a member of a group stands, and when it does not say so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.group import KafkaGroupMember

INPUT: Final = Partition("orders", 0)
OTHER: Final = Partition("orders", 1)


@asynccontextmanager
async def member_at(offset: int, *partitions: Partition) -> AsyncIterator[KafkaGroupMember]:
    """A member that stands at this offset of each partition and is connected to nothing."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    places = [TopicPartition(*partition) for partition in partitions]
    consumer._subscription.assign_from_user(places)
    for place in places:
        consumer._subscription.seek(place, offset)
    connection = KafkaConnection(bootstrap="127.0.0.1:1")
    try:
        yield KafkaGroupMember(connection, consumer, "clerk", ["orders"])
    finally:
        await consumer.stop()


def fetching_of(member: KafkaGroupMember) -> "asyncio.Future[dict[Any, Any]]":
    """Let it fetch; what comes is for the test to say."""
    fetching: asyncio.Future[dict[Any, Any]] = asyncio.get_running_loop().create_future()
    member._fetching = fetching  # type: ignore[assignment] # a task, else
    return fetching


def test_records_that_are_with_nobody_hide_the_position() -> None:
    """They are behind it and not in flight yet: whoever looks then would believe them done.

    Of their partition alone: one that gets nothing while others are busy must be seen to.
    """

    async def scenario() -> None:
        async with member_at(7, INPUT, OTHER) as member:
            assert member.position(INPUT) == 7
            fetching = fetching_of(member)
            assert member.position(INPUT) == 7, "nothing has come"
            fetching.set_result({TopicPartition(*INPUT): ["a record"]})
            assert (member.position(INPUT), member.position(OTHER)) == (None, 7)
            given: Any = await member.poll(timeout_s=0.0, max_records=1)
            assert given == {INPUT: ["a record"]}
            assert member.position(INPUT) == 7

    asyncio.run(scenario())


def test_a_fetch_that_failed_hides_no_position() -> None:
    """It has brought no records; the next poll raises its error."""

    async def scenario() -> None:
        async with member_at(7, INPUT) as member:
            fetching_of(member).set_exception(KafkaError())
            assert member.position(INPUT) == 7
            with pytest.raises(KafkaUnreachable):
                await member.poll(timeout_s=0.0, max_records=1)

    asyncio.run(scenario())
