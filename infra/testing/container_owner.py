"""Who owns a container: none of ours stays behind when a test is killed.

testcontainers leaves that to a container of its own, Ryuk, whose image comes from a registry and
which is given the engine's socket. Neither is needed: everything that is made here carries a label
that names the process it belongs to, and whoever comes next on the same machine removes what
belongs to processes that are gone. Who is not killed removes their own, as always.

Law: what a living process owns, or one on another machine, is never touched.

Needs the extra `penstock[testing]`, so it is imported only where an engine has answered.
"""

import functools
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from docker.errors import APIError  # type: ignore[import-untyped] # it ships no types
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

__all__ = ["OWNER_LABEL", "is_left_behind", "new_container", "owner_labels", "remove_left_behind"]

_GONE: Final = 404
_CONFLICT: Final = 409  # its removal is in progress, or what it belongs to is still being removed

OWNER_LABEL: Final = "penstock.owner"
"""`<machine>/<process id>/<when it began>`: an id alone may belong to somebody else later."""


def new_container(image: str, **wishes: Any) -> DockerContainer:
    """Describe a container; the engine is not yet asked for it.

    Args:
        image: name and tag.
        wishes: further arguments of `DockerContainer`.
    """
    testcontainers_config.ryuk_disabled = True
    _remove_left_behind_once()
    return DockerContainer(image, labels=owner_labels(), **wishes)


def owner_labels() -> dict[str, str]:
    """Return the label that this process gives to whatever it makes in an engine."""
    return {OWNER_LABEL: _mark(os.getpid())}


def is_left_behind(mark: str, *, machine: str, mark_of: Callable[[int], str | None]) -> bool:
    """Say whether an owner is gone.

    Args:
        mark: what its label says.
        machine: the name of this machine.
        mark_of: gives the mark of the process that has this id now, if there is one.

    Returns:
        True only where the owner was a process of this machine and is one no longer.
    """
    where, _, process = mark.rpartition("/")[0].rpartition("/")
    if where != machine or not process.isdecimal():
        return False
    return mark_of(int(process)) != mark


def remove_left_behind(engine: Any) -> int:
    """Remove the containers, networks and volumes of processes that are gone.

    Several may do so at the same time, as the workers of one test run do.

    Args:
        engine: the docker library's client; that library ships no types.

    Returns:
        How many things were removed.
    """
    only_ours = {"label": OWNER_LABEL}
    removed = 0
    containers = engine.containers.list(all=True, filters=only_ours, ignore_removed=True)
    for found, wishes in (
        (containers, {"force": True, "v": True}),
        (engine.networks.list(filters=only_ours), {}),
        (engine.volumes.list(filters=only_ours), {}),
    ):
        for thing in found:
            if _is_ours_to_remove(_labels_of(thing)):
                removed += _removed(thing, wishes)
    return removed


def _removed(thing: Any, wishes: Mapping[str, bool]) -> bool:
    """Remove a thing; False where another process that came at the same time does it, or has."""
    try:
        thing.remove(**wishes)
    except APIError as error:
        if error.status_code not in {_GONE, _CONFLICT}:
            raise
        return False
    return True


@functools.cache
def _remove_left_behind_once() -> None:
    with closing(DockerClient().client) as engine:
        remove_left_behind(engine)


def _is_ours_to_remove(labels: Mapping[str, str]) -> bool:
    mark = labels.get(OWNER_LABEL, "")
    return is_left_behind(mark, machine=socket.gethostname(), mark_of=_mark_if_alive)


def _labels_of(thing: Any) -> Mapping[str, str]:
    attributes = thing.attrs
    return attributes.get("Labels") or attributes.get("Config", {}).get("Labels") or {}


def _mark(process: int) -> str:
    return f"{socket.gethostname()}/{process}/{_begun(process)}"


def _mark_if_alive(process: int) -> str | None:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return _mark(process)  # somebody else's, so there is one
    return _mark(process)


def _begun(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where Linux does not say."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("ascii", errors="replace")
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]  # field 22; the name before may hold anything
