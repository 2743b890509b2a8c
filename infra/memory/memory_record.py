"""A record as it was read; fulfils events.log.LogRecord."""

from typing import NamedTuple

__all__ = ["MemoryRecord"]


class MemoryRecord(NamedTuple):
    """One record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
