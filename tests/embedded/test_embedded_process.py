"""The embedded broker as a process: what its owner, and a test, can do to it."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.infra.embedded_process import EmbeddedProcess, EmbeddedWishes
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.processes.server_errors import ServerDidNotStart, WrongServerState
from penstock.infra.testing import kafka_probe
from penstock.infra.testing.local_broker import LocalBroker

LIMIT_S = 20.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    """One that was not started yet."""
    process = EmbeddedProcess(log=tmp_path / "broker.log")
    yield process
    process.end()


def test_it_listens_when_it_is_started(broker: EmbeddedProcess) -> None:
    """Before that it has no address; afterwards it answers the first question."""
    with pytest.raises(WrongServerState, match="never started"):
        _ = broker.bootstrap
    broker.start()
    assert kafka_probe.answers(broker.bootstrap, timeout_s=LIMIT_S)
    with pytest.raises(WrongServerState, match="runs already"):
        broker.start()


def test_it_comes_back_at_its_address(broker: EmbeddedProcess) -> None:
    """After a kill, and after an end in order."""
    broker.start()
    address = broker.bootstrap
    for end in (broker.kill, broker.stop):
        end()
        assert not broker.statistics().running
        assert not kafka_probe.answers(address, timeout_s=LIMIT_S)
        broker.start()
        assert broker.bootstrap == address
        assert kafka_probe.answers(address, timeout_s=LIMIT_S)
    assert (broker.statistics().starts, broker.statistics().kills) == (3, 1)


def test_it_can_be_frozen(broker: EmbeddedProcess) -> None:
    """Nothing answers until it goes on."""
    broker.start()
    broker.pause()
    assert broker.statistics().paused
    assert not kafka_probe.answers(broker.bootstrap, timeout_s=0.2)
    broker.resume()
    assert kafka_probe.answers(broker.bootstrap, timeout_s=LIMIT_S)


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    """With what the broker said last; nothing is left running."""
    wishes = EmbeddedWishes(config={"num.partitions": "none"})
    broker = EmbeddedProcess(log=tmp_path / "broker.log", wishes=wishes)
    with pytest.raises(ServerDidNotStart, match=r"num\.partitions"), broker:
        pass
    assert not broker.statistics().running


def test_a_port_that_is_taken_is_told(tmp_path: Path, broker: EmbeddedProcess) -> None:
    """As any other reason."""
    broker.start()
    port = int(broker.bootstrap.rpartition(":")[2])
    other = EmbeddedProcess(log=tmp_path / "other.log", wishes=EmbeddedWishes(port=port))
    with pytest.raises(ServerDidNotStart, match="PEN-I130"):
        other.start()


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)", "sys.exit()"])
def test_it_ends_with_its_owner(tmp_path: Path, end: str) -> None:
    """However that ends."""
    owner = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from penstock.infra.embedded_process import EmbeddedProcess
        broker = EmbeddedProcess(log=Path({str(tmp_path / "broker.log")!r}))
        broker.start()
        print(broker.bootstrap, flush=True)
        {end}
    """)
    ended = subprocess.run(
        [sys.executable, "-c", owner], capture_output=True, text=True, check=False, timeout=60
    )
    address = ended.stdout.strip()
    assert address.startswith(LOOPBACK), ended.stderr
    _wait_until_silent(address)


def test_the_end_of_its_standard_input_ends_it_too(tmp_path: Path) -> None:
    """Where there is no leash: here nobody has tied one."""
    reading, writing = os.pipe()
    with (tmp_path / "broker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock.infra.embedded", "--leash", "0"],
            stdin=reading,
            stdout=log,
            stderr=log,
        )
    os.close(reading)
    try:
        os.close(writing)
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()


def test_a_server_for_tests_keeps_its_data() -> None:
    """Its log says where; what it holds goes with it when it is closed."""
    server = LocalBroker()
    with server:
        kept = server.log_tail()
        server.kill()
        server.start()
        assert "/data" in kept
        assert kafka_probe.answers(server.bootstrap, timeout_s=LIMIT_S)
        assert server.statistics().starts == 2
    folder = Path(kept.rpartition("records are kept in ")[2].split()[0])
    assert not folder.exists()
    server.close()


def test_a_server_for_tests_behind_a_proxy() -> None:
    """Its second listener answers, too."""
    with LoopbackPort() as proxy, LocalBroker(proxy=proxy.address) as server:
        assert server.proxied_upstream is not None
        for address in (server.bootstrap, server.proxied_upstream):
            assert kafka_probe.answers(address, timeout_s=LIMIT_S)


def _wait_until_silent(address: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while kafka_probe.answers(address, timeout_s=1.0):
        assert time.monotonic() < deadline, "it has outlived its owner"
