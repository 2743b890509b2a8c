"""The command line of a Redis for tests: nothing is kept, and Redis' own names configure it."""

import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

__all__ = ["FOR_TESTS", "options", "url"]

FOR_TESTS: Final[Mapping[str, str]] = MappingProxyType({"save": '""', "appendonly": "no"})
"""No persistence: a server that comes back is empty."""


def options(wishes: Mapping[str, str]) -> list[str]:
    """Build arguments of redis-server.

    Args:
        wishes: values by Redis' own names, over `FOR_TESTS`. A value of several words is split as
            redis.conf does it; quotes keep words together.

    Returns:
        The arguments.
    """
    entries = {**FOR_TESTS, **wishes}
    return [part for name, value in entries.items() for part in (f"--{name}", *shlex.split(value))]


def url(address: str, wishes: Mapping[str, str]) -> str:
    """Build the URL of a server.

    Args:
        address: `host:port`.
        wishes: as for `options`; `requirepass` goes into the URL.

    Returns:
        The URL.
    """
    password = "".join(shlex.split(wishes.get("requirepass", "")))
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{address}"
