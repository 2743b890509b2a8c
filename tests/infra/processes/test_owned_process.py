import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock.infra.processes import leash
from penstock.infra.processes.owned_process import OwnedProcess

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the leash is Linux's PR_SET_PDEATHSIG, and /proc shows it"
)

LIMIT_S = 60.0
SLEEPER = ["sleep", "1000"]
STUBBORN = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]
POLITE = ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[str]], OwnedProcess]]:
    """Start a command whose output goes to `output`; it is killed at the end."""
    processes: list[OwnedProcess] = []

    def begin(command: list[str]) -> OwnedProcess:
        processes.append(OwnedProcess(command, output=tmp_path / "output"))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until it is so: another process gives no sign."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """Return the state of a process by its letter of proc(5), empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[0]


def is_gone(pid: int) -> bool:
    """Say whether a process has ended, reaped or not."""
    return state_of(pid) in {"", "Z"}


def test_killing(start: Callable[[list[str]], OwnedProcess]) -> None:
    """A killed process is gone when `kill` returns; killing it again is fine."""
    process = start(SLEEPER)
    assert process.running
    process.kill()
    assert not process.running
    assert is_gone(process.pid)
    process.kill()


def test_stopping_in_order(start: Callable[[list[str]], OwnedProcess], tmp_path: Path) -> None:
    """`stop` lets a process end by itself; its output is in the file."""
    process = start(POLITE)
    wait_until(lambda: (tmp_path / "output").read_text() == "ready\n")
    process.stop(timeout_s=LIMIT_S)
    assert not process.running
    assert (tmp_path / "output").read_text() == "ready\nbye\n"


def test_stopping_is_bounded(start: Callable[[list[str]], OwnedProcess], tmp_path: Path) -> None:
    """A process that does not care for SIGTERM is killed at the limit."""
    process = start(STUBBORN)
    wait_until(lambda: (tmp_path / "output").read_text() == "ready\n")
    process.stop(timeout_s=0.2)
    assert not process.running


def test_waiting(start: Callable[[list[str]], OwnedProcess]) -> None:
    """`wait` returns the exit code of one that ends, and kills one that does not."""
    assert start(["sh", "-c", "exit 7"]).wait(timeout_s=LIMIT_S) == 7
    endless = start(SLEEPER)
    assert endless.wait(timeout_s=0.05) is None
    assert not endless.running


def test_place_and_variables_are_given(tmp_path: Path) -> None:
    """The command works in its folder and sees the variables that it is given, and no others."""
    (tmp_path / "there").mkdir()
    process = OwnedProcess(
        ["sh", "-c", "pwd; echo $FRUIT $HOME"],
        output=tmp_path / "output",
        folder=tmp_path / "there",
        environment={"FRUIT": "pear", "PATH": os.environ["PATH"]},
    )
    assert process.wait(timeout_s=LIMIT_S) == 0
    assert (tmp_path / "output").read_text() == f"{tmp_path / 'there'}\npear\n"


def test_a_lifeline_says_nothing_until_its_owner_is_gone(tmp_path: Path) -> None:
    """A command that reads it waits, and comes to its end when it is let go."""
    process = OwnedProcess(["cat"], output=tmp_path / "output", lifeline=True)
    assert process.wait(timeout_s=0.2) is None, "it was still reading"
    without = OwnedProcess(["cat"], output=tmp_path / "output")
    assert without.wait(timeout_s=LIMIT_S) == 0, "there is nothing to read from the beginning"


def test_a_descriptor_is_left_to_it(tmp_path: Path) -> None:
    """What is inherited stays open in it when the owner has closed its own."""
    with (tmp_path / "lent").open("w") as lent:
        process = OwnedProcess(
            [sys.executable, "-c", f"input(); import os; os.write({lent.fileno()}, b'written')"],
            output=tmp_path / "output",
            lifeline=True,
            inherited=[lent.fileno()],
        )
    assert process._child.stdin is not None
    process._child.stdin.write(b"go on\n")
    process._child.stdin.flush()
    assert process.wait(timeout_s=LIMIT_S) == 0
    assert (tmp_path / "lent").read_text() == "written"


def test_the_terminal_is_not_shared(start: Callable[[list[str]], OwnedProcess]) -> None:
    """Ctrl-C reaches the owner only, which then ends the process in its own way."""
    assert os.getsid(start(SLEEPER).pid) != os.getsid(0)


def test_pausing(start: Callable[[list[str]], OwnedProcess], tmp_path: Path) -> None:
    """A paused process stands still and runs on when resumed; a paused one can be stopped."""
    process = start(POLITE)
    wait_until(lambda: (tmp_path / "output").read_text() == "ready\n")
    process.pause()
    wait_until(lambda: state_of(process.pid) == "T")
    assert process.paused
    process.resume()
    assert not process.paused
    process.pause()
    process.stop(timeout_s=LIMIT_S)
    assert (tmp_path / "output").read_text() == "ready\nbye\n"


def test_one_that_ended_by_itself(start: Callable[[list[str]], OwnedProcess]) -> None:
    """A process that ended is not running, and may be stopped and killed all the same."""
    process = start(["true"])
    wait_until(lambda: not process.running)
    process.stop(timeout_s=LIMIT_S)
    process.kill()


def test_it_outlives_the_thread_that_made_it(
    start: Callable[[list[str]], OwnedProcess],
) -> None:
    """The kernel ties the leash to a thread; the caller's own may end."""
    made: list[OwnedProcess] = []
    thread = threading.Thread(target=lambda: made.append(start(SLEEPER)))
    thread.start()
    thread.join()
    assert made[0].running


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(1)", "sys.exit()"])
def test_it_dies_with_its_owner(tmp_path: Path, end: str) -> None:
    """Killed, aborted or ended in order: the owner takes the process with it."""
    owner = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from penstock.infra.processes.owned_process import OwnedProcess
        process = OwnedProcess(["sleep", "1000"], output=Path({str(tmp_path / "output")!r}))
        name = Path(f"/proc/{{process.pid}}/comm")
        while name.read_text() != "sleep\\n":  # until then it is its own check that ends it
            pass
        print(process.pid, flush=True)
        {end}
    """)
    ended = subprocess.run(
        [sys.executable, "-c", owner], capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    pid = int(ended.stdout)
    wait_until(lambda: is_gone(pid))


def test_a_forked_copy_owns_nothing(start: Callable[[list[str]], OwnedProcess]) -> None:
    """A fork of the owner cannot end the process, not even by the handler of its own exit."""
    process = start(SLEEPER)
    fork = os.fork()
    if fork == 0:
        process.kill()
        os._exit(0)
    os.waitpid(fork, 0)
    assert process.running


def test_a_leash_whose_holder_is_gone(tmp_path: Path) -> None:
    """A command whose owner died before the leash was tied is not started."""
    started = tmp_path / "started"
    tied = subprocess.run(
        [sys.executable, "-I", "-S", leash.__file__, "-1", "touch", str(started)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert tied.returncode not in {0, -signal.SIGKILL}
    assert "is not started" in tied.stderr
    assert not started.exists()
