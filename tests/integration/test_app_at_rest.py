"""`settled` on a cluster that answers a commit before anybody can see what was committed.

Between the answer and the markers a transaction is one that is open; here it stays so until the
test goes on, and its records are to be read by somebody, or only to be looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from penstock.infra.pytest_plugin.app import PenstockApp, Place
from penstock.infra.pytest_plugin.choice import ServerChoice, ServerKind
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.infra.pytest_plugin.kafka import PenstockKafka
from penstock.workers import Delivery, Worker
from tests.integration.workbench import play
from tests.integration.worker_bench import WORKER, Noted, Placed, Shop, made_shop

pytestmark = pytest.mark.timeout(60)


def clerk(shop: Shop) -> Worker:
    """A worker with one output for each order."""
    worker = Worker(WORKER)

    @worker.on(shop.placed, exactly_once=True)
    async def note(event: Placed, _: Delivery) -> Noted:
        return shop.noted(order=event.order)

    return worker


def app_on(kafka: str, unique: Callable[[str], str]) -> PenstockApp:
    """What the fixture `penstock_app` gives."""
    choice = ServerChoice(kind=ServerKind.GIVEN, address=kafka)
    return PenstockApp(
        app=unique("app"),
        kafka=PenstockKafka(choice=choice, address=kafka),
        redis=None,
        clock=PenstockClock(),
        place=Place(file=Path(__file__), root=Path(__file__).parent, module=None),
    )


@asynccontextmanager
async def open_transaction(shop: Shop, topic: str, value: bytes) -> AsyncIterator[None]:
    """A record whose transaction is committed behind the block."""
    producer = AIOKafkaProducer(
        bootstrap_servers=shop.connection.bootstrap, transactional_id=f"open-{topic}"
    )
    async with producer, producer.transaction():
        await producer.send_and_wait(topic, value, key=b"late", partition=0)
        yield


@pytest.mark.parametrize("where", ["input", "output"])
def test_what_is_committed_and_not_to_be_seen_is_not_at_rest(
    where: str, kafka: str, unique: Callable[[str], str]
) -> None:
    """A message that a worker will be given, or that the test will look for."""
    shop = made_shop(kafka, unique)
    app = app_on(kafka, unique)
    late = shop.placed(order="late") if where == "input" else shop.noted(order="late")

    async def scenario() -> None:
        types = [shop.placed, shop.noted]
        async with app.running(clerk(shop), types=types) as running:
            await running.publish(shop.placed(order="early"))
            await running.settled()
            topic = shop.inputs.name if where == "input" else shop.outputs.name
            async with open_transaction(shop, topic, shop.encoded(late)):
                settling = asyncio.ensure_future(running.settled())
                await asyncio.wait({settling}, timeout=1.0)
                assert not settling.done()
            await settling
            found = await running.published(shop.noted)
            assert [each.order for each in found] == ["early", "late"]

    play(scenario())
