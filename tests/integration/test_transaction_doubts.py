"""No hidden doubt (docs/design.md, The life of a partition).

A transactional request that was sent and got no answer raises; it is never sent again, because its
late first copy could act in the next transaction. Each of the four requests is lost in two ways:
its answer is dropped, or the request itself is kept by the network and delivered much later.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from penstock.events.log import Partition
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.transactions import fence
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.workers.ports import InputOffset, Transaction, TransactionalWriter, TransactionDoubt
from tests.integration.workbench import (
    LIMIT_S,
    group_offset,
    make_topic,
    new_record,
    off_loop,
    play,
    values_in,
)

pytestmark = pytest.mark.timeout(60)

THE_FOUR = [
    pytest.param(key, id=key.name.lower())
    for key in (
        ApiKey.ADD_PARTITIONS_TO_TXN,
        ApiKey.ADD_OFFSETS_TO_TXN,
        ApiKey.TXN_OFFSET_COMMIT,
        ApiKey.END_TXN,
    )
]
AT_ONCE_S = 2.0
"""A cut connection is noticed at once; waiting for a time-out would take 10 s."""
PATIENCE_MS = 1_500
"""The request timeout of clients whose request is kept back; their other requests have it too."""


@dataclass
class Bench:
    """An input, an output and a transactional id of their own, reached past or through a proxy."""

    proxy: FaultProxy
    direct: KafkaConnection
    through: KafkaConnection
    source: Partition
    output: Partition
    transactional_id: str

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"group-of-{self.source.topic}"

    def transaction(self, name: bytes, position: int) -> Transaction:
        """Two outputs and an offset."""
        return Transaction(
            outputs={self.output: [new_record(name + b"-1"), new_record(name + b"-2")]},
            offset=InputOffset(
                group=self.group, source=self.source, position=position, metadata=name.decode()
            ),
        )

    def requests(self, key: int) -> int:
        """How many such requests came through the proxy."""
        return self.proxy.statistics().requests.get(key, 0)

    async def fenced(self) -> TransactionalWriter:
        """A new holder of the id, through the proxy."""
        return await fence(self.through, self.transactional_id)

    async def fenced_patiently(self) -> TransactionalWriter:
        """The same, for whom a slow answer is no lost one."""
        patient = KafkaConnection(bootstrap=self.through.bootstrap)
        return await fence(patient, self.transactional_id)

    async def truth(self) -> tuple[list[bytes | None], tuple[int, str] | None]:
        """What a new holder of the id finds: visible outputs and the committed offset."""
        (await fence(self.direct, self.transactional_id)).drop()
        return (
            await values_in(self.direct, self.output),
            await group_offset(self.direct, self.group, self.source),
        )


async def made(
    proxy: FaultProxy, direct: str, unique: Callable[[str], str], *, timeout_ms: int = 10_000
) -> Bench:
    """A bench with its topics created."""
    connection = KafkaConnection(bootstrap=direct)
    return Bench(
        proxy=proxy,
        direct=connection,
        through=KafkaConnection(bootstrap=proxy.address, request_timeout_ms=timeout_ms),
        source=await make_topic(connection, unique("input")),
        output=await make_topic(connection, unique("output")),
        transactional_id=unique("id"),
    )


WHOLE_OF_NEW = ([b"new-1", b"new-2"], (20, "new"))


@pytest.mark.parametrize("key", THE_FOUR)
def test_a_lost_answer_is_told_at_once_and_the_request_is_not_repeated(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The answer is lost with its connection: `commit` raises, one request was sent."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        writer = await bench.fenced()
        before = bench.requests(key)
        lost = fault_proxy.drop_answer(key)
        committing = asyncio.ensure_future(writer.commit(bench.transaction(b"old", 10)))
        await off_loop(lost.wait_reached, LIMIT_S)  # a group's first commit may wait for its topic
        begun = time.monotonic()
        with pytest.raises(TransactionDoubt, match="no answer"):
            await committing
        assert time.monotonic() - begun < AT_ONCE_S
        writer.drop()
        outputs, offset = await bench.truth()
        assert bench.requests(key) == before + 1
        if key is ApiKey.END_TXN:  # it took effect, and only the next fence can know
            assert (outputs, offset) == ([b"old-1", b"old-2"], (10, "old"))
        else:
            assert (outputs, offset) == ([], None)

    play(scenario())


@pytest.mark.parametrize("key", THE_FOUR)
def test_a_late_copy_changes_nothing_in_the_next_owners_transaction(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A request arrives while the next owner's transaction is open: it does nothing there."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique, timeout_ms=PATIENCE_MS)
        writer = await bench.fenced()
        late = fault_proxy.hold(key)
        with pytest.raises(TransactionDoubt, match="no answer"):
            await writer.commit(bench.transaction(b"old", 10))
        writer.drop()

        newer = await bench.fenced_patiently()
        end = fault_proxy.hold(ApiKey.END_TXN)
        committing = asyncio.ensure_future(newer.commit(bench.transaction(b"new", 20)))
        await off_loop(end.wait_reached, LIMIT_S)
        late.release()
        await off_loop(late.wait_answered, LIMIT_S)
        end.release()
        await committing
        newer.drop()
        assert await bench.truth() == WHOLE_OF_NEW

    play(scenario())


@pytest.mark.parametrize("key", THE_FOUR)
def test_a_late_copy_changes_nothing_after_the_next_owner_has_committed(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A request arrives after the next owner has committed: offset and outputs stay its own."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique, timeout_ms=PATIENCE_MS)
        writer = await bench.fenced()
        late = fault_proxy.hold(key)
        with pytest.raises(TransactionDoubt, match="no answer"):
            await writer.commit(bench.transaction(b"old", 10))
        writer.drop()

        newer = await bench.fenced_patiently()
        await newer.commit(bench.transaction(b"new", 20))
        late.release()
        await off_loop(late.wait_answered, LIMIT_S)
        newer.drop()
        assert await bench.truth() == WHOLE_OF_NEW

    play(scenario())


@pytest.mark.parametrize("after_bytes", [20, 1_000_000], ids=["begun", "delivered"])
def test_a_connection_that_breaks_in_a_produce_leaves_nothing_visible(
    after_bytes: int, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A produce without an answer is a doubt, whether or not the broker has appended it."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        writer = await bench.fenced()
        broken = fault_proxy.reset(ApiKey.PRODUCE, after_bytes=after_bytes)
        committing = asyncio.ensure_future(writer.commit(bench.transaction(b"old", 10)))
        await off_loop(broken.wait_reached, LIMIT_S)
        begun = time.monotonic()
        with pytest.raises(TransactionDoubt):
            await committing
        assert time.monotonic() - begun < AT_ONCE_S
        assert bench.requests(ApiKey.PRODUCE) == 1
        writer.drop()
        assert await bench.truth() == ([], None)

    play(scenario())


@pytest.mark.parametrize(
    "key", [*THE_FOUR, pytest.param(ApiKey.FIND_COORDINATOR, id="find_coordinator")]
)
def test_a_commit_that_is_cancelled_leaves_nothing_that_nobody_has_seen(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A partition goes while a request is under way; `play` finds what is thrown away unseen."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        writer = await bench.fenced()
        held = fault_proxy.hold(key)
        committing = asyncio.ensure_future(writer.commit(bench.transaction(b"old", 10)))
        await off_loop(held.wait_reached, LIMIT_S)
        committing.cancel()
        await asyncio.wait({committing})
        writer.drop()
        assert await bench.truth() == ([], None)

    play(scenario())


def test_a_fence_ends_within_its_limit(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The client asks for a producer's id again and again, without an end."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        held = fault_proxy.hold(ApiKey.INIT_PRODUCER_ID)
        begun = time.monotonic()
        with pytest.raises(TransactionDoubt, match="no fence within 1 s"):
            await fence(bench.through, bench.transactional_id, limit_s=1.0)
        assert time.monotonic() - begun < 1.0 + AT_ONCE_S
        held.release()

    play(scenario())


def test_what_was_never_sent_may_be_sent_again(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """Connections that were cut while nothing was under way cost no doubt."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        writer = await bench.fenced()
        await writer.commit(bench.transaction(b"old", 10))
        fault_proxy.cut_all()
        await writer.commit(bench.transaction(b"new", 20))
        writer.drop()
        assert (await bench.truth())[1] == (20, "new")

    play(scenario())


