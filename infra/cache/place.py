"""Where a value of a cache lies in Redis, and where the lock for loading it.

    penstock:<app>:cache:<name>:<key>
    penstock:<app>:cache-lock:<name>:<key>

Laws:
1. Two keys never share a place (formats.md F4); redis/keys.py escapes what would let them.
2. A key of any length has a place: a long one, or one that UTF-8 cannot encode, is replaced by its
   digest, since what a user typed may be part of it. No key that was not replaced looks like one.
"""

import re
from hashlib import sha256
from typing import Final, NamedTuple, final

from penstock.infra.cache.errors import BadCache
from penstock.infra.redis.keys import redis_key

__all__ = ["LOCKS", "VALUES", "Places", "checked_name"]

VALUES: Final = "cache"
LOCKS: Final = "cache-lock"

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LONGEST: Final = 400
"""Characters of a key that is used as it is. Together with an app's and a cache's name, and each
character escaped, that may still be too long for redis_key, so bytes are looked at, too."""
_LONGEST_BYTES: Final = 600
_DIGEST: Final = "%sha256-"
_SIMPLE: Final = re.compile(r"[!-$&-9;-~ ]*")
"""ASCII without `:` and `%`, which is put behind the prefix as it is."""


def checked_name(name: str) -> str:
    """Return the name of a cache if it is legal.

    Raises:
        BadCache: it is not.
    """
    if _NAME.fullmatch(name) is None:
        raise BadCache(
            cache=f"'{ascii(name[:64])[1:-1]}'",
            problem="Its name breaks the rule",
            cure="Begin with a letter a-z, and go on with at most 62 of a-z, 0-9, - and _",
        )
    return name


class Place(NamedTuple):
    """Where one value lies."""

    value: str
    """Key in Redis."""
    lock: str
    """Key in Redis."""


@final
class Places:
    """The places of one cache."""

    def __init__(self, app: str, name: str) -> None:
        """Build the beginnings once.

        Args:
            app: name of the application.
            name: of the cache.
        """
        self._app = app
        self._name = name
        self._value = redis_key(app, VALUES, name, "")

    def value(self, key: str) -> str:
        """Return where the value of a key lies."""
        # Most keys are short and simple, and this runs with each read.
        if len(key) <= _LONGEST and _SIMPLE.fullmatch(key):
            return self._value + key
        return redis_key(self._app, VALUES, self._name, _bounded(key))

    def place(self, key: str) -> Place:
        """Return both places of a key."""
        lock = redis_key(self._app, LOCKS, self._name, _bounded(key))
        return Place(value=self.value(key), lock=lock)


def _bounded(key: str) -> str:
    if len(key) <= _LONGEST and not key.startswith(_DIGEST):
        try:
            encoded = key.encode()
        except UnicodeEncodeError:
            return _digest(key)
        if len(encoded) + 2 * (encoded.count(b":") + encoded.count(b"%")) <= _LONGEST_BYTES:
            return key
    return _digest(key)


def _digest(key: str) -> str:
    return _DIGEST + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
