"""What integration tests have at hand: topics, records, offsets, and one way to wait.

Everything asks the cluster itself, past the code under test where that matters: committed offsets
come from an administration client, records from a committed reader of their own.
"""

import asyncio
import gc
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from penstock.events.log import LogReader, LogRecord, NewRecord, Partition
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.testing.kafka_probe import split_address
from tests.conformance.raw_client import RawClient, only

__all__ = [
    "LIMIT_S",
    "eventually",
    "group_offset",
    "make_topic",
    "new_record",
    "off_loop",
    "opened_topics",
    "play",
    "read_committed",
    "read_to_end",
    "until_wide",
    "values_in",
]

LIMIT_S: Final = 30.0
"""Longest wait for anything that must happen; far more than it takes on a quiet machine."""

_LOOK_S: Final = 0.02
_LOADING: Final = frozenset({14, 15, 16})
"""A coordinator that is being made, loaded or moved: ask again."""
_UNSTABLE: Final = 88
"""UNSTABLE_OFFSET_COMMIT: a transaction that holds the offset has no marker yet."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ResultT = TypeVar("_ResultT")


def play(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario, and see that it leaves no task and no unseen exception behind."""

    async def whole() -> None:
        unseen: list[Mapping[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: unseen.append(told))
        await scenario
        await eventually(lambda: not _others(), what=lambda: f"tasks to end: {_others()}")
        gc.collect()  # what nobody has looked at is told when it is thrown away
        assert not unseen, unseen

    asyncio.run(whole())


def _others() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def eventually(
    look: Callable[[], object], *, limit_s: float = LIMIT_S, what: str | Callable[[], str]
) -> None:
    """Look again and again until what is seen is true.

    Args:
        look: Looks once; may be a coroutine function.
        limit_s: Seconds until the test fails.
        what: What was waited for, in words.
    """
    deadline = time.monotonic() + limit_s
    while True:
        seen = look()
        if inspect.isawaitable(seen):
            seen = await seen
        if seen:
            return
        if time.monotonic() > deadline:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"waited {limit_s:g} s in vain for {told}")
        await asyncio.sleep(_LOOK_S)


async def off_loop(call: Callable[..., _ResultT], *arguments: Any) -> _ResultT:
    """Make a call that blocks, while the clients in this loop go on."""
    return await asyncio.to_thread(call, *arguments)


@asynccontextmanager
async def opened_topics(connection: KafkaConnection) -> AsyncIterator[KafkaTopics]:
    """A connection for administration."""
    topics = KafkaTopics(connection)
    await topics.start()
    try:
        yield topics
    finally:
        await topics.close()


async def make_topic(
    connection: KafkaConnection,
    name: str,
    *,
    partitions: int = 1,
    config: Mapping[str, str] = _NOTHING,
) -> Partition:
    """Create a topic, and wait until the broker serves it: that is later than it says so.

    Returns:
        Its first partition.
    """
    async with opened_topics(connection) as topics:
        await topics.create(name, partitions=partitions, replication=1, config=config)
    await until_wide(connection, name, partitions)
    return Partition(name, 0)


async def until_wide(connection: KafkaConnection, name: str, partitions: int) -> None:
    """Wait until a topic has so many partitions, and all of them are served."""
    async with opened_topics(connection) as topics:

        async def is_seen() -> bool:
            found = (await topics.describe([name])).get(name)
            return found is not None and found.partitions == partitions

        await eventually(is_seen, what=f"{partitions} partitions of {name}")
    for number in range(partitions):
        await _last_end(connection, Partition(name, number))  # its leader answers


def new_record(
    value: bytes | None, *, key: bytes | None = b"key", timestamp_ms: int | None = None
) -> NewRecord:
    """A record of now."""
    now_ms = time.time_ns() // 1_000_000
    return NewRecord(key, value, [], now_ms if timestamp_ms is None else timestamp_ms)


async def read_committed(connection: KafkaConnection, partition: Partition) -> list[LogRecord]:
    """All committed records of a partition.

    A commit is answered before its markers are written, so the end that committed readers are
    told may for a while stand before what was committed. So this reads to the last record of all.
    """
    reader = await open_reader(connection, [partition])
    try:
        return await _read_to(reader, partition, await _last_end(connection, partition))
    finally:
        await reader.close()


async def _last_end(connection: KafkaConnection, partition: Partition) -> int:
    place = TopicPartition(*partition)
    client = AIOKafkaConsumer(bootstrap_servers=connection.bootstrap)  # reads uncommitted
    async with client:
        end: int = (await client.end_offsets([place]))[place]
        return end


async def _read_to(reader: LogReader, partition: Partition, end: int) -> list[LogRecord]:
    records: list[LogRecord] = []
    deadline = time.monotonic() + LIMIT_S
    while (position := reader.position(partition)) < end:
        assert time.monotonic() < deadline, f"{partition}: stands at {position}, not at {end}"
        records.extend(await reader.read(timeout_s=0.2))
    return records


async def read_to_end(reader: LogReader, partition: Partition) -> list[LogRecord]:
    """All records from a reader's position to the end that the partition has now."""
    _, end = await reader.bounds(partition)
    return await _read_to(reader, partition, end)


async def values_in(connection: KafkaConnection, partition: Partition) -> list[bytes | None]:
    """The values of all committed records of a partition."""
    return [record.value for record in await read_committed(connection, partition)]


async def group_offset(
    connection: KafkaConnection, group: str, partition: Partition
) -> tuple[int, str] | None:
    """What the cluster says a group has committed: offset and metadata.

    An offset that was committed in a transaction counts when its marker is written, which is after
    the commit was answered. Until then the coordinator says that it is not stable (KIP-447), and is
    asked again.
    """
    found: list[Any] = []

    async def ask() -> bool:
        answer = await off_loop(_fetch_offset, connection, group, partition)
        if answer is not None:
            found.append(answer)
        return bool(found)

    await eventually(ask, what=f"the offsets of the group {group}")
    (answer,) = found
    return None if answer.committed_offset < 0 else (answer.committed_offset, answer.metadata or "")


def _fetch_offset(connection: KafkaConnection, group: str, partition: Partition) -> Any:
    """The coordinator's answer about one partition; None where it must be asked again."""
    with RawClient(split_address(connection.bootstrap)) as client:
        coordinator = client.ask("find_coordinator", 3, key=group, key_type=0)
        if coordinator.error_code in _LOADING:
            return None
        assert not coordinator.error_code, coordinator
        answer = client.ask(
            "offset_fetch",
            7,
            group_id=group,
            topics=[{"name": partition.topic, "partition_indexes": [partition.number]}],
            require_stable=True,
        )
    if answer.error_code in _LOADING:
        return None
    assert not answer.error_code, answer
    one = only(only(answer.topics).partitions)
    if one.error_code in {*_LOADING, _UNSTABLE}:
        return None
    assert not one.error_code, answer
    return one
