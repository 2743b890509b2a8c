"""A publisher whose broker is killed, paused and cut off again and again loses nothing it was told.

Tasks publish numbered events under their own keys, each event when the one before it has ended, and
one more publishes without waiting. Meanwhile faults befall the broker. What must hold afterwards:

    1. every event whose publish was acknowledged is there, at the offset that was told
    2. what was not sent or refused is nowhere
    3. of one key, first appearances are in the order of the calls
    4. the publisher has rebuilt its producer, and said so with its reason
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from penstock.events.alarm import Alarm
from penstock.events.log import Partition
from penstock.events.publisher import Publisher
from penstock.events.publisher_errors import NoRoom
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.receipt import Published, PublishUnknown
from penstock.infra.bootstrap import open_parts
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.writer import KafkaWriter
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.schemas.errors import PenstockError
from penstock.workers import Worker
from tests.integration.workbench import off_loop, play, read_committed
from tests.integration.worker_bench import Shop, made_shop

pytestmark = pytest.mark.timeout(300)

SEED = 11
KEYS = 6
ROUNDS = 6
TIMEOUT_S = 4.0
"""Of each publish: shorter than some of the faults, so that all ends happen."""


@dataclass
class Ledger:
    """What callers were told of their events, by order."""

    ends: dict[str, Published | PenstockError] = field(default_factory=dict)
    stop: bool = False

    def told(self, kind: type[object]) -> set[str]:
        """The orders that ended so."""
        return {order for order, end in self.ends.items() if isinstance(end, kind)}

    async def keep(self, order: str, ending: Awaitable[Published]) -> None:
        """Write down how an event ends."""
        try:
            self.ends[order] = await ending
        except PenstockError as error:
            self.ends[order] = error


async def publish_in_turn(publisher: Publisher, shop: Shop, ledger: Ledger, key: int) -> None:
    """One event after the other, under one key."""
    number = 0
    while not ledger.stop:
        order = f"{key}/{number:06}"
        await ledger.keep(order, publisher.publish(shop.noted(order=order), key=f"key-{key}"))
        number += 1


async def publish_without_waiting(publisher: Publisher, shop: Shop, ledger: Ledger) -> None:
    """Bursts of events under one key, and a look at each of them later."""
    number = 0
    looks: list[asyncio.Task[None]] = []
    while not ledger.stop:
        for _ in range(20):
            order = f"nowait/{number:06}"
            with contextlib.suppress(NoRoom):
                receipt = publisher.publish_nowait(shop.noted(order=order), key="nowait")
                looks.append(asyncio.create_task(ledger.keep(order, _awaited(receipt))))
                number += 1
        await asyncio.wait(looks[-20:])
    await asyncio.gather(*looks)


async def _awaited(receipt: Awaitable[Published]) -> Published:
    return await receipt


async def befall(chance: random.Random, server: KafkaServer, proxy: FaultProxy) -> None:
    """One fault, and its end."""
    what = chance.choice(["kill", "pause", "cut", "refuse"])
    lasts_s = chance.uniform(0.2, 1.5 * TIMEOUT_S)
    if what == "kill":
        await off_loop(server.kill)
        await asyncio.sleep(lasts_s / 4)
        await off_loop(server.start)
    elif what == "pause":
        await off_loop(server.pause)
        await asyncio.sleep(lasts_s)
        await off_loop(server.resume)
    elif what == "cut":
        for _ in range(5):
            await off_loop(proxy.cut_all)
            await asyncio.sleep(lasts_s / 20)
    else:
        await off_loop(proxy.refuse)
        await off_loop(proxy.cut_all)
        await asyncio.sleep(lasts_s)
        await off_loop(proxy.accept)
    await asyncio.sleep(0.5)


async def compare(shop: Shop, ledger: Ledger) -> None:
    """Hold what callers were told against what is there."""
    places: dict[str, list[Partition | int]] = defaultdict(list)
    first_seen: dict[str, list[str]] = defaultdict(list)
    for number in range(2):
        for record in await read_committed(shop.connection, shop.output(number)):
            order = shop.read_noted(record).order
            if order not in places:
                first_seen[order.split("/")[0]].append(order)
            places[order] += [shop.output(number), record.offset]

    acknowledged = ledger.told(Published)
    for order in acknowledged:
        end = ledger.ends[order]
        assert isinstance(end, Published)
        where = places[order]
        assert Partition(end.topic, end.partition) in where, f"{order} was lost: {end}"
        assert end.offset is None or end.offset in where
    certainly_absent = set(ledger.ends) - acknowledged - ledger.told(PublishUnknown)
    assert not certainly_absent & set(places)
    for orders in first_seen.values():
        assert orders == sorted(orders)
    assert all(len(where) == 2 for where in places.values()), "written twice"


def test_nothing_acknowledged_is_lost_and_keys_keep_their_order(
    own_kafka: Callable[..., KafkaServer], unique: Callable[[str], str]
) -> None:
    """Whatever befalls the broker, and whenever."""

    async def scenario(server: KafkaServer, proxy: FaultProxy) -> None:
        shop = made_shop(server.bootstrap, unique, partitions=2)
        await shop.make_topics(Worker("clerk"))
        alarms: list[Alarm] = []
        ledger = Ledger()
        through = KafkaConnection(bootstrap=proxy.address, request_timeout_ms=1_500)
        writer = KafkaWriter(through, raise_alarm=alarms.append)
        await writer.start()
        async with open_parts(shop.settings, source="bench") as parts:
            publisher = Publisher(
                writer,
                parts.catalogue,
                parts.clock,
                parts.entropy,
                "bench",
                raise_alarm=alarms.append,
                settings=PublisherSettings(timeout_s=TIMEOUT_S),
            )
            await publisher.prepare([shop.noted])
            tasks = [
                asyncio.create_task(publish_in_turn(publisher, shop, ledger, key))
                for key in range(KEYS)
            ]
            tasks.append(asyncio.create_task(publish_without_waiting(publisher, shop, ledger)))
            chance = random.Random(SEED)
            for _ in range(ROUNDS):
                await befall(chance, server, proxy)
            ledger.stop = True
            await asyncio.gather(*tasks)
            final = await publisher.publish(shop.noted(order="final/0"), key="final")
            ledger.ends["final/0"] = final
            statistics = publisher.statistics()
            await publisher.close()
        await writer.close()

        await compare(shop, ledger)
        given_up = [alarm for alarm in alarms if alarm.name == "producer-given-up"]
        assert statistics.producers_given_up == len(given_up)
        assert len(ledger.told(PublishUnknown)) == 0 or given_up
        assert all(alarm.facts["reason"] for alarm in given_up)
        assert statistics.acknowledged == len(ledger.told(Published)) > 20 * ROUNDS
        assert statistics.buffered_bytes == 0

    with LoopbackPort() as port:
        server = own_kafka(proxy=port.address)
        assert server.proxied_upstream is not None
        with FaultProxy(upstream=server.proxied_upstream, port=port) as proxy:
            play(scenario(server, proxy))
