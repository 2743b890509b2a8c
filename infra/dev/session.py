"""One run of `penstock dev`, from its broker to its end.

    broker, Redis -> what the project consists of -> topics -> processes
        -> changes of files, again and again -> SIGINT or SIGTERM -> drain -> Redis, broker

The broker is the project's: it is hosted where `PENSTOCK_KAFKA=embedded` looks for it
(embedded_meeting.py), so that commands in other terminals find it.

Laws:
1. The first signal drains within a limit, the second one kills; either way nothing is left.
2. A mistake in the user's files is told, and the session goes on with what it had.
3. Topics are applied again when what is declared about them has changed, before any process that
   needs them starts.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, final

from penstock.infra.dev.child_environment import child_environment, not_used
from penstock.infra.dev.common_log import CommonLog
from penstock.infra.dev.crew import Crew
from penstock.infra.dev.file_changes import is_project_file
from penstock.infra.dev.file_watch import changes_of, check_watching
from penstock.infra.dev.process_plan import FoundProject, reload_of
from penstock.infra.dev.restart_rule import RestartRule, words_for
from penstock.infra.dev.told_project import ProjectUnreadable, list_project
from penstock.infra.embedded_meeting import Meeting, join_or_host, sole_session
from penstock.infra.embedded_process import FOR_APPS, EmbeddedProcess, EmbeddedWishes
from penstock.infra.embedded_redis import EmbeddedRedis, NoEmbeddedRedis
from penstock.infra.plain_text import escaped
from penstock.infra.processes.server_errors import ServerDidNotStart
from penstock.infra.project import Project
from penstock.schemas.errors import CallerError, WorldError

__all__ = ["BrokerEnded", "BrokerThere", "DevWishes", "NoProject", "run_session"]

_LOOK_S: Final = 0.25
"""Between two looks whether broker and Redis still run."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FILES_SHOWN: Final = 3
_LINES: Final = 10
_STEPS: Final = ("create ", "configure ", "add partitions ")
"""How lines of `penstock topic apply` begin that tell of a step."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DevWishes:
    """What a session is to be like."""

    reload: bool = False
    """Whether processes start again when their files change."""
    port: int = 0
    """Port of the broker on loopback; 0 for any that is free."""
    data: Path | None = None
    """Folder of the broker's records; None keeps them in memory."""


@dataclass(eq=False, kw_only=True)
class NoProject(CallerError):
    """There is nothing to run."""

    where: str
    """The project's file, or where none was found."""

    code: ClassVar[str] = "PEN-I147"
    what: ClassVar[str] = "There is no project to run here ({where})."
    why: ClassVar[str] = "Workers and sagas are found by the table [tool.penstock]."
    remedy: ClassVar[str] = (
        "Name them in pyproject.toml, as in modules = ['shop.stock'] and sagas = "
        "['order.saga.yaml'], or start in the project's folder."
    )


@dataclass(eq=False, kw_only=True)
class BrokerThere(CallerError):
    """The project has a broker already, which stays as it is."""

    address: str
    """Where it is."""
    host: int
    """Id of the process that started it."""

    code: ClassVar[str] = "PEN-I148"
    what: ClassVar[str] = "The project has an embedded broker already, at {address}."
    why: ClassVar[str] = "Its port and its folder cannot be changed while it runs."
    remedy: ClassVar[str] = "End process {host}, which started it, or leave out --port and --data."


@dataclass(eq=False, kw_only=True)
class BrokerEnded(WorldError):
    """The session's broker has ended by itself."""

    log: str
    """The last lines that it wrote."""

    code: ClassVar[str] = "PEN-I149"
    what: ClassVar[str] = "The embedded broker has ended."
    why: ClassVar[str] = "Its last lines were: {log}"
    remedy: ClassVar[str] = "Start again; with --data it goes on with the records it had."


async def run_session(project: Project, wishes: DevWishes, log: CommonLog) -> bool:
    """Run a project's system until SIGINT or SIGTERM.

    Args:
        project: around the working directory.
        wishes: what the session is to be like.
        log: where everything is told.

    Returns:
        True where it ended in order, False where a second signal made it kill.

    Raises:
        NoProject: there is nothing to run.
        WatchingUnavailable: files are to be watched, and cannot be.
        SessionThere: the project has one already.
        BrokerThere: the project's broker runs already, and is not as wished for.
        BrokerEnded: the broker died.
        PenstockError: the broker could not be started.
    """
    if project.folder is None or not (project.modules or project.sagas):
        raise NoProject(where=_where(project))
    if wishes.reload:
        check_watching()
    folder = project.folder.resolve()
    with sole_session(folder):
        return await _Session(folder, wishes, log).run()


