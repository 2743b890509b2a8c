"""For how long a value is kept: what was asked for, less a bit of chance.

Keys that were filled together would otherwise end together, and all be loaded at once, over and
over again (FusionCache calls it `JitterMaxDuration`).

Laws:
1. A value is never kept longer than asked for, and never for ever.
2. Chance is an argument.
"""

from typing import Final

from penstock.infra.cache.errors import BadCache

__all__ = ["JITTER", "checked_ttl_s", "kept_ms"]

JITTER: Final = 0.1
"""The largest part of the time that is taken off."""
_SHORTEST_S: Final = 0.001
_LONGEST_S: Final = 366 * 24 * 3600.0
_MS: Final = 1000


def checked_ttl_s(cache: str, ttl_s: float) -> float:
    """Return a time to live if it makes sense.

    Args:
        cache: name, for the error.
        ttl_s: in seconds.

    Raises:
        BadCache: it is not from 0.001 s to 366 days.
    """
    if not _SHORTEST_S <= ttl_s <= _LONGEST_S:  # not a number is refused, too
        raise BadCache(
            cache=cache,
            problem=f"A time to live of {ttl_s} s makes no sense",
            cure="Give seconds, from 0.001 to 366 days",
        )
    return ttl_s


def kept_ms(ttl_s: float, chance: float) -> int:
    """Return for how many milliseconds to keep a value.

    Args:
        ttl_s: as `checked_ttl_s` returns it.
        chance: from 0 up to 1.

    Returns:
        1 at least.
    """
    return max(1, int(ttl_s * _MS * (1 - JITTER * chance)))
