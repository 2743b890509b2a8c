"""The main job under fire: 20 000 orders, three workers, everything is killed, nothing is lost.

While orders flow, one of three workers is killed at random moments, twenty times; one is stopped
until its session has expired and then goes on as a zombie; the broker is killed and started again;
one worker's EndTxn is held for 20 s and then delivered late. In the end every order has counted
once, each customer's totals are in order, and nothing that was acknowledged is missing.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.totals import worker
from penstock.infra.bootstrap import connect, open_topics
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.settings import Settings
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from tests.faults.order_ledger import Ledger, recount
from tests.faults.worker_fleet import WorkerFleet, paused

ORDERS = 20_000
KILLS = 20
SEED = 20_261_123
FEED_PER_S = 130
"""So slow that every fault meets orders in flight."""
SESSION_S = 6.0
PAUSE_S = SESSION_S + 3.0
HOLD_S = 20.0
CATCH_UP_S = 90.0


class Feed:
    """Publishes orders at a steady pace, and remembers what was acknowledged."""

    def __init__(self, settings: Settings, events: Iterable[OrderPlaced]) -> None:
        """Stand ready with events."""
        self._settings = settings
        self._events = list(events)
        self.acknowledged: list[str] = []

    async def run(self) -> None:
        """Publish everything, in order, in small groups."""
        async with connect(self._settings) as bus:
            begun = time.monotonic()
            for start in range(0, len(self._events), 20):
                group = self._events[start : start + 20]
                await bus.publish_many(group)
                self.acknowledged.extend(order.order_id for order in group)
                due = begun + len(self.acknowledged) / FEED_PER_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    @property
    def left(self) -> int:
        """Orders that are still to come."""
        return len(self._events) - len(self.acknowledged)


async def make_topics(settings: Settings) -> None:
    """What `penstock topic apply` does."""
    async with open_topics(settings) as topics:
        wanted = topics_wanted(settings.app, [], [worker])
        await apply_plan(topics, await plan_topics(topics, wanted), replication=1)


async def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Look every fifth of a second until something is true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s: {what}"
        await asyncio.sleep(0.2)


async def exact(bootstrap: str, feed: Feed, limit_s: float) -> Ledger:
    """The first recount without deviations, or the last one before the limit."""
    deadline = time.monotonic() + limit_s
    while True:
        ledger = await recount(bootstrap, feed.acknowledged)
        if not ledger.deviations or time.monotonic() > deadline:
            return ledger
        await asyncio.sleep(2.0)


async def torment(
    fleet: WorkerFleet, kafka: KafkaServer, proxy: FaultProxy, feed: Feed
) -> dict[str, int]:
    """Do everything at random moments, while orders flow."""
    draw = random.Random(SEED)
    done = {"kills": 0, "kills with orders in flight": 0, "zombies": 0}
    specials = {5: "zombie", 10: "broker", 15: "late EndTxn"}
    for kill in range(1, KILLS + 1):
        await asyncio.sleep(draw.uniform(1.0, 6.0))
        fleet.replace(draw.randrange(3))
        done["kills"] += 1
        done["kills with orders in flight"] += feed.left > 0
        match specials.get(kill):
            case "zombie":
                with paused(fleet.members[1]):
                    await asyncio.sleep(PAUSE_S)
                done["zombies"] += 1
            case "broker":
                await asyncio.to_thread(kafka.kill)
                await asyncio.sleep(1.0)
                await asyncio.to_thread(kafka.start)
            case "late EndTxn":
                held = proxy.hold(ApiKey.END_TXN)
                await asyncio.to_thread(held.wait_reached, 30.0)
                await asyncio.sleep(HOLD_S)
                held.release()
    return done


@pytest.mark.timeout(420)
def test_every_order_counts_once_whatever_is_killed(
    own_kafka: Callable[..., KafkaServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 kills, a zombie, a broker restart and a late EndTxn: totals exact, nothing twice."""
    monkeypatch.setenv("PENSTOCK_APP", "shop")

    async def scenario(kafka: KafkaServer, proxy: FaultProxy) -> None:
        settings = Settings(app="shop", kafka=kafka.bootstrap, session_timeout_s=SESSION_S)
        await make_topics(settings)
        environment = {
            "PENSTOCK_APP": "shop",
            "PENSTOCK_KAFKA": kafka.bootstrap,
            "PENSTOCK_SESSION_TIMEOUT_S": str(SESSION_S),
            "PENSTOCK_LOG_FORMAT": "text",
        }
        feed = Feed(settings, orders(ORDERS, seed=SEED))
        target = ["worker", "penstock.examples.orders.totals:worker"]
        with WorkerFleet(target, environment, tmp_path) as fleet:
            fleet.start(PENSTOCK_KAFKA=proxy.address)
            fleet.start()
            fleet.start()
            feeding = asyncio.ensure_future(feed.run())
            try:
                done = await torment(fleet, kafka, proxy, feed)
                await feeding
                ledger = await exact(kafka.bootstrap, feed, CATCH_UP_S)
            except BaseException as error:
                error.add_note("\n".join(fleet.logs()))
                error.add_note(kafka.log_tail())
                raise
            codes = [await asyncio.to_thread(member.terminate) for member in fleet.members]
            ended = fleet.dead()
        print(done, ledger)  # noqa: T201 - the figures of the run, shown with -s and on failure
        assert not ledger.deviations, "\n".join([*ledger.deviations, *ended])
        assert ledger.orders == ledger.outputs == len(feed.acknowledged) == ORDERS
        assert codes == [0, 0, 0], "\n".join(ended)
        assert done["kills with orders in flight"] == KILLS

    with LoopbackPort() as port:
        kafka = own_kafka(proxy=port.address)
        assert kafka.proxied_upstream is not None
        with FaultProxy(upstream=kafka.proxied_upstream, port=port) as proxy:
            asyncio.run(scenario(kafka, proxy))
