"""Redis as the rest of the product uses it: values with an end, scripts, and streams to wait on.

Laws (those of the adapter stand in this package's docstring):
1. Whatever is put has a time to live. What lives without one is written by scripts, whose authors
   answer for it.
2. No value is empty, so that one round trip of GETRANGE tells a missing value from a short one,
   and cuts a long one.
3. The cores of those who use this decide; here nothing is decided but what can be read safely.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar, final

from penstock.infra.plain_text import excerpt
from penstock.infra.redis.answers import (
    UnexpectedAnswer,
    as_bytes,
    as_entries,
    as_number,
    as_status,
    as_values,
)
from penstock.infra.redis.call_limit import CallLimit
from penstock.infra.redis.errors import RedisRefused, RedisUnreachable, ValueTooLarge
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.line import Line, OpenLine, RedisReply
from penstock.infra.redis.pool import LinePool
from penstock.infra.redis.script import Script
from penstock.infra.redis.statistics import RedisStatistics
from penstock.infra.redis.stream_entry import StreamEntry
from penstock.infra.redis.wire import Argument, command

__all__ = ["RedisStore"]

_Answer = TypeVar("_Answer")

_SHORT_BYTES: Final = 1024
"""Limit for answers that are a number or a word."""


@final
class RedisStore:
    """A Redis. Made by `opening.open_redis`; it connects when it is first called.

    Every method raises RedisUnreachable where there was no answer in time, RedisRefused where the
    server answered with an error, and RedisStoreClosed after the end of `open_redis`.
    """

    def __init__(self, open_line: OpenLine, *, limits: RedisLimits, address: str) -> None:
        """Connect to nothing yet.

        Args:
            open_line: connects.
            limits: of this store.
            address: `host:port`, for errors.
        """
        self._limits = limits
        self._address = address
        self._limit = CallLimit(limits.call_timeout_s)
        self._calls = LinePool(open_line, size=limits.connections, address=address)
        # Apart, so that streams that are waited on never take the place of calls.
        self._streams = LinePool(open_line, size=limits.stream_connections, address=address)
        self._too_long_values = 0

    async def get(self, key: str, *, limit_bytes: int) -> bytes | None:
        """Read a value.

        Args:
            key: see `keys.redis_key`.
            limit_bytes: longest value; no more than one byte beyond is ever read.

        Returns:
            The value, or None where there is none.

        Raises:
            ValueTooLarge: it is longer.
            RedisRefused: it is of another type (WRONGTYPE), among others.
        """
        question = command("GETRANGE", key, 0, limit_bytes)
        value = await self._ask(question, as_bytes, subject=key, limit_bytes=limit_bytes + 1)
        if len(value) > limit_bytes:
            self._too_long_values += 1
            raise ValueTooLarge(subject=excerpt(key), limit_bytes=limit_bytes)
        return value or None

    async def get_many(self, keys: Sequence[str], *, limit_bytes: int) -> list[bytes | None]:
        """Read values in one round trip.

        Args:
            keys: see `keys.redis_key`.
            limit_bytes: longest value.

        Returns:
            For each key its value, or None where there is none. What is of another type, or too
            long (this is counted), is none to us: an error would let one stranger's value fail the
            reading of all the others.
        """
        if not keys:
            return []
        answer_bytes = min(len(keys) * (limit_bytes + 32), self._limits.answer_bytes)
        begin_s = asyncio.get_running_loop().time()
        try:
            values = await self._ask(
                command("MGET", *keys),
                partial(as_values, count=len(keys)),
                subject=keys[0],
                limit_bytes=answer_bytes,
            )
        except ValueTooLarge:
            # Some value among them is far too long. One by one each is cut; that is no second try
            # of the deadline.
            spent_s = asyncio.get_running_loop().time() - begin_s
            values = await self._calls.use(
                partial(self._cut_values, keys, limit_bytes),
                limit=CallLimit(max(0.0, self._limits.call_timeout_s - spent_s)),
            )
        return [self._short_enough(value, limit_bytes) for value in values]

    async def put(self, key: str, value: bytes, *, ttl_ms: int, if_absent: bool = False) -> bool:
        """Write a value that ends by itself.

        Args:
            key: see `keys.redis_key`.
            value: at least one byte.
            ttl_ms: milliseconds that it lives, at least 1.
            if_absent: write it only where there is none.

        Returns:
            True if it was written.
        """
        assert value, "an empty value could not be told from none"
        assert ttl_ms > 0, "what has ended already is not to be written"
        condition = ("NX",) if if_absent else ()
        question = command("SET", key, value, "PX", ttl_ms, *condition)
        return await self._ask(question, as_status, subject=key)

    async def delete(self, *keys: str) -> int:
        """Delete values.

        Args:
            keys: see `keys.redis_key`.

        Returns:
            How many of them there were.
        """
        if not keys:
            return 0
        return await self._ask(command("DEL", *keys), as_number, subject=keys[0])

    async def run(
        self, script: Script, *, keys: Sequence[str], arguments: Sequence[Argument] = ()
    ) -> RedisReply:
        """Run a script, as one step.

        A server that does not know it is told its text: nothing ran then, so nothing runs twice.

        Args:
            script: see `script.load_script`.
            keys: what it finds in KEYS.
            arguments: what it finds in ARGV.

        Returns:
            What it returns, without Lua's booleans: true is 1, false is None.

        Raises:
            ValueTooLarge: its answer is longer than `RedisLimits.answer_bytes`.
        """
        tail = (len(keys), *keys, *arguments)
        limit_bytes = self._limits.answer_bytes

        async def evaluate(line: Line) -> RedisReply:
            question = command("EVALSHA", script.digest, *tail)
            try:
                return await line.ask(question, subject=script.name, limit_bytes=limit_bytes)
            except RedisRefused as refused:
                if refused.kind != "NOSCRIPT":
                    raise
            question = command("EVAL", script.text, *tail)
            return await line.ask(question, subject=script.name, limit_bytes=limit_bytes)

        return await self._calls.use(evaluate, limit=self._limit)

    async def read_stream(
        self, key: str, *, after: str, wait_s: float, count: int
    ) -> list[StreamEntry]:
        """Wait for entries of a stream, on a connection of its own.

        Args:
            key: see `keys.redis_key`.
            after: the last entry that is known already; `0` for none, `$` for all that are there.
            wait_s: longest wait for the first entry, in the server; 0 does not wait. The deadline
                is that of a call later.
            count: most entries at a time, 1 or more.

        Returns:
            Entries in order; none where none came.

        Raises:
            ValueTooLarge: they are longer than `RedisLimits.answer_bytes`.
        """
        assert count > 0, "COUNT 0 is no limit to Redis"
        wait_ms = round(wait_s * 1000)
        wait = ("BLOCK", wait_ms) if wait_ms > 0 else ()  # BLOCK 0 would be for ever
        question = command("XREAD", "COUNT", count, *wait, "STREAMS", key, after)
        limit_bytes = self._limits.answer_bytes

        async def wait_for_entries(line: Line) -> list[StreamEntry]:
            reply = await line.ask(question, subject=key, limit_bytes=limit_bytes)
            return self._read(as_entries, reply)

        return await self._streams.use(
            wait_for_entries, limit=CallLimit(wait_s + self._limits.call_timeout_s)
        )

    async def ping(self) -> None:
        """See that the server answers."""
        await self._ask(command("PING"), as_bytes, subject="PING")

    def statistics(self) -> RedisStatistics:
        """Return what has happened so far."""
        calls, streams = self._calls, self._streams
        return RedisStatistics(
            calls=calls.calls + streams.calls,
            refused=calls.refused + streams.refused,
            unreachable=calls.unreachable + streams.unreachable,
            too_long_values=self._too_long_values,
            connects=calls.connects + streams.connects,
            dropped=calls.dropped + streams.dropped,
            in_use=calls.in_use + streams.in_use,
            idle=calls.idle + streams.idle,
        )

    async def close(self) -> None:
        """End all connections; calls that go on end with RedisUnreachable."""
        await self._calls.close()
        await self._streams.close()

    async def _ask(
        self,
        question: bytes,
        shape: Callable[[RedisReply], _Answer],
        *,
        subject: str,
        limit_bytes: int = _SHORT_BYTES,
    ) -> _Answer:
        async def talk(line: Line) -> _Answer:
            reply = await line.ask(question, subject=subject, limit_bytes=limit_bytes)
            return self._read(shape, reply)

        return await self._calls.use(talk, limit=self._limit)

    def _read(self, shape: Callable[[RedisReply], _Answer], reply: RedisReply) -> _Answer:
        try:
            return shape(reply)
        except UnexpectedAnswer:
            raise RedisUnreachable(
                address=self._address,
                reason="what answers there is no Redis",
                may_have_happened=True,
            ) from None

    async def _cut_values(
        self, keys: Sequence[str], limit_bytes: int, line: Line
    ) -> list[bytes | None]:
        values: list[bytes | None] = []
        for key in keys:
            question = command("GETRANGE", key, 0, limit_bytes)
            try:
                reply = await line.ask(question, subject=key, limit_bytes=limit_bytes + 1)
            except RedisRefused as refused:
                if refused.kind != "WRONGTYPE":
                    raise
                values.append(None)  # as MGET tells it
            else:
                values.append(self._read(as_bytes, reply))
        return values

    def _short_enough(self, value: bytes | None, limit_bytes: int) -> bytes | None:
        if value is not None and len(value) > limit_bytes:
            self._too_long_values += 1
            return None
        return value or None