# --- what the client does without our sender: the reason for all of this ------------------------


async def plain(connection: KafkaConnection, transactional_id: str) -> AIOKafkaProducer:
    """A producer of aiokafka as it is."""
    producer = AIOKafkaProducer(
        bootstrap_servers=connection.bootstrap,
        transactional_id=transactional_id,
        request_timeout_ms=connection.request_timeout_ms,
    )
    await producer.start()
    return producer


@pytest.mark.parametrize("key", THE_FOUR)
def test_aiokafka_alone_hides_the_doubt_and_sends_again(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The client's own sender commits without a word although an answer was lost."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique)
        producer = await plain(bench.through, bench.transactional_id)
        lost = fault_proxy.drop_answer(key)
        await producer.begin_transaction()
        await producer.send_and_wait(bench.output.topic, b"old", partition=0)
        await producer.send_offsets_to_transaction({TopicPartition(*bench.source): 10}, bench.group)
        await producer.commit_transaction()
        assert lost.reached
        assert bench.requests(key) >= 2  # oftener where a coordinator is not ready yet
        await producer.stop()

    play(scenario())


def test_aiokafka_alone_lets_a_late_copy_take_the_offset_back(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The late first copy acts in the next transaction of the same epoch: 20 becomes 10."""

    async def scenario() -> None:
        bench = await made(fault_proxy, direct_kafka, unique, timeout_ms=PATIENCE_MS)
        producer = await plain(bench.through, bench.transactional_id)
        source = TopicPartition(*bench.source)
        late = fault_proxy.hold(ApiKey.TXN_OFFSET_COMMIT)
        async with producer.transaction():
            await producer.send_offsets_to_transaction(
                {source: OffsetAndMetadata(10, "old")}, bench.group
            )
        async with producer.transaction():
            await producer.send_offsets_to_transaction(
                {source: OffsetAndMetadata(20, "new")}, bench.group
            )
            late.release()
            await off_loop(late.wait_answered, LIMIT_S)
        assert await group_offset(bench.direct, bench.group, bench.source) == (10, "old")
        await producer.stop()

    play(scenario())
