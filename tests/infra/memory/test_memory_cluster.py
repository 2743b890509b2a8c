"""The cluster as a whole: its network, its history, and what it keeps."""

import asyncio
from itertools import pairwise

import pytest
from kio.schema.errors import ErrorCode

from penstock.events.log import WriteUnknown
from penstock.infra.embedded.configs.config_errors import BrokerOptionUnknown
from penstock.infra.kafka.topics import TopicChangeRefused
from penstock.infra.memory.fault import Fault, Loss
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import Latency, MemoryOptions
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.replication.counter_log import FollowingReader, SlotLog
from penstock.workers.ports import ProducerGate, TransactionDoubt
from tests.infra.memory.bench import Bench, writes
from tests.infra.memory.turning import play


def test_a_restart_keeps_topics_and_records() -> None:
    """Settings too; and who was acknowledged finds it."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic(config={"retention.ms": "5000000"})
        await bench.write(place, b"a")
        bench.cluster.restart()
        assert await bench.values(place) == [b"a"]
        state = (await bench.cluster.admin().describe(["t"]))["t"]
        assert state.config["retention.ms"] == "5000000"
        assert bench.cluster.statistics().incarnation == 2
        bench.cluster.start()
        assert bench.cluster.statistics().incarnation == 2

    play(scenario())


@pytest.mark.parametrize("least_and_most_s", [(0.5, 0.0), (-1.0, 1.0), (0.0, float("nan"))])
def test_latencies_are_a_range(least_and_most_s: tuple[float, float]) -> None:
    """Else a test would believe in another order of events with each seed, and see one."""
    least_s, most_s = least_and_most_s
    with pytest.raises(ValueError, match="no range"):
        Latency(least_s=least_s, most_s=most_s)


def test_latency_delays_and_keeps_the_order_of_a_client() -> None:
    """Requests of one client never overtake each other, however long each is under way."""

    async def scenario() -> None:
        bench = Bench(MemoryOptions(latency=Latency(least_s=0.1, most_s=2.0)))
        place = await bench.turned(bench.topic(partitions=4))
        writer = bench.cluster.writer()
        await bench.turned(writer.start())
        begun_s = bench.clock.monotonic()

        async def write(number: int) -> int:
            return await bench.write(
                place._replace(number=number % 4), b"%d" % number, writer=writer, timeout_s=60.0
            )

        writing = [asyncio.ensure_future(write(number)) for number in range(20)]
        await bench.clock.advance(100.0)
        assert [each.result() for each in writing] == [number // 4 for number in range(20)]
        times = [each.time_ms for each in bench.cluster.history() if each.client == "writer-1"]
        assert all(one <= after for one, after in pairwise(times))
        assert (times[-1] - times[0]) / 1000 >= 0.1
        assert begun_s >= 0.2

    play(scenario())


def test_the_history_tells_every_fate() -> None:
    """And forgets what is older than its limit."""

    async def scenario() -> None:
        bench = Bench(MemoryOptions(history_entries=4))
        place = await bench.topic()
        writer = bench.cluster.writer(name="w")
        await writer.start()
        faults = bench.cluster.faults
        faults.add(Fault(request=RequestKind.PRODUCE, loses=Loss.REQUEST, noticed=True))
        faults.add(Fault(request=RequestKind.PRODUCE, error=ErrorCode.not_enough_replicas))
        await bench.turned(bench.write(place, b"a", writer=writer))
        produced = [each for each in bench.cluster.history() if each.client == "w"][1:]
        assert [each.fate for each in produced] == ["request lost", "not_enough_replicas", "taken"]
        assert str(produced[-1]) == f"{produced[-1].time_ms} w: produce taken"
        for _ in range(9):
            await bench.write(place, b"b", writer=writer)
        assert len(bench.cluster.history()) == 4
        assert bench.cluster.statistics().requests[RequestKind.PRODUCE] == 10

    play(scenario())


def test_clients_have_names() -> None:
    """A kind and a number where none is given; faults find them by it."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        one, two = bench.cluster.writer(), bench.cluster.writer()
        bench.cluster.faults.add(
            Fault(request=RequestKind.PRODUCE, client="writer-2", loses=Loss.ANSWER, times=9)
        )
        assert await bench.write(place, b"a", writer=one) == 0
        with pytest.raises(WriteUnknown):
            await bench.turned(bench.write(place, b"b", writer=two))

    play(scenario())


def test_the_same_seed_gives_the_same_names() -> None:
    """Of topics, members, and the cluster itself."""
    one, two = Bench(), Bench()
    assert one.cluster.core.cluster_id == two.cluster.core.cluster_id


def test_unknown_options_are_refused() -> None:
    """By Kafka's names, as the embedded broker refuses them."""
    bench = Bench()
    with pytest.raises(BrokerOptionUnknown):
        MemoryCluster(
            clock=bench.clock,
            entropy=bench.cluster.entropy,
            options=MemoryOptions(config={"no.such.option": "1"}),
        )


def test_topics_are_refused_in_the_adapter_s_words() -> None:
    """Name and number of Kafka's error, and the broker's own text."""

    async def scenario() -> None:
        bench = Bench()
        await bench.topic()
        with pytest.raises(TopicChangeRefused) as refused:
            await bench.topic()
        assert refused.value.reason == "TOPIC_ALREADY_EXISTS (36) Topic 't' already exists."

    play(scenario())


def test_a_slot_s_log_is_that_of_counters() -> None:
    """Its ends count open transactions in, which bounds do not; its readers tell answers."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        slot: SlotLog = bench.cluster.slot_log([place], "slot")
        gate: ProducerGate = bench.cluster.gate()
        other = await gate.fence("other")
        bench.cluster.hold_markers(held=True)
        await other.commit(writes(place, b"a"))
        reader: FollowingReader = await bench.cluster.reader(place)
        assert await slot.ends() == {place: 1}
        assert await reader.bounds(place) == (0, 0)
        bench.cluster.hold_markers(held=False)
        assert list(slot.partitions) == [place]
        old = await slot.fence()
        new = await slot.fence()
        with pytest.raises(TransactionDoubt):
            await old.commit(writes(place, b"never"))
        await new.commit(writes(place, b"b"))
        again = await slot.reader()
        assert [each.value for each in await again.read(timeout_s=0)] == [b"a", b"b"]

    play(scenario())


def test_nothing_is_left_behind() -> None:
    """No timer and no waiter, once nobody waits; `play` sees that there is no task."""

    async def scenario() -> None:
        bench = Bench()
        place = await bench.topic()
        await bench.write(place, b"a")
        assert await bench.values(place) == [b"a"]
        statistics = bench.cluster.statistics()
        assert (statistics.timers, statistics.waiting_readers, statistics.waiting_members) == (
            0,
            0,
            0,
        )
        assert statistics.broker.topics == 1

    play(scenario())
