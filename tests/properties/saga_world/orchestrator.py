"""The saga's side: the real `decide`, with the states met in a search numbered.

A state in this world has no clock. Timers run or they do not, and any of them may run out next; a
step that is tried until it gives up has given up by its last attempt. What only people read (codes,
counts, texts) is dropped. So there are few states, and no decision is made twice.

Every decision made for the first time is held to what is true of all of them: the facts make the
state, an attempt that is counted is sent, and whoever is sent something was asked by a fact.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tests.properties.saga_world.decision_laws import first_broken_law
from tests.properties.saga_world.messages import DO, ERROR, OK, REFUSED, UNDO, Ask, Reply
from tests.properties.saga_world.product import (
    CallStep,
    Cancelled,
    DeadLetter,
    Decision,
    Direction,
    Erred,
    FactKind,
    Input,
    Operated,
    Program,
    PublishEvent,
    Refused,
    Replied,
    SagaState,
    SendCommand,
    Started,
    StepState,
    Succeeded,
    TimersDue,
    Verb,
    Wait,
)
from tests.properties.saga_world.shapes import INPUT, KEY, REPLIES

__all__ = ["DEADLINE", "Decide", "Orchestrator", "Overdue", "Standing", "Told", "Wish"]

Decide = Callable[[Program, SagaState | None, Input], Decision]

NOW_MS: Final = 10**12
"""It is always this time: timers are moved, not the clock."""
_FUTURE_MS: Final = NOW_MS + 10**9
_LONG_AGO_MS: Final = 0
DEADLINE: Final = -1
"""The place of the saga's own timer, where others are named by their step's."""
_FAILURES: Final = frozenset({FactKind.WAITS, FactKind.UNKNOWN, FactKind.STUCK})
"""Facts that follow where an attempt has failed."""


class Wish(NamedTuple):
    """What a person asks of the saga."""

    what: str
    """cancel or retry."""


class Overdue(NamedTuple):
    """Timers that have run out, in their order; none where an old one goes off once more."""

    places: tuple[int, ...]


class Told(NamedTuple):
    """What became of the saga when it was told something."""

    saga: int
    sent: tuple[Ask, ...]
    said: int
    """How often it says by it that it has turned round."""
    fails: bool
    """Whether an attempt has failed by it."""
    stranger: bool
    """Whether it took what it was told for a stranger's."""
    wrong: str
    """What is wrong with the decision; empty where nothing is."""


class Standing(NamedTuple):
    """What the world wants to know of a saga, read from its state once."""

    state: SagaState
    timers: tuple[int, ...]
    """Places of the timers that run."""
    awaited: tuple[Ask | None, ...]
    """By step, the attempt whose answer its timer waits for."""
    outlived: bool
    """Whether a timer was set that no longer counts: it may still go off."""


