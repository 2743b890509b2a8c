"""What a test holds in its hands after it has asked the embedded broker for a fault.

As in `infra/testing/planned_fault.py`, with one difference: a test and its embedded broker share an
event loop, so what waits here is awaited.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, final

from penstock.schemas.errors import WorldError

__all__ = ["AwaitedInVain", "Decision", "HeldRequest", "PlannedFault"]


@final
class Decision(Enum):
    """What becomes of a held request."""

    RELEASE = auto()
    DROP = auto()


@final
class PlannedFault:
    """A fault that was asked for, before and after requests have met it."""

    def __init__(self, *, name: str, withdraw: Callable[[], bool]) -> None:
        """Made by `Faults`.

        Args:
            name: the fault in words.
            withdraw: takes the rule back.
        """
        self.name = name
        self._withdraw = withdraw
        self._met = 0
        self._changed = asyncio.Event()

    @property
    def met(self) -> int:
        """How many requests have met it."""
        return self._met

    async def wait_reached(self, timeout_s: float = 10.0, *, times: int = 1) -> None:
        """Wait until requests have met it.

        Args:
            timeout_s: limit, in seconds of real time.
            times: how many requests.

        Raises:
            AwaitedInVain: so many did not come within the limit.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._met < times:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AwaitedInVain(fault=self.name, met=self._met, timeout_s=timeout_s) from None

    def withdraw(self) -> bool:
        """Take it back.

        Returns:
            False where it was used up, or taken back before.
        """
        return self._withdraw()

    # The broker's side.

    def meet(self) -> None:
        """Note that a request has met it."""
        self._met += 1
        self._changed.set()


@final
class HeldRequest:
    """A request that the broker keeps, or will keep when it comes.

    It belongs to nobody any more: its client may give up, close the connection and send another;
    it still takes effect when it is released. That is the late copy that a network may bring.
    """

    def __init__(self, fault: PlannedFault) -> None:
        """Made by `Faults`.

        Args:
            fault: the hold itself.
        """
        self._fault = fault
        self._decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

    @property
    def reached(self) -> bool:
        """True once a request is held, or was."""
        return self._fault.met > 0

    async def wait_reached(self, timeout_s: float = 10.0) -> None:
        """Wait until a request is held.

        Args:
            timeout_s: limit, in seconds of real time.

        Raises:
            AwaitedInVain: none came within the limit.
        """
        await self._fault.wait_reached(timeout_s)

    def release(self) -> None:
        """Let it go on, and all that queues behind it; before it came: hold nothing."""
        self._decide(Decision.RELEASE)

    def drop(self) -> None:
        """Lose it, and cut its connection; before it came: hold nothing."""
        self._decide(Decision.DROP)

    def _decide(self, decision: Decision) -> None:
        self._fault.withdraw()
        if not self._decision.done():
            self._decision.set_result(decision)

    # The broker's side.

    async def wait_decided(self) -> Decision:
        """Wait for `release` or `drop`; the first word counts."""
        return await asyncio.shield(self._decision)


@dataclass(eq=False, kw_only=True)
class AwaitedInVain(WorldError):
    """No request met a fault that a test waits for."""

    fault: str
    """The fault in words."""
    met: int
    """How many requests have met it."""
    timeout_s: float
    """How long it was waited for, in seconds."""

    code: ClassVar[str] = "PEN-I131"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Waited {timeout_s:g} s for requests to meet {fault}; {met} have."
    why: ClassVar[str] = "No further such request came to the embedded broker."
    remedy: ClassVar[str] = (
        "See that the client's bootstrap address is this broker's, and that `where` and `skip` let "
        "its requests through."
    )
