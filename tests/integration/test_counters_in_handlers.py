"""Counters that handlers count in, on a real cluster: once each, whatever happens in between.

What is asked is the cluster: the counters' topic is read as any reader would, and the larger number
of each component is taken.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from penstock.events.log import NewRecord, Partition
from penstock.events.names import crdt_topic, transactional_id
from penstock.events.topic_plan import TopicsNotAsDeclared
from penstock.infra.bootstrap import open_parts, open_worker
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.transactions import fence
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.errors import ExitCode
from penstock.schemas.lookup import found_in
from penstock.schemas.single_object import fingerprint_in
from penstock.workers import Counters, Delivery, Worker
from penstock.workers.counters import (
    CounterComponent,
    counter_partition,
    parse_component_key,
    partition_replica,
)
from penstock.workers.partition_life import Phase
from penstock.workers.ports import InputOffset, Transaction
from penstock.workers.runner import PartitionUnsafe
from penstock.workers.state import state_key
from tests.integration.workbench import (
    LIMIT_S,
    eventually,
    off_loop,
    opened_topics,
    play,
    read_committed,
)
from tests.integration.worker_bench import WORKER, Placed, Shop, made_shop, running

pytestmark = pytest.mark.timeout(60)

DONE = Counters("done")
BALANCE = Counters("balance", decrements=True)
SIZES = 3


def tallying(shop: Shop, handled: list[str] | None = None) -> Worker:
    """A worker that counts orders by size, and a balance to which each order adds one."""
    worker = Worker(WORKER)

    @worker.on(shop.placed, counters=(DONE, BALANCE))
    async def count(event: Placed, delivery: Delivery) -> None:
        if handled is not None:
            handled.append(event.order)
        delivery.counters(DONE).increment(f"size/{event.size}")
        balance = delivery.counters(BALANCE)
        balance.increment("all", 3)
        await asyncio.sleep(0)
        balance.decrement("all", by=2)

    return worker


def orders(shop: Shop, count: int, *, first: int = 0) -> list[Placed]:
    """Orders of different keys and three sizes."""
    return [
        shop.placed(order=f"o{number:05}", size=number % SIZES)
        for number in range(first, first + count)
    ]


@dataclass(frozen=True)
class Seen:
    """What a reader of a counters' topic sees."""

    components: dict[tuple[str, str], CounterComponent]
    """The largest, by replica and counter."""
    records: int
    """How many records there were."""

    def values(self) -> dict[str, int]:
        """The counters."""
        values = Counter[str]()
        for (_, counter), component in self.components.items():
            values[counter] += component.increments - component.decrements
        return dict(values)


async def seen_in(shop: Shop, counters: Counters) -> Seen:
    """Read all of a counters' topic, with schemas out of the schemas' topic alone."""
    components, records = dict[tuple[str, str], CounterComponent](), 0
    name = crdt_topic(shop.settings.app, counters.name)
    async with open_parts(shop.settings, source="reader") as parts:
        for number in range(4):
            for record in await read_committed(shop.connection, Partition(name, number)):
                assert record.key is not None
                assert record.value is not None
                fingerprint = fingerprint_in(record.value)
                await parts.catalogue.lookup(fingerprint)
                schema = found_in(parts.catalogue, fingerprint)
                component = decoder_of(schema, CounterComponent)(record.value)
                replica, counter = parse_component_key(record.key)
                assert counter_partition(counter, 4) == number
                before = components.get((replica, counter))
                if before is not None:
                    assert component.increments >= before.increments
                    assert component.decrements >= before.decrements
                components[replica, counter] = component
                records += 1
    return Seen(components, records)


async def all_done(shop: Shop, partitions: int) -> None:
    """Wait until the group has committed all input."""
    ends = [
        len(await read_committed(shop.connection, shop.source(number)))
        for number in range(partitions)
    ]

    async def there() -> bool:
        return [await shop.offset(number) or 0 for number in range(partitions)] == ends

    await eventually(there, what="all input to be committed")


