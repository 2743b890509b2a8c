"""What a test holds in its hands after it has asked the proxy for a fault.

`PlannedFault` is any fault that one message will meet; `HeldMessage` is one that waits for a word.
Tests call these from their own threads; the methods under «the proxy's side» are called in the
proxy's event loop. All but the properties may block: a coroutine calls them by
`asyncio.to_thread`, so that the client in its own loop goes on meanwhile.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, final

from penstock.schemas.errors import CallerError, WorldError

__all__ = ["Decision", "HeldMessage", "MessageLost", "NotReached", "PlannedFault", "WaitedInVain"]

_ANSWER_BODY_AT = 8
"""Behind the length and the correlation id."""


class Decision(Enum):
    """What becomes of a held message."""

    RELEASE = auto()
    DISCARD = auto()


@final
class PlannedFault:
    """A fault that was asked for, before and after a message has met it."""

    def __init__(self, *, name: str, withdraw: Callable[[], bool]) -> None:
        """Made by the proxy.

        Args:
            name: the fault in words, for errors.
            withdraw: takes the rule back.
        """
        self.name = name
        self._withdraw = withdraw
        self._met = threading.Event()

    @property
    def reached(self) -> bool:
        """True once a message has met it."""
        return self._met.is_set()

    def wait_reached(self, timeout_s: float) -> None:
        """Wait until a message meets it.

        Raises:
            WaitedInVain: none did within the limit.
        """
        if not self._met.wait(timeout_s):
            raise WaitedInVain(awaited=self.name, timeout_s=timeout_s)

    def withdraw(self) -> bool:
        """Take it back.

        Returns:
            False where a message has met it already, or it was taken back before.
        """
        return self._withdraw()

    # The proxy's side.

    def meet(self) -> None:
        """Note that a message has met it."""
        self._met.set()


@final
class HeldMessage:
    """A message that is kept by the proxy, or will be when it comes.

    A request that is held belongs to nobody any more: its client may give up, close the
    connection and send another; it is still delivered when it is released. That is the late copy
    which a network may bring at any time.
    """

    def __init__(self, fault: PlannedFault, *, run: Callable[[Callable[[], None]], None]) -> None:
        """Made by the proxy, in its event loop.

        Args:
            fault: the hold itself.
            run: runs a function in the proxy's event loop.
        """
        self._fault = fault
        self._run = run
        self._decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._answer: concurrent.futures.Future[bytes] = concurrent.futures.Future()
        self._cut_client: Callable[[], None] | None = None

    @property
    def reached(self) -> bool:
        """True once a message is held, or was."""
        return self._fault.reached

    def wait_reached(self, timeout_s: float) -> None:
        """Wait until a message is held.

        Raises:
            WaitedInVain: none came within the limit.
        """
        self._fault.wait_reached(timeout_s)

    def release(self) -> None:
        """Let it go on, and with it all that queues behind it; before it came: hold nothing."""
        self._decide(Decision.RELEASE)

    def discard(self) -> None:
        """Lose it. Its connection is reset, because a stream cannot miss a piece and go on."""
        self._decide(Decision.DISCARD)

    def cut(self) -> None:
        """Reset the client's side of its connection; the message stays held.

        Raises:
            NotReached: no message is held yet.
        """
        if self._cut_client is None:
            raise NotReached(fault=self._fault.name)
        self._run(self._cut_client)

    def wait_answered(self, timeout_s: float) -> bytes:
        """Wait until the server has answered it, whether or not its client still listens.

        Returns:
            What follows the correlation id in the answer.

        Raises:
            WaitedInVain: there was no answer within the limit.
            MessageLost: it was discarded, or the server had closed the connection.
        """
        try:
            return self._answer.result(timeout_s)[_ANSWER_BODY_AT:]
        except TimeoutError:
            awaited = f"the answer to {self._fault.name}"
            raise WaitedInVain(awaited=awaited, timeout_s=timeout_s) from None

    def _decide(self, decision: Decision) -> None:
        self._fault.withdraw()
        self._run(lambda: self.decide(decision))

    # The proxy's side.

    def meet(self, cut_client: Callable[[], None]) -> None:
        """Note that a message is held.

        Args:
            cut_client: resets the client's side of its connection.
        """
        self._cut_client = cut_client
        self._fault.meet()

    def decide(self, decision: Decision) -> None:
        """Settle what becomes of it; the first word counts."""
        if not self._decision.done():
            self._decision.set_result(decision)

    async def wait_decided(self) -> Decision:
        """Wait for `release` or `discard`."""
        return await self._decision

    def answered(self, frame: bytes) -> None:
        """Note its answer."""
        if not self._answer.done():
            self._answer.set_result(frame)

    def lost(self, reason: str) -> None:
        """Note that it will have no answer."""
        if not self._answer.done():
            self._answer.set_exception(MessageLost(fault=self._fault.name, reason=reason))


@dataclass(eq=False, kw_only=True)
class WaitedInVain(WorldError):
    """Something that a test waited for did not come to pass at the proxy."""

    awaited: str
    """What was waited for."""
    timeout_s: float
    """How long, in seconds."""

    code: ClassVar[str] = "PEN-I47"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "Waited in vain for {awaited}: nothing within {timeout_s:g} s."
    why: ClassVar[str] = "No such message came through the proxy."
    remedy: ClassVar[str] = (
        "See the proxy's statistics() for what did come, and that the client's bootstrap address "
        "is the proxy's."
    )


@dataclass(eq=False, kw_only=True)
class NotReached(CallerError):
    """Something was asked of a held message that has not come yet."""

    fault: str
    """The hold in words."""

    code: ClassVar[str] = "PEN-I48"
    what: ClassVar[str] = "There is not yet {fault}."
    why: ClassVar[str] = "Before it has come, no connection is known that could be cut."
    remedy: ClassVar[str] = "Call wait_reached() first."


@dataclass(eq=False, kw_only=True)
class MessageLost(WorldError):
    """A held message will never be answered."""

    fault: str
    """The hold in words."""
    reason: str
    """What became of it."""

    code: ClassVar[str] = "PEN-I49"
    what: ClassVar[str] = "There will be no answer to {fault}."
    why: ClassVar[str] = "It {reason}."
    remedy: ClassVar[str] = "Keep the server running while a message is held that is to reach it."
