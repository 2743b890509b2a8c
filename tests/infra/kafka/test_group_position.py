"""Where a member of a group stands, and when it does not say so."""

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group import KafkaGroupMember

INPUT: Final = Partition("orders", 0)


def test_records_that_are_with_nobody_hide_the_position() -> None:
    """They are behind it and not in flight yet: whoever looks then would believe them done."""

    async def scenario() -> None:
        consumer: Any = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        consumer._subscription.assign_from_user([TopicPartition(*INPUT)])
        consumer._subscription.seek(TopicPartition(*INPUT), 7)
        connection = KafkaConnection(bootstrap="127.0.0.1:1")
        member = KafkaGroupMember(connection, consumer, "clerk", ["orders"])
        assert member.position(INPUT) == 7
        fetching: asyncio.Future[dict[Any, Any]] = asyncio.get_running_loop().create_future()
        member._fetching = fetching  # type: ignore[assignment] # a task, else
        assert member.position(INPUT) == 7, "nothing has come"
        fetching.set_result({})
        assert member.position(INPUT) is None
        assert await member.poll(timeout_s=0.0, max_records=1) == {}
        assert member.position(INPUT) == 7
        await consumer.stop()

    asyncio.run(scenario())
