"""The life of a partition on a real cluster: regained, fenced, drained, and refused to begin."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import islice

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from penstock.events.log import NewRecord, Partition
from penstock.events.names import transactional_id
from penstock.events.topic_plan import TopicsNotAsDeclared
from penstock.infra.bootstrap import open_worker
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group import KafkaGroupMember
from penstock.infra.kafka.transactions import fence
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.schemas.codec import encoder_of
from penstock.schemas.errors import ExitCode
from penstock.workers import Delivery, Worker
from penstock.workers.lanes import lane_of
from penstock.workers.partition_life import Phase
from penstock.workers.ports import InputOffset, Transaction
from penstock.workers.runner import PartitionUnsafe
from penstock.workers.state import state_key
from penstock.workers.work_seams import WorkLimits
from tests.integration.seat import Seat
from tests.integration.workbench import (
    LIMIT_S,
    eventually,
    make_topic,
    off_loop,
    opened_topics,
    play,
    until_wide,
)
from tests.integration.worker_bench import Count, Noted, Placed, Run, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)

QUICK_END_S = 4.0
"""What must not wait for a network takes far less; what does wait takes 10 s and more."""


def counter(shop: Shop) -> Worker:
    """A worker whose outputs number what it has seen."""
    worker = Worker("clerk")

    @worker.on(shop.placed, state=Count)
    async def note(event: Placed, delivery: Delivery) -> Noted:
        table = delivery.state(Count)
        before = table.get(event.order) or Count(seen=0)
        table.put(event.order, Count(seen=before.seen + 1))
        return shop.noted(order=event.order, text=str(before.seen + 1))

    return worker


def same(shop: Shop, count: int, key: str = "same") -> list[Placed]:
    """Orders of one key, which are handled one after the other."""
    return [shop.placed(order=key) for _ in range(count)]


async def numbers(shop: Shop) -> list[int]:
    """The numbers of all outputs."""
    return sorted(int(shop.read_noted(note).text) for note in await shop.notes())


def requests(proxy: FaultProxy, *keys: ApiKey) -> dict[ApiKey, int]:
    """How many requests of these keys came through the proxy."""
    counts = proxy.statistics().requests
    return {key: counts.get(key, 0) for key in keys}


async def rebalanced(shop: Shop, direct: KafkaConnection, topic: str) -> KafkaGroupMember:
    """Make the group rebalance: a member joins that reads another topic.

    All partitions are taken from the worker and given back to it.
    """
    seat = Seat()
    member = await seat.join(direct, topic, group=shop.group)
    await seat.given(1)
    return member


# --- regained partitions ------------------------------------------------------------------------


def test_a_regained_partition_keeps_its_producer_and_its_memory(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """After a clean drain one barrier is enough: no fence, and nothing is read again."""

    async def scenario() -> None:
        shop, direct = (
            made_shop(fault_proxy.address, unique),
            KafkaConnection(bootstrap=direct_kafka),
        )
        other = await make_topic(direct, unique("other"))
        await shop.make_topics(counter(shop))
        await shop.publish(same(shop, 5))
        async with running(shop, counter(shop)) as run:
            await run.done(5)
            before = requests(fault_proxy, ApiKey.INIT_PRODUCER_ID, ApiKey.LIST_OFFSETS)
            joined = requests(fault_proxy, ApiKey.JOIN_GROUP, ApiKey.END_TXN)
            member = await rebalanced(shop, direct, other.topic)
            await run.in_phase(Phase.RUNNING)
            after = requests(fault_proxy, ApiKey.JOIN_GROUP, ApiKey.END_TXN)
            assert after[ApiKey.JOIN_GROUP] > joined[ApiKey.JOIN_GROUP]
            assert after[ApiKey.END_TXN] == joined[ApiKey.END_TXN] + 1
            assert requests(fault_proxy, *before) == before
            assert run.partitions[0].entries == 1
            await shop.publish(same(shop, 5))
            await run.done(10)
            assert run.partitions[0].doubts == 0
            await member.stop()
        assert await numbers(shop) == list(range(1, 11))

    play(scenario())


def test_a_regained_partition_that_another_owner_had_begins_anew(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The barrier of the kept producer fails: what is in memory is not believed."""

    async def scenario() -> None:
        shop, direct = (
            made_shop(fault_proxy.address, unique),
            KafkaConnection(bootstrap=direct_kafka),
        )
        other = await make_topic(direct, unique("other"))
        await shop.make_topics(counter(shop))
        await shop.publish(same(shop, 5))
        async with running(shop, counter(shop)) as run:
            await run.done(5)
            held = fault_proxy.hold(ApiKey.JOIN_GROUP)
            joining = asyncio.ensure_future(rebalanced(shop, direct, other.topic))
            await off_loop(held.wait_reached, LIMIT_S)
            await run.until(lambda: not run.partitions, what="the partition to be let go")
            await act_as_another_owner(shop, direct, seen=100)
            held.release()
            member = await joining
            await run.until_partition(
                lambda one: one.doubts == 1 and one.phase is Phase.RUNNING,
                what="a doubt and a new life",
            )
            await shop.publish(same(shop, 1))
            await run.done(6)
            await member.stop()
        assert await numbers(shop) == [1, 2, 3, 4, 5, 101]

    play(scenario())


