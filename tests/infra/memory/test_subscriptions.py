"""Reading in a group, in virtual time: what is finished is committed, and nothing else."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Final

import pytest
from kio.schema.errors import ErrorCode

from penstock.events import Event, Topic
from penstock.events.group import CommitMissed
from penstock.events.log import NewRecord, Partition, TopicMissing
from penstock.events.names import IllegalName, subscriber_group
from penstock.events.partition_lanes import HandlerRaised
from penstock.events.reading_range import BadRange, PositionOutside, Start
from penstock.events.subscriber import Delivered, Subscriber
from penstock.infra import Settings, connect
from penstock.infra.bootstrap import Bus
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.topics.topic_deletion import TopicReference
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
)
from penstock.schemas.errors import WorldError
from penstock.workers.ports import Transaction, TransactionalWriter, TransactionDoubt

SETTINGS: Final = Settings(app="shop", drain_s=5.0)
SHAKY: Final = MemoryOptions(latency=Latency(least_s=0.001, most_s=0.02))
TOPIC: Final = Topic("memory.sold", partitions=3)
GROUP: Final = subscriber_group("shop", "reports")
PARTITIONS: Final = tuple(Partition(TOPIC.name, number) for number in range(TOPIC.partitions))
COUNT: Final = 30


class Sold(Event, topic=TOPIC, key="item"):
    """Something was sold."""

    item: str
    number: int


@asynccontextmanager
async def bus_of(cluster: MemoryCluster, name: str = "shop") -> AsyncIterator[Bus]:
    """A program of its own."""
    async with connect(SETTINGS, cluster=MemoryProcess(cluster, name)) as bus:
        yield bus


async def sell(bus: Bus, first: int = 0, count: int = COUNT) -> None:
    """Publish some events, on all partitions."""
    for number in range(first, first + count):
        await bus.publish(Sold(item=f"i{number}", number=number))


def committed(cluster: MemoryCluster) -> dict[Partition, int]:
    """What the group has committed."""
    found = cluster.core.groups.fetch_offsets(GROUP, None, require_stable=True)
    return {Partition(*place): each.offset for place, each in found.items() if each.offset >= 0}


def ends(cluster: MemoryCluster) -> dict[Partition, int]:
    """Where the partitions end."""
    logs = {each: cluster.core.log(*each) for each in PARTITIONS}
    return {each: log.end_offset for each, log in logs.items() if log is not None}


async def wait(cluster: MemoryCluster, seconds: float) -> None:
    """Let time pass."""
    await cluster.clock.sleep_until(cluster.clock.monotonic() + seconds)


def alarms(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The names of the alarms that were raised."""
    return {vars(record).get("alarm", "") for record in caplog.records}


async def take(subscribed: Subscriber[Delivered[Sold]], count: int) -> list[int]:
    """Take so many, and leave the last one in hand."""
    return [(await anext(subscribed)).event.number for _ in range(count)]


def test_a_group_goes_on_where_it_has_come_to() -> None:
    """What the body has finished is committed; what it left by `break` comes again."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            first: list[int] = []
            async with bus.subscribe([Sold], group="reports") as sold:
                async for delivered in sold:
                    first.append(delivered.event.number)
                    if len(first) == 10:
                        break
            assert sum(committed(cluster).values()) == 9
            async with bus.subscribe([Sold], group="reports") as sold:
                rest = await take(sold, COUNT - 9)
                assert sorted(first[:9] + rest) == list(range(COUNT))
                assert first[9] in rest
                await sold.commit()
                assert committed(cluster) == ends(cluster)
                statistics = sold.statistics()
                assert statistics.delivered == COUNT - 9
                assert statistics.group is not None
                assert statistics.group.partitions == len(PARTITIONS)
                assert statistics.group.repeats == statistics.group.commits_failed == 0
            async with bus.subscribe([Sold], group="reports") as sold:
                coming = asyncio.ensure_future(anext(sold))
                await wait(cluster, 20)
                assert not coming.done()
                coming.cancel()

    play(scenario)


def test_a_record_in_hand_is_never_committed() -> None:
    """However long it takes; what was finished before it is, at the interval."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus, bus.subscribe([Sold], group="reports") as sold:
            await sell(bus)
            await take(sold, 5)
            await wait(cluster, 150)
            assert sum(committed(cluster).values()) == 4

    play(scenario)


