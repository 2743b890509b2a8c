"""What a network and a broker may do to a request, planned by a test.

    Fault(request=RequestKind.END_TRANSACTION, loses=Loss.ANSWER)       # took effect, nobody knows
    Fault(request=RequestKind.HEARTBEAT, client="b", loses=Loss.REQUEST, times=100)
    Fault(request=RequestKind.PRODUCE, arrives_after_s=12.0)            # the late first copy
    Fault(request=RequestKind.COMMIT_OFFSET, error=ErrorCode.rebalance_in_progress)

Law: this is a core. A plan is gone through in the order in which it was made; each request meets
one fault at most.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import ClassVar, Final, final

from kio.schema.errors import ErrorCode

from penstock.infra.memory.request_kind import RequestKind
from penstock.schemas.errors import CallerError

__all__ = ["NO_FAULT", "Fault", "FaultPlan", "FaultUnusable", "Loss"]


class Loss(Enum):
    """What of a request gets lost."""

    NOTHING = "nothing"
    REQUEST = "request"
    """It does not arrive, and has no effect."""
    ANSWER = "answer"
    """It takes effect, and its client does not hear of it."""


@dataclass(eq=False, kw_only=True)
class FaultUnusable(CallerError):
    """A fault that cannot be planned."""

    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I154"
    what: ClassVar[str] = "The fault cannot be planned: {problem}."
    why: ClassVar[str] = "A plan that does nothing would let a test pass that tests nothing."
    remedy: ClassVar[str] = "Correct the fault."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What befalls the next requests of a kind."""

    request: RequestKind
    """Of which kind."""
    client: str | None = None
    """Whose: the name of a member, writer, reader, or a transactional id. None: anybody's."""
    times: int = 1
    """How many requests; 1 and more."""
    after: int = 0
    """How many of them go unharmed before; 0 and more."""
    loses: Loss = Loss.NOTHING
    """What gets lost."""
    noticed: bool = False
    """Whether the client learns at once that the connection broke; else it waits to its limit."""
    arrives_after_s: float = 0.0
    """How much longer the request is under way. It takes effect then, whoever still waits."""
    answered_after_s: float = 0.0
    """How much longer its answer is under way."""
    error: ErrorCode = ErrorCode.none
    """The broker answers with this instead of doing anything."""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            FaultUnusable: it could not befall anything.
        """
        if self.times < 1 or self.after < 0:
            raise FaultUnusable(problem=f"times={self.times} and after={self.after}")
        if not (self.arrives_after_s >= 0 and self.answered_after_s >= 0):
            raise FaultUnusable(problem="its seconds are not 0 or more")
        if not self._does_anything():
            raise FaultUnusable(problem="it neither loses, delays nor refuses anything")
        if self.error is not ErrorCode.none and self.loses is Loss.REQUEST:
            raise FaultUnusable(problem="a request that does not arrive is not answered")

    def _does_anything(self) -> bool:
        delays = self.arrives_after_s > 0 or self.answered_after_s > 0
        return delays or self.loses is not Loss.NOTHING or self.error is not ErrorCode.none


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Harmless:
    """A request that nothing befalls; it has a fault's fields."""

    loses: Loss = Loss.NOTHING
    noticed: bool = False
    arrives_after_s: float = 0.0
    answered_after_s: float = 0.0
    error: ErrorCode = ErrorCode.none


NO_FAULT: Final = _Harmless()
"""What befalls a request for which nothing is planned."""


@final
@dataclass(slots=True)
class FaultPlan:
    """The faults that are still to come."""

    _faults: list[Fault] = field(default_factory=list)
    used: int = 0
    """How many requests have met one."""

    @property
    def pending(self) -> tuple[Fault, ...]:
        """What is still to come, in order, with what is left of `times` and `after`."""
        return tuple(self._faults)

    def add(self, fault: Fault) -> None:
        """Plan a fault behind those that are planned already."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let nothing befall anybody any more."""
        self._faults.clear()

    def take(self, request: RequestKind, client: str) -> "Fault | _Harmless":
        """Say what befalls a request.

        Args:
            request: its kind.
            client: who sends it.

        Returns:
            The first fault that is meant for it, or `NO_FAULT`.
        """
        for place, fault in enumerate(self._faults):
            if fault.request is not request or fault.client not in (None, client):
                continue
            if fault.after:
                self._faults[place] = replace(fault, after=fault.after - 1)
                continue
            if fault.times > 1:
                self._faults[place] = replace(fault, times=fault.times - 1)
            else:
                del self._faults[place]
            self.used += 1
            return fault
        return NO_FAULT
