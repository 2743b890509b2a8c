"""The real servers and the proxy before them, seen by a plain aiokafka client."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.testing import kafka_probe
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer

LIMIT_S = 15.0
HASTE_MS = 1_000
"""For who is to give a request up; to all others a slow answer is no lost one."""
NO_ERROR = 0

Unique = Callable[[str], str]
MakeKafka = Callable[..., KafkaServer]


def test_a_server_of_our_own(
    own_kafka: MakeKafka,
    kafka: str,
    unique: Unique,
    record_property: Callable[[str, object], None],
) -> None:
    """It answers when `start` returns, obeys wishes by Kafka's own names, and is a stranger.

    How long the start took is on record.
    """

    async def scenario() -> None:
        begin = time.monotonic()
        server = own_kafka(config={"auto.create.topics.enable": "true"})
        record_property("kafka_start_s", round(time.monotonic() - begin, 2))
        assert kafka_probe.answers(server.bootstrap, timeout_s=LIMIT_S)
        topic = unique("orders")
        async with producer(server.bootstrap) as client:
            await client.send_and_wait(topic, b"made by the way")
        assert topic in await topics(server.bootstrap)
        assert topic not in await topics(kafka)

    asyncio.run(scenario())


def test_data_survives(own_kafka: MakeKafka, unique: Unique) -> None:
    """What was acknowledged is there after a kill and after a restart, at the same port."""

    async def scenario() -> None:
        server, topic = own_kafka(), unique("orders")
        address = server.bootstrap
        await create_topic(address, topic)
        async with producer(address) as client:
            await client.send_and_wait(topic, b"kept")
        server.kill()
        assert not kafka_probe.answers(address, timeout_s=1)
        server.start()
        assert await committed(address, topic) == [b"kept"]
        server.restart()
        assert server.bootstrap == address
        assert await committed(address, topic) == [b"kept"]

    asyncio.run(scenario())


def test_pausing(own_kafka: MakeKafka) -> None:
    """A paused server is silent; resumed, it answers again; paused, it can still be killed."""
    server = own_kafka()
    server.pause()
    assert not kafka_probe.answers(server.bootstrap, timeout_s=0.3)
    server.resume()
    assert kafka_probe.wait_until_answers(server.bootstrap, timeout_s=LIMIT_S)
    server.pause()
    server.kill()
    assert not kafka_probe.answers(server.bootstrap, timeout_s=1)


def test_a_failed_start_says_why(own_kafka: MakeKafka) -> None:
    """An impossible configuration is told with what Kafka logged last."""
    with pytest.raises(ServerDidNotStart, match=r"num\.partitions"):
        own_kafka(config={"num.partitions": "none"})


def test_the_shared_server_serves(kafka: str, unique: Unique) -> None:
    """`kafka` is the address of a working server, whoever runs it."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(kafka, topic)
        async with producer(kafka) as client:
            await client.send_and_wait(topic, b"hello")
        assert await committed(kafka, topic) == [b"hello"]

    asyncio.run(scenario())


def test_clients_of_the_proxy_stay_with_it(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Unique
) -> None:
    """A whole transaction runs through the proxy: brokers and coordinators are met there too."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address, unique("writer")) as client:
            async with client.transaction():
                await client.send_and_wait(topic, b"one")
            assert await committed(direct_kafka, topic, at_least=1) == [b"one"]
        seen = fault_proxy.statistics().requests
        assert seen[ApiKey.PRODUCE] == seen[ApiKey.END_TXN] == 1

    asyncio.run(scenario())


def test_a_held_commit_commits_nothing(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Unique
) -> None:
    """While EndTxn is held the commit does not return and its records are not to be seen."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address, unique("writer")) as client:
            held = fault_proxy.hold(ApiKey.END_TXN)
            await client.begin_transaction()
            await client.send_and_wait(topic, b"one")
            commit = asyncio.create_task(client.commit_transaction())
            await asyncio.to_thread(held.wait_reached, LIMIT_S)
            assert await committed(direct_kafka, topic) == []
            assert not commit.done()
            held.release()
            await commit
            assert await committed(direct_kafka, topic, at_least=1) == [b"one"]

    asyncio.run(scenario())