def test_an_error_in_the_body_leaves_its_record_unfinished() -> None:
    """Those before it are committed at the end."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            with pytest.raises(LookupError):
                await _fail_at(bus, 3)
            assert sum(committed(cluster).values()) == 2

    play(scenario)


async def _fail_at(bus: Bus, count: int) -> None:
    async with bus.subscribe([Sold], group="reports") as sold:
        await take(sold, count)
        raise LookupError


@pytest.mark.parametrize("start", ["beginning", "end", "time", "offsets"])
def test_a_group_without_offsets_begins_where_it_is_told(start: str) -> None:
    """And that is committed before anything is read: the next start begins there, too."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            await wait(cluster, 10)
            noon = cluster.clock.wall()
            await sell(bus, first=100, count=5)
            before = sum(ends(cluster).values())
            wishes: dict[str, Start] = {
                "beginning": "beginning",
                "end": "end",
                "time": noon,
                "offsets": {PARTITIONS[0]: 2, PARTITIONS[1]: 3},
            }
            expected = {"beginning": 0, "end": before, "time": before - 5, "offsets": 5}[start]
            async with bus.subscribe([Sold], group="reports", start=wishes[start]):
                await wait(cluster, 15)
                assert sum(committed(cluster).values()) == expected
            async with bus.subscribe([Sold], group="reports", start="beginning") as sold:
                await sell(bus, first=200, count=1)
                found = await take(sold, before - expected + 1)
            assert 200 in found

    play(scenario)


def test_an_offset_outside_of_the_log_ends_the_reading() -> None:
    """Nobody is moved to where the log begins now: records were lost, and somebody must know."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            async with bus.subscribe([Sold], group="reports") as sold:
                await take(sold, 2)
                await wait(cluster, 5)
            for place in PARTITIONS:
                cluster.core.delete_records(TopicPartition(*place), ends(cluster)[place])
            async with bus.subscribe([Sold], group="reports") as sold:
                with pytest.raises(PositionOutside, match="that the group has committed") as lost:
                    await anext(sold)
            assert lost.value.first == ends(cluster)[lost.value.partition]

    play(scenario)


def test_two_members_share_and_repeat_nothing() -> None:
    """What one lets go is finished and committed before, so the other one goes on behind it."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        seen: Counter[int] = Counter()

        async def member(name: str, until: asyncio.Event) -> int:
            async with (
                bus_of(cluster, name) as bus,
                bus.subscribe([Sold], group="reports") as sold,
            ):
                reading = asyncio.ensure_future(_count(cluster, sold, seen))
                await until.wait()
                sold.stop()
                await reading
                group = sold.statistics().group
                assert group is not None
                assert group.repeats == 0
                return sold.statistics().delivered

        over = asyncio.Event()
        one = asyncio.ensure_future(member("one", over))
        async with bus_of(cluster) as bus:
            await sell(bus)
            await wait(cluster, 10)
            two = asyncio.ensure_future(member("two", over))
            for batch in range(1, 6):
                await sell(bus, first=batch * COUNT)
                await wait(cluster, 5)
            await wait(cluster, 30)
        over.set()
        shares = await asyncio.gather(one, two)
        assert min(shares) > 0
        assert seen == Counter(range(6 * COUNT))
        assert committed(cluster) == ends(cluster)

    play(scenario, options=SHAKY)


async def _count(
    cluster: MemoryCluster, sold: Subscriber[Delivered[Sold]], seen: Counter[int]
) -> None:
    async for delivered in sold:
        await wait(cluster, 0.05)
        seen[delivered.event.number] += 1


