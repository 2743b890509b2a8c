"""The Redis of a session: started by the first test that asks, and by the next if that failed."""

from pathlib import Path

import pytest

from penstock.infra.pytest_plugin.choice import redis_choice
from penstock.infra.pytest_plugin.redis import RedisServers
from penstock.schemas.errors import PenstockError


def test_every_test_is_told_why_there_is_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that did not start is not taken for one that runs."""
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 3\n", "utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    servers = RedisServers(redis_choice("embedded"))
    try:
        for _ in range(2):
            with pytest.raises(PenstockError, match="did not start"):
                servers.open("app")
    finally:
        servers.close()
