"""A member's place in its group: joined, kept by heartbeats, let go, joined again.

    join -> sync -> taken -> heartbeats ... a rebalance, or thrown out -> let go -> join ...

Laws:
1. What was given is let go before the member joins again, and heartbeats go on meanwhile; nothing
   is given out from before that until the next is taken.
2. What a callback raises is kept in `failure`; the group goes on.
3. A member that is not polled for too long leaves, and comes back with the next poll.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.log import Partition
from penstock.infra.embedded.groups.group_answers import JoinAnswer
from penstock.infra.memory.consumer_protocol import (
    decode_assignment,
    round_robin,
    subscribed_topics,
)
from penstock.infra.memory.fetcher import Fetcher
from penstock.infra.memory.link import NeverSent, NoAnswer
from penstock.infra.memory.membership_requests import ASK_LIMIT_S, MembershipRequests
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.unreachable import described, unreachable

__all__ = ["LOADING", "OVER", "GroupPlace"]

STOP_LIMIT_S: Final = 5.0
"""Longest wait for leaving the group; as infra/kafka."""
_HEARTBEATS: Final = 4
"""In one session; as infra/kafka."""
_AGAIN_S: Final = 0.1
"""After a join that failed."""
_NO_GENERATION: Final = -1

LOADING: Final = frozenset(
    {
        ErrorCode.coordinator_load_in_progress,
        ErrorCode.coordinator_not_available,
        ErrorCode.not_coordinator,
    }
)
"""Ask again."""
OVER: Final = frozenset(
    {
        ErrorCode.illegal_generation,
        ErrorCode.unknown_member_id,
        ErrorCode.fenced_instance_id,
    }
)
"""The membership is over."""
_OTHER_ROUND: Final = LOADING | {ErrorCode.rebalance_in_progress, ErrorCode.member_id_required}
"""Answers to a join or a sync after which the member simply tries again."""

_log = logging.getLogger("penstock.memory")


@final
class GroupPlace:
    """One member's place; nothing happens before `begin`."""

    def __init__(
        self,
        broker: MemoryBroker,
        clock: Clock,
        requests: MembershipRequests,
        fetcher: Fetcher,
        *,
        assigned: Callable[[tuple[Partition, ...]], None],
        revoked: Callable[[Sequence[Partition]], Awaitable[None]],
        session_timeout_s: float,
        max_poll_interval_s: float,
        name: str,
    ) -> None:
        """Stand ready.

        Args:
            broker: where the group is.
            clock: the time.
            requests: of this member.
            fetcher: reads what is given; it is held while nothing is.
            assigned: told of what is given.
            revoked: awaited before the group goes on.
            session_timeout_s: without a heartbeat for so long, it is thrown out.
            max_poll_interval_s: without a poll for so long, it leaves by itself.
            name: of the member, for the log.
        """
        self.generation = _NO_GENERATION
        """Of the group; below 0 while there is none."""
        self.member_id = ""
        """What the coordinator calls it; empty while it does not."""
        self.failure: Exception | None = None
        """What a callback, or a bug of ours, has raised."""
        self.trouble: Exception | None = None
        """Why the coordinator does not take this member, at the last try."""
        self._broker = broker
        self._clock = clock
        self._requests = requests
        self._fetcher = fetcher
        self._fetcher.is_held = True
        self._assigned = assigned
        self._revoked = revoked
        self._heartbeat_s = session_timeout_s / _HEARTBEATS
        self._max_poll_interval_s = max_poll_interval_s
        self._name = name
        self._owned: tuple[Partition, ...] = ()
        self._group_topics: dict[str, int] | None = None
        self._polls = 0
        self._polled_s = clock.monotonic()
        self._polled = asyncio.Event()
        self._must_join = asyncio.Event()
        self._must_join.set()
        self._is_joining = False
        self._letting_go: asyncio.Task[None] | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def begin(self) -> None:
        """Join the group, and stay in it, in tasks of its own."""
        self._tasks = (
            asyncio.ensure_future(self._kept(self._take_part())),
            asyncio.ensure_future(self._kept(self._beat())),
        )

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Take note that the member is alive, as long as it waits for records; as infra/kafka."""
        self._polls += 1
        self._polled.set()
        try:
            yield
        finally:
            self._polls -= 1
            self._polled_s = self._clock.monotonic()

    async def leave(self) -> None:
        """Leave the group, in bounded time."""
        await self._end_tasks()
        if self._letting_go is not None and not self._letting_go.done():
            try:
                await before(self._clock, self._clock.monotonic() + STOP_LIMIT_S, self._letting_go)
            except TimeoutError:
                _log.warning("partitions of %s were not let go in time", self._name)
        if self.member_id:
            await self._go(STOP_LIMIT_S)

    def drop(self) -> None:
        """Do nothing any more, as a killed process: its session ends by itself."""
        for task in (*self._tasks, *filter(None, [self._letting_go])):
            task.cancel()
        self._fetcher.is_held = True

    async def _kept(self, work: Coroutine[Any, Any, None]) -> None:
        """Do background work; what it raises is a bug of ours, and `poll` is where it shows."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - see above
            self.failure = error
            self._fetcher.nudge()

    async def _take_part(self) -> None:
        prepared = False
        while True:
            await self._must_join.wait()
            if not prepared:
                await self._let_go()
                prepared = True
            await self._wait_for_a_poll()
            self._is_joining = True
            try:
                given = await self._join_and_sync()
            except (NeverSent, NoAnswer):
                given = None
            finally:
                self._is_joining = False
            if given is None:
                await self._clock.sleep_until(self._clock.monotonic() + _AGAIN_S)
                continue
            self._must_join.clear()
            prepared = False
            self._take(given)

    async def _wait_for_a_poll(self) -> None:
        while self._is_idle():
            self._polled.clear()
            await self._polled.wait()

    def _is_idle(self) -> bool:
        idle_s = self._clock.monotonic() - self._polled_s
        return not self._polls and idle_s >= self._max_poll_interval_s

    async def _let_go(self) -> None:
        self._fetcher.is_held = True
        # In a task of its own: when the member is stopped meanwhile, a drain goes on to its end.
        self._letting_go = asyncio.ensure_future(self._revoke())
        await asyncio.shield(self._letting_go)

    async def _revoke(self) -> None:
        try:
            await self._revoked(self._owned)
        except Exception as error:  # noqa: BLE001 - law 2
            self.failure = error

    def _take(self, given: tuple[Partition, ...]) -> None:
        self._owned = given
        self._fetcher.assign(given)
        try:
            self._assigned(given)
        except Exception as error:  # noqa: BLE001 - law 2
            self.failure = error
        self._fetcher.is_held = False
        self._fetcher.nudge()

    async def _join_and_sync(self) -> tuple[Partition, ...] | None:
        joined = await self._requests.join(self.member_id)
        if joined.error is ErrorCode.member_id_required:
            self.member_id = joined.member_id
            joined = await self._requests.join(self.member_id)
        if joined.error is not ErrorCode.none:
            self._not_in(joined.error)
            return None
        self.generation, self.member_id = joined.generation, joined.member_id
        synced = await self._requests.sync(
            joined.generation, joined.member_id, self._assigned_to_all(joined)
        )
        if synced.error is not ErrorCode.none:
            self._not_in(synced.error)
            return None
        return decode_assignment(synced.assignment)

    def _not_in(self, error: ErrorCode) -> None:
        if error in OVER:
            self._forget()
        elif error not in _OTHER_ROUND:
            # A group of another kind, a session that is too long: trying again would not mend it,
            # and yet it may be mended on the other side.
            self.trouble = unreachable(described(error))

    def _assigned_to_all(self, joined: JoinAnswer) -> Mapping[str, Sequence[Partition]]:
        if joined.leader != joined.member_id:
            self._group_topics = None
            return {}
        members = {
            each.member_id: subscribed_topics(each.metadata) or frozenset[str]()
            for each in joined.members
        }
        names = frozenset[str]().union(*members.values())
        self._group_topics = self._counts(names)
        return round_robin(members, self._group_topics)

    def _counts(self, names: frozenset[str]) -> dict[str, int]:
        found = {name: self._broker.core.topics.get(name) for name in sorted(names)}
        return {name: topic.partition_count if topic else 0 for name, topic in found.items()}

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + self._heartbeat_s)
            if self.generation < 0 or self._is_joining:
                continue  # the next heartbeat is that of the next generation
            if self._is_idle():
                await self._go(ASK_LIMIT_S)
                continue
            generation = self.generation
            try:
                error = await self._requests.heartbeat(generation, self.member_id)
            except (NeverSent, NoAnswer):
                continue
            if generation == self.generation:
                self._hear(error)

    async def _go(self, limit_s: float) -> None:
        member_id = self.member_id
        self._forget()
        try:
            await self._requests.leave(member_id, limit_s=limit_s)
        except (NeverSent, NoAnswer) as error:
            _log.warning("%s did not leave: %s", self._name, error)

    def _hear(self, error: ErrorCode) -> None:
        if error in OVER:
            self._forget()
        elif error is ErrorCode.rebalance_in_progress or self._sees_other_topics():
            self._must_join.set()

    def _sees_other_topics(self) -> bool:
        """Whether the leader must assign anew, because topics have come or grown or gone."""
        known = self._group_topics
        return known is not None and known != self._counts(frozenset(known))

    def _forget(self) -> None:
        self.generation, self.member_id = _NO_GENERATION, ""
        self._must_join.set()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._fetcher.is_held = True
