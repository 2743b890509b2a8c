"""Replicated counters on a real Kafka: slots count, readers read, nothing is lost or counted twice.

What each rule is for is shown in tests/infra/replication; here it is shown that Kafka behaves as
the topic in memory does.
"""

import asyncio
from collections.abc import Callable

import pytest

from penstock.events.topic_plan import TopicsNotAsDeclared
from penstock.infra.bootstrap import connect
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.slot_log import log_ends
from penstock.infra.kafka.transactions import fence
from penstock.infra.replication.component_records import encode_component
from penstock.infra.replication.counter_slot import CountsNotWritten
from penstock.infra.replication.slot_hold import SlotTaken
from penstock.infra.replication.slot_settings import SlotSettings
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.workers import Delivery, Worker
from penstock.workers.counters import CounterComponent, Counters, component_key
from penstock.workers.ports import Transaction
from tests.integration.counter_bench import CounterBench, made_counters, restored
from tests.integration.workbench import LIMIT_S, eventually, new_record, off_loop, play
from tests.integration.worker_bench import Placed, made_shop, running

pytestmark = pytest.mark.timeout(90)

Unique = Callable[[str], str]


def test_what_was_acknowledged_can_be_read_by_its_token(kafka: str, unique: Unique) -> None:
    """Two slots, two readers, many callers: each reads what it has written."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique)
        await bench.make_topics()
        async with (
            connect(bench.settings) as bus,
            connect(bench.settings) as other,
            restored(bus, bench.counters) as reader,
            bus.counting(bench.counters, slot="web-0") as one,
            other.counting(bench.counters, slot="web-1") as two,
        ):
            tokens = await asyncio.gather(
                *(one.increment("completed/gold") for _ in range(200)),
                *(two.increment("completed/gold", 2) for _ in range(200)),
            )
            value = await reader.value_at_least("completed/gold", max(tokens))
            assert value.value == 600
            assert value.versions == {"slot/web-0": (200, 0), "slot/web-1": (400, 0)}
            assert one.statistics().commits < 20, "callers share commits"
            one.increment_nowait("seen", 5)
            await eventually(lambda: reader.values().get("seen") == 5, what="what was not awaited")
            late = await bench.fresh("completed/gold")
        assert late == 600

    play(scenario())


def test_counters_go_down_where_that_is_declared(kafka: str, unique: Unique) -> None:
    """And below zero, if that is what was counted."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique, decrements=True)
        await bench.make_topics()
        async with (
            connect(bench.settings) as bus,
            bus.counting(bench.counters, slot="web-0") as slot,
        ):
            await slot.increment("a", 3)
            await slot.decrement("a", 5)
        assert await bench.fresh("a") == -2

    play(scenario())


def test_the_end_of_a_slot_writes_what_is_pending_and_the_next_goes_on(
    kafka: str, unique: Unique
) -> None:
    """A restart without a crash loses nothing; the new owner counts on from there."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique)
        await bench.make_topics()
        for round_number in range(1, 4):
            async with (
                connect(bench.settings) as bus,
                bus.counting(bench.counters, slot="web-0") as slot,
            ):
                assert slot.statistics().generation == round_number
                slot.increment_nowait("a", 10)
        assert await bench.fresh("a") == 30
        last = (await bench.records("web-0", "a"))[-1]
        expected = CounterComponent(kind="g", increments=30, decrements=0)
        assert last.value == encode_component(expected)

    play(scenario())


def test_who_opens_a_slot_takes_it_and_the_other_is_told(kafka: str, unique: Unique) -> None:
    """What the former owner had not written does not count, and it does not take the slot back."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique)
        await bench.make_topics()
        async with connect(bench.settings) as bus, connect(bench.settings) as other:

            async def lose_it() -> None:
                async with bus.counting(bench.counters, slot="web-0") as old:
                    await old.increment("a")
                    async with other.counting(bench.counters, slot="web-0") as new:
                        with pytest.raises(SlotTaken, match="generation 2"):
                            await old.increment("a", 100)
                        with pytest.raises(SlotTaken):
                            old.increment_nowait("a")
                        await new.increment("a")
                        assert new.statistics().doubts == 0

            with pytest.raises(SlotTaken):  # once more, at the end of its block
                await lose_it()
        assert await bench.fresh("a") == 2

    play(scenario())


