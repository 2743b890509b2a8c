"""What has happened to a saga, fact by fact, and what each fact makes of its state.

    state = evolve(evolve(None, fact), fact) ...

`decide` never touches a state: it states facts, and the state is what the facts make of the one
before. The facts of each transition are the saga's history, so a state can always be built again
from its history alone, whatever later versions of `decide` would have decided.

Laws:
1. `_EVOLVE` has a line for each kind of fact, and `evolve` is total over facts of the kinds.
2. A fact holds all that it takes: nothing is computed here from a definition or a clock.
3. Kinds and their meaning are on the wire (history): kinds are added, none changes its meaning.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.renewal import renewer_of
from penstock.sagas.engine.state import (
    Announcement,
    Failure,
    Parking,
    Phase,
    SagaState,
    StepState,
    StepStatus,
    Timer,
    Wait,
)

__all__ = ["Fact", "FactKind", "Moment", "counted", "evolve", "fold"]


class FactKind(StrEnum):
    """What a fact says. In brackets the fields that it uses."""

    STARTED = "STARTED"
    """The saga began [data: its input; due_ms: its deadline, if any; count: its steps]."""
    SENT = "SENT"
    """A command went out [step, direction, attempt, due_ms: when its answer is late]."""
    WAITS = "WAITS"
    """An attempt failed and another follows [step, direction, attempt, due_ms: when, code]."""
    FRESH = "FRESH"
    """Attempts so far no longer count against the limit [step, direction]."""
    DONE = "DONE"
    """A step is done [step, data: the framed reply, if any]."""
    REFUSED = "REFUSED"
    """A step certainly had no effect [step, code, text]."""
    UNKNOWN = "UNKNOWN"
    """A step may have had its effect [step, code]."""
    UNDONE = "UNDONE"
    """A step's effect is undone [step]."""
    STUCK = "STUCK"
    """A step could not be undone [step, code, text]."""
    SKIPPED = "SKIPPED"
    """The saga goes on although the step stands as it does [step]."""
    FAILED = "FAILED"
    """The saga has to turn round [step: the first that failed, or empty; code]."""
    MOVED = "MOVED"
    """The saga is in another phase [phase]."""
    PARKED = "PARKED"
    """The saga waits for an operator [step or empty, direction, code, text]. Where it did already,
    only the reason is another."""
    RESUMED = "RESUMED"
    """The saga is back where it was parked from."""
    PAST_DEADLINE = "PAST_DEADLINE"
    """The saga's deadline no longer counts."""
    KEPT = "KEPT"
    """The saga has ended and is remembered for a while [due_ms: until when]."""
    REMOVED = "REMOVED"
    """The saga is forgotten: its key is free again."""
    CANCELLED = "CANCELLED"
    """Somebody asked to turn it round [code: actor, text: reason]. Says nothing of the outcome."""
    OPERATED = "OPERATED"
    """An operator decided [step, code: the verb, text: actor and reason]."""
    NOTED = "NOTED"
    """Something came that changes nothing [code: a word of `Note`; step, direction, attempt, text
    where known]."""
    ANNOUNCED = "ANNOUNCED"
    """The event that says that everything is undone went out [text: its full name]."""
    UNANNOUNCED = "UNANNOUNCED"
    """The saga ends without that event [code, text: why]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that has happened."""

    kind: FactKind
    step: str = ""
    direction: Direction | None = None
    attempt: int = 0
    due_ms: int | None = None
    data: bytes | None = None
    code: str = ""
    text: str = ""
    phase: Phase | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Around the facts of one transition: whose, by which definition, and when."""

    key: str
    version: int
    step_names: tuple[str, ...]
    """The definition's, in order."""
    now_ms: int


_Change = Callable[[SagaState, Fact, Moment], SagaState]

_renewed: Final = renewer_of(SagaState)
_renewed_step: Final = renewer_of(StepState)


def evolve(state: SagaState | None, fact: Fact, moment: Moment) -> SagaState | None:
    """Return what a fact makes of a state.

    Args:
        state: None where there is no saga yet.
        fact: what has happened.
        moment: around it.

    Returns:
        None where there is no saga: only STARTED makes one, and REMOVED ends it.
    """
    if fact.kind is FactKind.STARTED:
        assert fact.data is not None
        return SagaState(
            key=moment.key,
            version=moment.version,
            phase=Phase.RUNNING,
            seq=0,
            input=fact.data,
            started_ms=moment.now_ms,
            updated_ms=moment.now_ms,
            steps=(StepState(),) * fact.count,
            deadline_ms=fact.due_ms,
        )
    if state is None:
        assert fact.kind in _OF_NOBODY, f"{fact.kind} without a saga"
        return None
    if fact.kind is FactKind.REMOVED:
        return None
    return _EVOLVE[fact.kind](state, fact, moment)


def fold(state: SagaState | None, facts: Iterable[Fact], moment: Moment) -> SagaState | None:
    """Return what the facts of one transition make of a state, its count raised by one."""
    for fact in facts:
        state = evolve(state, fact, moment)
    return counted(state, moment)