def test_a_slow_body_keeps_its_place_and_its_memory(caplog: pytest.LogCaptureFixture) -> None:
    """Polling goes on; what is read ahead is bounded; nobody takes its partitions away."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus, bus.subscribe([Sold], group="reports") as sold:
            await bus.publish_many(Sold(item=f"i{each}", number=each) for each in range(25_000))
            first = await take(sold, 1)
            await wait(cluster, 150)
            waiting = sold.statistics().waiting
            assert 10_000 < waiting < 19_000
            rest = await take(sold, 25_000 - 1)
            assert sorted(first + rest) == list(range(25_000))
            group = sold.statistics().group
            assert group is not None
            assert (group.rebalances, group.repeats) == (0, 0)

    play(scenario, limit_s=3_600)
    assert not caplog.records


def test_a_body_that_outlasts_the_drain_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Its partition goes on elsewhere, so its record is handled twice; it stays a member."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with (
            bus_of(cluster, "one") as bus,
            bus.subscribe([Sold], group="reports") as sold,
        ):
            await sell(bus)
            (held,) = await take(sold, 1)
            async with (
                bus_of(cluster, "two") as other,
                other.subscribe([Sold], group="reports") as sold_too,
            ):
                found = await take(sold_too, 1)
                await wait(cluster, 30)
                group = sold.statistics().group
                assert group is not None
                assert (group.rebalances, group.repeats) == (1, 1)
                with pytest.raises(CommitMissed, match=r"not committed, of memory\.sold/\d\. "):
                    await sold.commit()
                await sold.commit()  # told once
                assert group.partitions + _partitions(sold_too) == len(PARTITIONS)
                rest = asyncio.ensure_future(take(sold_too, 40))
                more = asyncio.ensure_future(take(sold, 40))
                await wait(cluster, 30)
                rest.cancel()
                more.cancel()
            assert found
            assert held is not None

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "subscription-repeats" in alarms(caplog)


def _partitions(sold: Subscriber[Delivered[Sold]]) -> int:
    group = sold.statistics().group
    return 0 if group is None else group.partitions


def test_who_was_thrown_out_is_told_of_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """What could not be committed is handled again, and an alarm says so."""

    async def scenario(cluster: MemoryCluster) -> list[int]:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with (
            bus_of(cluster, "one") as bus,
            bus.subscribe([Sold], group="reports") as sold,
        ):
            await sell(bus)
            seen = await take(sold, 5)
            await wait(cluster, 5)
            seen += await take(sold, 5)
            cluster.expire(GROUP, "one")
            seen += await take(sold, 5)
            await wait(cluster, 30)
            with pytest.raises(CommitMissed):
                await sold.commit()
            reading = asyncio.ensure_future(_read_on(sold, seen))
            await wait(cluster, 30)
            reading.cancel()
            group = sold.statistics().group
            assert group is not None
            assert group.repeats > 0
            return seen

    with caplog.at_level(logging.WARNING):
        seen = play(scenario)
    assert set(seen) == set(range(COUNT))
    assert "subscription-repeats" in alarms(caplog)


async def _read_on(sold: Subscriber[Delivered[Sold]], seen: list[int]) -> None:
    async for delivered in sold:
        seen += [delivered.event.number]


def test_markers_are_committed_past() -> None:
    """A group that has read everything has no lag, whatever lies at the end."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        producer = await cluster.gate().fence("somebody")
        async with bus_of(cluster) as bus, bus.subscribe([Sold], group="reports") as sold:
            await sell(bus)
            await take(sold, COUNT)
            await _abort(cluster, producer)
            await sold.commit()
            coming = asyncio.ensure_future(anext(sold))
            await wait(cluster, 5)
            assert committed(cluster) == ends(cluster)
            assert sum(ends(cluster).values()) > COUNT
            coming.cancel()

    play(scenario)


async def _abort(cluster: MemoryCluster, producer: TransactionalWriter) -> None:
    """Leave aborted records and markers at the ends."""
    cluster.faults.add(Fault(request=RequestKind.END_TRANSACTION, loses=Loss.REQUEST))
    record = NewRecord(b"k", b"v", [], cluster.clock.wall_ms())
    aborted = Transaction(outputs={each: [record] for each in PARTITIONS}, offset=None)
    with pytest.raises(TransactionDoubt):
        await producer.commit(aborted)
    await (await cluster.gate().fence("somebody")).close()


def test_a_handler_reads_in_a_group() -> None:
    """What it has handled is committed; where it raises, nothing behind that record is."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        handled: list[int] = []
        bad = {7}

        async def handle(delivered: Delivered[Sold]) -> None:
            await wait(cluster, 0.01)
            if delivered.event.number in bad:
                raise LookupError
            handled.append(delivered.event.number)

        async with bus_of(cluster) as bus:
            await sell(bus)
            with pytest.raises(HandlerRaised) as told:
                await bus.consume([Sold], handle, group="reports")
            place = Partition(told.value.topic, told.value.partition)
            assert committed(cluster)[place] == told.value.offset
            assert sum(committed(cluster).values()) == len(handled)
            bad.clear()
            consuming = asyncio.ensure_future(bus.consume([Sold], handle, group="reports"))
            await wait(cluster, 30)
            consuming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consuming
        assert sorted(handled) == list(range(COUNT))
        assert committed(cluster) == ends(cluster)

    play(scenario)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"until": "end"}, "until"),
        ({"partitions": [PARTITIONS[0]]}, "partitions"),
        ({"start": datetime(2026, 1, 1)}, "no zone"),  # noqa: DTZ001 - that is refused
        ({"start": {Partition("others", 0): 0}}, "not read here"),
        ({"start": "earliest"}, "is none of"),
    ],
)
def test_what_a_group_cannot_do_is_refused(wish: dict[str, object], reason: str) -> None:
    """Before it joins."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            with pytest.raises(BadRange, match=reason):
                async with bus.subscribe([Sold], group="reports", **wish):  # type: ignore[call-overload] # the wishes are wrong
                    pytest.fail("it has joined")

    play(scenario)


