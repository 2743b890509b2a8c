"""The limits of a client of a schema registry.

Law: each number has a unit and a reason; nothing here waits or asks.
"""

from dataclasses import dataclass

__all__ = ["RegistryClientSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryClientSettings:
    """Limits of a client."""

    attempt_s: float = 5.0
    """Seconds for one answer of one address. A registry answers in milliseconds; five seconds
    outlast a pause of its garbage collector."""
    call_s: float = 10.0
    """Seconds for one call with all its repeats, as for one reading of the catalogue: a registry
    elects its leader, or is rolled, in less; a publisher waits for longer, and asks again."""
    rounds: int = 6
    """How often all addresses are tried in turn."""
    backoff_s: float = 0.2
    """Seconds of the longest pause after the first round; doubled for each further one."""
    longest_backoff_s: float = 5.0
    """Seconds of the longest pause."""
    connections: int = 8
    """Connections at most; further calls wait for one."""
    answer_bytes: int = 8 * 1024 * 1024
    """Bytes of one answer at most: a schema of the largest size, written with escapes."""
    schemas: int = 10_000
    """Schemas remembered at most, as in the catalogue."""
    missing_s: float = 1.0
    """Seconds for which an id that was not found is not asked for again. Short: a registry that is
    read from a follower may be behind by that much."""
    missing: int = 10_000
    """Such ids remembered at most."""
