"""A child process that cannot outlive its owner.

Three nets, each for what the former lets through: `stop` and `kill`; an exit handler of the
interpreter; and leash.py, by which the kernel kills the child when the owner is killed.

Laws:
1. Only the child's own process id is ever signalled, and only before it is reaped, so that the
   number cannot have passed to a stranger.
2. The leash is tied to a thread, not to a process: a child is started by a keeper thread that
   lives until the child is dead, so whoever called may end its own thread freely.
3. A forked copy of the owner owns nothing.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from penstock.infra.processes import leash

__all__ = ["OwnedProcess"]

_KILL_WAIT_S = 10.0
"""How long the kernel may take to end a process after SIGKILL before that is a failure."""


@final
class OwnedProcess:
    """A running command, its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: Path,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        lifeline: bool = False,
        inherited: Sequence[int] = (),
    ) -> None:
        """Start a command.

        Args:
            command: program and arguments; the program is looked up in PATH.
            output: file that its output and its errors are appended to.
            folder: where it works; the owner's own if not given.
            environment: all of its variables; the owner's own if not given.
            lifeline: give it a standard input that ends when the owner does, for a command that
                watches it: elsewhere than on Linux there is no leash.
            inherited: descriptors of the owner's that stay open in it.

        Raises:
            OSError: the interpreter that ties the leash could not be started.
        """
        self._command = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *command]
        self._output = output
        self._folder = folder
        self._environment = environment
        self._stdin = subprocess.PIPE if lifeline else subprocess.DEVNULL
        self._inherited = tuple(inherited)
        self._paused = False
        self._started = threading.Event()
        self._reaped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        threading.Thread(target=self._keep, name=f"keeper of {command[0]}", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        atexit.register(self.kill)

    def _keep(self) -> None:
        """Start the child and stay: the leash is tied to this thread."""
        try:
            with self._output.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - no shell; the caller's command
                    self._command,
                    stdin=self._stdin,
                    stdout=output,
                    stderr=output,
                    cwd=self._folder,
                    env=self._environment,
                    pass_fds=self._inherited,
                    start_new_session=True,  # Ctrl-C in the terminal is for the owner alone
                )
        except OSError as failure:
            self._failure = failure
            return
        finally:
            self._started.set()
        self._reaped.wait()

    @property
    def _child(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the constructor raises where there is no child"
        return self._process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """True until it has ended; a paused process runs."""
        return self._child.poll() is None

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self._paused and self.running

    def wait(self, *, timeout_s: float) -> int | None:
        """Wait until it ends by itself, and kill it when it has not within the limit.

        Returns:
            Its exit code; None where it was killed.
        """
        try:
            exit_code = self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        self._let_go()
        return exit_code

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP): its sockets stay open and nothing answers."""
        self._signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)
        self._paused = False

    def ask_to_end(self) -> None:
        """Ask it to end (SIGTERM), paused or not; it may have ended already."""
        self._signal(signal.SIGTERM)
        self.resume()  # a paused process does not see a SIGTERM

    def stop(self, *, timeout_s: float) -> None:
        """Ask it to end (SIGTERM), and kill it when it has not within the limit."""
        self.ask_to_end()
        self.wait(timeout_s=timeout_s)

    def kill(self) -> None:
        """End it at once (SIGKILL), paused or not, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._child.wait(_KILL_WAIT_S)
        self._let_go()

    def _signal(self, number: signal.Signals) -> None:
        # Does nothing once the child is reaped, nor in a fork of the owner, whose child it is not.
        self._child.send_signal(number)

    def _let_go(self) -> None:
        self._paused = False
        self._reaped.set()
        if self._child.stdin is not None:
            self._child.stdin.close()
        atexit.unregister(self.kill)
