"""How much the broker lets itself be asked: frames, connections, memory, time.

Names and defaults are Kafka's where Kafka has a finite one. Where its default is "without limit",
there is one here: a broker on a developer's machine must not grow until the machine dies.
"""

import resource
from dataclasses import dataclass
from typing import Final, Self, final

from penstock.infra.embedded.configs.broker_config import BrokerConfig

__all__ = ["ConnectionLimits"]

_SPARE_FILES: Final = 128
"""For all that is not a client's connection: segments on disk, the journal, the loop."""

_QUEUED_BYTES: Final = 536_870_912


def _possible_connections() -> int:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - _SPARE_FILES, 16)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """The limits of one listener."""

    request_bytes: int = 104_857_600
    """`socket.request.max.bytes`: the longest request. Kafka's default."""
    connections: int = 2_147_483_647
    """`max.connections`. More than the process may open files for are refused in any case."""
    connections_per_ip: int = 2_147_483_647
    """`max.connections.per.ip`."""
    idle_ms: int = 600_000
    """`connections.max.idle.ms`: a connection is closed after so long without bytes; real time.
    Below 0 it never is."""
    queued_bytes: int = _QUEUED_BYTES
    """`queued.max.request.bytes`: requests that have come and wait to be handled, of all
    connections. Kafka's default is none; here, half a gigabyte."""
    unsent_bytes: int = 536_870_912
    """Answers that clients do not take, of all connections. Kafka has no such limit: it sends from
    its files. The connection whose answer exceeds it is cut."""
    backlog: int = 50
    """`socket.listen.backlog.size`."""

    @classmethod
    def of(cls, config: BrokerConfig) -> Self:
        """Read the limits from the broker's configuration.

        Args:
            config: as it was started.

        Returns:
            The limits.
        """
        queued = config.value("queued.max.request.bytes")
        return cls(
            request_bytes=config.integer("socket.request.max.bytes"),
            connections=config.integer("max.connections"),
            connections_per_ip=config.integer("max.connections.per.ip"),
            idle_ms=config.integer("connections.max.idle.ms"),
            queued_bytes=queued if isinstance(queued, int) and queued > 0 else _QUEUED_BYTES,
            backlog=config.integer("socket.listen.backlog.size"),
        )

    @property
    def possible_connections(self) -> int:
        """How many connections are taken: as told, and as the process may open."""
        return min(self.connections, _possible_connections())
