"""A compose file's services as containers, for tests that may do anything to them.

    file = read_compose(path.read_text(), variables)
    with ComposeStack(file, folder=path.parent, images={"apache/kafka:4.1.0": ours}) as stack:
        stack.kill("payments")
        stack.start("payments")
        code = stack.stop("saga")

One network, in which each service is found by its name; each container behind what it waits for.

Laws:
1. What was started is removed, however the test ends: containers, network and volumes
   (container_owner.py for the case that the test itself is killed).
2. Every wait has a limit, and what was waited for in vain is told with the last lines of its log.
3. Nothing is built here. An image that cannot be had is replaced by `images`, or it is an error.

The file is read by compose_file.py; compose_service.py judges what the engine reports.
Needs the extra `penstock[testing]`.
"""

import tarfile
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, cast, final

from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network

from penstock.infra.processes.loopback_port import LOOPBACK
from penstock.infra.testing.compose_file import ComposeFile
from penstock.infra.testing.compose_service import (
    Condition,
    ContainerState,
    Health,
    HealthCheck,
    Service,
    is_lost,
    is_met,
)
from penstock.infra.testing.container_owner import new_container, owner_labels
from penstock.schemas.errors import CallerError, WorldError

__all__ = ["ComposeStack", "ComposeStackStatistics", "ServiceNotReady", "UnknownContainer"]

_PAUSE_S: Final = 0.2
"""Between two questions for a container's state."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeStackStatistics:
    """What was done to a stack so far."""

    containers: int
    """How many it has."""
    starts: int
    """How often one was started, the first time or again."""
    kills: int
    """How often one was killed."""
    stops: int
    """How often one was asked to end."""


@final
class ComposeStack:
    """The containers of one compose file, from `__enter__` to `__exit__`."""

    def __init__(
        self,
        file: ComposeFile,
        *,
        folder: Path,
        images: Mapping[str, str] = _NOTHING,
        ready_timeout_s: float = 120.0,
    ) -> None:
        """Describe a stack; nothing is started.

        Args:
            file: what to start.
            folder: of the compose file; relative paths in it begin there.
            images: what to take in place of an image, by its name and tag in the file.
            ready_timeout_s: limit for a container to become what another waits for.
        """
        self._services = {service.name: service for service in file.services}
        self._volume_names = file.volumes
        self._folder = folder
        self._images = images
        self._ready_timeout_s = ready_timeout_s
        self._run = f"penstock-{uuid.uuid4().hex[:12]}"
        self._containers: dict[str, DockerContainer] = {}
        self._service_of: dict[str, Service] = {}
        self._undo = ExitStack()
        self._starts = self._kills = self._stops = 0

    def __enter__(self) -> Self:
        """Start everything, in order; returns when the last one was started, not when it is ready.

        Raises:
            ServiceNotReady: one that others wait for did not become what they wait for.
        """
        with self._undo:  # on the way out by an error: what was made so far is removed
            network = self._make_network()
            self._make_volumes()
            for service in self._services.values():
                self._wait_for_others(service)
                for name in service.containers:
                    self._create(name, service, network)
            self._undo = self._undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything, running or not."""
        self._undo.close()

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of all containers; those of a service with replicas end in -1, -2, ..."""
        return tuple(self._containers)

    # --- what a test may do ----------------------------------------------------------------------

    def start(self, container: str) -> None:
        """Start one again that was killed or stopped; its data and ports are those it had."""
        self._engine_side(container).start()
        self._starts += 1

    def kill(self, container: str) -> None:
        """End one with SIGKILL."""
        self._engine_side(container).kill()
        self._kills += 1

    def stop(self, container: str) -> int:
        """Ask one to end, and kill it when it has not within its grace period.

        Returns:
            Its exit code; 137 where it was killed.
        """
        engine_side = self._engine_side(container)
        engine_side.stop(timeout=round(self._service_of[container].grace_s))
        self._stops += 1
        code = self.state(container).exit_code
        assert code is not None, "a container that was stopped has ended"
        return code

    def execute(self, container: str, *command: str, user: str = "") -> tuple[int, str]:
        """Run a command inside one.

        Args:
            container: the name of a running one.
            command: program and arguments.
            user: name or number; the container's own if not given.

        Returns:
            Its exit code, and its output and errors.
        """
        code, output = self._engine_side(container).exec_run(list(command), user=user)
        return code, output.decode(errors="replace")

    def copy_out(self, container: str, path: str, folder: Path) -> None:
        """Copy a file or a folder out of one, running or not.

        Args:
            container: its name.
            path: in the container; volumes count.
            folder: where the copy goes, under the last part of the path; it belongs to us.
        """
        pieces, _ = self._engine_side(container).get_archive(path)
        with tempfile.TemporaryFile() as archive:
            archive.writelines(pieces)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as opened:
                opened.extractall(folder, filter="data")

    # --- what a test may ask ---------------------------------------------------------------------

    def state(self, container: str) -> ContainerState:
        """Ask the engine how one is.

        Raises:
            UnknownContainer: there is none of that name.
        """
        engine_side = self._engine_side(container)
        engine_side.reload()
        state = engine_side.attrs["State"]
        ended = state["Status"] in {"exited", "dead"} or state.get("Restarting", False)
        return ContainerState(
            running=bool(state["Running"]),
            exit_code=int(state["ExitCode"]) if ended else None,
            health=Health((state.get("Health") or {}).get("Status") or "none"),
            restarts=int(engine_side.attrs["RestartCount"]),
        )

    def inspect(self, container: str) -> Mapping[str, Any]:
        """Return everything that the engine says of one, in the engine's own words."""
        engine_side = self._engine_side(container)
        engine_side.reload()
        return cast("Mapping[str, Any]", engine_side.attrs)

    def log_tail(self, container: str, lines: int = 40) -> str:
        """Return the last lines of what one has written.

        Args:
            container: its name.
            lines: how many at most.
        """
        logged: bytes = self._engine_side(container).logs(tail=lines)
        return logged.decode(errors="replace")

    def log_tails(self, lines: int = 15) -> str:
        """Return the last lines of all of them, for the note of a failure."""
        return "\n".join(f"--- {name}\n{self.log_tail(name, lines)}" for name in self._containers)

    def wait_until(self, container: str, condition: Condition) -> None:
        """Wait until one is started, healthy or completed.

        Raises:
            ServiceNotReady: it was not within the limit, or will never be.
        """
        deadline = time.monotonic() + self._ready_timeout_s
        while not is_met(condition, state := self.state(container)):
            if is_lost(condition, state) or time.monotonic() > deadline:
                raise ServiceNotReady(
                    container=container,
                    condition=condition,
                    state=_told(state),
                    log_tail=self.log_tail(container),
                )
            time.sleep(_PAUSE_S)

    def statistics(self) -> ComposeStackStatistics:
        """Return what was done so far."""
        return ComposeStackStatistics(
            containers=len(self._containers),
            starts=self._starts,
            kills=self._kills,
            stops=self._stops,
        )

    # --- how it comes about ----------------------------------------------------------------------

    def _make_network(self) -> Network:
        network = Network(docker_network_kw={"labels": owner_labels()})
        client = network._docker.client  # noqa: SLF001 - nobody else would close it
        self._undo.callback(client.close)
        network.create()
        self._undo.callback(network.remove)
        return network

    def _make_volumes(self) -> None:
        for name in self._volume_names:
            with closing(DockerClient().client) as engine:
                engine.volumes.create(self._volume(name), labels=owner_labels())
            self._undo.callback(self._remove_volume, self._volume(name))

    def _remove_volume(self, name: str) -> None:
        with closing(DockerClient().client) as engine:
            engine.volumes.get(name).remove()

    def _volume(self, name: str) -> str:
        return f"{self._run}-{name}"

    def _wait_for_others(self, service: Service) -> None:
        for name, condition in service.waits_for.items():
            for container in self._services[name].containers:
                self.wait_until(container, condition)

    def _create(self, name: str, service: Service, network: Network) -> None:
        container = (
            new_container(
                self._images.get(service.image, service.image),
                hostname=name,
                healthcheck=_engine_health(service.health),
                restart_policy={"Name": service.restart} if service.restart else None,
            )
            .with_envs(**service.environment)
            .with_network(network)
            .with_network_aliases(service.name)
        )
        if service.command is not None:
            container.with_command(list(service.command))
        for mount in service.mounts:
            source = (
                str((self._folder / Path(mount.source).expanduser()).resolve())
                if mount.is_path
                else self._volume(mount.source)
            )
            container.with_volume_mapping(source, mount.target, "ro" if mount.read_only else "rw")
        for port in service.ports:
            # As in owned_container.py: published on loopback, which testcontainers has no word for.
            published = cast("dict[str, Any]", container.ports)
            published[f"{port.inside}/tcp"] = (LOOPBACK, port.outside)
        self._undo.callback(container.stop)  # before the start: one that fails may leave something
        container.start()
        self._containers[name] = container
        self._service_of[name] = service
        self._starts += 1

    def _engine_side(self, container: str) -> Any:
        """The docker library's own container object; that library ships no types."""
        if container not in self._containers:
            raise UnknownContainer(container=container, known=", ".join(self._containers))
        return self._containers[container].get_wrapped_container()


