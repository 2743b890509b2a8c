"""The names of keys in Redis: `penstock:<app>:<part>:<part>...` (formats F4).

Laws:
1. Two lists of parts never give the same key, whatever is in them: `:` separates, so it is escaped
   within a part, as is the escape itself.
2. What begins with `penstock:<app>:` belongs to that app, so rights can be given by prefix.
3. A key has a limit in bytes: Redis would take 512 MB of it.
"""

from typing import Final

from penstock.events.names import IllegalName, check_app
from penstock.infra.redis.errors import BadKey

__all__ = ["KEY_LIMIT_BYTES", "redis_key"]

KEY_LIMIT_BYTES: Final = 1024
"""The longest key, encoded."""


def redis_key(app: str, *parts: str) -> str:
    """Build a key.

    Args:
        app: name of the application.
        parts: any text; `:` becomes `%3A`, and `%` becomes `%25`.

    Returns:
        The key.

    Raises:
        BadKey: the app's name is illegal, the key would be longer than 1 024 bytes, or a part
            cannot be encoded.
    """
    try:
        check_app(app)
    except IllegalName as illegal:
        raise BadKey(problem=f"the app's name breaks its rule, {illegal.rule}") from None
    # A long part is not even escaped: it may be of any length.
    if sum(map(len, parts)) > KEY_LIMIT_BYTES:
        raise BadKey(problem=_TOO_LONG)
    key = ":".join(("penstock", app, *map(_escaped, parts)))
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        raise BadKey(problem="a part holds half a character, which UTF-8 cannot encode") from None
    if len(encoded) > KEY_LIMIT_BYTES:
        raise BadKey(problem=_TOO_LONG)
    return key


_TOO_LONG: Final = f"it would be longer than {KEY_LIMIT_BYTES} bytes"


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")
