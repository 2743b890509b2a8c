"""An embedded broker in numbers."""

from typing import NamedTuple, final

__all__ = ["ServerStatistics"]


@final
class ServerStatistics(NamedTuple):
    """The server's side; the broker's own numbers are `Broker.statistics()`."""

    connections: int
    """Open now."""
    accepted: int
    """Since the start."""
    refused: int
    """Since the start, for there were too many."""
    broken_off: int
    """Since the start, for bytes that made no sense."""
    requests: int
    """Since the start."""
    failed: int
    """Requests that met a bug of this broker."""
    queued_bytes: int
    """Of requests that wait to be handled."""
    unsent_bytes: int
    """Of answers that clients do not take."""
    waiting_fetches: int
    """Fetches that wait for records."""
    waiting_members: int
    """Requests that wait for the others of their group."""
    kept: tuple[object, ...]
    """Of what the modules of `apis` keep, such as fetch sessions; those that were ever used."""
