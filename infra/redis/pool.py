"""Lines to Redis that calls share, one call at a time on each.

    call ──▶ wait for a place ──▶ take a fresh idle line, or open one ──▶ ask ──▶ give it back
             └──────────────────────────── one deadline ─────────────────────────┘

Laws:
1. A line is given back only by a call whose answers it has delivered in full. Whatever else ends a
   call (cancelled, too late, broken) drops the line: a late answer then finds nobody.
2. No call is repeated. A line that closed while it was idle is found out before anything is sent;
   where a firewall has forgotten it, nothing shows that. So a line that gives no answer takes with
   it the idle ones that have said nothing since it was asked: each would cost one more call.
3. There are never more lines than places.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, final

from penstock.infra.redis.call_limit import CallLimit, NoAnswer
from penstock.infra.redis.errors import RedisRefused, RedisStoreClosed, RedisUnreachable
from penstock.infra.redis.line import Line, OpenLine

__all__ = ["LinePool"]

_Result = TypeVar("_Result")

_WAITING: Final = "waited for a free connection"
_CONNECTING: Final = "waited for a connection"
_ASKED: Final = "waited for the answer"


@final
class LinePool:
    """At most so many lines."""

    def __init__(self, open_line: OpenLine, *, size: int, address: str) -> None:
        """Open nothing yet.

        Args:
            open_line: connects.
            size: most lines at a time.
            address: `host:port`, for errors.
        """
        self._open_line = open_line
        self._address = address
        self._places = asyncio.Semaphore(size)
        self._idle: dict[Line, float] = {}  # when it last answered; so the newest comes last
        self._used: set[Line] = set()
        self._closed = False
        self.calls = self.refused = self.unreachable = self.connects = self.dropped = 0
        self.in_use = 0

    @property
    def idle(self) -> int:
        """How many lines wait."""
        return len(self._idle)

    async def use(self, talk: Callable[[Line], Awaitable[_Result]], *, limit: CallLimit) -> _Result:
        """Talk over a line.

        Args:
            talk: asks, once or more; what it raises besides RedisRefused costs the line.
            limit: for all of it.

        Returns:
            What `talk` returns.

        Raises:
            RedisUnreachable: no answer in time, or the line broke.
            RedisRefused: the server does not let us in, or what `talk` passes on.
            RedisStoreClosed: after `close`.
        """
        stage = _WAITING

        async def call() -> _Result:
            nonlocal stage
            async with self._places:
                self.in_use += 1
                try:
                    stage = _CONNECTING
                    line = await self._take()
                    stage = _ASKED
                    return await self._talk(talk, line)
                finally:
                    self.in_use -= 1

        try:
            return await limit.within(call)
        except NoAnswer:
            self.unreachable += 1
            raise RedisUnreachable(
                address=self._address,
                reason=f"{stage} for {limit.limit_s:g} s",
                may_have_happened=stage is _ASKED,
            ) from None
        except RedisUnreachable:
            self.unreachable += 1
            raise
        except RedisRefused:
            self.refused += 1
            raise
        finally:
            self.calls += 1

    async def close(self) -> None:
        """Drop all lines; calls that go on end with RedisUnreachable. Closing twice is fine."""
        self._closed = True
        lines = [*self._idle, *self._used]
        self._idle.clear()
        for line in lines:
            line.drop()
        for line in lines:
            await line.wait_dropped()

    async def _take(self) -> Line:
        while self._idle:
            # The last one used: what is not needed stays at the bottom, and the server closes it.
            line, _ = self._idle.popitem()
            if await line.is_fresh():
                return line
            self._drop(line)
        self._refuse_closed()
        line = await self._open_line()
        self.connects += 1
        if self._closed:
            self._drop(line)
            self._refuse_closed()
        return line

    async def _talk(self, talk: Callable[[Line], Awaitable[_Result]], line: Line) -> _Result:
        self._used.add(line)
        clock = asyncio.get_running_loop().time
        whole, asked_s = False, clock()
        try:
            result = await talk(line)
            whole = True
        except RedisRefused:
            whole = True
            raise
        except (RedisUnreachable, asyncio.CancelledError):
            self._drop_silent_since(asked_s)
            raise
        finally:
            self._used.discard(line)
            if whole and not self._closed:
                self._idle[line] = clock()
            else:
                self._drop(line)
        return result

    def _drop_silent_since(self, asked_s: float) -> None:
        silent = [line for line, answered_s in self._idle.items() if answered_s < asked_s]
        for line in silent:
            del self._idle[line]
            self._drop(line)

    def _drop(self, line: Line) -> None:
        self.dropped += 1
        line.drop()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RedisStoreClosed(address=self._address)