class Orchestrator:
    """One saga at a time, decided by the real core."""

    def __init__(self, program: Program, decide: Decide, *, attempts: int) -> None:
        """Begin with no saga.

        Args:
            program: what decides.
            decide: how, with the key, the time and the jitter already given.
            attempts: at which attempt a step has given up that has no limit of its own.
        """
        self._program = program
        self._decide = decide
        self._attempts = attempts
        self._standings: list[Standing] = []
        self._numbers: dict[SagaState, int] = {}
        self._told: dict[tuple[int, Any], Told] = {}

    def __getitem__(self, number: int) -> Standing:
        """Return the saga with this number."""
        return self._standings[number]

    def __iter__(self) -> Iterator[Standing]:
        """Go through all sagas met so far."""
        return iter(self._standings)

    def begin(self) -> Told:
        """Start a saga."""
        return self._decided(None, Started(key=KEY, input=INPUT))

    def tell(self, number: int, what: Reply | Overdue | Wish) -> Told:
        """Give an input to the real core."""
        told = self._told.get((number, what))
        if told is None:
            before = self._standings[number].state
            if isinstance(what, Overdue):
                told = self._decided(_run_out(before, what.places), TimersDue(), number)
            else:
                told = self._decided(before, self._input(before, what), number)
            self._told[number, what] = told
        return told

    def _decided(self, before: SagaState | None, given: Input, number: int = -1) -> Told:
        try:
            decision = self._decide(self._program, before, given)
        except AssertionError as broken:
            wrong = f"decide objects: {broken}"
            return Told(saga=number, sent=(), said=0, fails=False, stranger=False, wrong=wrong)
        assert decision.state is not None
        sends = [each for each in decision.effects if isinstance(each, SendCommand)]
        return Told(
            saga=self._number(self._canonical(decision.state)),
            sent=tuple(
                Ask(self._place(each.step), _way(each.direction), each.attempt) for each in sends
            ),
            said=sum(isinstance(each, PublishEvent) for each in decision.effects),
            fails=any(fact.kind in _FAILURES for fact in decision.facts),
            stranger=any(isinstance(each, DeadLetter) for each in decision.effects),
            wrong=first_broken_law(self._program, before, given, decision, now_ms=NOW_MS),
        )

    def _input(self, before: SagaState, what: Reply | Wish) -> Input:
        if isinstance(what, Wish):
            if what.what == "cancel":
                return Cancelled(actor="a", reason="r")
            assert before.parked is not None
            return Operated(verb=Verb.RETRY, step=before.parked.step, actor="a", reason="r")
        step = self._program.names[what.step]
        return Replied(
            step=step,
            direction=Direction.DO if what.way == DO else Direction.UNDO,
            attempt=what.attempt,
            answer=_answer(step, what),
        )

    def _place(self, step: str) -> int:
        place = self._program.place(step)
        assert place is not None
        return place

    def _number(self, state: SagaState) -> int:
        number = self._numbers.setdefault(state, len(self._standings))
        if number == len(self._standings):
            self._standings.append(_standing(state))
        return number

    def _canonical(self, state: SagaState) -> SagaState:
        steps = zip(self._program.definition.steps, state.steps, strict=True)
        return replace(
            state,
            seq=0,
            started_ms=0,
            updated_ms=0,
            deadline_ms=None if state.deadline_ms is None else _FUTURE_MS,
            remove_ms=None if state.remove_ms is None else _FUTURE_MS,
            failure=state.failure and replace(state.failure, step="", code=""),
            parked=state.parked and replace(state.parked, text=""),
            steps=tuple(
                self._canonical_step(at, endless=isinstance(step, CallStep) and step.forward)
                for step, at in steps
            ),
        )

    def _canonical_step(self, at: StepState, *, endless: bool) -> StepState:
        gives_up = endless and at.attempt >= self._attempts
        return replace(
            at,
            first_sent_ms=_LONG_AGO_MS if gives_up else NOW_MS,
            timer=at.timer and replace(at.timer, due_ms=_FUTURE_MS),
            code="",
        )


def _run_out(state: SagaState, places: tuple[int, ...]) -> SagaState:
    """The same saga, with some of its timers due by now, one after the other."""
    dues = {place: NOW_MS - len(places) + at for at, place in enumerate(places)}
    return replace(
        state,
        deadline_ms=dues.get(DEADLINE, state.deadline_ms),
        steps=tuple(
            replace(at, timer=replace(at.timer, due_ms=dues[place]))
            if place in dues and at.timer is not None
            else at
            for place, at in enumerate(state.steps)
        ),
    )


def _standing(state: SagaState) -> Standing:
    steps = tuple(place for place, at in enumerate(state.steps) if at.timer is not None)
    awaited = tuple(_awaited(place, at) for place, at in enumerate(state.steps))
    sent = sum(at.attempt + at.undo_attempt for at in state.steps)
    return Standing(
        state=state,
        timers=steps if state.deadline_ms is None else (DEADLINE, *steps),
        awaited=awaited,
        outlived=sent > sum(each is not None for each in awaited),
    )


def _awaited(place: int, at: StepState) -> Ask | None:
    if at.timer is None or at.timer.wait is not Wait.ANSWER:
        return None
    return Ask(place, UNDO, at.undo_attempt) if at.undo_attempt else Ask(place, DO, at.attempt)


def _way(direction: Direction) -> int:
    return DO if direction is Direction.DO else UNDO


def _answer(step: str, reply: Reply) -> Succeeded | Refused | Erred:
    if reply.answer == OK:
        return Succeeded(data=REPLIES[step] if reply.way == DO else None)
    if reply.answer == REFUSED:
        return Refused(code="no")
    return Erred(code="busy", retryable=reply.answer == ERROR)