@pytest.mark.parametrize("group", [None, "reports"])
def test_reading_nothing_is_refused(group: str | None) -> None:
    """A list that came out empty would wait for ever, or look as if all were read."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        nothing: list[type[Sold]] = []
        async with bus_of(cluster) as bus:
            with pytest.raises(BadRange, match="list of types"):
                async with bus.subscribe(nothing, group=group):
                    pytest.fail("it reads")

    play(scenario)


def test_a_group_is_named_as_workers_are() -> None:
    """And never meets one of theirs, nor waits for a topic that is not there."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS)
        async with bus_of(cluster) as bus:
            with pytest.raises(IllegalName):
                async with bus.subscribe([Sold], group="shop.clerk"):
                    pytest.fail("it has joined")
            with pytest.raises(TopicMissing):
                async with bus.subscribe([Sold], group="reports"):
                    pytest.fail("it has joined")

    play(scenario)


@pytest.mark.parametrize("group", [None, "reports"])
def test_a_topic_that_goes_is_missed(group: str | None) -> None:
    """The log itself would be waited for in silence."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus, bus.subscribe([Sold], group=group) as sold:
            await sell(bus)
            await take(sold, COUNT)
            await sold.commit()
            gone = TopicReference(name=TOPIC.name)
            cluster.core.delete_topics([gone], now_ms=cluster.clock.wall_ms())
            with pytest.raises(TopicMissing):
                await anext(sold)

    play(scenario)


def test_a_refused_commit_ends_the_reading() -> None:
    """Trying again would not mend it."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            with pytest.raises(WorldError, match="was refused"):
                await _go_on_in_spite_of(cluster, bus, ErrorCode.group_authorization_failed)

    play(scenario)


async def _go_on_in_spite_of(cluster: MemoryCluster, bus: Bus, error: ErrorCode) -> None:
    async with bus.subscribe([Sold], group="reports") as sold:
        await take(sold, 5)
        cluster.faults.add(Fault(request=RequestKind.COMMIT_OFFSET, error=error))
        await wait(cluster, 5)
        await take(sold, COUNT)


def test_a_refused_commit_ends_the_reading_however_much_waits() -> None:
    """Else a group that always has something to read would never hear of it, and repeat it all."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        handled = Counter[int]()
        async with bus_of(cluster) as bus:
            await bus.publish_many(Sold(item=f"i{each}", number=each) for each in range(9_000))
            refused = ErrorCode.group_authorization_failed
            commits = Fault(request=RequestKind.COMMIT_OFFSET, error=refused, after=6, times=100)
            cluster.faults.add(commits)
            with pytest.raises(WorldError, match="was refused"):
                async with bus.subscribe([Sold], group="reports") as sold:
                    await _count(cluster, sold, handled)
        assert 0 < handled.total() < 100

    play(scenario)


def test_a_refused_commit_holds_up_no_other_partition(caplog: pytest.LogCaptureFixture) -> None:
    """What is finished of those is committed at the end, and an alarm names what comes again."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        async with bus_of(cluster) as bus:
            await sell(bus)
            with pytest.raises(WorldError, match="was refused"):
                await _leave_refused(cluster, bus)
            lag = [ends(cluster)[each] - committed(cluster)[each] for each in PARTITIONS]
            assert lag[0] == ends(cluster)[PARTITIONS[0]]
            assert sum(lag[1:]) <= 1, "more than the one in hand"

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert "subscription-repeats" in alarms(caplog)


async def _leave_refused(cluster: MemoryCluster, bus: Bus) -> None:
    async with bus.subscribe([Sold], group="reports") as sold:
        await take(sold, COUNT)
        refused = ErrorCode.group_authorization_failed
        cluster.faults.add(Fault(request=RequestKind.COMMIT_OFFSET, error=refused))


def test_whoever_was_stopped_begins_nothing_more() -> None:
    """Nor what the group gives it anew while it ends what it has in hand: `run` returns."""

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        handled: list[int] = []

        async def handle(delivered: Delivered[Sold]) -> None:
            slow = len(handled) == 10
            handled.append(delivered.event.number)
            await wait(cluster, 4 * SETTINGS.drain_s if slow else 0.5)

        async with (
            bus_of(cluster, "one") as bus,
            bus.subscribe([Sold], group="reports") as sold,
        ):
            await sell(bus, count=900)
            running = asyncio.ensure_future(sold.run(handle))
            await wait(cluster, 10)
            sold.stop()
            begun = len(handled)
            async with (
                bus_of(cluster, "two") as other,
                other.subscribe([Sold], group="reports"),
            ):
                await wait(cluster, 6 * SETTINGS.drain_s)
            assert running.done()
            await running
        assert len(handled) == begun

    play(scenario)


