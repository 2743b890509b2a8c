"""The whole scene under fire: 200 orders, everything is killed, ledgers and counters are exact.

Two orchestrators, three services and two reporting processes run while orders are placed slowly
enough that each fault meets sagas in the middle. Twenty times one of the processes is killed at a
random moment; one orchestrator is stopped past its session and goes on as a zombie; one
orchestrator and one service reach Kafka through a proxy that delays them; answers are repeated,
late and out of order, all the time. Redis is emptied, killed, and stopped, each once.

In the end every saga is completed, compensated, or parked with its reason; no effect of a completed
saga is missing or doubled, and none of a compensated one stands. Each has said once how it ended,
and has been counted once: for a reader that looked on all the time, for a fresh one, and for a
witness that knows nothing of penstock. Nobody in the registry is missing.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.events.names import crdt_topic, saga_inbox_topic, saga_state_topic
from penstock.examples.orders import payments, reporting, shipping, stock
from penstock.examples.orders.balance import balance_of
from penstock.examples.orders.bands import counts_of
from penstock.examples.orders.events import (
    CONFIRMED_ORDERS,
    TURNED_ORDERS,
    OrderConfirmed,
    OrderPlaced,
    OrderTurnedBack,
)
from penstock.examples.orders.generate import orders
from penstock.examples.orders.ledger import FOLDER_VARIABLE, read_ledgers
from penstock.examples.orders.outcomes import End, expected_outcome
from penstock.infra.bootstrap import Bus, connect, open_topics
from penstock.infra.demo_scene import wait_for_counts
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.script import Script
from penstock.infra.registry.opening import open_registry
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.sagas.sources import load_sagas
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.settings import Settings
from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.kafka_server import KafkaServer
from penstock.infra.testing.redis_server import RedisServer
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from tests.faults.counter_witness import counts_on
from tests.faults.reply_parrot import ReplyParrot
from tests.faults.saga_witness import SagaEnd, confirmations, ends_of
from tests.faults.worker_fleet import WorkerFleet, paused

ORDERS = 200
KILLS = 20
SEED = 20_261_125
FEED_PER_S = 1.05
"""So slow that every fault meets sagas in the middle."""
SESSION_S = 6.0
PAUSE_S = SESSION_S + 3.0
CATCH_UP_S = 120.0
EXAMPLE = Path(__file__).parents[2] / "examples" / "orders"
REDIS_PAUSE_S = 8.0
COUNT_S = 60.0
REGISTER_S = 10.0
SERVICES = {
    "stock": stock.worker,
    "payments": payments.worker,
    "shipping": shipping.worker,
    "reporting": reporting.worker,
}
EXPECTED = {"saga-order": 2, "stock": 1, "payments": 1, "shipping": 1, "reporting": 2}
"""How many processes of each stand in the registry."""


class Fleets:
    """All processes: two orchestrators, each service once, and two that count."""

    def __init__(self, bootstrap: str, proxied: str, redis: str, folder: Path) -> None:
        """Make empty fleets."""
        environment = {
            "PENSTOCK_APP": "shop",
            "PENSTOCK_KAFKA": bootstrap,
            "PENSTOCK_REDIS": redis,
            "PENSTOCK_SESSION_TIMEOUT_S": str(SESSION_S),
            "PENSTOCK_LOG_FORMAT": "text",
            FOLDER_VARIABLE: str(folder / "ledgers"),
        }
        saga = ["saga", str(EXAMPLE / "order.saga.yaml"), "--schemas", str(EXAMPLE / "schemas")]
        arguments = {
            name: ["worker", f"penstock.examples.orders.{name}:worker"] for name in SERVICES
        }
        self.by_name = {
            name: WorkerFleet(each, environment, folder / name)
            for name, each in {"order": saga, **arguments}.items()
        }
        self._proxied = proxied

    def start(self) -> None:
        """Start them; one orchestrator and one service behind the proxy."""
        self.by_name["order"].start()
        self.by_name["order"].start(PENSTOCK_KAFKA=self._proxied)
        self.by_name["stock"].start()
        self.by_name["payments"].start(PENSTOCK_KAFKA=self._proxied)
        self.by_name["shipping"].start()
        self.by_name["reporting"].start()
        self.by_name["reporting"].start()

    @property
    def places(self) -> list[tuple[str, int]]:
        """Who may be killed."""
        return [
            (name, index)
            for name, fleet in self.by_name.items()
            for index in range(len(fleet.members))
        ]

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(log for fleet in self.by_name.values() for log in fleet.logs())

    def dead(self) -> list[str]:
        """Those that have ended by themselves."""
        return [each for fleet in self.by_name.values() for each in fleet.dead()]

    async def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        members = [member for fleet in self.by_name.values() for member in fleet.members]
        return list(
            await asyncio.gather(*(asyncio.to_thread(member.terminate) for member in members))
        )

    def abandon(self) -> None:
        """Leave nothing behind."""
        for fleet in self.by_name.values():
            fleet.__exit__(None, None, None)


async def make_topics(settings: Settings) -> None:
    """What `penstock topic apply` does."""
    sagas = load_sagas([EXAMPLE / "order.saga.yaml"], read_schemas([EXAMPLE / "schemas"]))
    async with open_topics(settings) as topics:
        wanted = topics_wanted(
            settings.app,
            [OrderPlaced, OrderConfirmed, OrderTurnedBack],
            list(SERVICES.values()),
            sagas,
        )
        await apply_plan(topics, await plan_topics(topics, wanted), replication=1)


async def feed(settings: Settings, placed: list[OrderPlaced]) -> None:
    """Place orders at a steady pace."""
    begun = time.monotonic()
    async with connect(settings) as bus:
        for number, order in enumerate(placed):
            await asyncio.sleep(max(0.0, begun + number / FEED_PER_S - time.monotonic()))
            await bus.publish(order)


async def empty(redis: str) -> None:
    """FLUSHALL."""
    async with open_redis(redis) as store:
        await store.run(Script(name="flush", text="redis.call('FLUSHALL') return 1"), keys=[])


async def trouble(redis: RedisServer, kill: int) -> None:
    """What happens to Redis beside a kill, if anything: it is emptied, killed, stopped."""
    if kill == KILLS // 5:
        await empty(redis.url)
    if kill == 2 * KILLS // 5:
        redis.kill()
    if kill == 2 * KILLS // 5 + 1:
        redis.start()
    if kill == 3 * KILLS // 5:
        redis.pause()
        await asyncio.sleep(REDIS_PAUSE_S)
        redis.resume()


async def torment(
    fleets: Fleets, proxy: FaultProxy, redis: RedisServer, feeding: "asyncio.Future[None]"
) -> Counter[str]:
    """Kill, pause and delay at random moments, while orders are placed."""
    draw = random.Random(SEED)
    done: Counter[str] = Counter()
    for kill in range(1, KILLS + 1):
        await asyncio.sleep(draw.uniform(4.0, 9.0))
        name, index = draw.choice(fleets.places)
        fleets.by_name[name].replace(index)
        done["kills"] += 1
        done["kills while orders are placed"] += not feeding.done()
        done[f"kills of {name}"] += 1
        await trouble(redis, kill)
        if kill == KILLS // 2:
            with paused(fleets.by_name["order"].members[0]):
                await asyncio.sleep(PAUSE_S)
            done["zombies"] += 1
        if kill % 5 == 0:
            proxy.heal()
            proxy.delay(draw.uniform(0.1, 0.5), draw.choice([ApiKey.PRODUCE, ApiKey.END_TXN]))
    proxy.heal()
    return done


async def all_ended(bootstrap: str, orders_placed: int, fleets: Fleets) -> Mapping[str, SagaEnd]:
    """Wait until every saga stands still."""
    topic, deadline = saga_state_topic("shop", "order"), time.monotonic() + CATCH_UP_S
    while True:
        ends = await ends_of(bootstrap, topic)
        if len(ends) == orders_placed and all(end.still for end in ends.values()):
            return ends
        left = {key: end for key, end in ends.items() if not end.still}
        assert not fleets.dead(), fleets.dead()
        assert time.monotonic() < deadline, f"{len(ends)} sagas, and these go on: {left}"
        await asyncio.sleep(2.0)


async def shown_counts(
    kafka: str, bus: Bus, live: CounterReader, expected: Mapping[str, int]
) -> Mapping[str, Mapping[str, int]]:
    """What three readers show, each on its own: one that looked on, a fresh one, and a witness."""
    looked_on = await wait_for_counts(live, expected, limit_s=COUNT_S)
    async with bus.counters(reporting.counted) as fresh:
        await fresh.restored()
        witness = await counts_on(kafka, crdt_topic("shop", reporting.counted.name))
        return {"live": looked_on, "fresh": fresh.values(), "witness": witness}


async def registered(settings: Settings) -> Mapping[str, int]:
    """How many take work, once all do, or when they have had their time to come back."""
    deadline = time.monotonic() + REGISTER_S
    async with open_registry(settings) as registry:
        while True:
            survey = await registry.survey()
            found = {each.service: len(each.instances) for each in survey.found}
            if found == EXPECTED or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


@pytest.mark.timeout(480)
def test_every_saga_ends_and_the_ledgers_balance_whatever_is_killed(
    own_kafka: Callable[..., KafkaServer],
    own_redis: Callable[..., RedisServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """20 kills, a zombie orchestrator, delays, repeated answers, a Redis that comes and goes."""
    monkeypatch.setenv("PENSTOCK_APP", "shop")

    async def scenario(kafka: KafkaServer, redis: RedisServer, proxy: FaultProxy) -> None:
        settings = Settings(
            app="shop",
            kafka=kafka.bootstrap,
            redis=SecretStr(redis.url),
            session_timeout_s=SESSION_S,
        )
        placed = list(orders(ORDERS))
        await make_topics(settings)
        fleets = Fleets(kafka.bootstrap, proxy.address, redis.url, tmp_path)
        parrot = ReplyParrot(kafka.bootstrap, saga_inbox_topic("shop", "order"), seed=SEED)
        try:
            async with connect(settings) as bus, bus.counters(reporting.counted) as live:
                fleets.start()
                repeating = asyncio.ensure_future(parrot.run())
                feeding = asyncio.ensure_future(feed(settings, placed))
                done = await torment(fleets, proxy, redis, feeding)
                await feeding
                ends = await all_ended(kafka.bootstrap, ORDERS, fleets)
                parrot.stop()
                await repeating
                outcomes = {key: End(end.phase.lower()) for key, end in ends.items()}
                expected = counts_of(placed, outcomes)
                shown = await shown_counts(kafka.bootstrap, bus, live, expected)
                regressions = live.statistics().view.regressions
            present = await registered(settings)
            codes = await fleets.stop()
            dead = fleets.dead()
        except BaseException as error:
            error.add_note(fleets.logs())
            error.add_note(kafka.log_tail())
            raise
        finally:
            fleets.abandon()
        phases = Counter(f"{end.phase} {end.failure}".strip() for end in ends.values())
        print(dict(done), dict(phases), f"{parrot.repeated} answers repeated", dict(expected))  # noqa: T201 - the figures of the run
        assert codes == [0] * sum(EXPECTED.values()), "\n".join(dead)
        assert done["kills while orders are placed"] == KILLS
        assert parrot.repeated > ORDERS
        _check_ends(placed, ends)
        balance = balance_of(read_ledgers(tmp_path / "ledgers"), outcomes)
        assert not balance.problems, "\n".join(balance.problems)
        await _check_told(kafka.bootstrap, ends)
        assert shown == dict.fromkeys(("live", "fresh", "witness"), expected)
        assert regressions == 0, "what was counted never goes back"
        assert present == EXPECTED, "whoever lives stands in the registry"

    with LoopbackPort() as port:
        kafka = own_kafka(proxy=port.address)
        assert kafka.proxied_upstream is not None
        with FaultProxy(upstream=kafka.proxied_upstream, port=port) as proxy:
            asyncio.run(scenario(kafka, own_redis(), proxy))


async def _check_told(bootstrap: str, ends: Mapping[str, SagaEnd]) -> None:
    """Each end was told of once, and nothing else was."""
    for phase, topic in (("COMPLETED", CONFIRMED_ORDERS), ("COMPENSATED", TURNED_ORDERS)):
        told = await confirmations(bootstrap, topic.name)
        ended = sorted(key for key, end in ends.items() if end.phase == phase)
        assert sorted(told) == ended, f"each {phase} order is told of once, and no other"


def _check_ends(placed: list[OrderPlaced], ends: Mapping[str, SagaEnd]) -> None:
    """What must be compensated is; what could complete may have turned round for lack of time."""
    assert ends.keys() == {order.order_id for order in placed}
    for order in placed:
        end, expected = ends[order.order_id], expected_outcome(order)
        assert end.phase != "PARKED" or end.parked, f"{order.order_id} is parked without a reason"
        if expected.end is End.COMPENSATED:
            assert end.phase == "COMPENSATED", f"{order.order_id} is {end}, not {expected}"
        elif end.phase == "COMPENSATED":
            code = end.failure.partition(": ")[2]
            assert code in {"timeout", "error", "deadline"}, f"{order.order_id}: {end}"
