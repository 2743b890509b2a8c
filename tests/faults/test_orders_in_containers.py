"""The example in containers, as its users start it: kills, stops, and what the image is made of.

What is started is examples/orders/compose.yaml itself, with images that infra/deploy/Dockerfile
made. Orders are placed from outside, over the published port.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from penstock.events.names import crdt_topic, saga_state_topic
from penstock.examples.orders.balance import balance_of
from penstock.examples.orders.bands import counts_of
from penstock.examples.orders.events import CONFIRMED_ORDERS, TURNED_ORDERS, OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.outcomes import End, expected_outcome
from penstock.examples.orders.reporting import counted
from penstock.infra.bootstrap import connect
from penstock.infra.demo_scene import wait_for_counts
from penstock.infra.registry.opening import open_registry
from penstock.infra.settings import Settings
from penstock.infra.testing.compose_service import Condition
from tests.faults.counter_witness import counts_on
from tests.faults.orders_stack import OrdersStack, orders_stack
from tests.faults.saga_witness import SagaEnd, confirmations, ends_of

ORDERS = 60
FEED_PER_S = 5
FINISH_S = 150.0
"""Longest wait for the last saga: a silent bank takes 12 s, a killed process's session 6 s."""
STATES = saga_state_topic("shop", "order")
REGISTER_S = 12.0
"""Two heartbeats, and the rest of a killed container's lease."""
COUNT_S = 60.0
EXPECTED = {"saga-order": 1, "stock": 1, "payments": 1, "shipping": 1, "reporting": 2}
"""How many processes of each stand in the registry."""
OTHERS = {"topics", "kafka", "redis"}
"""Containers that are none of our workers."""
KILLED = 137

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def stack() -> Iterator[OrdersStack]:
    """All of it, shared by these tests: each leaves everything running."""
    with orders_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def workers(stack: OrdersStack) -> tuple[str, ...]:
    """The containers of our own image that run until they are stopped."""
    return tuple(name for name in stack.containers.containers if name not in OTHERS)


@pytest.fixture(autouse=True)
def logs(stack: OrdersStack, request: pytest.FixtureRequest) -> Iterator[None]:
    """What all containers said last stands behind the report of a failure."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        print(stack.containers.log_tails())  # noqa: T201 - pytest shows it where a test failed


async def feed(settings: Settings, placed: list[OrderPlaced]) -> None:
    """Place orders at a steady pace."""
    begun = time.monotonic()
    async with connect(settings) as bus:
        for number, order in enumerate(placed):
            await asyncio.sleep(max(0.0, begun + number / FEED_PER_S - time.monotonic()))
            await bus.publish(order)


async def kill_in_the_middle(stack: OrdersStack, container: str, *, after: int) -> None:
    """Kill one when so many sagas have begun and some are under way, and start it again."""
    deadline = time.monotonic() + FINISH_S
    while True:
        ends = await ends_of(stack.bootstrap, STATES)
        if len(ends) >= after and not all(end.still for end in ends.values()):
            break
        assert time.monotonic() < deadline, f"only {len(ends)} sagas have begun"
        await asyncio.sleep(0.2)
    await asyncio.to_thread(stack.containers.kill, container)
    assert stack.containers.state(container).exit_code == KILLED
    await asyncio.to_thread(stack.containers.start, container)


async def registered(settings: Settings) -> Mapping[str, int]:
    """How many take work, once all do and nobody else, or when they have had their time."""
    deadline = time.monotonic() + REGISTER_S
    async with open_registry(settings) as registry:
        while True:
            survey = await registry.survey()
            found = {each.service: len(each.instances) for each in survey.found}
            if found == EXPECTED or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.2)


async def check_counts(settings: Settings, expected: Mapping[str, int]) -> None:
    """A fresh reader and a witness come to the same sums as the ends of the sagas."""
    async with connect(settings) as bus, bus.counters(counted) as reader:
        await reader.restored()
        assert await wait_for_counts(reader, expected, limit_s=COUNT_S) == expected
    address = settings.connection().bootstrap
    assert await counts_on(address, crdt_topic("shop", counted.name)) == expected


async def all_ended(stack: OrdersStack, count: int) -> Mapping[str, SagaEnd]:
    """Wait until every saga stands still."""
    deadline = time.monotonic() + FINISH_S
    while True:
        ends = await ends_of(stack.bootstrap, STATES)
        left = {key: end for key, end in ends.items() if not end.still}
        if len(ends) == count and not left:
            return ends
        assert time.monotonic() < deadline, f"{len(ends)} sagas, and these go on: {left}"
        await asyncio.sleep(1.0)


def test_every_saga_ends_although_containers_are_killed(
    stack: OrdersStack, workers: tuple[str, ...], tmp_path: Path
) -> None:
    """A service, a counting process, the orchestrator and Redis get SIGKILL with sagas under way.

    The ledgers balance, the counters are exact, and everybody stands in the registry again.
    """
    settings = Settings(app="shop", kafka=stack.bootstrap, redis=SecretStr(stack.redis))
    placed = list(orders(ORDERS))

    async def scenario() -> Mapping[str, SagaEnd]:
        feeding = asyncio.ensure_future(feed(settings, placed))
        await kill_in_the_middle(stack, "payments", after=ORDERS // 4)
        await kill_in_the_middle(stack, "redis", after=ORDERS // 4)
        await kill_in_the_middle(stack, "saga", after=ORDERS // 2)
        await kill_in_the_middle(stack, "reporting-1", after=ORDERS // 2)
        await feeding
        ends = await all_ended(stack, ORDERS)
        outcomes = {key: End(end.phase.lower()) for key, end in ends.items()}
        await check_counts(settings, counts_of(placed, outcomes))
        assert await registered(settings) == EXPECTED
        return ends

    ends = asyncio.run(scenario())
    assert ends.keys() == {order.order_id for order in placed}
    assert not {key: end for key, end in ends.items() if end.phase == "PARKED"}
    for order in placed:
        if expected_outcome(order).end is End.COMPENSATED:
            assert ends[order.order_id].phase == "COMPENSATED", order.order_id
    balance = balance_of(
        stack.ledgers(tmp_path), {key: End(end.phase.lower()) for key, end in ends.items()}
    )
    assert balance.balanced, "\n".join(balance.problems)
    assert balance.effects > 0
    for phase, topic in (("COMPLETED", CONFIRMED_ORDERS), ("COMPENSATED", TURNED_ORDERS)):
        told = asyncio.run(confirmations(stack.bootstrap, topic.name))
        assert sorted(told) == sorted(key for key, end in ends.items() if end.phase == phase)
    restarts = {name: stack.containers.state(name).restarts for name in workers}
    assert not any(restarts.values()), f"some ended by themselves: {restarts}"


def test_a_stop_ends_a_worker_in_order(stack: OrdersStack, workers: tuple[str, ...]) -> None:
    """`docker stop` reaches the worker as process 1, which drains and exits with 0 in time."""
    for name in workers:
        assert stack.containers.stop(name) == 0, name
    for name in workers:
        stack.containers.start(name)


def test_every_container_becomes_healthy(stack: OrdersStack, workers: tuple[str, ...]) -> None:
    """By `penstock health` for our own, and by the compose file's checks for Kafka and Redis."""
    for name in (*workers, "kafka", "redis"):
        stack.containers.wait_until(name, Condition.HEALTHY)