def _engine_health(health: HealthCheck | None) -> dict[str, Any] | None:
    """The engine counts in nanoseconds."""
    if health is None:
        return None
    times = {
        "interval": health.interval_s,
        "timeout": health.timeout_s,
        "start_period": health.start_period_s,
    }
    return {
        "test": list(health.test),
        **{name: round(time_s * 1e9) for name, time_s in times.items() if time_s is not None},
        **({} if health.retries is None else {"retries": health.retries}),
    }


def _told(state: ContainerState) -> str:
    if state.running:
        return f"runs, and its health is {state.health}"
    return "has not started" if state.exit_code is None else f"ended with {state.exit_code}"


@dataclass(eq=False, kw_only=True)
class ServiceNotReady(WorldError):
    """A container did not become what was waited for."""

    container: str
    """Its name."""
    condition: str
    """What was waited for; compose's own word."""
    state: str
    """What it does instead."""
    log_tail: str
    """The last lines of its log."""

    code: ClassVar[str] = "PEN-I116"
    what: ClassVar[str] = "The container {container} {state}; waited for: {condition}."
    why: ClassVar[str] = "Its last lines were:\n{log_tail}\n"
    remedy: ClassVar[str] = "Mend what they name."


@dataclass(eq=False, kw_only=True)
class UnknownContainer(CallerError):
    """A stack has no container of a name."""

    container: str
    """The name."""
    known: str
    """The names that there are."""

    code: ClassVar[str] = "PEN-I117"
    what: ClassVar[str] = "There is no container {container}."
    why: ClassVar[str] = "Those of this stack are: {known}."
    remedy: ClassVar[str] = "Name one of them; replicas have a number behind their service's name."