async def act_as_another_owner(shop: Shop, direct: KafkaConnection, *, seen: int) -> None:
    """Fence the partition's producer and commit a state, as a process between would have done."""
    owner = await fence(direct, transactional_id(shop.group, *shop.source()))
    state = NewRecord(
        state_key("bench.Count", "same"), encoder_of(Count)(Count(seen=seen)), [], 1_700_000_000_000
    )
    await owner.commit(
        Transaction(
            outputs={shop.changelog(): [state]},
            offset=InputOffset(
                group=shop.group, source=shop.source(), position=5, metadata="penstock/1"
            ),
        )
    )
    owner.drop()


# --- owners that have lost their partition ------------------------------------------------------


def test_a_zombie_does_not_fence_its_successor(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """Who is fenced asks whether it is still a member, and else lets go: no war of fences."""

    async def scenario() -> None:
        shop = made_shop(direct_kafka, unique)
        brief = shop.settings.model_copy(update={"session_timeout_s": 1.0})  # below what is allowed
        zombie_shop = replace(
            shop, settings=brief.model_copy(update={"kafka": fault_proxy.address})
        )
        begun, go_on = asyncio.Event(), asyncio.Event()

        def slow(where: Shop, *, waits: bool) -> Worker:
            worker = Worker("clerk")

            @worker.on(where.placed, exactly_once=True)
            async def note(event: Placed, _: Delivery) -> Noted:
                if waits:
                    begun.set()
                    await go_on.wait()
                return where.noted(order=event.order)

            return worker

        await shop.make_topics(slow(shop, waits=False))
        await shop.publish(shop.orders(1))
        async with running(zombie_shop, slow(zombie_shop, waits=True)) as zombie:
            await begun.wait()
            silence = fault_proxy.hold(ApiKey.HEARTBEAT, overtaking=True)
            await off_loop(silence.wait_reached, LIMIT_S)
            # It comes back to the group as soon as it has heard, and could be given the partition.
            back = fault_proxy.hold(ApiKey.JOIN_GROUP)
            async with running(shop, slow(shop, waits=False)) as owner:
                await owner.done(1)
                fences = requests(fault_proxy, ApiKey.INIT_PRODUCER_ID)
                asked = requests(fault_proxy, ApiKey.HEARTBEAT)
                go_on.set()
                await zombie.until(
                    lambda: requests(fault_proxy, ApiKey.HEARTBEAT) != asked,
                    what="the question whether it is a member",
                )
                silence.release()
                await zombie.until(
                    lambda: all(each.phase is Phase.CLOSED for each in zombie.partitions),
                    what="the zombie to let go",
                )
                assert requests(fault_proxy, ApiKey.INIT_PRODUCER_ID) == fences
                await shop.publish(shop.orders(1, first=1))
                await all_noted(shop, 2)
                assert sum(each.doubts for each in owner.partitions) == 0
                back.release()
        assert Counter(await shop.noted_orders()) == {"o00000": 1, "o00001": 1}

    play(scenario())


async def all_noted(shop: Shop, count: int) -> None:
    """Wait for so many outputs."""

    async def there() -> bool:
        return len(await shop.noted_orders()) >= count

    await eventually(there, what=f"{count} outputs")


@pytest.mark.parametrize(
    "key",
    [ApiKey.INIT_PRODUCER_ID, ApiKey.END_TXN, ApiKey.LIST_OFFSETS],
    ids=["fencing", "barrier", "locating"],
)
def test_a_partition_that_does_not_run_yet_is_let_go_at_once(
    key: ApiKey, fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """There is nothing to lose, so nobody waits for an answer that hangs."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        await shop.make_topics(counter(shop))
        async with open_worker(shop.settings, counter(shop)) as runner:
            held = fault_proxy.hold(key)
            run = Run(runner, asyncio.ensure_future(runner.run()))
            await off_loop(held.wait_reached, LIMIT_S)
            runner.stop()
            await asyncio.wait({run.task}, timeout=QUICK_END_S)
            assert run.task.done(), runner.statistics()
            run.task.result()

    play(scenario())


def test_a_doubt_that_meets_a_drain_ends_the_drain(
    fault_proxy: FaultProxy, unique: Callable[[str], str]
) -> None:
    """One record's commit is lost while another one's handler is still busy: all is dropped."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        worker, busy = Worker("clerk"), asyncio.Event()

        @worker.on(shop.placed, exactly_once=True)
        async def note(event: Placed, _: Delivery) -> Noted:
            if event.size:
                busy.set()
                await asyncio.Event().wait()
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await run.done(1)
            held = fault_proxy.hold(ApiKey.END_TXN)
            free = elsewhere(shop, "busy", 1)
            await shop.publish([shop.placed(order="busy", size=1), *free])
            await busy.wait()
            await off_loop(held.wait_reached, LIMIT_S)
            run.runner.stop()
            await run.in_phase(Phase.DRAINING)
            held.cut()
            await asyncio.wait({run.task}, timeout=QUICK_END_S)
            assert run.task.done(), run.partitions
            run.task.result()
            held.release()

    play(scenario())


def test_a_partition_that_comes_while_the_process_leaves_is_not_begun(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """A rebalance may end after the last drain: what it gives then belongs to nobody here."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique)
        direct = KafkaConnection(bootstrap=direct_kafka)
        other = await make_topic(direct, unique("other"))
        await shop.make_topics(counter(shop))
        async with running(shop, counter(shop)) as run:
            await run.in_phase(Phase.RUNNING)
            held = fault_proxy.hold(ApiKey.JOIN_GROUP)
            joining = asyncio.ensure_future(rebalanced(shop, direct, other.topic))
            await off_loop(held.wait_reached, LIMIT_S)
            run.runner.stop()
            await eventually(
                lambda: run.runner.statistics().polled_ago_s > 0.5, what="the last poll to end"
            )
            begun = requests(fault_proxy, ApiKey.INIT_PRODUCER_ID, ApiKey.END_TXN)
            held.release()  # the assignment comes while it waits for its way out
            await asyncio.wait({run.task}, timeout=LIMIT_S)
            run.task.result()
            await (await joining).stop()
            assert requests(fault_proxy, *begun) == begun

    play(scenario())


def elsewhere(shop: Shop, key: str, count: int) -> list[Placed]:
    """Orders that wait for no order of this key, because they have other lanes."""
    lanes = WorkLimits().lanes
    busy = lane_of(key.encode(), 0, lanes)
    free = (each for each in shop.orders(100) if lane_of(each.order.encode(), 0, lanes) != busy)
    return list(islice(free, count))


# --- what is finished out of order --------------------------------------------------------------


@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])
def test_what_is_finished_beyond_a_slow_record_is_not_repeated(
    exactly_once: bool, kafka: str, unique: Callable[[str], str]
) -> None:
    """The offset stays before the slow one; its metadata remembers the others over a restart."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, drain_s=0.2)
        handled: Counter[str] = Counter()
        patient = asyncio.Event()

        def make() -> Worker:
            worker = Worker("clerk")

            @worker.on(shop.placed, exactly_once=exactly_once)
            async def note(event: Placed, _: Delivery) -> Noted:
                handled[event.order] += 1
                if event.order == "slow":
                    await patient.wait()
                return shop.noted(order=event.order)

            return worker

        await shop.make_topics(make())
        orders = [shop.placed(order="slow"), *elsewhere(shop, "slow", 8)]
        await shop.publish(orders)
        async with running(shop, make()) as run:
            await run.done(8)
            assert await shop.offset() == 0
        patient.set()
        async with running(shop, make()) as run:
            await run.done(1)
        assert await shop.offset() == 9
        names = [order.order for order in orders]
        assert handled == {**dict.fromkeys(names, 1), "slow": 2}
        assert Counter(await shop.noted_orders()) == dict.fromkeys(names, 1)

    play(scenario())


def test_metadata_is_never_longer_than_the_broker_takes(
    own_kafka: Callable[..., KafkaServer], unique: Callable[[str], str]
) -> None:
    """One character more would be a doubt: what does not fit waits for the slow record."""

    async def scenario() -> None:
        server = await off_loop(lambda: own_kafka(config={"offset.metadata.max.bytes": "40"}))
        shop = made_shop(server.bootstrap, unique)
        worker, go_on, fast_done = Worker("clerk"), asyncio.Event(), list[str]()

        @worker.on(shop.placed, exactly_once=True)
        async def note(event: Placed, _: Delivery) -> Noted:
            if event.order == "slow":
                await go_on.wait()
            else:
                fast_done.append(event.order)
            return shop.noted(order=event.order)

        await shop.make_topics(worker)
        fast = elsewhere(shop, "slow", 20)
        await shop.publish(
            [each for pair in zip(same(shop, 20, "slow"), fast, strict=True) for each in pair]
        )
        async with running(shop, worker) as run:
            await eventually(lambda: len(fast_done) == 20, what="the fast ones")
            await run.done(1)
            go_on.set()
            await run.done(40)
            assert run.partitions[0].doubts == 0
        assert await shop.offset() == 40
        assert len(await shop.notes()) == 40

    play(scenario())


# --- offsets that cannot be believed ------------------------------------------------------------


async def delete_offsets(shop: Shop) -> None:
    """Delete the group, as a broker does after the retention of its offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.connection.bootstrap)
    await admin.start()
    try:
        coordinator = await admin.find_coordinator(shop.group)
        answer = await admin._send_request(DeleteGroupsRequest([shop.group]), coordinator)
        assert [code for _, code in answer.results] == [0]
    finally:
        await admin.close()


async def set_offset(shop: Shop, offset: int) -> None:
    """Commit an offset from outside, as a tool does that resets a group."""
    place = TopicPartition(*shop.source())
    tool = AIOKafkaConsumer(
        bootstrap_servers=shop.connection.bootstrap, group_id=shop.group, enable_auto_commit=False
    )
    await tool.start()
    tool.assign([place])
    await tool.commit({place: OffsetAndMetadata(offset, "")})
    await tool.stop()


async def expire_records(shop: Shop) -> None:
    """Publish more than was processed, and delete it again before anybody reads it."""
    await shop.publish(same(shop, 5))
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.connection.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(*shop.source()): RecordsToDelete(6)})
    finally:
        await admin.close()


async def offset_beyond_the_end(shop: Shop) -> None:
    """Set the offset behind all records."""
    await set_offset(shop, 1_000)


async def offset_before_the_barrier(shop: Shop) -> None:
    """Set the offset back to the beginning."""
    await set_offset(shop, 0)


async def processed(shop: Shop, worker: Worker) -> None:
    """Let a worker begin, handle three orders and stop; and begin again, which leaves a barrier."""
    await shop.make_topics(worker)
    await shop.publish(same(shop, 3))
    async with running(shop, worker) as run:
        await run.done(3)
    async with running(shop, worker) as run:
        await run.in_phase(Phase.RUNNING)
    assert await shop.offset() == 3  # nothing that comes behind the answer undoes the harm


async def refusal(shop: Shop, worker: Worker) -> PartitionUnsafe:
    """What a start ends with."""
    async with running(shop, worker) as run:
        error = await run.failure()
    assert isinstance(error, PartitionUnsafe)
    return error


HARM = [
    pytest.param(delete_offsets, "no committed offset", 0, id="offsets-deleted"),
    pytest.param(offset_before_the_barrier, "lies before position 3", 0, id="set-back"),
    pytest.param(offset_beyond_the_end, "lies outside the log", 0, id="beyond-the-end"),
    pytest.param(expire_records, "lies outside the log", 6, id="records-expired"),
]


@pytest.mark.parametrize(("harm", "complaint", "begin"), HARM)
def test_an_offset_that_does_not_fit_is_refused_until_an_operator_accepts_it(
    harm: Callable[[Shop], Awaitable[None]],
    complaint: str,
    begin: int,
    kafka: str,
    unique: Callable[[str], str],
) -> None:
    """It is refused at each start, not only at the first, and says how to go on."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await processed(shop, counter(shop))
        await harm(shop)
        for _ in range(2):
            error = await refusal(shop, counter(shop))
            assert (error.code, error.exit_code) == ("PEN-W22", ExitCode.DATA)
            assert error.partition == shop.source()
            assert complaint in error.message
            assert f"--accept-reset {shop.source()}" in error.message
        end = 8 if begin else 3
        accepted = frozenset({shop.source()})
        async with running(shop, counter(shop), accept_reset=accepted) as run:
            await run.done(end - begin)
        assert await shop.offset() == end
        # Outputs say where the state went on: it was kept, and only the records came again.
        assert await numbers(shop) == list(range(1, 4 + end - begin))
        async with running(shop, counter(shop)) as run:  # once accepted, it is good again
            await run.in_phase(Phase.RUNNING)

    play(scenario())


@pytest.mark.parametrize(
    "harm", [offset_beyond_the_end, expire_records], ids=["beyond-the-end", "records-expired"]
)
def test_an_offset_outside_the_log_is_refused_without_state_too(
    harm: Callable[[Shop], Awaitable[None]], kafka: str, unique: Callable[[str], str]
) -> None:
    """At least once has no changelog to compare with, but a log that does not hold the offset."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed)
        async def look(_: Placed, __: Delivery) -> None:
            """Do nothing."""

        await processed(shop, worker)
        await harm(shop)
        error = await refusal(shop, worker)
        assert error.code == "PEN-W22"
        assert "lies outside the log" in error.message

    play(scenario())


def test_a_position_that_leaves_the_log_under_a_running_worker_is_told(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Records that expire before they are read end the worker; it is not moved behind them."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(counter(shop))
        await shop.publish(same(shop, 3))
        async with running(shop, counter(shop)) as run:
            await run.done(3)
            member = run.runner._tasks[shop.source()]._context.member
            member.seek(shop.source(), 99)  # as if all but later records had been deleted
            error = await run.failure()
        assert isinstance(error, PartitionUnsafe)
        assert "does not hold offset 99" in error.message
        assert await shop.offset() == 3

    play(scenario())


def test_the_first_start_commits_its_beginning(kafka: str, unique: Callable[[str], str]) -> None:
    """A group that crashes before its first commit begins at the same record again."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        worker = Worker("clerk")

        @worker.on(shop.placed)
        async def look(_: Placed, __: Delivery) -> None:
            """Do nothing."""

        await shop.make_topics(worker)
        assert await shop.offset() is None
        async with running(shop, worker) as run:
            await run.in_phase(Phase.RUNNING)
            await eventually(lambda: known(shop), what="the beginning to be committed")
        assert await shop.offset() == 0

    play(scenario())


async def known(shop: Shop) -> bool:
    """Whether the group has an offset."""
    return await shop.offset() is not None


@pytest.mark.parametrize("which", ["input", "changelog"])
def test_partition_counts_other_than_declared_are_refused_at_start(
    which: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """Keys would be looked for in partitions where they are not."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(counter(shop))
        wider: Partition = {"input": shop.source(), "changelog": shop.changelog()}[which]
        async with opened_topics(shop.connection) as topics:
            await topics.add_partitions(wider.topic, 2)
        await until_wide(shop.connection, wider.topic, 2)
        with pytest.raises(TopicsNotAsDeclared, match=wider.topic) as told:
            async with asyncio.timeout(LIMIT_S), open_worker(shop.settings, counter(shop)):
                pytest.fail("it was opened")
        assert told.value.exit_code is ExitCode.CONFIGURATION

    play(scenario())
