"""The demo: real orders through a real saga, with a service killed on the way.

    copy the example -> start the embedded broker and Redis -> make topics
        -> start three services, the saga, and two processes that count
        -> place orders -> kill -9 the payments service, start another
        -> wait until every saga has ended -> hold ledgers and counters against the ends

It needs nothing but Python: the broker is penstock's own, and where there is no Redis it goes on
without. It runs the example as a user would: every part is a process of `penstock run …`. What is
said in the end stands on three witnesses that know nothing of each other: the sagas' records in the
broker, the ledgers that the services keep outside of it, and the counters that two processes share.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, final

from pydantic import SecretStr

from penstock.events.publisher import Publisher
from penstock.examples.orders.balance import Balance, balance_of
from penstock.examples.orders.bands import counts_of
from penstock.examples.orders.events import OrderPlaced
from penstock.examples.orders.generate import orders
from penstock.examples.orders.ledger import read_ledgers
from penstock.examples.orders.outcomes import End, Outcome, expected_outcome
from penstock.infra.demo_project import LEDGERS, PACKAGE, Cast, copy_example, log_folder
from penstock.infra.demo_scene import (
    Lookout,
    cache_words,
    look_out,
    open_counters,
    wait_for_counts,
)
from penstock.infra.embedded_process import FOR_APPS, EmbeddedProcess, EmbeddedWishes
from penstock.infra.embedded_redis import EmbeddedRedis, NoEmbeddedRedis
from penstock.infra.live_line import LiveLine
from penstock.infra.parts import open_parts
from penstock.infra.sagas.board import SagaBoard
from penstock.infra.sagas.history import SagaHistory, follow_history
from penstock.infra.sagas.reading import open_saga_reader, sources_of
from penstock.infra.settings import Settings
from penstock.sagas.engine.state import Phase, SagaState
from penstock.schemas.errors import ExitCode, WorldError

__all__ = ["DemoFailed", "run"]

FEED_S: Final = 10.0
"""Seconds over which the orders are placed, so that the kill meets some in flight."""
FEED_PER_S: Final = 20
"""Orders in a second at the most; more would wait behind those whose bank is silent."""
COMMAND_S: Final = 60.0
"""Longest run of a command that ends by itself."""
READY_S: Final = 60.0
"""Longest wait for all processes to have their partitions."""
FINISH_S: Final = 120.0
"""Longest wait for the last saga, from the last order on."""
COUNT_S: Final = 20.0
"""Longest wait until every end is counted, from the last end on."""
SESSION_S: Final = 6.0
"""A killed process keeps its partitions for so long: the shortest that Kafka allows by default."""

_APP: Final = "shop"
_SAGA: Final = "order"
_SERVICES: Final = ("stock", "payments", "shipping")
_COUNTER: Final = "reporting"
_COUNTING: Final = 2
"""Processes that count; what they count has to add up."""
_STEPS: Final = ("reserve_stock", "charge_card", "ship")
_VICTIM: Final = "payments"
_RECORDS: Final = "broker"
"""Folder of the broker's records, in the project."""
_ENDS: Final = {
    Phase.COMPLETED: End.COMPLETED,
    Phase.COMPENSATED: End.COMPENSATED,
    Phase.PARKED: End.PARKED,
}


@dataclass(eq=False, kw_only=True)
class DemoFailed(WorldError):
    """The demo did not come to its end, or the ledgers do not agree with the sagas."""

    problem: str
    """What was found."""
    folder: str
    """The demo's project, with everything that its processes left."""
    log: str
    """The ends of their logs."""

    code: ClassVar[str] = "PEN-I30"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = "The demo failed: {problem}."
    why: ClassVar[str] = "Its logs and ledgers are in {folder}. The logs end with: {log}"
    remedy: ClassVar[str] = "Please report it with all that was printed."


def run(count: int) -> None:
    """Run the demo and print its story.

    Args:
        count: How many orders.

    Raises:
        ServerDidNotStart: the broker or Redis did not start.
        DemoFailed: it did not end in time, a saga was parked, or the ledgers are not balanced.
    """
    line = LiveLine(sys.stdout, time.monotonic)
    project = Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    copy_example(project)
    line.say(f"  copied the example to {project}")
    with _servers(line, project) as (kafka, redis):
        asyncio.run(_Play(count, kafka, redis, project, line).run())


