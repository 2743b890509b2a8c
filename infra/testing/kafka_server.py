"""A Kafka server that a test owns: what it can do, whether it is a JVM or a container.

`local_kafka.LocalKafka` and `kafka_container.KafkaContainer` are the two kinds. A test that is
handed a `KafkaServer` may do all of this to it; a test that is handed an address may not.
"""

from typing import Protocol, Self

__all__ = ["KafkaServer"]


class KafkaServer(Protocol):
    """One server, with its data and its ports, from `start` to `close`."""

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients."""
        ...

    @property
    def proxied_upstream(self) -> str | None:
        """`host:port` that a proxy forwards to; None where none was announced."""
        ...

    def start(self) -> None:
        """Start it, the first time or again, and wait until it serves clients."""
        ...

    def stop(self) -> None:
        """Shut it down in order, in bounded time; data and ports are kept."""
        ...

    def kill(self) -> None:
        """End it with SIGKILL; data and ports are kept."""
        ...

    def restart(self) -> None:
        """Shut it down where it runs, and start it on the same data and ports."""
        ...

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        ...

    def resume(self) -> None:
        """Let it go on after `pause`."""
        ...

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        ...

    def close(self) -> None:
        """Kill it and give back everything: data, ports, containers."""
        ...

    def __enter__(self) -> Self:
        """Start it."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close it."""
        ...
