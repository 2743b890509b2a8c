"""Brokers that vanish, stand still or die: every call ends, and workers go on by themselves.

Each test has a server of its own and destroys it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from penstock.events.log import WriteUnknown
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.transactions import fence
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.schemas.errors import PenstockError
from penstock.workers import Delivery, Worker
from penstock.workers.partition_life import Phase
from penstock.workers.ports import (
    CommitUncertain,
    InputOffset,
    Membership,
    Transaction,
    TransactionDoubt,
)
from tests.integration.seat import Seat
from tests.integration.workbench import LIMIT_S, eventually, make_topic, new_record, off_loop, play
from tests.integration.worker_bench import Noted, Placed, Shop, made_shop, running

pytestmark = pytest.mark.timeout(120)

Servers = Callable[..., KafkaServer]
SLACK_S = 3.0
"""For a loaded machine, over the limit that a call promises."""


async def within(limit_s: float, call: Awaitable[object]) -> object:
    """Await a call; what it returns or raises of ours, if that comes in time."""
    begun = time.monotonic()
    try:
        ended = await asyncio.wait_for(call, limit_s + 30.0)
    except PenstockError as error:
        ended = error
    took_s = time.monotonic() - begun
    assert took_s < limit_s + SLACK_S, f"it took {took_s:.1f} s: {ended!r}"
    return ended


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_every_call_ends_within_its_limit(
    how: str,
    own_kafka: Servers,
    unique: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With no broker to answer, whoever calls is told so, and nothing stays behind."""
    monkeypatch.setattr("penstock.infra.kafka.transactions.COMMIT_LIMIT_S", 4.0)
    monkeypatch.setattr("penstock.infra.kafka.group.ASK_LIMIT_S", 4.0)

    async def scenario() -> None:
        server = await off_loop(own_kafka)
        connection = KafkaConnection(bootstrap=server.bootstrap, request_timeout_ms=3_000)
        place = await make_topic(connection, unique("topic"))
        transaction = Transaction(
            outputs={place: [new_record(b"lost")]},
            offset=InputOffset(group="group", source=place, position=1, metadata=""),
        )
        writer = KafkaWriter(connection)
        late = KafkaWriter(KafkaConnection(bootstrap=server.bootstrap))  # which would wait 10 s
        await writer.start()
        assert await writer.partition_count(place.topic) == 1  # else it waits for that
        busy = KafkaWriter(connection)
        await busy.start()
        batch, another, third = (writer.new_batch() for _ in range(3))
        for each in (batch, another, third):
            each.append(new_record(b"lost"))
        producer = await fence(connection, unique("id"))
        idle = await fence(connection, unique("id"))
        reader = await open_reader(connection, [place])
        seat = Seat()
        member = await seat.join(connection, place.topic)
        await seat.given(1)
        topics = KafkaTopics(connection)
        await topics.start()

        server.kill() if how == "killed" else server.pause()

        ended = await asyncio.gather(
            within(2.0, writer.write(place, batch, timeout_s=2.0)),
            within(2.0, late.write(place, another, timeout_s=2.0)),
            within(4.0, producer.commit(transaction)),
            within(4.0, fence(connection, unique("id"), limit_s=4.0)),
            within(10.0, open_reader(connection, [place])),
            within(10.0, reader.bounds(place)),
            within(1.0, reader.read(timeout_s=1.0)),
            within(4.0, member.membership()),
            within(4.0, member.committed(place)),
            within(4.0, member.commit(place, 1, "")),
            within(4.0, member.bounds(place)),
            within(1.0, member.poll(timeout_s=1.0, max_records=10)),
            within(10.0, topics.names()),
        )
        assert [each if isinstance(each, Membership) else type(each) for each in ended] == [
            WriteUnknown,
            KafkaUnreachable,
            TransactionDoubt,
            TransactionDoubt,
            KafkaUnreachable,
            KafkaUnreachable,
            list,
            Membership.UNCERTAIN,
            CommitUncertain,
            CommitUncertain,
            KafkaUnreachable,
            dict,
            KafkaUnreachable,
        ]
        producer.drop()
        flushed = asyncio.ensure_future(within(8.0, busy.write(place, third, timeout_s=8.0)))
        await asyncio.sleep(0)  # it is on its way, and closing would wait for it without end
        await asyncio.gather(
            within(5.0, busy.close()),
            within(5.0, writer.close()),
            within(5.0, late.close()),
            within(5.0, idle.close()),
            within(5.0, reader.close()),
            within(5.0, member.stop()),
            within(10.0, topics.close()),
        )
        assert isinstance(await flushed, KafkaUnreachable)  # not even the topic was known yet

    play(scenario())


