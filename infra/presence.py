"""The runners of this process in the registry, if there is one.

    opened -> registered, beside everything else -> signal: draining -> drained -> gone

Laws:
1. Where the settings name no Redis nothing happens, and redis is not even imported.
2. Whatever the registry does, a worker starts, runs and ends as it would without; leaving takes two
   seconds at most, however many runners there are.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, final

from penstock.infra.clock import SystemClock, SystemEntropy
from penstock.infra.settings import Settings

if TYPE_CHECKING:
    from penstock.infra.registry.registration import Registration

__all__ = ["Presence", "presence"]

_SAGA: Final = "saga-"  # no other worker's name begins so (formats F1)


@final
class Presence:
    """What others see of the runners of this process."""

    def __init__(self, registrations: "Sequence[Registration]") -> None:
        """Stand over their registrations; none where there is no registry."""
        self._registrations = registrations

    def drain(self) -> None:
        """Say that they take no new work any more; may be called from a signal handler."""
        for registration in self._registrations:
            registration.drain()


@asynccontextmanager
async def presence(settings: Settings, workers: Iterable[str]) -> AsyncIterator[Presence]:
    """Keep runners registered for as long as a block lasts.

    Args:
        settings: As read from the environment.
        workers: The names of the workers, or `saga-<saga>`.
    """
    if settings.redis is None:
        yield Presence(())
        return
    # Imported here, as who needs no registry need not wait for redis.
    from penstock.infra.registry.opening import open_registry  # noqa: PLC0415 - as said above
    from penstock.infra.registry.this_process import this_process  # noqa: PLC0415 - likewise

    clock, entropy = SystemClock(), SystemEntropy()
    async with open_registry(settings) as registry, AsyncExitStack() as blocks:
        registrations = [
            await blocks.enter_async_context(
                registry.register(
                    this_process(
                        worker,
                        clock=clock,
                        entropy=entropy,
                        metadata={
                            "app": settings.app,
                            "kind": "saga" if worker.startswith(_SAGA) else "worker",
                        },
                    )
                )
            )
            for worker in workers
        ]
        try:
            yield Presence(registrations)
        finally:
            # Side by side: the blocks would do it one after the other.
            await asyncio.gather(*(registration.leave() for registration in registrations))
