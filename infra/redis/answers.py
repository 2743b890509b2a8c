"""The shapes of answers: what a command may answer, and everything else.

A value in Redis cannot change the shape of an answer, whoever wrote it; only something that is no
Redis can.
"""

from penstock.infra.redis.line import RedisReply
from penstock.infra.redis.stream_entry import StreamEntry

__all__ = [
    "UnexpectedAnswer",
    "as_bytes",
    "as_entries",
    "as_number",
    "as_status",
    "as_values",
]


class UnexpectedAnswer(Exception):
    """No Redis answers so."""


def as_bytes(reply: RedisReply) -> bytes:
    """Read a value, or a status."""
    if not isinstance(reply, bytes):
        raise UnexpectedAnswer
    return reply


def as_number(reply: RedisReply) -> int:
    """Read a number."""
    if not isinstance(reply, int):
        raise UnexpectedAnswer
    return reply


def as_status(reply: RedisReply) -> bool:
    """Read whether something was done: OK or nothing."""
    if reply is not None and reply != b"OK":
        raise UnexpectedAnswer
    return reply is not None


def as_values(reply: RedisReply, *, count: int) -> list[bytes | None]:
    """Read so many values, some of which may be missing."""
    if not isinstance(reply, list) or len(reply) != count:
        raise UnexpectedAnswer
    return [None if value is None else as_bytes(value) for value in reply]


def as_entries(reply: RedisReply) -> list[StreamEntry]:
    """Read entries of one stream: `[[key, [[id, [name, value, ...]], ...]]]`, or None.

    Where there are none fakeredis answers with an empty list.
    """
    match reply:
        case None | []:
            return []
        case [[bytes(), list() as entries]]:
            return [_entry(entry) for entry in entries]
        case _:
            raise UnexpectedAnswer


def _entry(entry: RedisReply) -> StreamEntry:
    match entry:
        case [bytes() as entry_id, list() as parts] if len(parts) % 2 == 0:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return StreamEntry(
                entry_id=entry_id.decode(errors="replace"),
                fields={as_bytes(name): as_bytes(value) for name, value in pairs},
            )
        case _:
            raise UnexpectedAnswer
