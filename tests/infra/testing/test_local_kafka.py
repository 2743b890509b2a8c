from pathlib import Path

import pytest

from penstock.infra.processes.server_errors import WrongServerState
from penstock.infra.testing.kafka_jars import ToolMissing
from penstock.infra.testing.local_kafka import LocalKafka


def test_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the error names the program and the way round it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    server = LocalKafka()
    with pytest.raises(ToolMissing, match=r"java.*PENSTOCK_TEST_KAFKA"), server:
        pass


@pytest.mark.parametrize("call", ["kill", "pause", "resume"])
def test_what_does_not_run(call: str) -> None:
    """Killing, pausing and resuming what does not run is the caller's mistake; closing is not."""
    server = LocalKafka()
    with pytest.raises(WrongServerState):
        getattr(server, call)()
    server.stop()
    server.close()
    server.close()


def test_its_own_folder_is_temporary_and_a_given_one_is_kept(tmp_path: Path) -> None:
    """What the caller gave is the caller's; there is no log before the first start."""
    given = LocalKafka(data_dir=tmp_path / "given")
    assert given.log_tail() == ""
    given.close()
    own = LocalKafka()
    assert own._folder.is_dir()
    own.close()
    assert not own._folder.exists()


def test_addresses() -> None:
    """The PROXIED listener is there only where a proxy is."""
    plain, proxied = LocalKafka(), LocalKafka(proxy="127.0.0.1:7777")
    assert plain.proxied_upstream is None
    assert proxied.proxied_upstream not in {None, proxied.bootstrap, "127.0.0.1:7777"}
    assert proxied._entries["advertised.listeners"].endswith("PROXIED://127.0.0.1:7777")
    plain.close()
    proxied.close()


def test_statistics_before_the_first_start() -> None:
    """A server that was never started has not run."""
    server = LocalKafka()
    statistics = server.statistics()
    server.close()
    assert (statistics.running, statistics.starts, statistics.last_start_s) == (False, 0, 0.0)