def test_two_workers_count_each_order_once_through_rebalances_and_doubts(
    fault_proxy: FaultProxy, direct_kafka: str, unique: Callable[[str], str]
) -> None:
    """The sum over all replicas is the number of orders, and the replicas are the partitions."""

    async def scenario() -> None:
        shop = made_shop(fault_proxy.address, unique, partitions=4)
        await shop.make_topics(tallying(shop))
        await shop.publish(orders(shop, 300))
        doubts = 0
        async with running(shop, tallying(shop)) as first:
            await first.done(50)
            async with running(shop, tallying(shop)) as second:
                for each in (first, second):  # an answer lost before would be one of their starts
                    await each.in_phase(Phase.RUNNING, partitions=2)
                for first_order in (300, 450):
                    untold = fault_proxy.drop_answer(ApiKey.END_TXN)
                    await shop.publish(orders(shop, 150, first=first_order))
                    await off_loop(untold.wait_reached, LIMIT_S)
                    fault_proxy.reset(ApiKey.PRODUCE, after_bytes=20)
                await all_done(shop, 4)
                doubts = sum(each.doubts for each in (*first.partitions, *second.partitions))
            await shop.publish(orders(shop, 300, first=600))
            await all_done(shop, 4)
        assert doubts >= 2
        direct = made_direct(shop, direct_kafka)
        done, balance = await seen_in(direct, DONE), await seen_in(direct, BALANCE)
        assert done.values() == {f"size/{size}": 300 for size in range(SIZES)}
        assert balance.values() == {"all": 900}
        for number in range(4):
            replica = partition_replica(WORKER, shop.inputs.name, number)
            inputs = len(await read_committed(direct.connection, shop.source(number)))
            component = balance.components[replica, "all"]
            assert component == CounterComponent(
                kind="pn", increments=3 * inputs, decrements=2 * inputs
            )
        assert len(balance.components) == 4
        assert done.records < 900, "several increments of one commit are one record"

    play(scenario())


def made_direct(shop: Shop, direct_kafka: str) -> Shop:
    """The same app, past the proxy."""
    settings = shop.settings.model_copy(update={"kafka": direct_kafka})
    return Shop(
        settings=settings,
        placed=shop.placed,
        noted=shop.noted,
        inputs=shop.inputs,
        outputs=shop.outputs,
    )


@pytest.mark.parametrize("committed", [False, True], ids=["before-commit", "behind-commit"])
def test_a_producer_that_is_lost_between_handler_and_answer_counts_once(
    fault_proxy: FaultProxy, unique: Callable[[str], str], *, committed: bool
) -> None:
    """Whether the transaction took effect is known by the next fence alone, and is then obeyed."""

    async def scenario() -> None:
        shop, handled = made_shop(fault_proxy.address, unique), list[str]()
        await shop.make_topics(tallying(shop))
        async with running(shop, tallying(shop, handled)) as run:
            await shop.publish(orders(shop, 1))
            await run.done(1)
            if committed:
                fault_proxy.drop_answer(ApiKey.END_TXN)
                await shop.publish(orders(shop, 1, first=1))
            else:
                held = fault_proxy.hold(ApiKey.END_TXN)
                await shop.publish(orders(shop, 1, first=1))
                await off_loop(held.wait_reached, LIMIT_S)
                held.cut()
            await run.until_partition(lambda one: one.doubts == 1, what="a doubt")
            await shop.publish(orders(shop, 1, first=2))
            await all_done(shop, 1)
        assert Counter(handled) == {"o00000": 1, "o00001": 1 if committed else 2, "o00002": 1}
        assert (await seen_in(shop, BALANCE)).values() == {"all": 3}

    play(scenario())


