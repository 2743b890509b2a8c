from pathlib import Path

import pytest

from penstock.infra.processes.server_errors import ServerDidNotStart, WrongServerState
from penstock.infra.testing.local_redis import LocalRedis

NOWHERE = "/nonexistent/redis-server"


@pytest.mark.parametrize("call", ["kill", "pause", "resume"])
def test_what_does_not_run(call: str) -> None:
    """Killing, pausing and resuming what does not run is the caller's mistake; closing is not."""
    server = LocalRedis(program=NOWHERE)
    with pytest.raises(WrongServerState):
        getattr(server, call)()
    server.stop()
    server.close()
    server.close()


def test_a_program_that_cannot_be_run() -> None:
    """The error says what was tried, and nothing is left behind."""
    server = LocalRedis(program=NOWHERE)
    folder = Path(server._folder.name)
    assert folder.is_dir()
    assert server.log_tail() == ""
    with pytest.raises(ServerDidNotStart, match="its process ended") as caught, server:
        pass
    assert "No such file" in caught.value.log_tail
    assert not folder.exists()


def test_statistics_before_the_first_start() -> None:
    """A server that was never started has not run."""
    server = LocalRedis(program=NOWHERE)
    statistics = server.statistics()
    server.close()
    assert (statistics.running, statistics.starts, statistics.last_start_s) == (False, 0, 0.0)
