"""What a project consists of, as its listing tells it (project_listing.py).

Laws:
1. The listing is a process of its own, with a limit of time; it ends with whoever waits for it.
2. What it writes is judged here as what it is, the word of a process that has run the user's code.
"""

import asyncio
import json
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from penstock.infra.dev.dev_process import DevProcess
from penstock.infra.dev.process_plan import FoundModule, FoundProject, FoundWorker
from penstock.infra.plain_text import excerpt
from penstock.schemas.errors import CallerError

__all__ = ["ProjectUnreadable", "list_project"]

LISTING_LIMIT_S: Final = 120.0
"""Longest listing of a whole project; half a second is usual."""
_FILE_LIMIT: Final = 16 * 1024 * 1024
_LINES: Final = 5


@dataclass(eq=False, kw_only=True)
class ProjectUnreadable(CallerError):
    """Nobody can say what a project consists of."""

    reason: str
    """What stands in the way, a whole sentence."""

    code: ClassVar[str] = "PEN-I145"
    what: ClassVar[str] = "What the project consists of cannot be found out."
    why: ClassVar[str] = "{reason}"
    remedy: ClassVar[str] = "Mend it; whatever runs goes on as before."


async def list_project(folder: Path, environment: Mapping[str, str]) -> FoundProject:
    """Ask what a project consists of.

    Args:
        folder: the project's.
        environment: all variables of the process that imports its modules.

    Raises:
        ProjectUnreadable: its file cannot be used, or its code ended the listing.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-dev-", ignore_cleanup_errors=True) as place:
        target = Path(place) / "listing.json"
        lines = await _run(folder, environment, target)
        if not target.exists() or target.stat().st_size > _FILE_LIMIT:
            said = excerpt(" ".join(" ".join(lines).split()), 500)
            raise ProjectUnreadable(reason=f"Its modules ended their import with: {said or '-'}.")
        told = json.loads(target.read_bytes())
    if reason := told.get("unreadable"):
        raise ProjectUnreadable(reason=reason)
    return _project(told)


async def _run(folder: Path, environment: Mapping[str, str], target: Path) -> Iterable[str]:
    """Run the listing to its end, and return the last lines that it printed."""
    lines: deque[str] = deque(maxlen=_LINES)
    module = "penstock.infra.dev.project_listing"
    # Without -P the working directory would come first among the places that modules come from.
    command = [sys.executable, "-P", "-m", module, str(target)]
    listing = DevProcess(command, folder=folder, environment=environment, take=lines.append)
    try:
        async with asyncio.timeout(LISTING_LIMIT_S):
            await listing.ended()
    except TimeoutError:
        lines.append(f"no end within {LISTING_LIMIT_S:.0f} s")
    finally:
        listing.kill()
    return lines


def _project(told: Mapping[str, Any]) -> FoundProject:
    return FoundProject(
        modules=tuple(_module(each) for each in told["modules"]),
        saga_files=frozenset(told["saga_files"]),
        saga_problem=told["saga_problem"],
        topics=told["topics"],
        problem=told["problem"],
        example=told["example"],
        drain_s=float(told.get("drain_s", FoundProject().drain_s)),
    )


def _module(told: Mapping[str, Any]) -> FoundModule:
    return FoundModule(
        name=told["name"],
        workers=tuple(
            FoundWorker(name=each["name"], target=each["target"]) for each in told["workers"]
        ),
        files=frozenset(told["files"]),
        problem=told["problem"],
    )
