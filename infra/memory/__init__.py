"""The log in memory: penstock's own ports straight over the embedded broker's cores.

    from penstock.infra.memory import Fault, Loss, MemoryCluster, RequestKind, play, running

    cluster = MemoryCluster(clock=VirtualClock(), entropy=SeededEntropy(7))
    async with open_worker(settings, worker, cluster=cluster) as runner: ...

It fulfils log_cluster.LogCluster, with the promises and the errors of infra/kafka, over the log
engine, group coordinator and transaction coordinator that the embedded broker serves over sockets:
for scenario tests and simulations. docs/testing.md is the page for users; scenario.py is what a
test is written with, memory_cluster.py the door to everything, and memory_process.py is for several
processes.

Laws:
1. No socket, no thread and no time but the given clock's: with a virtual clock a session expires, a
   transaction times out and a wait ends when the test moves the clock, and at no other moment.
2. No randomness but the given one: the same seed, calls and clock give the same history.
3. Each request takes at least one turn of the event loop, and what a network may do can be done to
   it: loss before or after its effect, delay, an error, a broker that is away (fault.py).
4. What the cores decide is not decided here again; what infra/kafka promises is promised here.
"""

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock.infra.memory.fault import Fault, Loss
    from penstock.infra.memory.memory_cluster import MemoryCluster
    from penstock.infra.memory.memory_options import Latency, MemoryOptions
    from penstock.infra.memory.memory_process import MemoryProcess
    from penstock.infra.memory.request_kind import RequestKind
    from penstock.infra.memory.scenario import make_topics, play, running, saga_of

__all__ = [
    "Fault",
    "Latency",
    "Loss",
    "MemoryCluster",
    "MemoryOptions",
    "MemoryProcess",
    "RequestKind",
    "make_topics",
    "play",
    "running",
    "saga_of",
]

_HOMES: Final = {
    "Fault": "fault",
    "Latency": "memory_options",
    "Loss": "fault",
    "MemoryCluster": "memory_cluster",
    "MemoryOptions": "memory_options",
    "MemoryProcess": "memory_process",
    "RequestKind": "request_kind",
    "make_topics": "scenario",
    "play": "scenario",
    "running": "scenario",
    "saga_of": "scenario",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: scenarios need far more than ports do."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - this module imports nothing by itself

    return getattr(import_module(f"{__name__}.{home}"), name)