def _where(project: Project) -> str:
    return "no pyproject.toml" if project.folder is None else str(project.folder / "pyproject.toml")


@final
class _Session:
    """A session; see the top of this file."""

    def __init__(self, folder: Path, wishes: DevWishes, log: CommonLog) -> None:
        self._folder = folder
        self._wishes = wishes
        self._log = log
        self._broker: EmbeddedProcess | None = None
        self._redis: EmbeddedRedis | None = None
        self._crew: Crew | None = None
        self._environment: dict[str, str] = {}
        self._topics: str | None = None
        self._changed: frozenset[Path] = frozenset()
        self._has_changed = asyncio.Event()
        self._signals = 0
        self._signalled = asyncio.Event()

    async def run(self) -> bool:
        with self._listening():
            work = asyncio.create_task(self._work())
            ending = asyncio.create_task(self._signalled.wait())
            try:
                await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ending.cancel()
                work.cancel()
                await asyncio.wait({work, ending})
                await self._end()
            if not work.cancelled():
                work.result()  # raises what ended it
        return self._signals <= 1

    # --- signals ---------------------------------------------------------------------------------

    @contextmanager
    def _listening(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._take_signal)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _take_signal(self) -> None:
        self._signals += 1
        if self._signals == 1:
            self._log.say("stopping; once more, and everything is killed")
            self._signalled.set()
        elif self._crew is not None:
            self._crew.kill()

    # --- begin and end ---------------------------------------------------------------------------

    async def _work(self) -> None:
        meeting = await self._meet()
        self._tell_broker(meeting)
        redis = await self._start_redis()
        self._environment = child_environment(
            os.environ, kafka=meeting.bootstrap, redis=None if redis is None else redis.url
        )
        for name in not_used(os.environ):
            self._log.say(f"{name} of the environment is not used here")
        self._crew = crew = Crew(self._log, self._folder, self._environment)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_after_servers())
            if self._wishes.reload:  # from now on: what changes while all this begins counts too
                tasks.create_task(self._collect_changes())
            await self._begin(crew)
            await self._reload_for_ever(crew)

    async def _meet(self) -> Meeting:
        wishes = self._wishes
        wanted = EmbeddedWishes(port=wishes.port, data=wishes.data, config=FOR_APPS)
        meeting = await asyncio.to_thread(join_or_host, self._folder, wanted)
        self._broker = meeting.hosted
        if meeting.hosted is None and (wishes.port or wishes.data):
            raise BrokerThere(address=meeting.bootstrap, host=meeting.host)
        return meeting

    async def _start_redis(self) -> EmbeddedRedis | None:
        try:
            self._redis = redis = EmbeddedRedis()
        except NoEmbeddedRedis as none:
            self._log.say(f"no Redis: {escaped(str(none))}", wrong=True)
            return None
        await asyncio.to_thread(redis.start)
        self._log.say(f"Redis  {redis.url}  ({redis.found.kind}; {redis.found.caveat})")
        return redis

    async def _end(self) -> None:
        if self._crew is not None:
            await self._crew.stop()
        if self._redis is not None:
            await asyncio.to_thread(self._redis.close)
        if self._broker is not None:
            await asyncio.to_thread(self._broker.stop)
        self._log.say("all has ended")

    # --- servers ---------------------------------------------------------------------------------

    async def _look_after_servers(self) -> None:
        rule, started_s = RestartRule(), _now_s()
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._broker is not None and not self._broker.statistics().running:
                raise BrokerEnded(log=escaped(self._broker.log_tail(_LINES)) or "none")
            failure = None if self._crew is None else self._crew.lasting_failure()
            if failure is not None:
                raise failure
            if self._redis is None or self._redis.statistics().running:
                continue
            verdict = rule.ended(ran_s=_now_s() - started_s, exit_code=-signal.SIGKILL)
            if verdict.wait_s is None:
                self._log.say("Redis ends again and again; there is none from now on", wrong=True)
                await asyncio.to_thread(self._redis.close)
                self._redis = None
                continue
            self._log.say("Redis has ended, and starts again, empty", wrong=True)
            await asyncio.sleep(verdict.wait_s)
            rule, started_s = verdict.rule, _now_s()
            try:
                await asyncio.to_thread(self._redis.start)
            except ServerDidNotStart as failed:  # it does not run, so the rule judges it again
                self._log.say(escaped(str(failed)), wrong=True)

    # --- processes -------------------------------------------------------------------------------

    async def _begin(self, crew: Crew) -> None:
        try:
            found = await list_project(self._folder, self._environment)
        except ProjectUnreadable as unreadable:
            self._log.say(escaped(str(unreadable)), wrong=True)
            return
        await self._follow(crew, found, frozenset(), everything=True)
        self._tell_next(crew, found)

    async def _collect_changes(self) -> None:
        data = self._wishes.data
        others = () if data is None else (data.resolve(),)
        async for changed in changes_of(self._folder, others=others):
            self._changed |= changed
            self._has_changed.set()

    async def _reload_for_ever(self, crew: Crew) -> None:
        while True:
            await self._has_changed.wait()
            self._has_changed.clear()
            changed, self._changed = self._changed, frozenset()
            self._log.say(f"changed: {self._shown(changed)}")
            await self._reload(crew, changed)

    async def _reload(self, crew: Crew, changed: frozenset[Path]) -> None:
        try:
            found = await list_project(self._folder, self._environment)
        except ProjectUnreadable as unreadable:
            self._log.say(escaped(str(unreadable)), wrong=True)
            return
        everything = any(
            is_project_file(each.relative_to(self._folder).as_posix()) for each in changed
        )
        await self._follow(crew, found, frozenset(map(str, changed)), everything=everything)

    def _shown(self, changed: frozenset[Path]) -> str:
        names = sorted(escaped(str(each.relative_to(self._folder))) for each in changed)
        more = f" and {len(names) - _FILES_SHOWN} more" if len(names) > _FILES_SHOWN else ""
        return ", ".join(names[:_FILES_SHOWN]) + more

    async def _follow(
        self, crew: Crew, found: FoundProject, changed: frozenset[str], *, everything: bool
    ) -> None:
        """Bring topics and processes to what the project is now."""
        for problem in found.problems:
            self._log.say(problem, wrong=True)
        crew.drain_s = found.drain_s
        reload = reload_of(
            crew.plan, found, changed=changed, waiting=crew.waiting, everything=everything
        )
        self._log.add(reload.plan)
        if found.topics is not None and found.topics != self._topics:
            await self._apply_topics(crew, found.topics)
        if crew.plan and (reload.restart or reload.stop):
            self._log.say(_words(reload.restart, reload.stop))
        elif crew.plan:
            self._log.say("nothing is restarted")
        await crew.follow(reload)

    async def _apply_topics(self, crew: Crew, topics: str) -> None:
        code, lines = await crew.run_once("topic", "apply")
        if code == 0:
            self._topics = topics
            changed = sum(line.startswith(_STEPS) for line in lines)
            self._log.say(f"Topics are as declared; {changed} were made or changed")
            return
        for line in lines:
            self._log.tell("topics", line)
        self._log.say(f"the topics were not applied: the command {words_for(code)}", wrong=True)

    # --- what is said ----------------------------------------------------------------------------

    def _tell_broker(self, meeting: Meeting) -> None:
        if meeting.hosted is None:
            what = "an embedded broker that ran already"
        elif self._wishes.data is None:
            what = "an embedded broker, one node; in memory, --data DIR keeps records"
        else:
            what = f"an embedded broker, one node; records in {self._wishes.data}"
        self._log.say(f"Kafka  {meeting.bootstrap}  ({what})")

    def _tell_next(self, crew: Crew, found: FoundProject) -> None:
        names = ", ".join(crew.plan) or "no process"
        reloads = "; files are watched" if self._wishes.reload else ""
        self._log.say(f"started {names}{reloads}; Ctrl-C ends all")
        if found.example is not None:
            self._log.say("next, in another terminal, in this folder:")
            self._log.say(f"  PENSTOCK_KAFKA=embedded penstock publish {found.example}")


def _words(restart: tuple[str, ...], stop: tuple[str, ...]) -> str:
    parts = []
    if restart:
        parts.append(f"restarting {', '.join(restart)}")
    if stop:
        parts.append(f"stopping {', '.join(stop)}")
    return "; ".join(parts)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
