"""What penstock fulfils of redis-py stands here with a fingerprint of its source.

When redis-py changes one of these, a test below fails and names it: read the change, mend
infra/redis/connection.py where it matters, run the tests of the adapter, and only then write the
new fingerprint down (run this file as a program, and it prints them).
"""

import ast
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio.connection import AbstractConnection, Connection

import penstock.infra.redis
from penstock.infra.redis.address import RedisAddress
from penstock.infra.redis.connection import _Wire

FOLDER = Path(penstock.infra.redis.__file__).parent

PARTS: dict[str, tuple[Callable[..., Any], str]] = {
    # Overridden.
    "Connection._connect": (Connection._connect, "24cd655d5f27ddbb"),
    # What works on the streams that the overriding one leaves behind.
    "connect": (AbstractConnection.connect, "08c5daf33e6e52ef"),
    "connect_check_health": (AbstractConnection.connect_check_health, "5cfa2c49e83e3645"),
    "on_connect_check_health": (AbstractConnection.on_connect_check_health, "afcc760f27d5b93b"),
    "disconnect": (AbstractConnection.disconnect, "11194f01c2f6d3c2"),
    "send_packed_command": (AbstractConnection.send_packed_command, "baaeabd916209157"),
    "read_response": (AbstractConnection.read_response, "c1b374bc1a30d0b4"),
    "can_read": (AbstractConnection.can_read, "5b4db260091b4029"),
    "__del__": (AbstractConnection.__del__, "43833913903de04a"),
}


def fingerprint_of(part: Callable[..., Any]) -> str:
    """A short hash of the source of a function."""
    return hashlib.sha256(inspect.getsource(part).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", PARTS)
def test_what_we_rely_on_is_as_we_know_it(name: str) -> None:
    """A changed part must be read by a person before this adapter is trusted again."""
    part, known = PARTS[name]
    assert fingerprint_of(part) == known, f"redis-py {redis.__version__} changed {name}"


def test_nothing_is_repeated_and_nothing_is_asked_by_the_way() -> None:
    """No retry, no health check, no clock of its own, and RESP2 said explicitly."""
    wire = _Wire(RedisAddress(host="h", password="p"), None)  # noqa: S106 - made up
    assert wire.retry.get_retries() == 0
    assert wire.retry_on_error == []
    assert not wire.retry_on_timeout
    assert wire.health_check_interval == 0
    assert wire.socket_timeout is wire.socket_connect_timeout is None
    assert wire.protocol == 2
    assert wire.driver_info is None


def test_one_file_imports_redis_py() -> None:
    """So that whoever has no store to open does not wait for it (law 5 of the package)."""
    importers = {
        path.name
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "redis")
        or (
            isinstance(node, ast.Import)
            and any(a.name.split(".")[0] == "redis" for a in node.names)
        )
    }
    assert importers == {"connection.py"}


if __name__ == "__main__":
    for each, (part, _) in PARTS.items():
        print(f"{each}: {fingerprint_of(part)}")  # noqa: T201 - the program of this file
