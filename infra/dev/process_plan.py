"""The processes of a project: one for each worker, one for its sagas.

    what the project consists of  ->  plan  ->  + files that changed  ->  what is to be done

Laws:
1. A process is concerned by a change where one of the files it was made of has changed, or where
   it is to be started in another way.
2. Of what cannot be imported nothing is known, so the processes that came of it stay as they are.
3. Nothing is started, and no file is looked at, here.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final, final

__all__ = [
    "SAGAS",
    "FoundModule",
    "FoundProject",
    "FoundWorker",
    "PlannedProcess",
    "Reload",
    "plan_of",
    "reload_of",
]

SAGAS: Final = "sagas"
"""The name of the process that runs all sagas."""
_SAGAS_BESIDE: Final = "sagas of the project"
"""Its name where a worker is called so; none can be called like this."""
_RUN_SAGAS: Final = ("run", "saga")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWorker:
    """A worker in a module."""

    name: str
    """Its name, as in its consumer group."""
    target: str
    """`module:name`, for the command line; the module that made it, where others import it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FoundModule:
    """A module of the project, as its import left it."""

    name: str
    """Dotted."""
    workers: tuple[FoundWorker, ...] = ()
    """Workers that can be reached through it."""
    files: frozenset[str] = frozenset()
    """Files of the project that its import has read, absolute."""
    problem: str | None = None
    """Why it cannot be imported; None where it can."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FoundProject:
    """What a project consists of."""

    modules: tuple[FoundModule, ...] = ()
    """In the order of the project's list."""
    saga_files: frozenset[str] = frozenset()
    """Files of definitions, and of what they are checked against; empty where there are none."""
    saga_problem: str | None = None
    """Why the sagas cannot be run; None where they can."""
    topics: str | None = None
    """A digest of all that is declared about topics; None where something cannot be imported."""
    problem: str | None = None
    """What is wrong with its modules together, or with the settings."""
    example: str | None = None
    """Arguments for `penstock publish` to try it with, as in `shop.OrderPlaced '{...}'`."""
    drain_s: float = 20.0
    """Seconds that a process may take to end in order."""

    @property
    def problems(self) -> tuple[str, ...]:
        """All that is wrong."""
        modules = [each.problem for each in self.modules if each.problem]
        rest = [each for each in (self.problem, self.saga_problem) if each]
        return tuple(dict.fromkeys([*modules, *rest]))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedProcess:
    """A process that should run."""

    name: str
    """For people; unique in a plan."""
    arguments: tuple[str, ...]
    """Of `penstock`."""
    files: frozenset[str] = field(default=frozenset(), compare=False)
    """What it is made of, absolute."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What a change asks for."""

    plan: Mapping[str, PlannedProcess]
    """All processes that should run, by name."""
    restart: tuple[str, ...]
    """Those to be started, running ones stopped before; in the order of the plan."""
    stop: tuple[str, ...]
    """Those that are no longer wanted."""


def plan_of(
    found: FoundProject, before: Mapping[str, PlannedProcess] | None = None
) -> dict[str, PlannedProcess]:
    """Say which processes a project needs.

    Args:
        found: the project.
        before: the plan so far: what came of modules that now cannot be imported stays in it.

    Returns:
        The processes by name: workers in the order of their modules, sagas last.
    """
    plan: dict[str, PlannedProcess] = {}
    for module in found.modules:
        if module.problem:
            plan |= _kept(module, before or {})
            continue
        for worker in module.workers:
            known = plan.get(worker.name)
            # Each module through which a worker can be reached tells of it; its own one counts.
            if known is None or worker.target.partition(":")[0] == module.name:
                plan[worker.name] = PlannedProcess(
                    name=worker.name,
                    arguments=("run", "worker", worker.target),
                    files=module.files,
                )
    if found.saga_files:
        name = _SAGAS_BESIDE if SAGAS in plan else SAGAS
        plan[name] = PlannedProcess(name=name, arguments=_RUN_SAGAS, files=found.saga_files)
    return plan


def _kept(module: FoundModule, before: Mapping[str, PlannedProcess]) -> dict[str, PlannedProcess]:
    """The processes of a module that cannot be imported now."""
    return {
        name: replace(process, files=process.files | module.files)
        for name, process in before.items()
        if _module_of(process) == module.name
    }


def _module_of(process: PlannedProcess) -> str:
    return process.arguments[-1].partition(":")[0]


def reload_of(
    before: Mapping[str, PlannedProcess],
    found: FoundProject,
    *,
    changed: AbstractSet[str],
    waiting: Iterable[str] = (),
    everything: bool = False,
) -> Reload:
    """Say what to do after files have changed.

    Args:
        before: the plan so far.
        found: the project as it is now.
        changed: the files, absolute.
        waiting: names of processes that have failed and wait for a change.
        everything: whether all processes are concerned, as by another name of the app.
    """
    plan, waits = plan_of(found, before), frozenset(waiting)
    broken = {each.name for each in found.modules if each.problem}

    def is_concerned(process: PlannedProcess) -> bool:
        is_saga = process.arguments == _RUN_SAGAS
        if (is_saga and found.saga_problem) or _module_of(process) in broken:
            return False  # it would fail to start: what runs is better than nothing
        old = before.get(process.name)
        if old is None or old != process or everything or process.name in waits:
            return True
        return bool(changed & (old.files | process.files))

    return Reload(
        plan=plan,
        restart=tuple(name for name, process in plan.items() if is_concerned(process)),
        stop=tuple(name for name in before if name not in plan),
    )
