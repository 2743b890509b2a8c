"""A container of our own with ports that stay: the part that Kafka's and Redis' have in common.

The published ports are chosen before the container is made, so they are known from the beginning
and, unlike ports that the engine chooses, are still the same after a restart. It does not outlive
its owner for long, whatever happens to the owner (container_owner.py).

Needs the extra `penstock[testing]`, so it is imported only where an engine has answered.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast, final

from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.testing.container_owner import new_container

__all__ = ["OwnedContainer"]

_STOP_LIMIT_S: Final = 20
"""Between SIGTERM and SIGKILL, as for a server that is a process."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


@final
class OwnedContainer:
    """One container, from its first start to `close`."""

    def __init__(
        self,
        *,
        image: str,
        ports: Mapping[int, LoopbackPort],
        environment: Mapping[str, str] = _NOTHING,
        command: Sequence[str] | None = None,
    ) -> None:
        """Describe it; the engine is not yet asked for one.

        Args:
            image: name and tag.
            ports: the reserved port outside for each port inside; they are given back here.
            environment: variables of its processes.
            command: what runs in it; the image's own if not given.
        """
        self._closed = False
        self._reserved = [*ports.values()]
        self._container = new_container(image).with_envs(**environment)
        if command is not None:
            self._container.with_command([*command])
        # testcontainers declares plain numbers here, which would be published on every interface;
        # the docker library that it hands them to takes (address, port) as well.
        published = cast("dict[str, Any]", self._container.ports)
        for inside, outside in ports.items():
            published[f"{inside}/tcp"] = (LOOPBACK, outside.number)

    @property
    def running(self) -> bool:
        """Whether it lives, or is about to."""
        self._engine_side.reload()
        return bool(self._engine_side.status in {"created", "running"})

    def start(self) -> None:
        """Start it, the first time or again."""
        if self._reserved:
            self._create()
        else:
            self._engine_side.start()

    def stop(self) -> None:
        """Ask it to end, and kill it when it has not within 20 s; data and ports are kept."""
        self._engine_side.stop(timeout=_STOP_LIMIT_S)

    def kill(self) -> None:
        """End it with SIGKILL; data and ports are kept."""
        self._engine_side.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._engine_side.pause()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._engine_side.unpause()

    def log_tail(self, lines: int) -> str:
        """Return the last lines of its log.

        Args:
            lines: how many at most.
        """
        logged: bytes = self._engine_side.logs(tail=lines)
        return logged.decode(errors="replace")

    def close(self) -> None:
        """Remove it with its data, and give its ports back. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        for port in self._reserved:
            port.close()
        self._container.stop()

    @property
    def _engine_side(self) -> Any:
        """The docker library's own container object; that library ships no types."""
        return self._container.get_wrapped_container()

    def _create(self) -> None:
        # The engine binds the ports itself, and it may do so without SO_REUSEADDR.
        for port in self._reserved:
            port.close()
        self._reserved = []
        self._container.start()