def test_what_a_busy_commit_counts_is_one_record_for_each_counter(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Eight hundred increments leave a handful of records: the last of each commit."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(tallying(shop))
        await shop.publish(orders(shop, 800))
        async with running(shop, tallying(shop)) as run:
            await run.done(800)
            commits = run.partitions[0].commits
        balance, done = await seen_in(shop, BALANCE), await seen_in(shop, DONE)
        assert balance.values() == {"all": 800}
        assert balance.records <= commits < 400
        assert done.records <= SIZES * commits

    play(scenario())


def test_counting_stops_and_goes_on_where_it_was(kafka: str, unique: Callable[[str], str]) -> None:
    """What was counted stays in the changelog, also while no handler declares counters."""

    async def scenario() -> None:
        shop, silent = made_shop(kafka, unique), Worker(WORKER)

        @silent.on(shop.placed, exactly_once=True)
        async def pass_over(_event: Placed, _: Delivery) -> None: ...

        await shop.make_topics(tallying(shop))
        for worker in (tallying(shop), silent, tallying(shop)):
            await shop.publish(orders(shop, 5))
            async with running(shop, worker) as run:
                await run.done(5)
        assert (await seen_in(shop, BALANCE)).values() == {"all": 10}

    play(scenario())


@pytest.mark.parametrize("policy", ["compact,delete", "delete"])
def test_a_worker_does_not_start_where_counters_would_be_lost(
    kafka: str, unique: Callable[[str], str], policy: str
) -> None:
    """A retention, however long, removes the components of counters that rest."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(tallying(shop))
        name = crdt_topic(shop.settings.app, DONE.name)
        async with opened_topics(shop.connection) as topics:
            await topics.configure(name, {"cleanup.policy": policy})
        with pytest.raises(TopicsNotAsDeclared, match=f"{name} has cleanup policy"):
            async with open_worker(shop.settings, tallying(shop)):
                raise AssertionError

    play(scenario())


def test_a_worker_does_not_start_without_its_counters_topics(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """Told at start, and not with the first increment."""

    async def scenario() -> None:
        shop, other = made_shop(kafka, unique), Worker(WORKER)

        @other.on(shop.placed, exactly_once=True)
        async def pass_over(_event: Placed, _: Delivery) -> None: ...

        await shop.make_topics(other)
        with pytest.raises(TopicsNotAsDeclared, match=r"crdt\.balance does not exist"):
            async with open_worker(shop.settings, tallying(shop)):
                raise AssertionError

    play(scenario())


@pytest.mark.parametrize(
    "component",
    [
        encoder_of(CounterComponent)(CounterComponent(kind="g", increments=1, decrements=0))[:-1],
        encoder_of(CounterComponent)(CounterComponent(kind="g", increments=-1, decrements=0)),
    ],
    ids=["short", "negative"],
)
def test_a_component_that_cannot_be_read_stops_its_partition(
    kafka: str, unique: Callable[[str], str], component: bytes
) -> None:
    """Counting on from zero would be hidden behind what readers have seen."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)
        await shop.make_topics(tallying(shop))
        await shop.publish(orders(shop, 1))
        async with running(shop, tallying(shop)) as run:
            await run.done(1)
        owner = await fence(shop.connection, transactional_id(shop.group, *shop.source()))
        key = state_key("penstock.CounterComponent", "balance/all")
        position = InputOffset(
            group=shop.group, source=shop.source(), position=1, metadata="penstock/1"
        )
        broken = NewRecord(key, component, [], 1_700_000_000_000)
        await owner.commit(Transaction(outputs={shop.changelog(): [broken]}, offset=position))
        owner.drop()
        await shop.publish(orders(shop, 1, first=1))
        async with running(shop, tallying(shop)) as run:
            error = await run.failure()
        assert isinstance(error, PartitionUnsafe)
        assert error.partition == shop.source()
        assert "penstock.CounterComponent" in error.reason
        assert error.exit_code is ExitCode.DATA
        assert (await seen_in(shop, BALANCE)).values() == {"all": 1}

    play(scenario())
