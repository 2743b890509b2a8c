"""A cache that all processes of an app share, over Redis.

    cache.py            Cache: what a user declares and calls
    cached_function.py  what @cache.cached makes of a function
    open_cache.py       how a value is found, or loaded once
    flights.py          one load at a time and key, within a process
    resting_store.py    Redis, left alone where it does not answer

Cores: key_template.py, place.py, value_format.py, plain_values.py, typed_values.py, lifetime.py,
patience.py, rest.py, notices.py, loaded.py.

Laws:
1. A cache costs time when it fails, never truth: whatever Redis holds, loses or delays, a read
   gives what a loader has said.
2. Nothing that lies in Redis is believed: see value_format.py. Nothing is pickled.
3. Every wait has a limit, and so has every value.
"""

from penstock.infra.cache.cache import Cache
from penstock.infra.cache.cached_function import CachedFunction
from penstock.infra.cache.errors import (
    BadCache,
    CacheChangeFailed,
    CachedValueUnreadable,
    CacheNotOpen,
    LoadNotFinished,
    NotCacheable,
)
from penstock.infra.cache.limits import CacheLimits
from penstock.infra.cache.statistics import CacheStatistics

__all__ = [
    "BadCache",
    "Cache",
    "CacheChangeFailed",
    "CacheLimits",
    "CacheNotOpen",
    "CacheStatistics",
    "CachedFunction",
    "CachedValueUnreadable",
    "LoadNotFinished",
    "NotCacheable",
]
