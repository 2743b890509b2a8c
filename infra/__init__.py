"""Infra: everything that touches the world, and the one place where all is wired together.

    bootstrap.py   connect() for programs that publish and read; open_worker() for workers
    settings.py    the PENSTOCK_* variables, read here and nowhere else
    log_cluster.py what those ask of a cluster: of Kafka, or of the log in memory
    kafka/         the only code that knows the Kafka client
    memory/        the same log in memory, in virtual time: for scenario tests and simulations
    cli/           the command `penstock`
    testing/       real Kafka servers and a network that breaks on demand
    pytest_plugin/ fixtures for suites of users: servers, a clock, their workers and sagas running

Laws:
1. Rooms above know ports; here stand the adapters. No decision about an event is made here.
2. Heavy libraries are imported late, so that `penstock --help` answers at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.infra.bootstrap import Bus, connect
    from penstock.infra.settings import Settings

__all__ = ["Bus", "Settings", "connect"]

_HOMES = {
    "Bus": "penstock.infra.bootstrap",
    "Settings": "penstock.infra.settings",
    "connect": "penstock.infra.bootstrap",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - this module imports nothing by itself

    return getattr(import_module(home), name)