def test_topics_are_made_and_the_maker_is_done(stack: OrdersStack) -> None:
    """The one-shot container has ended well, and making topics again changes nothing."""
    assert stack.containers.state("topics").exit_code == 0
    code, told = stack.containers.execute("stock", "penstock", "topic", "plan")
    assert code == 0, told
    assert "create" not in told


def test_workers_are_nobody_special(stack: OrdersStack) -> None:
    """They run under a number of their own, and may write to nothing but what is theirs."""
    assert stack.containers.inspect("stock")["Config"]["User"] == "10001:10001"
    code, told = stack.containers.execute("stock", "id", "-u")
    assert (code, told.strip()) == (0, "10001")
    for folder in ("/app", "/opt/penstock", "/usr", "/etc"):
        code, told = stack.containers.execute("stock", "touch", f"{folder}/mine")
        assert code != 0, folder
    assert stack.containers.execute("stock", "touch", "/data/probe")[0] == 0
    assert stack.containers.execute("stock", "rm", "/data/probe")[0] == 0


def test_the_image_holds_no_tools_and_no_leftovers(stack: OrdersStack) -> None:
    """No compiler, no pip beside penstock, no wheels and no cache of pip: it is built elsewhere."""
    for program in ("gcc", "cc", "c++", "make", "/opt/penstock/bin/pip"):
        code, told = stack.containers.execute("stock", "sh", "-c", f"command -v {program}")
        assert code != 0, told
    looked_for = ["-name", "*.whl", "-o", "-path", "*/.cache/pip", "-o", "-path", "/build"]
    code, told = stack.containers.execute("stock", "find", "/", "-xdev", *looked_for, user="0")
    assert (code, told.strip()) == (0, "")


def test_the_bytecode_is_there(stack: OrdersStack) -> None:
    """Nothing has to be compiled at a start, and nobody who runs there could keep it."""
    script = (
        "import penstock.infra.worker_process as module, sys; "
        "from importlib.util import cache_from_source; from pathlib import Path; "
        "print(Path(cache_from_source(module.__file__)).exists(), sys.dont_write_bytecode)"
    )
    code, told = stack.containers.execute("stock", "python3", "-c", script)
    assert (code, told.strip()) == (0, "True False")
