"""The processes of a session: each started, told of, started again when it ends, and drained.

    start -> runs -> ends by itself -> restart_rule.py -> start, or wait for a change
               |
             stop: SIGTERM, its limit, SIGKILL

Laws:
1. A name has one process at a time: the one before has ended when the next one starts.
2. What is stopped on purpose is not started again by its keeper.
3. `stop` ends within its limit, and `kill` at once.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from penstock.infra.dev.common_log import CommonLog
from penstock.infra.dev.dev_process import DevProcess
from penstock.infra.dev.process_plan import PlannedProcess, Reload
from penstock.infra.dev.restart_rule import RestartRule, words_for

__all__ = ["Crew", "CrewStatistics"]

MARGIN_S: Final = 5.0
"""What leaving groups and closing connections may take beside the drain."""

_LINES_KEPT: Final = 5000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CrewStatistics:
    """A crew in numbers."""

    running: int
    """Processes that run now."""
    waiting: int
    """Those that have failed and wait for a change of files."""
    starts: int
    """All starts so far."""
    restarts: int
    """Those among them that followed an end nobody asked for."""


@final
class _Member:
    """One process of the plan, over all its starts."""

    def __init__(self, planned: PlannedProcess) -> None:
        self.planned = planned
        self.rule = RestartRule()
        self.process: DevProcess | None = None
        self.keeper: asyncio.Task[None] | None = None
        self.waits = False
        self.is_unwanted = False


@final
class Crew:
    """All processes of a session."""

    def __init__(
        self,
        log: CommonLog,
        folder: Path,
        environment: Mapping[str, str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with none.

        Args:
            log: where all they write goes.
            folder: where they work.
            environment: all of their variables.
            monotonic: seconds.
        """
        self._log = log
        self._folder = folder
        self._environment = environment
        self._monotonic = monotonic
        self._members: dict[str, _Member] = {}
        self._once: DevProcess | None = None
        self._starts = self._restarts = 0
        self.drain_s = 20.0
        """Seconds that a process gets to end in order, before the margin."""

    @property
    def plan(self) -> dict[str, PlannedProcess]:
        """What should run."""
        return {name: member.planned for name, member in self._members.items()}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Names of those that wait for a change of files."""
        return tuple(name for name, member in self._members.items() if member.waits)

    def statistics(self) -> CrewStatistics:
        """Return what has happened so far."""
        return CrewStatistics(
            running=sum(each.process is not None for each in self._members.values()),
            waiting=len(self.waiting),
            starts=self._starts,
            restarts=self._restarts,
        )

    async def run_once(self, *arguments: str) -> tuple[int, list[str]]:
        """Run `penstock` with arguments to its end.

        Returns:
            Its exit code, and the lines that it wrote, no more than a few thousand.
        """
        lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._once = process = self._start(arguments, lines.append)
        code = await process.ended()
        self._once = None
        return code, [*lines]

    async def follow(self, reload: Reload) -> None:
        """Bring the processes to what a plan asks for: stop, then start."""
        leaving = [*reload.stop, *reload.restart]
        await self._stop([name for name in leaving if name in self._members])
        for name in reload.stop:
            self._members.pop(name, None)
        for name, planned in reload.plan.items():
            if name in reload.restart:
                self._members[name] = member = _Member(planned)
                member.keeper = asyncio.create_task(self._keep(member))
            else:
                self._members[name].planned = planned

    async def stop(self) -> None:
        """Stop all of them at once, and wait until they have ended; takes the drain at most."""
        await self._stop([*self._members])
        if self._once is not None:
            await self._once.stop(limit_s=MARGIN_S)

    def kill(self) -> None:
        """End all of them now."""
        for member in self._members.values():
            member.is_unwanted = True
            if member.process is not None:
                member.process.kill()
        if self._once is not None:
            self._once.kill()

    def lasting_failure(self) -> BaseException | None:
        """Return what ended a keeper that should not have ended, if anything did."""
        for member in self._members.values():
            keeper = member.keeper
            if keeper is not None and keeper.done() and not keeper.cancelled():
                failure = keeper.exception()
                if failure is not None:
                    return failure
        return None

    async def _stop(self, names: Iterable[str]) -> None:
        await asyncio.gather(*(self._stop_one(self._members[name]) for name in names))

    async def _stop_one(self, member: _Member) -> None:
        member.is_unwanted = True
        if member.process is not None:
            await member.process.stop(limit_s=self.drain_s + MARGIN_S)
        if member.keeper is not None:
            if member.process is None:
                member.keeper.cancel()  # it waits for its next start
            await asyncio.wait({member.keeper})

    async def _keep(self, member: _Member) -> None:
        name = member.planned.name
        while not member.is_unwanted:
            begun_s = self._monotonic()
            member.process = process = self._start(
                member.planned.arguments, lambda line: self._log.tell(name, line)
            )
            code = await process.ended()
            member.process = None
            if member.is_unwanted:
                if code != 0:
                    self._log.say(f"{name} {words_for(code)} when it was stopped", wrong=True)
                return
            verdict = member.rule.ended(ran_s=self._monotonic() - begun_s, exit_code=code)
            member.rule = verdict.rule
            self._log.say(f"{name} {words_for(code)}: {verdict.reason}", wrong=True)
            if verdict.wait_s is None:
                member.waits = True
                return
            await asyncio.sleep(verdict.wait_s)
            self._restarts += 1

    def _start(self, arguments: Sequence[str], take: Callable[[str], None]) -> DevProcess:
        self._starts += 1
        return DevProcess(
            # Without -P the working directory would come first among the places of modules.
            [sys.executable, "-P", "-m", "penstock.infra.cli", *arguments],
            folder=self._folder,
            environment=self._environment,
            take=take,
        )