@pytest.mark.parametrize("then", ["cut", "silence"])
def test_a_lost_commit_answer(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Unique, then: Literal["cut", "silence"]
) -> None:
    """The commit takes effect although its answer is lost; aiokafka asks again and is told yes."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address, unique("writer"), patience_ms=HASTE_MS) as client:
            dropped = fault_proxy.drop_answer(ApiKey.END_TXN, then=then)
            async with client.transaction():
                await client.send_and_wait(topic, b"one")
            assert dropped.reached
            assert await committed(direct_kafka, topic, at_least=1) == [b"one"]
        # Once more, or oftener: CONCURRENT_TRANSACTIONS is the answer until the markers are there.
        assert fault_proxy.statistics().requests[ApiKey.END_TXN] >= 2

    asyncio.run(scenario())


def test_a_reset_in_mid_produce(fault_proxy: FaultProxy, direct_kafka: str, unique: Unique) -> None:
    """A produce that is broken off is sent again, and idempotence keeps one copy in the log."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address) as client:
            broken = fault_proxy.reset(ApiKey.PRODUCE, after_bytes=50)
            await client.send_and_wait(topic, b"x" * 1000)
            assert broken.reached
        assert fault_proxy.statistics().requests[ApiKey.PRODUCE] == 2
        assert await committed(direct_kafka, topic) == [b"x" * 1000]

    asyncio.run(scenario())


def test_a_reset_behind_a_produce(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Unique
) -> None:
    """A produce whose answer is lost in a reset is in the log once, although it came twice."""

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address) as client:
            fault_proxy.reset(ApiKey.PRODUCE, after_bytes=6, direction="answer")
            await client.send_and_wait(topic, b"one")
        assert fault_proxy.statistics().answers[ApiKey.PRODUCE] == 2
        assert await committed(direct_kafka, topic) == [b"one"]

    asyncio.run(scenario())


def test_fact_aiokafka_resends_a_commit_and_its_late_copy_commits_the_next_transaction(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Unique
) -> None:
    """Not a promise of ours but a fact of aiokafka 0.14 that our adapter has to guard against.

    `commit_transaction` returns normally although its first EndTxn got no answer: aiokafka timed
    out and sent a second. The first is still on its way, carries the same producer id and epoch,
    and commits the next transaction, which nobody has committed.
    """

    async def scenario() -> None:
        topic = unique("orders")
        await create_topic(direct_kafka, topic)
        async with producer(fault_proxy.address, unique("writer"), patience_ms=HASTE_MS) as client:
            held = fault_proxy.hold(ApiKey.END_TXN)
            async with client.transaction():
                await client.send_and_wait(topic, b"one")
            assert held.reached
            assert fault_proxy.statistics().requests[ApiKey.END_TXN] >= 2

            await client.begin_transaction()
            await client.send_and_wait(topic, b"two")
            assert await committed(direct_kafka, topic, at_least=1) == [b"one"]
            held.release()
            answer = await asyncio.to_thread(held.wait_answered, LIMIT_S)
            _throttle_ms, error = struct.unpack(">ih", answer)
            assert error == NO_ERROR
            assert await committed(direct_kafka, topic, at_least=2) == [b"one", b"two"]
            with pytest.raises(KafkaError):  # InvalidTxnState: it is over, and was not ours to end
                await client.abort_transaction()

    asyncio.run(scenario())


@asynccontextmanager
async def producer(
    address: str, transactional_id: str | None = None, *, patience_ms: int = 10_000
) -> AsyncIterator[AIOKafkaProducer]:
    """Run an idempotent producer that gives a request up after this."""
    client = AIOKafkaProducer(
        bootstrap_servers=address,
        enable_idempotence=True,
        transactional_id=transactional_id,
        request_timeout_ms=patience_ms,
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def admin(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Run an admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(address: str, name: str) -> None:
    """Create a topic of one partition, and wait until its leader serves it.

    That is later than the controller says so, and a produce before it would be sent twice.
    """
    async with admin(address) as client:
        await client.create_topics([NewTopic(name, 1, 1)])
    assert await committed(address, name) == []


async def topics(address: str) -> list[str]:
    """Return the names of all topics."""
    async with admin(address) as client:
        names: list[str] = await client.list_topics()
        return names


async def committed(address: str, topic: str, *, at_least: int = 0) -> list[bytes]:
    """Return the values that a read_committed reader can see now.

    Args:
        address: of the server.
        topic: of one partition.
        at_least: wait for so many: commit markers are written after a commit is answered.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=address, isolation_level="read_committed")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, 0)
        values: list[bytes] = []
        async with asyncio.timeout(LIMIT_S):
            while len(values) < at_least or await consumer.position(partition) < end:
                found = await consumer.getmany(timeout_ms=100)
                values.extend(record.value for record in found.get(partition, []))
        return values
    finally:
        await consumer.stop()