def echo(shop: Shop, *, exactly_once: bool) -> Worker:
    """A worker with one output for each order."""
    worker = Worker("clerk")

    @worker.on(shop.placed, exactly_once=exactly_once)
    async def note(event: Placed, _: Delivery) -> Noted:
        return shop.noted(order=event.order)

    return worker


@pytest.mark.parametrize("exactly_once", [True, False], ids=["exactly-once", "at-least-once"])
def test_a_worker_goes_on_by_itself_after_its_broker_was_killed(
    exactly_once: bool, own_kafka: Servers, unique: Callable[[str], str]
) -> None:
    """Kill -9 in the middle of the work, and a restart: nothing that was acknowledged is lost."""

    async def scenario() -> None:
        server = await off_loop(own_kafka)
        shop = made_shop(server.bootstrap, unique, partitions=2)
        await shop.make_topics(echo(shop, exactly_once=exactly_once))
        orders = [order.order for order in shop.orders(3_000)]
        await shop.publish(shop.orders(3_000))
        async with running(shop, echo(shop, exactly_once=exactly_once)) as run:
            await run.done(500)
            await off_loop(server.kill)
            await off_loop(server.start)
            await shop.publish(shop.orders(100, first=3_000))
            await run.in_phase(Phase.RUNNING, partitions=2)
            # Not the lag: a worker that was quick has none before it hears of the last ones.
            await eventually(lambda: is_done(shop, 3_100), what="everything to be done")
        orders.extend(order.order for order in shop.orders(100, first=3_000))
        noted = Counter([*await shop.noted_orders(0), *await shop.noted_orders(1)])
        assert set(noted) == set(orders)
        if exactly_once:
            assert set(noted.values()) == {1}

    play(scenario())


async def is_done(shop: Shop, records: int) -> bool:
    """Whether so many are committed; inputs are written without markers."""
    return sum([await shop.offset(number) or 0 for number in range(2)]) == records


def test_a_group_that_has_an_offset_is_never_said_to_have_none(
    own_kafka: Servers, unique: Callable[[str], str]
) -> None:
    """A coordinator that loads its offsets answers with nothing in it, and an error beside."""

    async def scenario() -> None:
        server = await off_loop(own_kafka)
        connection = KafkaConnection(bootstrap=server.bootstrap, request_timeout_ms=3_000)
        place = await make_topic(connection, unique("topic"))
        seat, asked = Seat(), Counter[str]()
        member = await seat.join(connection, place.topic)
        await seat.given(1)
        await member.commit(place, 7, "mark")

        async def ask() -> None:
            while True:
                try:
                    asked[str(await member.committed(place))] += 1
                except CommitUncertain:
                    asked["uncertain"] += 1

        asking = asyncio.ensure_future(ask())
        for end in (server.kill, server.stop):
            await off_loop(end)
            asked.clear()
            await off_loop(server.start)
            await eventually(
                lambda: asked.total() > 100 and asked["(7, 'mark')"], what=lambda: f"it: {asked}"
            )
            assert set(asked) <= {"(7, 'mark')", "uncertain"}
        asking.cancel()
        await asyncio.wait({asking}, timeout=LIMIT_S)
        await member.stop()

    play(scenario())


def test_a_worker_stops_while_its_broker_is_away(
    own_kafka: Servers, unique: Callable[[str], str]
) -> None:
    """SIGTERM is honoured although nobody answers: the drain has a limit, and so has the rest."""

    async def scenario() -> None:
        server = await off_loop(own_kafka)
        shop = made_shop(server.bootstrap, unique, drain_s=2.0)
        await shop.make_topics(echo(shop, exactly_once=True))
        await shop.publish(shop.orders(1))
        async with running(shop, echo(shop, exactly_once=True)) as run:
            await run.done(1)
            await off_loop(server.pause)
            await run.until_partition(lambda one: one.lag == 0, what="an idle worker")
            begun = time.monotonic()
            run.runner.stop()
            await asyncio.wait({run.task}, timeout=LIMIT_S)
            assert run.task.done(), run.runner.statistics()
            assert time.monotonic() - begun < 12.0
            await off_loop(server.resume)

    play(scenario())
