"""aiokafka as a client: groups, transactions, administration."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import ProducerFenced

_PARTITIONS = 6
_LIMIT_S = 30.0


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, _LIMIT_S))


class _Member(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """A member of a group that tells of each assignment."""

    def __init__(self, bootstrap: str, topic: str, group: str, **options: Any) -> None:
        self.assignments: asyncio.Queue[frozenset[TopicPartition]] = asyncio.Queue()
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            heartbeat_interval_ms=100,
            session_timeout_ms=6000,
            metadata_max_age_ms=1000,
            **options,
        )
        self.consumer.subscribe([topic], listener=self)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Nothing is to be saved."""

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.assignments.put_nowait(frozenset(assigned))

    async def settled(self, count: int) -> frozenset[TopicPartition]:
        """The first assignment of so many partitions."""
        while len(assigned := await self.assignments.get()) != count:
            pass
        return assigned


@asynccontextmanager
async def _members(*members: _Member) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for member in members:
            stack.push_async_callback(member.consumer.stop)
            await member.consumer.start()
        yield


def test_members_share_a_topic_as_they_come_and_go(
    bootstrap: str, make_topic: Callable[[int], str], name: str
) -> None:
    """One has all, two have half each, three a third each, and the last one has all again."""
    topic = make_topic(_PARTITIONS)

    async def play() -> None:
        first, second, third = (_Member(bootstrap, topic, name) for _ in range(3))
        async with _members(first):
            assert len(await first.settled(_PARTITIONS)) == _PARTITIONS
            async with _members(second):
                halves = await first.settled(3), await second.settled(3)
                assert len(frozenset().union(*halves)) == _PARTITIONS
                async with _members(third):
                    thirds = [await each.settled(2) for each in (first, second, third)]
                    assert len(frozenset().union(*thirds)) == _PARTITIONS
                await asyncio.gather(first.settled(3), second.settled(3))
            await first.settled(_PARTITIONS)

    _run(play())


def test_a_group_goes_on_where_it_has_committed(
    bootstrap: str, make_topic: Callable[[int], str], name: str
) -> None:
    """A later member reads what was not committed."""
    topic = make_topic(1)

    async def play() -> None:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for number in range(10):
                await producer.send_and_wait(topic, str(number).encode())
        first = _Member(bootstrap, topic, name)
        async with _members(first):
            for _ in range(4):
                await first.consumer.getone()
            await first.consumer.commit({TopicPartition(topic, 0): 4})
        second = _Member(bootstrap, topic, name)
        async with _members(second):
            assert (await second.consumer.getone()).value == b"4"
            assert await second.consumer.committed(TopicPartition(topic, 0)) == 4

    _run(play())


def test_a_transaction_takes_effect_as_a_whole(
    bootstrap: str, make_topic: Callable[[int], str], name: str
) -> None:
    """Records and offsets of committed ones are there, those of aborted ones are not."""
    source, sink = make_topic(1), make_topic(1)
    place = TopicPartition(source, 0)

    async def play() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
        reader = AIOKafkaConsumer(
            sink,
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        watcher = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=name)
        async with producer, reader, watcher:
            for number, commits in enumerate([True, False, True]):
                await producer.begin_transaction()
                await producer.send_and_wait(sink, str(number).encode())
                await producer.send_offsets_to_transaction({place: number + 10}, name)
                if commits:
                    await producer.commit_transaction()
                else:
                    await producer.abort_transaction()
                if number == 1:
                    assert await watcher.committed(place) == 10
            assert [(await reader.getone()).value for _ in range(2)] == [b"0", b"2"]
            assert await watcher.committed(place) == 12

    _run(play())


def test_a_second_producer_fences_the_first(
    bootstrap: str, make_topic: Callable[[int], str], name: str
) -> None:
    """Of what the first had begun nothing is read."""
    topic = make_topic(1)

    async def play() -> None:
        first = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
        second = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
        async with first:
            await first.begin_transaction()
            await first.send_and_wait(topic, b"of the first")
            async with second:
                async with second.transaction():
                    await second.send_and_wait(topic, b"of the second")
                with pytest.raises(ProducerFenced):
                    await first.send_and_wait(topic, b"too late")
                reader = AIOKafkaConsumer(
                    topic,
                    bootstrap_servers=bootstrap,
                    isolation_level="read_committed",
                    auto_offset_reset="earliest",
                )
                async with reader:
                    assert (await reader.getone()).value == b"of the second"

    _run(play())


def test_the_admin_client_does_what_it_can(bootstrap: str, name: str) -> None:
    """Topics, partitions, configurations, groups."""

    async def play() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await _topics(admin)
            await _configs(admin)
            await _groups(admin)
        finally:
            await admin.close()

    async def _topics(admin: AIOKafkaAdminClient) -> None:
        created = await admin.create_topics([NewTopic(name, 2, 1)])
        assert [error for _, error, *_ in created.topic_errors] == [0]
        assert name in await admin.list_topics()
        await admin.create_partitions({name: NewPartitions(total_count=3)})
        described = await admin.describe_topics([name])
        assert len(described[0]["partitions"]) == 3
        assert len((await admin.describe_cluster())["brokers"]) == 1

    async def _configs(admin: AIOKafkaAdminClient) -> None:
        resource = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1000"})
        await admin.alter_configs([resource])
        asked = ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": None})
        (answer,) = await admin.describe_configs([asked])
        ((_, _, _, _, entries),) = answer.resources
        assert [entry[:2] for entry in entries] == [("retention.ms", "1000")]

    async def _groups(admin: AIOKafkaAdminClient) -> None:
        member = _Member(bootstrap, name, name)
        async with _members(member):
            await member.settled(3)
            await member.consumer.commit({TopicPartition(name, 0): 0})
            assert (name, "consumer") in await admin.list_consumer_groups()
            (answer,) = await admin.describe_consumer_groups([name])
            (group,) = answer.groups
            assert group[:4] == (0, name, "Stable", "consumer")
        offsets = await admin.list_consumer_group_offsets(name)
        assert offsets[TopicPartition(name, 0)].offset == 0
        await admin.delete_topics([name])
        assert name not in await admin.list_topics()

    _run(play())