def counted(state: SagaState | None, moment: Moment) -> SagaState | None:
    """Return a state with one transition more to its name."""
    if state is None:
        return None
    return _renewed(state, seq=state.seq + 1, updated_ms=moment.now_ms)


def _step(state: SagaState, fact: Fact, moment: Moment, after: StepState) -> SagaState:
    place = moment.step_names.index(fact.step)
    return _renewed(state, steps=(*state.steps[:place], after, *state.steps[place + 1 :]))


def _before(state: SagaState, fact: Fact, moment: Moment) -> StepState:
    return state.steps[moment.step_names.index(fact.step)]


def _sent(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    before = _before(state, fact, moment)
    assert fact.due_ms is not None
    timer = Timer(wait=Wait.ANSWER, due_ms=fact.due_ms)
    if fact.direction is Direction.DO:
        after = _renewed_step(
            before,
            status=StepStatus.PENDING,
            attempt=fact.attempt,
            timer=timer,
            first_sent_ms=_first(before, moment),
            skipped=False,
        )
    else:
        turning = before.status is not StepStatus.UNDOING and before.status is not StepStatus.STUCK
        after = _renewed_step(
            before,
            status=StepStatus.UNDOING,
            undo_attempt=fact.attempt,
            timer=timer,
            fresh_from=0 if turning else before.fresh_from,
            first_sent_ms=moment.now_ms if turning else _first(before, moment),
            skipped=False,
        )
    return _step(state, fact, moment, after)


def _first(before: StepState, moment: Moment) -> int:
    return moment.now_ms if before.first_sent_ms is None else before.first_sent_ms


def _waits(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    assert fact.due_ms is not None
    before = _before(state, fact, moment)
    timer = Timer(wait=Wait.RETRY, due_ms=fact.due_ms)
    return _step(state, fact, moment, _renewed_step(before, timer=timer, code=fact.code))


def _fresh(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    before = _before(state, fact, moment)
    so_far = before.attempt if fact.direction is Direction.DO else before.undo_attempt
    return _step(state, fact, moment, _renewed_step(before, fresh_from=so_far, first_sent_ms=None))


def _settled(status: StepStatus) -> _Change:
    def change(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
        before = _before(state, fact, moment)
        after = _renewed_step(
            before,
            status=status,
            timer=None,
            data=before.data if fact.data is None else fact.data,
            code=fact.code,
            skipped=False,
        )
        return _step(state, fact, moment, after)

    return change


def _skipped(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    return _step(state, fact, moment, _renewed_step(_before(state, fact, moment), skipped=True))


def _failed(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del moment
    return _renewed(state, failure=Failure(step=fact.step, code=fact.code), deadline_ms=None)


def _moved(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del moment
    assert fact.phase is not None
    return _renewed(state, phase=fact.phase)


def _parked(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    assert fact.direction is not None
    parking = Parking(
        phase=state.phase if state.parked is None else state.parked.phase,
        step=fact.step,
        direction=fact.direction,
        code=fact.code,
        text=fact.text,
    )
    if fact.step:
        state = _step(state, fact, moment, _renewed_step(_before(state, fact, moment), timer=None))
    return _renewed(state, phase=Phase.PARKED, parked=parking)


def _resumed(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del fact, moment
    assert state.parked is not None
    return _renewed(state, phase=state.parked.phase, parked=None)


def _past_deadline(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del fact, moment
    return _renewed(state, deadline_ms=None)


def _announced(announced: Announcement) -> _Change:
    def change(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
        del fact, moment
        return _renewed(state, announced=announced)

    return change


def _kept(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del moment
    return _renewed(state, remove_ms=fact.due_ms, deadline_ms=None)


def _unchanged(state: SagaState, fact: Fact, moment: Moment) -> SagaState:
    del fact, moment
    return state


_EVOLVE: Final[Mapping[FactKind, _Change]] = {
    FactKind.SENT: _sent,
    FactKind.WAITS: _waits,
    FactKind.FRESH: _fresh,
    FactKind.DONE: _settled(StepStatus.DONE),
    FactKind.REFUSED: _settled(StepStatus.REFUSED),
    FactKind.UNKNOWN: _settled(StepStatus.UNKNOWN),
    FactKind.UNDONE: _settled(StepStatus.UNDONE),
    FactKind.STUCK: _settled(StepStatus.STUCK),
    FactKind.SKIPPED: _skipped,
    FactKind.FAILED: _failed,
    FactKind.MOVED: _moved,
    FactKind.PARKED: _parked,
    FactKind.RESUMED: _resumed,
    FactKind.PAST_DEADLINE: _past_deadline,
    FactKind.KEPT: _kept,
    FactKind.CANCELLED: _unchanged,
    FactKind.OPERATED: _unchanged,
    FactKind.NOTED: _unchanged,
    FactKind.ANNOUNCED: _announced(Announcement.PUBLISHED),
    FactKind.UNANNOUNCED: _announced(Announcement.LOST),
}

_OF_NOBODY: Final = frozenset({FactKind.NOTED, FactKind.CANCELLED, FactKind.OPERATED})
"""Kinds that may be noted of a key without a saga."""
