"""Where a command works: the project around it, the settings, and the log lines set up.

Laws:
1. The environment and pyproject.toml are read here, once per command, before anything is imported
   from the user.
2. A command that a person waits for logs warnings only, and leaves it to our own errors to say that
   a broker cannot be reached; the Kafka client would say it again and again.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from penstock.infra.logs import ClientFloor, configure_logs
from penstock.infra.modules import import_modules
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project, find_project
from penstock.infra.settings import Settings, load_settings
from penstock.schemas.errors import ExitCode, WorldError

__all__ = [
    "Workplace",
    "demonstration",
    "project_here",
    "short_command",
    "user_modules",
    "worker_process",
]

_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a command that talks to servers needs first."""

    project: Project
    """From pyproject.toml."""
    settings: Settings
    """From the environment."""
    client: ClientFloor
    """What holds back the Kafka client's messages."""

    def run(self, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
        """Run the work of a command a person waits for.

        Where Kafka cannot be reached, the client's last complaint is added to the error: it alone
        says whether the reason is the network, a certificate or a login.
        """
        try:
            return asyncio.run(work)
        except WorldError as error:
            if error.exit_code is ExitCode.UNREACHABLE and self.client.last_error:
                error.add_note(f"The Kafka client says: {excerpt(self.client.last_error, 300)}.")
            raise


def project_here() -> Project:
    """Return the project around the working directory."""
    return find_project(Path.cwd())


def user_modules(project: Project) -> tuple[ModuleType, ...]:
    """Import all modules that the project names."""
    return import_modules(project.modules, project)


def short_command(*, needs_kafka: bool = True) -> Workplace:
    """Set up for a command that a person waits for.

    Args:
        needs_kafka: False where it asks Redis alone.
    """
    project, settings = _read(needs_kafka=needs_kafka)
    client = configure_logs(
        level="warning", form=settings.log_format, client_level=logging.CRITICAL
    )
    return Workplace(project=project, settings=settings, client=client)


def demonstration() -> None:
    """Set up for a command that makes its own settings."""
    configure_logs(level="warning", client_level=logging.CRITICAL)


def worker_process(log_level: str | None) -> Workplace:
    """Set up for a process that runs until it is stopped.

    Args:
        log_level: in place of the setting's.
    """
    project, settings = _read()
    client = configure_logs(level=log_level or settings.log_level, form=settings.log_format)
    return Workplace(project=project, settings=settings, client=client)


def _read(*, needs_kafka: bool = True) -> tuple[Project, Settings]:
    project = project_here()
    return project, load_settings(project, needs_kafka=needs_kafka)
