"""Whole programs over a cluster in memory, through the openers that everybody uses."""

from contextlib import AsyncExitStack

import pytest

from penstock.events.log import TopicMissing
from penstock.events.names import consumer_group, saga_worker, transactional_id
from penstock.events.topic_plan import TopicsNotAsDeclared
from penstock.infra import connect
from penstock.infra.bootstrap import open_worker
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from penstock.infra.kafka.connection import KafkaUnreachable
from penstock.infra.memory import (
    Fault,
    Latency,
    Loss,
    MemoryCluster,
    MemoryOptions,
    MemoryProcess,
    RequestKind,
    make_topics,
    play,
    running,
)
from penstock.infra.memory.history import HistoryEntry
from penstock.infra.sagas.bootstrap import open_saga
from penstock.infra.settings import BadSettings, Settings
from penstock.infra.virtual_clock import VirtualClock
from tests.infra.memory.library import (
    LENT,
    LOAN,
    SETTINGS,
    TYPES,
    VISITS,
    Asked,
    Fetch,
    Lent,
    TurnedBack,
    clerk,
    desk,
)

SHAKY = MemoryOptions(latency=Latency(least_s=0.001, most_s=0.02), history_entries=1_000_000)
"""With a range of latencies, each seed is another order of events."""
Told = tuple[HistoryEntry, ...]


# --- publish and subscribe -------------------------------------------------------------------


async def published(cluster: MemoryCluster) -> tuple[list[str], list[str], Told]:
    """Publish one, and a stream of others; read on the fly, and read again to the end."""
    await make_topics(cluster, SETTINGS, types=TYPES)
    async with connect(SETTINGS, cluster=cluster) as bus, bus.subscribe([Asked]) as following:
        await bus.publish(Asked(loan="first", title="Emma"))
        seen = [(await anext(following)).event.loan]
        stream = [Asked(loan=f"{each}", title="Emma") for each in range(20)]
        assert await bus.publish_many(stream) == 20
        seen += [(await anext(following)).event.loan for _ in stream]
        async with bus.subscribe([Asked], until="end") as found:
            again = [each.event.loan async for each in found]
    return seen, again, cluster.history()


def test_what_is_published_is_read() -> None:
    """By who follows and by who reads to the end; the same seed gives the same history."""
    seen, again, history = play(published, seed=3, options=SHAKY)
    assert seen[0] == "first"
    assert sorted(seen) == sorted(again) == sorted(["first", *(f"{each}" for each in range(20))])
    assert play(published, seed=3, options=SHAKY) == (seen, again, history)
    assert play(published, seed=4, options=SHAKY)[2] != history


# --- a worker --------------------------------------------------------------------------------


async def lent(cluster: MemoryCluster) -> tuple[list[str], dict[str, int], int, Told]:
    """Two processes of a worker; a commit's answer is lost, and the broker is away for a while."""
    await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
    processes = [MemoryProcess(cluster, name) for name in ("one", "two")]
    openings = [open_worker(SETTINGS, clerk(), cluster=process) for process in processes]
    async with (
        connect(SETTINGS, cluster=MemoryProcess(cluster, "shop")) as bus,
        bus.subscribe([Lent]) as subscriber,
        running(*openings),
    ):
        loans = [f"{each:02}" for each in range(10)]
        await bus.publish_many(Asked(loan=each, title="Emma") for each in loans)
        seen = [(await anext(subscriber)).event.loan for _ in loans]
        cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, loses=Loss.ANSWER))
        await bus.publish_many(Asked(loan=each, title="Ulysses") for each in loans)
        seen += [(await anext(subscriber)).event.loan for _ in loans]
        cluster.restart()
        await bus.publish(Asked(loan="last", title="Emma"))
        seen.append((await anext(subscriber)).event.loan)
        async with bus.counters(LENT) as reader:
            await reader.restored()
            counted = reader.values()
    async with (
        connect(SETTINGS, cluster=cluster) as bus,
        bus.subscribe([Lent], until="end") as found,
    ):
        assert sorted([each.event.loan async for each in found]) == sorted(seen)
    return seen, counted, cluster.statistics().faults_met, cluster.history()


def test_a_worker_has_its_effects_once() -> None:
    """Events and counts, although a commit was in doubt; the same seed gives the same history."""
    seen, counted, faults_met, history = play(lent, seed=5, options=SHAKY)
    twice = [f"{each:02}" for each in range(10)] * 2
    assert sorted(seen) == sorted([*twice, "last"])
    assert counted == {"Emma": 11, "Ulysses": 10}
    assert faults_met == 1
    again = play(lent, seed=5, options=SHAKY)
    assert again == (seen, counted, faults_met, history)
    clients = {entry.client for entry in history}
    assert {"one", "two", "one writer", "two restorer", "shop writer", "shop reader"} <= clients
    group = consumer_group(SETTINGS.app, "clerk")
    assert transactional_id(group, "library.asked", 1) in clients


# --- a saga ----------------------------------------------------------------------------------


