"""The one node of the cluster: the broker with a clock, and those who wait for it.

This is what the modules of `apis` get beside the request. A handler calls the broker, and where
the answer has to wait it returns a coroutine that waits here: for records, or for the other
members of a group. The broker itself never waits and never wakes anybody; after each request
`settle` asks it what has changed and wakes whom that concerns.

Laws:
1. A wait holds up only the connection that it belongs to.
2. One timer stands for everything that the broker has to do by itself.
3. No marker of a transaction is written before the decision that it carries out is safe, whoever
   has decided: a request, or time.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Hashable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, final

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.server.answer_wait import AnswerWait, GroupAnswer
from penstock.infra.embedded.server.broker_clock import BrokerClock
from penstock.infra.embedded.server.readable_wait import ReadableWait
from penstock.infra.embedded.server.storage_port import Storage
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

if TYPE_CHECKING:
    from penstock.infra.embedded.transactions.marker_work import MarkerWork

__all__ = ["Node"]


class Kept(Protocol):
    """What a handler keeps with the node from one request to the next."""

    def statistics(self) -> object:
        """Return its numbers, a frozen record."""
        ...


T = TypeVar("T", bound=Kept)

_log = logging.getLogger("penstock.embedded")

_NOTES_LIMIT: Final = 1000
"""Things said once; a client that makes up more of them is not worth more lines."""

_SHORTEST_TIMER_S: Final = 0.001
"""A deadline that stays in the past must not spin."""
_LONGEST_TIMER_S: Final = 3600.0
_AFTER_FAILURE_S: Final = 1.0
"""A bug that shows at every tick is logged once a second."""


@final
class Node:
    """The broker, running."""

    def __init__(self, *, broker: Broker, clock: BrokerClock, storage: Storage) -> None:
        """Put it together.

        Args:
            broker: the core.
            clock: its time.
            storage: what it writes to.
        """
        self.broker = broker
        self.holds_markers = False
        """True while a test wants no transaction to be completed."""
        self._clock = clock
        self._storage = storage
        self._readable = ReadableWait(clock.now_ms)
        self._answers = AnswerWait()
        self._kept: dict[type, Any] = {}
        self._noted: set[Hashable] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._settling: asyncio.Task[None] | None = None
        self._settles_again = False
        self._closed = False
        clock.call_on_move(self.clock_moved)

    # The handlers' side.

    def now_ms(self) -> int:
        """Return the broker's time in milliseconds since 1970."""
        return self._clock.now_ms()

    async def wait_readable(self, partitions: Collection[TopicPartition], limit_ms: int) -> bool:
        """Wait until more can be read of one of the partitions.

        A handler looks at the logs and then calls this in the same step, without another wait
        between: then no record slips through.

        Args:
            partitions: those of interest.
            limit_ms: how long at most, on the broker's clock; 0 and less: not at all.

        Returns:
            False where the time is over and nothing has come.
        """
        return await self._readable.wait(partitions, limit_ms)

    def new_token(self, call: Call) -> int:
        """Make a token for an answer that may come later; it is the call's, and ends with it.

        Args:
            call: the request.

        Returns:
            The token, for `JoinRequest` or `SyncRequest`.
        """
        token = self._answers.open()
        call.connection.tokens.append(token)
        return token

    async def wait_answer(self, token: int) -> GroupAnswer:
        """Wait for the answer of a token.

        Args:
            token: of `new_token`.

        Returns:
            What the group coordinator answers.
        """
        return await self._answers.wait(token)

    async def durable(self) -> None:
        """Wait until all that was written is as safe as promised.

        The server does so before any answer leaves; handlers need not.
        """
        if self._storage.unsynced:
            await self._storage.sync()

    async def settle_durably(self) -> None:
        """Settle what is safe, and nothing before it is.

        Markers must not reach the disk before the decision that they carry out: a loss of power
        between the two would leave half a transaction.

        Raises:
            OSError: what was written cannot be kept.
        """
        # What others decide while this waits has a wait of its own.
        decided = self._take_decided()
        try:
            await self.durable()
        except BaseException:  # a client that is gone, or a disk: its decisions are others' now
            self.broker.give_back(decided)
            raise
        self._settle(decided)
        await self.durable()

    def settle_soon(self) -> None:
        """Settle what is safe; for those who cannot wait until it is."""
        if self._closed:
            return
        if self._settling is None and not self.unsynced:
            self.settle()
            return
        self._settles_again = True
        if self._settling is None:
            self._settling = asyncio.get_running_loop().create_task(self._settle_later())

    async def _settle_later(self) -> None:
        try:
            while self._settles_again:
                self._settles_again = False
                await self.settle_durably()
        except OSError as failure:
            _log.critical("what was written cannot be kept: %s", failure)
        except Exception:  # noqa: BLE001 - our own bug; the next request or deadline tries again
            _log.exception("the embedded broker failed at completing transactions")
        finally:
            self._settling = None

    @property
    def storage(self) -> Storage:
        """Where the broker keeps things: only to be looked at."""
        return self._storage

    def kept(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return this node's one object of a kind.

        Args:
            kind: its type.
            make: makes it when it is first asked for.
        """
        found = self._kept.get(kind)
        if found is None:
            found = self._kept[kind] = make()
        return found

    def log_once(self, key: Hashable, message: str) -> None:
        """Log a warning, unless it was said before.

        Args:
            key: what it is about.
            message: one line.
        """
        if key not in self._noted and len(self._noted) < _NOTES_LIMIT:
            self._noted.add(key)
            _log.warning("%s", message)

    # The server's side.

    @property
    def unsynced(self) -> bool:
        """True while an answer has to wait for `durable`."""
        return self._storage.unsynced

    def kept_statistics(self) -> tuple[object, ...]:
        """Return the numbers of what handlers keep here."""
        return tuple(kept.statistics() for kept in self._kept.values())

    @property
    def waiting_fetches(self) -> int:
        """How many fetches wait for records."""
        return self._readable.waiting

    @property
    def waiting_members(self) -> int:
        """How many requests wait for the others of their group."""
        return self._answers.waiting

    def end_call(self, call: Call) -> None:
        """Forget the tokens of a call that is answered, or whose client is gone."""
        for token in call.connection.tokens:
            self._answers.close(token)
            self.broker.groups.forget_token(token)
        call.connection.tokens.clear()

    def settle(self) -> None:
        """Let the last request take all its effects, and wake whom they concern."""
        self._settle(self._take_decided())

    def _take_decided(self) -> "list[MarkerWork]":
        return [] if self.holds_markers else self.broker.take_decided()

    def _settle(self, decided: "list[MarkerWork]") -> None:
        now_ms = self._clock.now_ms()
        if decided:
            self._settle_transactions(decided, now_ms)
        self._readable.wake(self.broker.take_readable())
        for token, answer in self.broker.take_answers():
            self._answers.put(token, answer)
        self._arm(now_ms)

    def _settle_transactions(self, decided: "list[MarkerWork]", now_ms: int) -> None:
        try:
            self.broker.carry_out(decided, now_ms)
        except OSError as failure:  # the broker tries these markers again with the next request
            self.log_once(
                ("markers", failure.errno),
                f"transactions cannot be completed: {failure.strerror or failure}; they stay "
                "prepared, and are completed as soon as that is possible (said once)",
            )

    def clock_moved(self) -> None:
        """Do what has become due."""
        if not self._closed:
            self._tick()
            self._readable.look_at_clock()

    def close(self) -> None:
        """Do nothing by itself any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._settling is not None:
            self._settling.cancel()

    def _arm(self, now_ms: int, *, least_s: float = _SHORTEST_TIMER_S) -> None:
        due_ms = self.broker.next_deadline_ms()
        if due_ms is None or self._closed:
            return
        if self._timer is not None:
            if self._timer_ms <= due_ms:
                return  # it comes first, finds nothing to do, and is set anew
            self._timer.cancel()
        delay_s = min(max((due_ms - now_ms) / 1000, least_s), _LONGEST_TIMER_S)
        self._timer_ms = due_ms
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Two steps: what is done of the first concerns others, also where it ended with a failure.
        for step in (self._tick_broker, self.settle_soon):
            try:
                step()
            except OSError as failure:  # the storage's: it is still due, and tried again
                self.log_once(
                    ("due", failure.errno),
                    f"what is due cannot be kept: {failure.strerror or failure}; it is done as "
                    "soon as that is possible (said once)",
                )
                self._arm(self._clock.now_ms(), least_s=_AFTER_FAILURE_S)
            except Exception:  # noqa: BLE001 - classified below
                # Our own bug in one deadline must not end all others: said aloud, and tried again.
                _log.exception("the embedded broker failed at something that was due")
                self._arm(self._clock.now_ms(), least_s=_AFTER_FAILURE_S)

    def _tick_broker(self) -> None:
        self.broker.tick(self._clock.now_ms())