LOST = [ApiKey.ADD_PARTITIONS_TO_TXN, ApiKey.PRODUCE, ApiKey.END_TXN]


@pytest.mark.parametrize("key", LOST, ids=lambda key: key.name.lower())
def test_a_commit_whose_answer_is_lost_counts_once(
    key: ApiKey, fault_proxy: FaultProxy, direct_kafka: str, unique: Unique
) -> None:
    """Committed or not: the slot looks, and the caller is told."""

    async def scenario() -> None:
        direct = made_counters(direct_kafka, unique)
        await direct.make_topics()
        bench = direct.through(fault_proxy.address)
        async with (
            connect(bench.settings) as bus,
            restored(bus, bench.counters) as reader,
            bus.counting(bench.counters, slot="web-0") as slot,
        ):
            await slot.increment("a", 5)
            lost = fault_proxy.drop_answer(key)
            token = await slot.increment("a", 7)
            assert lost.reached
            assert slot.statistics().doubts == 1
            assert (await reader.value_at_least("a", token)).value == 12
            assert (await reader.value_at_least("a", await slot.increment("a"))).value == 13
        assert await direct.fresh("a") == 13

    play(scenario())


def test_counts_behind_another_slots_open_transaction_are_restored(
    kafka: str, unique: Unique
) -> None:
    """A committed reader does not see them yet; the new owner waits until it does."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique)
        await bench.make_topics()
        async with connect(bench.settings) as bus:
            async with bus.counting(bench.counters, slot="web-0") as slot:
                stranger = await left_open(bench, "stranger", "a")
                await slot.increment("a", 100)
            place = bench.place("a")
            assert (await log_ends(bench.connection, [place]))[place] > await visible_end(bench)
            opening = asyncio.ensure_future(count_once_more(bench, 30))
            await asyncio.wait({opening}, timeout=1.0)
            assert not opening.done(), "it has counts to wait for"
            (await fence(bench.connection, stranger)).drop()  # which ends the transaction
            await opening
        assert await bench.fresh("a") == 130

    play(scenario())


async def count_once_more(bench: CounterBench, by: int) -> None:
    """What a new owner of the slot does."""
    async with connect(bench.settings) as bus, bus.counting(bench.counters, slot="web-0") as slot:
        await slot.increment("a", by)


async def visible_end(bench: CounterBench) -> int:
    """Where committed readers must stop in the partition of "a"."""
    place = bench.place("a")
    reader = await open_reader(bench.connection, [place])
    _, end = await reader.bounds(place)
    await reader.close()
    return end


async def left_open(bench: CounterBench, slot: str, counter: str) -> str:
    """Write in a transaction of another slot that nobody ends; return its transactional id."""
    transactional_id = bench.transactional_id(slot)
    writer = await fence(bench.connection, transactional_id)
    producer = writer._producer  # type: ignore[attr-defined] # to do what our own code never does
    await producer.begin_transaction()
    value = encode_component(CounterComponent(kind="g", increments=1, decrements=0))
    key = component_key(f"slot/{slot}", counter)
    await producer.send_and_wait(bench.topic, value, key=key, partition=bench.place(counter).number)
    writer.drop()
    return transactional_id


def test_a_reader_and_a_slot_outlive_a_broker(
    own_kafka: Callable[..., KafkaServer], unique: Unique
) -> None:
    """While it is away values stay, counting goes on and waiting is bounded; then all is there."""

    async def scenario() -> None:
        server = own_kafka()
        bench = made_counters(server.bootstrap, unique)
        await bench.make_topics()
        async with (
            connect(bench.settings) as bus,
            restored(bus, bench.counters) as reader,
            bus.counting(bench.counters, slot="web-0") as slot,
        ):
            await reader.value_at_least("a", await slot.increment("a", 5))
            await off_loop(server.kill)
            waiting = asyncio.ensure_future(slot.increment("a", 7, timeout_s=60.0))
            await asyncio.wait({waiting}, timeout=2.0)
            assert not waiting.done()
            for _ in range(1_000):
                slot.increment_nowait("b")
            assert reader.value("a").value == 5
            assert (reader.lag().age_s or 0.0) > 1.0
            await off_loop(server.start)
            token = await waiting
            assert (await reader.value_at_least("a", token, timeout_s=LIMIT_S)).value == 12
            await eventually(lambda: reader.values() == {"a": 12, "b": 1_000}, what="all counts")
            await eventually(lambda: (reader.lag().age_s or 0.0) < 2.0, what="a level reader")
        assert await bench.fresh("a") == 12

    play(scenario())


def test_the_end_of_a_slot_is_bounded_and_says_what_is_missing(
    own_kafka: Callable[..., KafkaServer], unique: Unique
) -> None:
    """Kafka is gone for good."""

    async def scenario() -> None:
        server = own_kafka()
        bench = made_counters(server.bootstrap, unique)
        await bench.make_topics()
        async with connect(bench.settings) as bus:
            settings = SlotSettings(close_limit_s=1.0)

            async def count_and_end() -> None:
                async with bus.counting(bench.counters, slot="web-0", settings=settings) as slot:
                    await slot.increment("a", 5)
                    await off_loop(server.kill)
                    slot.increment_nowait("a", 3)

            with pytest.raises(CountsNotWritten) as told:
                await count_and_end()
            assert told.value.unwritten == 3

    play(scenario())


@pytest.mark.parametrize("policy", ["compact,delete", "delete"])
def test_a_topic_that_forgets_is_refused(kafka: str, unique: Unique, policy: str) -> None:
    """A counter that rests would be lost, so neither readers nor slots begin."""

    async def scenario() -> None:
        missing = made_counters(kafka, unique)
        bench = made_counters(kafka, unique)
        await missing.make_topics()  # and that of schemas with it
        await bench.make_topic({"cleanup.policy": policy})
        missing = made_counters(kafka, unique)
        for each, words in ((bench, "cleanup policy"), (missing, "does not exist")):
            async with connect(each.settings) as bus:
                with pytest.raises(TopicsNotAsDeclared, match=words):
                    async with bus.counters(each.counters):
                        pytest.fail("a reader was opened")
                with pytest.raises(TopicsNotAsDeclared, match=words):
                    async with bus.counting(each.counters, slot="web-0"):
                        pytest.fail("a slot was opened")

    play(scenario())


def test_foreign_bytes_on_the_topic_stop_nobody(kafka: str, unique: Unique) -> None:
    """Skipped, counted and told (formats.md F19)."""

    async def scenario() -> None:
        bench = made_counters(kafka, unique)
        await bench.make_topics()
        writer = await fence(bench.connection, unique("stranger"))
        bad = [
            new_record(b"what is this", key=b"slot/x:a"),
            new_record(b"\xc3\x0112345678\x00", key=b"slot/x:b"),
            new_record(None, key=b"slot/x:c"),
            new_record(b"", key=b""),
        ]
        await writer.commit(Transaction(outputs={bench.place("a"): bad}, offset=None))
        await writer.close()
        async with (
            connect(bench.settings) as bus,
            restored(bus, bench.counters) as reader,
            bus.counting(bench.counters, slot="web-0") as slot,
        ):
            assert (await reader.value_at_least("a", await slot.increment("a"))).value == 1
            assert reader.statistics().view.skipped == 4
            assert reader.values() == {"a": 1}

    play(scenario())


def test_what_handlers_count_is_read_with_their_partitions_as_replicas(
    kafka: str, unique: Unique
) -> None:
    """Handlers and slots count on the same counters; a reader adds them all up."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique, partitions=2)
        orders = Counters("orders")
        worker = Worker("clerk")

        @worker.on(shop.placed, counters=orders)
        async def count(_: Placed, delivery: Delivery) -> None:
            delivery.counters(orders).increment("placed")

        await shop.make_topics(worker)
        async with (
            connect(shop.settings) as bus,
            restored(bus, orders) as reader,
            bus.counting(orders, slot="desk") as desk,
            running(shop, worker) as run,
        ):
            await shop.publish(shop.orders(40))
            await desk.increment("placed", 2)
            await run.done(40)
            await eventually(lambda: reader.value("placed").value == 42, what="all counts")
            versions = reader.value("placed").versions
        ways = [f"clerk/{shop.inputs.name}/{number}" for number in (0, 1)]
        assert set(versions) == {*ways, "slot/desk"}
        assert sum(versions[way][0] for way in ways) == 40

    play(scenario())