async def turned_back(cluster: MemoryCluster) -> tuple[list[str], float, list[str], Told]:
    """Ask for a book; the cellar never answers, and the orchestrator is killed meanwhile."""
    put_back: list[str] = []
    worker = desk(put_back)
    await make_topics(cluster, SETTINGS, types=TYPES, workers=[worker], sagas=[LOAN])
    async with (
        connect(SETTINGS, cluster=cluster) as bus,
        bus.subscribe([TurnedBack]) as turned,
        bus.subscribe([Fetch]) as fetches,
        running(
            open_worker(SETTINGS, worker, cluster=cluster),
            open_saga(SETTINGS, [LOAN], cluster=MemoryProcess(cluster, "saga")),
        ),
    ):
        begun_s = cluster.clock.monotonic()
        await bus.publish(Asked(loan="1", title="Emma"))
        seen = [(await anext(fetches)).event.loan]
        # Its session is over in the middle of its wait: it joins again, and the timer is kept.
        cluster.expire(consumer_group(SETTINGS.app, saga_worker("loan")), "saga")
        seen.append((await anext(fetches)).event.loan)
        code = (await anext(turned)).event.code
        took_s = cluster.clock.monotonic() - begun_s
    return [*seen, code], took_s, put_back, cluster.history()


def test_a_step_that_is_not_answered_is_undone() -> None:
    """Two minutes, ten seconds, two minutes of virtual time; then what was done is undone."""
    seen, took_s, put_back, history = play(turned_back, seed=1, options=SHAKY)
    assert seen == ["1", "1", "timeout"]
    assert 250.0 <= took_s < 290.0
    assert put_back == ["1"]
    assert play(turned_back, seed=1, options=SHAKY) == (seen, took_s, put_back, history)


# --- counters --------------------------------------------------------------------------------


async def visited(cluster: MemoryCluster) -> tuple[dict[str, int], Told]:
    """Count in two slots; the answer of a commit is lost."""
    await make_topics(cluster, SETTINGS, counters=[VISITS])
    async with AsyncExitStack() as opened:
        bus = await opened.enter_async_context(connect(SETTINGS, cluster=cluster))
        one = await opened.enter_async_context(bus.counting(VISITS, slot="web-0"))
        two = await opened.enter_async_context(bus.counting(VISITS, slot="web-1"))
        reader = await opened.enter_async_context(bus.counters(VISITS))
        for each in range(10):
            one.increment_nowait("pages", each)
        cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, loses=Loss.ANSWER))
        await one.increment("pages")
        token = await two.increment("pages", 100)
        assert (await reader.value_at_least("pages", token)).value >= 100
        await one.flush()
        await reader.restored()
    async with connect(SETTINGS, cluster=cluster) as bus, bus.counters(VISITS) as reader:
        await reader.restored()
        return reader.values(), cluster.history()


def test_counters_count_once() -> None:
    """In slots, whatever is lost; the same seed gives the same history."""
    counted, history = play(visited, seed=2, options=SHAKY)
    assert counted == {"pages": 146}
    assert "answer lost" in {entry.fate for entry in history}
    assert play(visited, seed=2, options=SHAKY) == (counted, history)


# --- what is not there -----------------------------------------------------------------------


def test_a_program_is_refused_as_on_kafka() -> None:
    """Missing topics are told before anything is begun, and a broker that is away is told."""

    async def without_topics(cluster: MemoryCluster) -> None:
        async with connect(SETTINGS, cluster=cluster):
            raise AssertionError("it was opened")

    async def without_broker(cluster: MemoryCluster) -> None:
        cluster.stop()
        await without_topics(cluster)

    with pytest.raises(TopicsNotAsDeclared, match=r"_penstock\.schemas"):
        play(without_topics)
    with pytest.raises(KafkaUnreachable, match="memory"):
        play(without_broker)


def test_a_worker_that_gives_up_ends_the_block() -> None:
    """With its own error, although the block waits for something else."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            bus.subscribe([Lent]) as subscriber,
            running(open_worker(SETTINGS, clerk(), cluster=cluster)),
        ):
            gone = TopicReference(name="library.asked")
            cluster.core.delete_topics([gone], now_ms=cluster.clock.wall_ms())
            await anext(subscriber)

    with pytest.raises(TopicMissing, match=r"library\.asked"):
        play(scenario)


def test_what_the_block_raises_is_raised() -> None:
    """As it is, and not in a group; the worker is gone then."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
        async with running(open_worker(SETTINGS, clerk(), cluster=cluster)):
            raise LookupError("in the block")

    with pytest.raises(LookupError, match="in the block"):
        play(scenario)


def test_a_cluster_brings_its_own_clock() -> None:
    """Another one beside it would wait past the log, or the log past it."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=TYPES)
        async with connect(SETTINGS, cluster=cluster, clock=VirtualClock()):
            raise AssertionError("it was opened")

    with pytest.raises(ValueError, match="a clock of its own"):
        play(scenario)


def test_settings_need_no_address_for_a_cluster_that_is_given() -> None:
    """Without a cluster they do, and are told so before anything is opened."""

    async def connected() -> None:
        async with connect(Settings(app="library")):
            raise AssertionError("it was opened")

    async def scenario(cluster: MemoryCluster) -> str:
        await make_topics(cluster, SETTINGS, types=TYPES)
        with pytest.raises(BadSettings, match="PENSTOCK_KAFKA is not set"):
            await connected()
        async with connect(Settings(app="library"), cluster=cluster) as bus:
            return (await bus.publish(Asked(loan="1", title="Emma"))).topic

    assert play(scenario) == "library.asked"
