"""The embedded broker's core with a clock, and those who wait for it: one node, without sockets.

    arrive -> the core takes a request -> settle -> whoever waited for its effects is woken

Laws:
1. Before any request is taken, everything that is due by then has happened.
2. While anybody waits for something that only time brings, a timer stands for the core's next
   deadline; while nobody does, time is caught up with at the next request, and no task is left.
3. A broker that stops keeps its logs and what its journal was given, and nothing else: those who
   waited for other members are broken off, as their connections would be.
"""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final, TypeAlias, final
from uuid import UUID

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.events.log import Partition
from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.groups.group_answers import JoinAnswer, SyncAnswer
from penstock.infra.embedded.journal_entry import JournalEntry
from penstock.infra.embedded.log.segment_store import MemoryStore
from penstock.infra.memory.arrivals import Arrivals
from penstock.infra.memory.broker_time import BrokerTime
from penstock.infra.memory.timers import Timer, Timers

__all__ = ["BrokenOff", "GroupAnswer", "MemoryBroker"]

GroupAnswer: TypeAlias = JoinAnswer | SyncAnswer

_SHORTEST_S: Final = 0.001
"""A deadline that stays in the past must not spin."""


class BrokenOff(Exception):
    """The broker stopped while somebody waited for an answer."""


@final
class MemoryBroker:
    """The broker of a cluster in memory: running, stopped, running again."""

    def __init__(
        self, *, clock: Clock, entropy: Entropy, config: Mapping[str, str], log_memory_bytes: int
    ) -> None:
        """Run.

        Args:
            clock: its time.
            entropy: its ids.
            config: Kafka's configurations of a broker.
            log_memory_bytes: what all logs together may hold.

        Raises:
            BrokerOptionUnknown: a configuration has no such name.
            BrokerOptionRefused: configurations are not allowed.
        """
        self.timers: Final = Timers(clock)
        self.arrivals: Final = Arrivals()
        self.holds_markers = False
        """True while no transaction is to be completed."""
        self.incarnation = 1
        """Which run of the broker this is, from 1."""
        self.is_up = True
        """Whether it takes requests."""
        self._clock = clock
        self._time = BrokerTime(clock)
        self._entropy = entropy
        self._config = BrokerConfig.parse(config)
        self._log_memory_bytes = log_memory_bytes
        self._stores: dict[tuple[UUID, int], MemoryStore] = {}
        self._tokens = count(1)
        self._answers: dict[int, asyncio.Future[GroupAnswer]] = {}
        self._rises: list[asyncio.Future[None]] = []
        self._due: Timer | None = None
        self._due_ms = 0
        self.core: Broker = self._made([])

    def _made(self, entries: list[JournalEntry]) -> Broker:
        return Broker(
            config=self._config,
            stores=self._store,
            # What a journal would hold is asked of the core when it stops.
            journal=lambda _entry: None,
            draw_uuid=self._entropy.uuid,
            name_member=lambda client: f"{client}-{self._entropy.uuid()}",
            entries=entries,
            now_ms=self.now_ms(),
            log_memory_bytes=self._log_memory_bytes,
        )

    def _store(self, topic_id: UUID, partition: int) -> MemoryStore:
        return self._stores.setdefault((topic_id, partition), MemoryStore())

    # --- time and requests ---

    def now_ms(self) -> int:
        """Return the broker's time in milliseconds since 1970."""
        return self._time.now_ms()

    def catch_up(self) -> int:
        """Let happen what is due; nothing is while the broker is away.

        Returns:
            The broker's time.
        """
        now_ms = self.now_ms()
        if self.is_up:
            self.core.tick(now_ms)
            self.settle()
        return now_ms

    def settle(self) -> None:
        """Let the last request take all its effects, and wake whom they concern."""
        if not self.holds_markers:
            self.core.settle(self.now_ms())
        moved = self.core.take_readable()
        self.arrivals.wake(Partition(*partition) for partition in moved)
        for token, answer in self.core.take_answers():
            future = self._answers.pop(token, None)
            if future is not None and not future.done():
                future.set_result(answer)
        self.watch()

    def watch(self) -> None:
        """See that what is due happens, as long as anybody waits."""
        due_ms = self.core.next_deadline_ms() if self._anybody_waits() else None
        if self._due is not None and self._due.is_live:
            if due_ms == self._due_ms:
                return
            self._due.cancel()
        if due_ms is not None:
            self._due_ms = due_ms
            at_s = self._time.at_s(due_ms)
            if at_s <= self._clock.monotonic():
                at_s = self._clock.monotonic() + _SHORTEST_S
            self._due = self.timers.at(at_s, self.catch_up)

    def _anybody_waits(self) -> bool:
        return self.is_up and bool(self._answers or self.arrivals.waiting)

    # --- answers that others bring ---

    def ask_group(
        self, ask: Callable[[int], GroupAnswer | None]
    ) -> "GroupAnswer | asyncio.Future[GroupAnswer]":
        """Ask the group coordinator something that it may answer later.

        Args:
            ask: asks, with the token that it is given.

        Returns:
            The answer, or what will be it; a future raises BrokenOff where the broker stops.
        """
        token = next(self._tokens)
        answer = ask(token)
        if answer is not None:
            return answer
        future = asyncio.get_running_loop().create_future()
        self._answers[token] = future
        future.add_done_callback(lambda _: self._forget(token))
        return future

    def _forget(self, token: int) -> None:
        if self._answers.pop(token, None) is not None:  # nobody waits for it any more
            self.core.groups.forget_token(token)
            self.watch()

    @property
    def waiting_members(self) -> int:
        """How many requests wait for the others of their group."""
        return len(self._answers)

    # --- life ---

    def stop(self) -> None:
        """Take no requests any more, and break off those that wait."""
        self.is_up = False
        answers, self._answers = self._answers, {}
        for future in answers.values():
            if not future.done():
                future.set_exception(BrokenOff("the broker stopped"))
        self.watch()

    def start(self) -> None:
        """Go on with the logs, and with what the journal was given; nothing where it runs."""
        if self.is_up:
            return
        entries = list(self.core.snapshot())
        kept = {(topic.topic_id, each) for topic in self.core.topics for each in topic.partitions}
        self._stores = {place: store for place, store in self._stores.items() if place in kept}
        self.incarnation += 1
        self.core = self._made(entries)
        self.is_up = True
        rises, self._rises = self._rises, []
        for future in rises:
            if not future.done():
                future.set_result(None)
        self.arrivals.wake_all()
        self.catch_up()

    def risen(self) -> "asyncio.Future[None]":
        """Return what is done when the broker runs again."""
        future = asyncio.get_running_loop().create_future()
        self._rises = [each for each in self._rises if not each.done()]
        self._rises.append(future)
        return future
