"""A request that meets a fault: what is done to it, and in which order.

    delay -> refuse | cut | hold -> take effect -> cut | hold -> answer

Loaded with the first fault, for most brokers never see one.
"""

import asyncio
from typing import Any, Protocol, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.connection_cut import CUT
from penstock.infra.embedded.server.fault_rules import Answer, Drop, Hold, Moment, Verdict
from penstock.infra.embedded.server.planned_fault import Decision, HeldRequest
from penstock.infra.embedded.wire.call import Call

__all__ = ["Bearer", "StruckCall"]


class Bearer(Protocol):
    """The connection of the request."""

    async def perform(self, call: Call) -> Any:
        """Let the request take its effect, and all that follows from it.

        Returns:
            The answer.
        """
        ...

    def refuse(self, call: Call, error: ErrorCode) -> Any:
        """Make the answer to a request that fails as a whole."""
        ...

    def note_held(self, *, held: bool) -> None:
        """Learn that the request is held: then it outlives its connection."""
        ...


@final
class StruckCall:
    """One request and its fault."""

    def __init__(self, call: Call, verdict: Verdict, held: HeldRequest | None) -> None:
        """Begin.

        Args:
            call: the request.
            verdict: what is to be done to it.
            held: the hold that the verdict speaks of, if it does.
        """
        self._call = call
        self._verdict = verdict
        self._held = held

    async def run(self, bearer: Bearer) -> Any:
        """Do to the request what is to be done.

        Args:
            bearer: its connection.

        Returns:
            The answer, or CUT.
        """
        deed = self._verdict.deed
        if self._verdict.delay_s > 0:
            await asyncio.sleep(self._verdict.delay_s)
        if isinstance(deed, Answer):
            return bearer.refuse(self._call, deed.error)
        if await self._is_cut(Moment.BEFORE, bearer):
            return CUT
        answer = await bearer.perform(self._call)
        return CUT if await self._is_cut(Moment.AFTER, bearer) else answer

    async def _is_cut(self, moment: Moment, bearer: Bearer) -> bool:
        match self._verdict.deed:
            case Drop(moment=when) if when is moment:
                return True
            case Hold(moment=when) if when is moment:
                return await self._wait_decided(bearer) is Decision.DROP
        return False

    async def _wait_decided(self, bearer: Bearer) -> Decision:
        assert self._held is not None, "who holds has a hold"
        bearer.note_held(held=True)
        try:
            return await self._held.wait_decided()
        finally:
            bearer.note_held(held=False)
