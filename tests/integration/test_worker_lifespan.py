"""What a worker has open while it lives, around a real group."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from penstock.infra.bootstrap import open_worker
from penstock.workers import Delivery, Worker
from penstock.workers.lifespan import LifespanUnreachable
from tests.integration.workbench import group_offset, play
from tests.integration.worker_bench import WORKER, Placed, made_shop, running

pytestmark = pytest.mark.timeout(60)


def test_it_is_open_from_before_the_first_record_until_behind_the_drain(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """A handler that is still busy when the worker is stopped has it, too."""

    async def scenario() -> None:
        shop, diary = made_shop(kafka, unique), list[str]()
        begun, go_on = asyncio.Event(), asyncio.Event()

        @asynccontextmanager
        async def ledger() -> AsyncIterator[None]:
            diary.append("opened")
            yield
            diary.append("closed")

        worker = Worker(WORKER, lifespan=[ledger])

        @worker.on(shop.placed, exactly_once=True)
        async def note(event: Placed, _: Delivery) -> None:
            diary.append(f"{event.order} begun")
            begun.set()
            await go_on.wait()
            diary.append(f"{event.order} done")

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        async with running(shop, worker) as run:
            await begun.wait()
            run.runner.stop()
            go_on.set()
        assert diary == ["opened", "o00000 begun", "o00000 done", "closed"]
        assert await shop.offset() == 1

    play(scenario())


def test_what_cannot_be_opened_ends_the_start_before_the_group_is_joined(
    kafka: str, unique: Callable[[str], str]
) -> None:
    """No partition is taken by a process that could not handle its records."""

    async def scenario() -> None:
        shop = made_shop(kafka, unique)

        @asynccontextmanager
        async def ledger() -> AsyncIterator[None]:
            raise ConnectionRefusedError
            yield

        worker = Worker(WORKER, lifespan=[ledger])

        @worker.on(shop.placed, exactly_once=True)
        async def note(_event: Placed, _: Delivery) -> None:
            raise AssertionError

        await shop.make_topics(worker)
        await shop.publish(shop.orders(1))
        with pytest.raises(LifespanUnreachable, match="ledger: ConnectionRefusedError"):
            async with open_worker(shop.settings, worker):
                raise AssertionError
        assert await group_offset(shop.connection, shop.group, shop.source()) is None

    play(scenario())
