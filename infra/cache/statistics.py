"""A cache in numbers.

They are what a monitor will show as `cache_requests_total{result}`, `cache_loads_total{outcome}`,
`cache_load_seconds`, `cache_singleflight_waiters` and so on; never by key.
"""

from dataclasses import dataclass

__all__ = ["CacheStatistics", "Tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """Counts since the cache was declared, and what is now."""

    hits: int
    """Reads that found a value in Redis."""
    misses: int
    """Reads that found none, whatever the reason."""
    shared: int
    """Reads that waited for a load which another caller in this process had begun."""
    loads: int
    """Loaders that were called."""
    load_failures: int
    """Of these, those that raised or did not end in time."""
    load_s: float
    """Seconds that loaders took, all together."""
    found_late: int
    """Values that another process had loaded by the time this one was to load."""
    lock_waits: int
    """Loads that had to wait for another process."""
    errors: int
    """Values that could not be read, values that could not be kept, and calls that Redis did not
    answer or refused."""
    not_kept: int
    """Loaded values that went to their callers and were not kept: Redis was away, the lock had gone
    to somebody else, the key was deleted meanwhile, or the value cannot be kept."""
    sets: int
    """Values that were set."""
    deletes: int
    """Values that were deleted, whether they were there or not."""
    rests: int
    """Times that Redis was left alone, because it did not answer."""
    resting: bool
    """Whether it is left alone now."""
    loading: int
    """Loads under way."""
    waiting: int
    """Callers that wait for one."""

    def __str__(self) -> str:
        """In words, for a log's reader."""
        return (
            f"{self.hits} hits, {self.misses} misses, {self.loads} loads, {self.errors} errors, "
            f"{self.rests} rests"
        )


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts, as they grow; see `CacheStatistics`."""

    hits: int = 0
    misses: int = 0
    shared: int = 0
    loads: int = 0
    load_failures: int = 0
    load_s: float = 0.0
    found_late: int = 0
    lock_waits: int = 0
    errors: int = 0
    not_kept: int = 0
    sets: int = 0
    deletes: int = 0
    rests: int = 0
