"""A registry on the twin, with time turned by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from penstock.events.alarm import Alarm
from penstock.infra.clock import SeededEntropy
from penstock.infra.registry.instance import Instance
from penstock.infra.registry.registration import Registration
from penstock.infra.registry.registry import Registry
from penstock.infra.virtual_clock import VirtualClock
from tests.infra.registry.instances import an_instance
from tests.infra.registry.twin import TwinDirectory

__all__ = ["Stage"]


class Stage:
    """Everything that a scenario needs; made within a running loop."""

    def __init__(self) -> None:
        """Wire it; time stands."""
        self.clock = VirtualClock()
        self.alarms: list[Alarm] = []
        self.twin = TwinDirectory(lambda: round(self.clock.monotonic() * 1000) + 1, self.clock)
        self.registry = Registry(
            self.twin, clock=self.clock, entropy=SeededEntropy(7), alarm=self.alarms.append
        )

    async def looked(self) -> list[Instance]:
        """The instances of `orders`, in any state, as the directory has them."""
        return [lease.instance for lease in (await self.twin.look("orders")).leases]

    async def listed(self) -> list[str]:
        """Their ids."""
        return [instance.id for instance in await self.looked()]

    def told(self) -> list[str]:
        """The names of the alarms so far."""
        return [alarm.name for alarm in self.alarms]

    @staticmethod
    def tasks() -> int:
        """How many tasks run beside this one."""
        return len(asyncio.all_tasks()) - 1

    @asynccontextmanager
    async def registered(self, **fields: Any) -> AsyncIterator[Registration]:
        """Be in the block of a registration; its end must come within two seconds."""
        block = self.registry.register(an_instance(**fields))
        registration = await block.__aenter__()
        await self.clock.advance(0)
        try:
            yield registration
        finally:
            leaving = asyncio.ensure_future(block.__aexit__(None, None, None))
            await self.clock.advance(2.0)
            assert leaving.done(), "it did not leave within two seconds"
            await leaving
