"""One line to Redis, as the pool and the store see it: ask, and be answered.

`connection.RedisConnection` is the one kind. It stands behind this Protocol so that only it, and
whoever opens a store, imports redis-py.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

__all__ = ["Line", "OpenLine", "RedisReply"]

RedisReply: TypeAlias = int | bytes | list["RedisReply"] | None
"""What Redis answers in RESP2. A status, such as OK, is bytes."""


class Line(Protocol):
    """A connection that is logged in and has chosen its database."""

    async def is_fresh(self) -> bool:
        """Whether it is open, and nothing has come that was not asked for."""
        ...

    async def ask(self, command: bytes, *, subject: str, limit_bytes: int) -> RedisReply:
        """Send a command, and wait for its answer; the caller minds the deadline.

        Args:
            command: as encoded by `wire`.
            subject: for errors: the beginning of the key, or the name of a script.
            limit_bytes: longest answer.

        Raises:
            RedisRefused: the server answered with an error.
            RedisUnreachable: the line broke.
            ValueTooLarge: the answer is longer; the line is of no more use.
        """
        ...

    def drop(self) -> None:
        """End it at once, whatever was still to be sent or read. Dropping twice is fine."""
        ...

    async def wait_dropped(self) -> None:
        """Wait until its socket is closed, after `drop`; that takes one turn of the loop."""
        ...


OpenLine: TypeAlias = Callable[[], Awaitable[Line]]
"""Connects. Raises RedisUnreachable, or RedisRefused where the server does not let us in."""
