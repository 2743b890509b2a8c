"""Sagas as people and programs are shown them: rows of a list, and all about one.

Pure: states, definitions and histories as they were read go in; rows and plain values come out.

Laws:
1. Payload is never shown: neither inputs nor answers.
2. Times are UTC in RFC 3339 with milliseconds, or None.
3. What services and operators wrote is cut; whoever prints makes it harmless.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.leftovers import leftovers
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Announcement, Phase, SagaState, StepState, StepStatus, Wait
from penstock.sagas.engine.verbs import possible_verbs
from penstock.sagas.records import Transition
from penstock.sagas.timeline import Happening, timeline

__all__ = [
    "LIST_COLUMNS",
    "STEP_COLUMNS",
    "TIMELINE_COLUMNS",
    "SagaView",
    "list_row",
    "phase_named",
    "present_life",
    "time_text",
]

LIST_COLUMNS: Final = (
    "id",
    "phase",
    "step",
    "attempt",
    "version",
    "started",
    "updated",
    "failure",
    "parked",
)
STEP_COLUMNS: Final = ("step", "status", "attempts", "undo_attempts", "code", "waits")
TIMELINE_COLUMNS: Final = ("time", "trigger", "what_happened")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LIVE: Final = (StepStatus.PENDING, StepStatus.UNDOING)
_BACKWARD: Final = (StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.STUCK)

_Row = dict[str, str | int | None]


def time_text(time_ms: int | None) -> str | None:
    """Return an instant for people and programs; None where there is none."""
    if time_ms is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1_000:03}Z"


def list_row(saga: str, state: SagaState, program: Program) -> _Row:
    """Return a saga's row of a list.

    Args:
        saga: the name of its definition.
        state: the saga.
        program: the version that it began with.
    """
    step, attempt = _current(state, program)
    failure, parked = state.failure, state.parked
    return {
        "id": f"{saga}/{state.key}",
        "phase": str(state.phase),
        "step": step,
        "attempt": attempt,
        "version": state.version,
        "started": time_text(state.started_ms),
        "updated": time_text(state.updated_ms),
        "failure": None if failure is None else _joined(failure.step, failure.code),
        "parked": None if parked is None else parked.code,
    }


def _current(state: SagaState, program: Program) -> tuple[str | None, int | None]:
    """Return the step that has parked the saga, else the first that waits, and its attempt."""
    steps = dict(zip(program.names, state.steps, strict=True))
    if state.parked is not None and state.parked.step in steps:
        name: str | None = state.parked.step
    else:
        name = next((name for name, at in steps.items() if at.status in _LIVE), None)
    if name is None or state.phase.ended:
        return None, None
    at = steps[name]
    return name, at.undo_attempt if at.status in _BACKWARD else at.attempt


def _joined(step: str, code: str) -> str:
    return f"{step}: {code}" if step else code


def present_life(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
    """Return the part of a key's history that belongs to the saga that has the key now.

    A key is free again once its saga is forgotten, so a history may tell of several.

    Args:
        transitions: all of the key, in order.
    """
    begin = 0
    for place, transition in enumerate(transitions):
        kinds = {fact.kind for fact in transition.facts}
        if FactKind.STARTED in kinds:
            begin = place
        elif FactKind.REMOVED in kinds:
            begin = place + 1
    return tuple(transitions[begin:])


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaView:
    """All about one saga."""

    saga: str
    """The name of its definition."""
    state: SagaState
    """The saga."""
    program: Program
    """The version that it began with."""
    history: tuple[Transition, ...]
    """What is kept of its history, in order."""

    @property
    def id(self) -> str:
        """Name and key."""
        return f"{self.saga}/{self.state.key}"

    @property
    def possible(self) -> tuple[str, ...]:
        """What an operator may ask for now."""
        return tuple(verb.value for verb in possible_verbs(self.program, self.state))

    @property
    def is_cut(self) -> bool:
        """Whether the beginning of its history is no longer kept."""
        return not self.history or self.history[0].seq > 1

    def head(self) -> list[tuple[str, str]]:
        """Return what stands above the steps: a word and what is said about it."""
        state = self.state
        said = (
            ("version", str(state.version)),
            ("started", time_text(state.started_ms)),
            ("updated", time_text(state.updated_ms)),
            ("deadline", time_text(state.deadline_ms)),
            ("kept until", time_text(state.remove_ms)),
            ("failure", None if state.failure is None else self._failure()),
            ("parked", None if state.parked is None else self._parked()),
            ("possible", ", ".join(self.possible)),
            ("leftovers", ", ".join(f"{name} ({status})" for name, status in self._leftovers())),
            ("announced", self._announced()),
        )
        return [(word, text) for word, text in said if text]

    def _leftovers(self) -> tuple[tuple[str, StepStatus], ...]:
        return leftovers(self.program.definition, self.state)

    def _announced(self) -> str:
        event, announced = self.program.definition.compensated, self.state.announced
        if event is None or announced is None:
            return ""
        name = event.schema.full_name
        return name if announced is Announcement.PUBLISHED else f"no; {name} is missing"

    def _failure(self) -> str:
        failure = self.state.failure
        assert failure is not None
        return _joined(failure.step, failure.code)

    def _parked(self) -> str:
        parked = self.state.parked
        assert parked is not None
        where = f" at {parked.step} ({parked.direction})" if parked.step else ""
        text = f" ({parked.text})" if parked.text else ""
        return f"from {parked.phase}{where}: {parked.code}{text}"

    def steps(self) -> list[_Row]:
        """Return a row for each step."""
        return [
            {
                "step": name,
                "status": f"{at.status} (left)" if at.skipped else str(at.status),
                "attempts": at.attempt,
                "undo_attempts": at.undo_attempt,
                "code": at.code,
                "waits": _waits(at),
            }
            for name, at in zip(self.program.names, self.state.steps, strict=True)
        ]

    def happenings(self) -> list[_Row]:
        """Return a row for each fact of the history."""
        return [
            {
                "time": time_text(happening.at_ms),
                "trigger": happening.trigger,
                "what_happened": happening.text,
            }
            for happening in timeline(self.history)
        ]

    def document(self) -> dict[str, Any]:
        """Return the same for programs."""
        state, parked = self.state, self.state.parked
        return {
            "id": self.id,
            "saga": self.saga,
            "key": state.key,
            "phase": str(state.phase),
            "version": state.version,
            "transitions": state.seq,
            "started": time_text(state.started_ms),
            "updated": time_text(state.updated_ms),
            "deadline": time_text(state.deadline_ms),
            "kept_until": time_text(state.remove_ms),
            "failure": None
            if state.failure is None
            else {"step": state.failure.step or None, "code": state.failure.code},
            "parked": None
            if parked is None
            else {
                "phase": str(parked.phase),
                "step": parked.step or None,
                "direction": str(parked.direction),
                "code": parked.code,
                "text": parked.text,
                "possible": list(self.possible),
            },
            "leftovers": [
                {"step": name, "status": str(status)} for name, status in self._leftovers()
            ],
            "announced": None if state.announced is None else str(state.announced),
            "steps": [
                {
                    "step": name,
                    "status": str(at.status),
                    "skipped": at.skipped,
                    "attempts": at.attempt,
                    "undo_attempts": at.undo_attempt,
                    "code": at.code or None,
                    "waits_for": None if at.timer is None else at.timer.wait.lower(),
                    "due": None if at.timer is None else time_text(at.timer.due_ms),
                }
                for name, at in zip(self.program.names, state.steps, strict=True)
            ],
            "history_is_cut": self.is_cut,
            "history": [_happening(each) for each in timeline(self.history)],
        }


def _waits(at: StepState) -> str | None:
    if at.timer is None:
        return None
    what = "for an answer until" if at.timer.wait is Wait.ANSWER else "to try again at"
    return f"{what} {time_text(at.timer.due_ms)}"


def _happening(happening: Happening) -> Mapping[str, Any]:
    fact = happening.fact
    return {
        "time": time_text(happening.at_ms),
        "transition": happening.seq,
        "trigger": happening.trigger,
        "kind": str(fact.kind),
        "step": fact.step or None,
        "direction": None if fact.direction is None else str(fact.direction),
        "attempt": fact.attempt or None,
        "code": str(fact.code) or None,
        "text": fact.text or None,
        "due": time_text(fact.due_ms),
        "phase": None if fact.phase is None else str(fact.phase),
        "sentence": happening.text,
    }


def phase_named(text: str) -> Phase | None:
    """Return the phase of that name, whatever its case; None where there is none."""
    return next((phase for phase in Phase if phase == text.upper()), None)
