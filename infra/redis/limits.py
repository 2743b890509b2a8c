"""How much of everything the way to Redis may take."""

from dataclasses import dataclass

__all__ = ["RedisLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLimits:
    """Limits of one store."""

    call_timeout_s: float = 1.0
    """Longest that a call takes, with waiting for a connection and connecting; time in which our
    own event loop stands still counts little, see call_limit.py. Default: 1, so that a frozen Redis
    slows what uses it down, and does not stop it."""
    connections: int = 32
    """Most connections for calls at a time, 1 or more. Default: 32; one process can keep fewer
    busy."""
    stream_connections: int = 32
    """Most streams that are read at a time, 1 or more: each takes a connection while it waits.
    Default: 32."""
    answer_bytes: int = 16 * 1024 * 1024
    """Longest answer that is read into memory. Default: 16 MiB; what we write is far shorter."""
