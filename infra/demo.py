"""The demo: real orders through a real worker on a real Kafka, which is killed on the way.

    start Kafka -> make topics -> start the worker -> publish orders
                -> kill -9 the worker in the middle, start another
                -> read the outputs, recount, say whether every order counted exactly once

It runs the example as a user would: its worker is a process of `penstock run worker`, configured by
the environment. The recount uses nothing that the worker wrote but its published events.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Final

from penstock.examples.orders.events import CustomerTotalChanged, OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.totals import worker
from penstock.infra.bootstrap import Bus, connect, open_topics
from penstock.infra.settings import Settings
from penstock.infra.testing import kafka_source
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["DemoFailed", "run"]

FEED_S: Final = 6.0
"""Seconds over which the orders are published, so that the kill meets some in flight."""
FINISH_S: Final = 90.0
"""Longest wait for the last order; a killed member's session must expire first."""
_WORKER = "penstock.examples.orders.totals:worker"


@dataclass(eq=False, kw_only=True)
class DemoFailed(WorldError):
    """The recount does not agree, or did not end in time."""

    problem: str
    """What was found."""
    log: str
    """The end of the worker's log."""

    code: ClassVar[str] = "PEN-I30"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = "The demo failed: {problem}."
    why: ClassVar[str] = "The worker's log ends with: {log}"
    remedy: ClassVar[str] = "Please report it with all that was printed."


@dataclass
class _Recount:
    """What the outputs say, against what the orders say."""

    orders: list[OrderPlaced]
    totals: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, change: CustomerTotalChanged) -> None:
        self.totals[change.customer_id] = (change.orders, change.total)
        self.seen[change.order_id] += 1

    @property
    def complete(self) -> bool:
        return len(self.seen) >= len(self.orders)

    def problems(self) -> Iterator[str]:
        expected: dict[str, tuple[int, Decimal]] = {}
        for order in self.orders:
            count, total = expected.get(order.customer_id, (0, Decimal("0.00")))
            expected[order.customer_id] = (count + 1, total + order.total)
        for order in self.orders:
            if self.seen[order.order_id] != 1:
                yield f"{order.order_id} was counted {self.seen[order.order_id]} times"
        for customer, due in expected.items():
            if self.totals.get(customer) != due:
                yield f"{customer} should have {due} and has {self.totals.get(customer)}"


def run(count: int) -> None:
    """Run the demo and print its story.

    Args:
        count: How many orders.

    Raises:
        NoKafka: no Kafka can be started here.
        DemoFailed: the totals are not exact.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-demo-") as folder, _kafka() as bootstrap:
        asyncio.run(_play(count, bootstrap, Path(folder)))


@contextmanager
def _kafka() -> Iterator[str]:
    # Always one of our own: on a given one the topics could hold orders of an earlier demo.
    _say("starting a local Apache Kafka")
    begun = time.monotonic()
    with kafka_source.own_kafka() as server:
        _say(f"Kafka answers at {server.bootstrap} after {time.monotonic() - begun:.1f} s")
        yield server.bootstrap


async def _play(count: int, bootstrap: str, folder: Path) -> None:
    settings = Settings(app=f"demo-{os.getpid()}", kafka=bootstrap, session_timeout_s=6.0)
    await _make_topics(settings)
    recount = _Recount(list(orders(count)))
    log = folder / "worker.log"
    async with connect(settings) as bus:
        process = _start_worker(settings, log)
        try:
            feeding = asyncio.ensure_future(_feed(bus, recount.orders))
            reading = asyncio.ensure_future(_read(bus, recount))
            await _until(lambda: len(recount.seen) >= count // 3, log, "no orders come through")
            process.kill()
            process.wait()
            _say(f"killed the worker (kill -9) after {len(recount.seen)} orders; starting another")
            process = _start_worker(settings, log)
            await feeding
            await _until(lambda: recount.complete, log, "not all orders came through")
            reading.cancel()
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait)
        await _read_rest(bus, recount)
    problem = next(recount.problems(), None)
    if problem is not None:
        raise DemoFailed(problem=problem, log=_tail(log))
    print(f"demo: {count} orders, {len(recount.totals)} customers, totals exact")


async def _make_topics(settings: Settings) -> None:
    async with open_topics(settings) as topics:
        plan = await plan_topics(topics, topics_wanted(settings.app, [], [worker]))
        await apply_plan(topics, plan, replication=settings.replication)
    _say(f"made {len(plan.steps)} topics")


def _start_worker(settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")},
        "PENSTOCK_APP": settings.app,
        "PENSTOCK_KAFKA": settings.kafka,
        "PENSTOCK_SESSION_TIMEOUT_S": str(settings.session_timeout_s),
        "PENSTOCK_PROGRESS_FILE": "off",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program with constant arguments
            [sys.executable, "-m", "penstock.infra.cli", "run", "worker", _WORKER],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    _say(f"worker started, process {process.pid}")
    return process


async def _feed(bus: Bus, placed: list[OrderPlaced]) -> None:
    groups = 60
    size = -(-len(placed) // groups)
    for number in range(groups):
        await bus.publish_many(placed[number * size : (number + 1) * size])
        await asyncio.sleep(FEED_S / groups)
    _say(f"published {len(placed)} orders")


async def _read(bus: Bus, recount: _Recount) -> None:
    async with bus.subscribe([CustomerTotalChanged], start="beginning") as changes:
        async for delivered in changes:
            recount.take(delivered.event)


async def _read_rest(bus: Bus, recount: _Recount) -> None:
    """Read everything once more, from the beginning to the end: nothing may have come later."""
    recount.seen.clear()
    recount.totals.clear()
    async with bus.subscribe([CustomerTotalChanged], follow=False) as changes:
        async for delivered in changes:
            recount.take(delivered.event)


async def _until(condition: Callable[[], bool], log: Path, problem: str) -> None:
    deadline = time.monotonic() + FINISH_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(problem=problem, log=_tail(log))
        await asyncio.sleep(0.1)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]


def _say(text: str) -> None:
    print(f"  {text}", flush=True)
