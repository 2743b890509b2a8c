"""What is known about one saga: its phase, and where each step stands.

    step:  IDLE -> PENDING(n) -> DONE | REFUSED | UNKNOWN
           DONE | UNKNOWN -> UNDOING(n) -> UNDONE | STUCK
    saga:  RUNNING -> COMPLETED
           RUNNING -> SETTLING -> COMPENSATING -> COMPENSATED
           RUNNING -> FORWARD -> COMPLETED            behind the pivot
           any of these -> PARKED -> back             by an answer or an operator

Laws:
1. Only `facts.evolve` makes a state out of another.
2. Timers are part of the state; when the next one is due stands in `due_ms`.
3. Times are wall clock, milliseconds since 1970.
"""

from dataclasses import dataclass
from enum import StrEnum

from penstock.events.saga_headers import Direction

__all__ = [
    "Announcement",
    "Failure",
    "Parking",
    "Phase",
    "SagaState",
    "StepState",
    "StepStatus",
    "Timer",
    "Wait",
]


class Phase(StrEnum):
    """Where a saga stands."""

    RUNNING = "RUNNING"
    SETTLING = "SETTLING"
    COMPENSATING = "COMPENSATING"
    FORWARD = "FORWARD"
    PARKED = "PARKED"
    COMPLETED = "COMPLETED"
    COMPENSATED = "COMPENSATED"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in (Phase.COMPLETED, Phase.COMPENSATED)


class StepStatus(StrEnum):
    """Where a step stands."""

    IDLE = "IDLE"
    PENDING = "PENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    UNDOING = "UNDOING"
    UNDONE = "UNDONE"
    STUCK = "STUCK"


class Announcement(StrEnum):
    """What became of the event that says that everything is undone."""

    PUBLISHED = "PUBLISHED"
    """It went out, in the transition in which the saga ended."""
    LOST = "LOST"
    """The saga ended without it, because it could not be written or sent."""


class Wait(StrEnum):
    """What a step's timer waits for."""

    ANSWER = "ANSWER"
    """The answer to the attempt that is out."""
    RETRY = "RETRY"
    """The moment of the next attempt; none is out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """The one timer of a step."""

    wait: Wait
    due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """One step."""

    status: StepStatus = StepStatus.IDLE
    attempt: int = 0
    """Number of the latest attempt to do it; 0 before the first. Only grows."""
    undo_attempt: int = 0
    """Number of the latest attempt to undo it. Only grows."""
    fresh_from: int = 0
    """Attempts up to this one, in the present direction, no longer count against the limit: an
    operator has asked to try again."""
    first_sent_ms: int | None = None
    """When the present direction was first sent, since an operator last asked to try again."""
    timer: Timer | None = None
    """What it waits for."""
    data: bytes | None = None
    """The framed reply, by the definition's own schema."""
    code: str = ""
    """Of the latest refusal, error or timeout."""
    skipped: bool = False
    """Whether an operator lets the saga go on although the step stands as it does (S11). A later
    command of the step takes that back, and an answer that makes it done or undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a saga turned round (saga-rules S32)."""

    step: str
    """The first step that failed; empty where none did (cancel, deadline)."""
    code: str
    """The refusal's code, else timeout, error, cancelled or deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Why a saga waits for an operator."""

    phase: Phase
    """Where it stood, and will stand again."""
    step: str
    """The step that parked it; empty where none did."""
    direction: Direction
    code: str
    """A short stable name of the reason."""
    text: str
    """More, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaState:
    """One saga."""

    key: str
    """Names it among those of its definition's name."""
    version: int
    """Of the definition that it began with."""
    phase: Phase
    seq: int
    """Transitions so far: each input that left a fact counts one."""
    input: bytes
    """The framed input, by the definition's own schema."""
    started_ms: int
    updated_ms: int
    """When the latest transition was made; never runs back."""
    steps: tuple[StepState, ...]
    """As many as the definition has."""
    deadline_ms: int | None = None
    """When it turns back; None where there is no deadline, or it no longer counts."""
    remove_ms: int | None = None
    """When it is forgotten; set once it has ended."""
    failure: Failure | None = None
    """Set once it turns round."""
    parked: Parking | None = None
    """Set while PARKED."""
    announced: Announcement | None = None
    """Set once it is COMPENSATED, where its definition says something then."""

    @property
    def due_ms(self) -> int | None:
        """When the next of all its timers is due; None where none runs."""
        dues = [step.timer.due_ms for step in self.steps if step.timer is not None]
        if self.deadline_ms is not None:
            dues.append(self.deadline_ms)
        if self.remove_ms is not None:
            dues.append(self.remove_ms)
        return min(dues, default=None)
