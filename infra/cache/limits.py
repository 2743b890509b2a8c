"""How long and how much everything in a cache may take."""

from dataclasses import dataclass
from math import isfinite

from penstock.infra.cache.errors import BadCache

__all__ = ["CacheLimits", "checked_limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """Limits of one cache."""

    load_timeout_s: float = 10.0
    """Seconds that a loader gets, 0.01 to 600. Default: 10. It also is, with a margin, for how long
    other processes wait for one that was killed while it loaded: make it three times as long as a
    slow load takes, and no longer."""
    value_bytes: int = 1024 * 1024
    """Longest value as it is kept, 64 bytes to 16 MiB. Default: 1 MiB; one server and one network
    are shared by all, and a longer one holds them up."""
    call_timeout_s: float = 0.25
    """Seconds that one call to Redis may take, 0.01 to 10. Default: 0.25. A healthy one takes less
    than 0.001; this is what a caller pays when Redis freezes, before the loader is asked."""
    rest_s: float = 1.0
    """Seconds that Redis is left alone after it did not answer, 0.01 to 60. Default: 1. It is
    doubled each time that it still does not answer, up to `longest_rest_s`."""
    longest_rest_s: float = 10.0
    """Seconds that Redis is left alone at most, `rest_s` to 600. Default: 10; so much later than
    Redis itself a cache may be back."""
    abandoned_loads: int = 100
    """Loads that go on at a time although all who wanted them have gone, 0 or more. Default: 100.
    They fill the cache for the next who asks; one more is cancelled."""

    @property
    def lease_s(self) -> float:
        """Seconds until others no longer wait for a load that was begun.

        A load that ends in time must find its lock: so it is the loader's limit, with time for the
        calls before and after it and for a busy event loop.
        """
        return self.load_timeout_s + 2 * self.call_timeout_s + 0.5


def checked_limits(cache: str, limits: CacheLimits) -> CacheLimits:
    """Return limits if they make sense.

    Args:
        cache: name, for the error.
        limits: as given.

    Raises:
        BadCache: one is out of its range.
    """
    ranges = (
        ("load_timeout_s", limits.load_timeout_s, 0.01, 600),
        ("value_bytes", limits.value_bytes, 64, 16 * 1024 * 1024),
        ("call_timeout_s", limits.call_timeout_s, 0.01, 10),
        ("rest_s", limits.rest_s, 0.01, 60),
        ("longest_rest_s", limits.longest_rest_s, limits.rest_s, 600),
        ("abandoned_loads", limits.abandoned_loads, 0, 1_000_000),
    )
    for name, value, least, most in ranges:
        if not (isfinite(value) and least <= value <= most):
            raise BadCache(
                cache=cache,
                problem=f"Its limit {name} is {value}",
                cure=f"Give a number from {least:g} to {most:g}",
            )
    return limits