@contextmanager
def _servers(line: LiveLine, project: Path) -> Iterator[tuple[str, str | None]]:
    # Always our own: on a given Kafka the topics could hold orders of an earlier demo.
    line.say("  starting an embedded broker, and Redis")
    broker = EmbeddedProcess(
        log=log_folder(project) / "broker.log",
        # On disk, because a hundred thousand sagas do not fit into the broker's memory.
        wishes=EmbeddedWishes(config=FOR_APPS, data=project / _RECORDS),
    )
    begun = time.monotonic()
    with ExitStack() as servers:
        kafka = servers.enter_context(broker).bootstrap
        line.say(f"  the broker answers at {kafka} after {time.monotonic() - begun:.1f} s")
        try:
            redis = servers.enter_context(EmbeddedRedis())
        except NoEmbeddedRedis as none:
            line.say(f"  there will be no registry and no cache: {' '.join(str(none).split())}")
            yield kafka, None
        else:
            line.say(f"  Redis answers at {redis.url}; it is {redis.found.kind}")
            yield kafka, redis.url


@final
class _Play:
    """One run of the demo, from its topics to its last line."""

    def __init__(
        self, count: int, kafka: str, redis: str | None, project: Path, line: LiveLine
    ) -> None:
        self._settings = Settings(
            app=_APP,
            kafka=kafka,
            redis=None if redis is None else SecretStr(redis),
            session_timeout_s=SESSION_S,
        )
        self._orders = list(orders(count))
        self._project = project
        self._line = line
        self._cast = Cast(project, self._settings)
        self._board = SagaBoard(_STEPS)
        self._states: Mapping[str, SagaState] = {}
        self._counts: Mapping[str, int] = {}
        self._tasks: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        try:
            await self._set_up()
            await self._perform()
            await self._tell_one_saga()
        finally:
            self._line.end()
            await self._cast.stop()
        self._tell_cache()
        self._judge()

    async def _penstock(self, name: str, *arguments: str) -> str | None:
        return await asyncio.to_thread(self._cast.finish, name, *arguments, timeout_s=COMMAND_S)

    # --- the acts ----------------------------------------------------------------------------

    async def _set_up(self) -> None:
        if await self._penstock("topics", "topic", "apply") is None:
            raise self._failed("the topics were not made")
        for service in _SERVICES:
            self._cast.start(service, "run", "worker", f"{PACKAGE}.{service}:worker")
        for number in range(1, _COUNTING + 1):
            target = f"{PACKAGE}.{_COUNTER}:worker"
            self._cast.start(f"{_COUNTER}-{number}", "run", "worker", target)
        self._cast.start("saga", "run", "saga", "order.saga.yaml")
        self._line.say(
            "  started the services stock, payments and shipping, the order saga, and two "
            "processes that count"
        )
        await self._until(self._cast.ready, READY_S, "not every process got its partitions")

    async def _perform(self) -> None:
        async with (
            open_parts(self._settings, source=f"{_APP}.demo") as parts,
            open_counters(parts) as counters,
            look_out(self._settings, _VICTIM) as lookout,
        ):
            if lookout is not None:
                self._line.say(f"  the registry has {await lookout.census()}")
            sources = sources_of(parts)
            sagas = await open_saga_reader(sources, _SAGA)
            async with follow_history(sources, sagas) as history:
                feeding = asyncio.ensure_future(self._feed(parts.publisher))
                self._tasks = [feeding, asyncio.ensure_future(self._follow(history))]
                try:
                    await self._until(self._in_the_middle, FINISH_S, "no saga gets on")
                    self._kill_one(lookout)
                    await feeding
                    await self._until(self._all_ended, FINISH_S, "not every saga ended")
                finally:
                    tasks, self._tasks = self._tasks, []
                    for task in tasks:
                        task.cancel()
                    await asyncio.wait(tasks)
            # The board has counted along; what counts is what the sagas' own records say.
            self._states = await sagas.sagas()
            self._counts = await wait_for_counts(
                counters, counts_of(self._orders, self._ends()), limit_s=COUNT_S
            )
            if lookout is not None:
                self._line.say(f"  the registry has {await lookout.census()}; {lookout.verdict()}")

    def _kill_one(self, lookout: Lookout | None) -> None:
        if lookout is not None:
            lookout.mark_kill()
        under_way = len(self._board.standings) - self._board.at_rest
        self._cast.kill_and_replace(_VICTIM)
        self._line.say(
            f"  killed {_VICTIM} (kill -9) with {under_way} sagas under way, and started another; "
            f"the broker waits {SESSION_S:.0f} s for the dead one"
        )

    async def _feed(self, publisher: Publisher) -> None:
        """Place the orders, one after the other, at an even pace."""
        begun, pace_s = time.monotonic(), max(FEED_S / len(self._orders), 1 / FEED_PER_S)
        for number, order in enumerate(self._orders):
            await asyncio.sleep(begun + number * pace_s - time.monotonic())
            await publisher.publish(order)
        self._line.say(f"  placed {len(self._orders)} orders")

    async def _follow(self, history: SagaHistory) -> None:
        """Take what happens to the sagas, as it happens."""
        while True:
            for transition in await history.read(timeout_s=0.2):
                self._board.take(transition)
            self._line.show(f"  {self._board.line()}")

    def _in_the_middle(self) -> bool:
        begun, count = len(self._board.standings), len(self._orders)
        return begun >= count // 3 and (
            self._board.at("charge_card") > 0 or begun >= 2 * count // 3
        )

    def _all_ended(self) -> bool:
        return self._board.at_rest >= len(self._orders)

    async def _until(self, condition: Callable[[], bool], limit_s: float, problem: str) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            for task in self._tasks:
                if task.done():
                    task.result()  # raises what ended it, if anything did
            for name in self._cast.dead():
                raise self._failed(f"the process {name} ended by itself")
            if time.monotonic() > deadline:
                raise self._failed(f"within {limit_s:.0f} s {problem}")
            await asyncio.sleep(0.1)

    # --- the end -----------------------------------------------------------------------------

    def _ends(self) -> dict[str, End]:
        return {key: _ENDS[state.phase] for key, state in self._states.items()}

    def _tell_cache(self) -> None:
        words = cache_words(self._cast.log(_VICTIM))
        if self._settings.redis is not None and words is not None:
            self._line.say(f"  the cache of prices, since {_VICTIM} was started again: {words}")

    def _judge(self) -> None:
        ends = self._ends()
        balance = balance_of(read_ledgers(self._project / LEDGERS), ends)
        self._tell_ends(ends)
        self._line.say(
            f"  the ledgers tell of {balance.effects} effects and {balance.undos} undos; they, all "
            f"logs and the project stay in {self._project}"
        )
        self._line.say(
            f"  {_COUNTING} processes counted together: "
            + ", ".join(f"{name} {value}" for name, value in sorted(self._counts.items()))
        )
        counts = ", ".join(f"{_count(ends, end)} {end}" for end in End)
        for problem in self._problems(ends, balance):
            raise self._failed(f"{counts}; {problem}")
        self._line.say(f"demo: {len(ends)} sagas: {counts}; ledger balanced")

    def _problems(self, ends: dict[str, End], balance: Balance) -> Iterator[str]:
        parked = [key for key, end in ends.items() if end is End.PARKED]
        if parked:
            yield f"parked: {', '.join(parked[:10])}"
        if ends.keys() != {order.order_id for order in self._orders}:
            yield "there are other sagas than orders"
        for order in self._orders:
            expected = expected_outcome(order)
            if expected.end is End.COMPENSATED and ends.get(order.order_id) is End.COMPLETED:
                yield f"{order.order_id} is completed against its data: {expected}"
        if self._counts != (right := counts_of(self._orders, ends)):
            yield f"the counters show {dict(self._counts)}, and not {dict(right)}"
        if not balance.balanced:
            more = len(balance.problems) - 1
            yield f"the ledgers are not balanced: {balance.problems[0]} And {more} more"

    def _tell_ends(self, ends: dict[str, End]) -> None:
        for failure, count in self._board.failures():
            self._line.say(f"  {count} turned round at {failure.step or 'no step'}: {failure.code}")
        otherwise = [
            order
            for order in self._orders
            if expected_outcome(order).end is not ends.get(order.order_id)
        ]
        if otherwise:
            self._line.say(
                f"  {len(otherwise)} of them only because {_VICTIM} was away or busy for too long"
            )

    async def _tell_one_saga(self) -> None:
        order = self._one_compensated()
        if order is None:
            return
        address = f"{_SAGA}/{order.order_id}"
        told = await self._penstock("show", "saga", "show", address)
        if told is None:
            raise self._failed(f"the saga {address} cannot be shown")
        self._line.end()
        self._line.say(f"  $ penstock saga show {address}")
        for text in told.splitlines():
            self._line.say(f"    {text}".rstrip())

    def _one_compensated(self) -> OrderPlaced | None:
        """The most telling saga that was undone: one of which nobody knew, if there is any."""
        compensated = [
            order
            for order in self._orders
            if self._states[order.order_id].phase is Phase.COMPENSATED
        ]
        telling = (Outcome.CARD_SILENT, Outcome.NOT_SERVED, Outcome.CARD_DECLINED)
        return min(
            compensated,
            key=lambda order: (*telling, expected_outcome(order)).index(expected_outcome(order)),
            default=None,
        )

    def _failed(self, problem: str) -> DemoFailed:
        return DemoFailed(problem=problem, folder=str(self._project), log=self._cast.log_tails())


def _count(ends: dict[str, End], end: End) -> int:
    return sum(each is end for each in ends.values())