@pytest.mark.parametrize("seed", range(4))
def test_it_may_be_ended_at_any_moment(seed: int) -> None:
    """While it joins or reads, also without a broker: in bounded time, and nothing is lost."""
    chance = Random(seed)

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        seen: Counter[int] = Counter()
        for life in range(20):
            async with bus_of(cluster, "seller") as bus:
                await sell(bus, first=life * 3, count=3)
            await _live_briefly(cluster, seen, f"life {life}", chance)
        async with bus_of(cluster) as bus, bus.subscribe([Sold], group="reports") as sold:
            reading = asyncio.ensure_future(_count(cluster, sold, seen))
            await wait(cluster, 60)
            sold.stop()
            await reading
        assert set(seen) == set(range(60))
        assert committed(cluster) == ends(cluster)

    play(scenario, seed=seed, options=SHAKY, limit_s=3_600)


async def _live_briefly(
    cluster: MemoryCluster, seen: Counter[int], name: str, chance: Random
) -> None:
    """Read in the group until something ends it."""
    here: list[Subscriber[Delivered[Sold]]] = []

    async def read() -> None:
        async with bus_of(cluster, name) as bus, bus.subscribe([Sold], group="reports") as sold:
            here.append(sold)
            await _count(cluster, sold, seen)

    reading = asyncio.ensure_future(read())
    await wait(cluster, chance.uniform(0, 1.5))
    away = bool(here) and chance.random() < 0.3
    if away:
        cluster.stop()
    if here and chance.random() < 0.7:
        here[0].stop()
    else:
        reading.cancel()
    asked_s = cluster.clock.monotonic()
    (ended,) = await asyncio.gather(reading, return_exceptions=True)
    assert ended is None or isinstance(ended, asyncio.CancelledError)
    assert cluster.clock.monotonic() - asked_s < 25
    if away:
        cluster.start()
        await wait(cluster, 15)


KINDS: Final = [
    RequestKind.FETCH,
    RequestKind.JOIN,
    RequestKind.SYNC,
    RequestKind.HEARTBEAT,
    RequestKind.COMMIT_OFFSET,
    RequestKind.FETCH_OFFSET,
]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_in_a_storm(seed: int) -> None:
    """Members come and go and are thrown out, brokers stop, answers are lost: all is handled."""
    chance = Random(seed)

    async def scenario(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=[Sold])
        seen: Counter[int] = Counter()
        async with bus_of(cluster) as bus:
            members = [asyncio.ensure_future(_member(cluster, seen, name)) for name in "ab"]
            for turn in range(6):
                for _ in range(chance.randrange(4)):
                    loses = chance.choice([Loss.REQUEST, Loss.ANSWER])
                    kind, after = chance.choice(KINDS), chance.randrange(5)
                    cluster.faults.add(Fault(request=kind, after=after, loses=loses))
                await bus.publish_many([Sold(item=f"i{each}", number=each) for each in _turn(turn)])
                await _befall(cluster, chance)
                await wait(cluster, chance.uniform(0.1, 20))
            cluster.faults.clear()
            await wait(cluster, 120)
            for member in members:
                member.cancel()
            await asyncio.gather(*members, return_exceptions=True)
        assert set(seen) == {each for turn in range(6) for each in _turn(turn)}
        assert committed(cluster) == ends(cluster)

    play(scenario, seed=seed, options=SHAKY, limit_s=3_600)


def _turn(turn: int) -> Sequence[int]:
    return range(turn * COUNT, (turn + 1) * COUNT)


async def _member(cluster: MemoryCluster, seen: Counter[int], name: str) -> None:
    async def handle(delivered: Delivered[Sold]) -> None:
        await wait(cluster, 0.2)
        seen[delivered.event.number] += 1

    async with bus_of(cluster, name) as bus:
        while True:
            try:
                await bus.consume([Sold], handle, group="reports")
            except WorldError as error:
                # As a process that is started again by whoever watches it.
                if not error.retryable:
                    raise
                await wait(cluster, 1)


async def _befall(cluster: MemoryCluster, chance: Random) -> None:
    match chance.randrange(4):
        case 0:
            cluster.restart()
        case 1:
            cluster.stop()
            await wait(cluster, chance.uniform(0.1, 8.0))
            cluster.start()
        case 2:
            name = chance.choice("ab")
            members = cluster.core.groups.describe(GROUP).members
            if any(each.client_id == name for each in members):
                cluster.expire(GROUP, name)
        case _:
            return
