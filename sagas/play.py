"""A saga played through in virtual time: the shell in small, for tests, tools and documents.

A play gives inputs to the very `decide` that runs in production, keeps the state as a partition
would, fires stored timers as its clock moves, and remembers everything that went out. It writes
itself down as a script while it goes on.

Laws:
1. After every input the state is what its facts make of the one before, its record reads back as
   it is, and the invariants hold.
2. Time stands still unless it is moved; then timers fire one by one, in the order in which they are
   due, those that others start on the way included.
3. What goes wrong is an `AssertionError` with the whole play.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NoReturn, final

from penstock.events.saga_headers import Direction, idempotency_key
from penstock.sagas.definition import CallStep, EmitStep
from penstock.sagas.engine.decide import decide
from penstock.sagas.engine.effects import (
    DeadLetter,
    Effect,
    PublishEvent,
    SendCommand,
    SoundAlarm,
)
from penstock.sagas.engine.facts import Fact, Moment, fold
from penstock.sagas.engine.inputs import Input, TimersDue
from penstock.sagas.engine.invariants import check
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import SagaState, StepState
from penstock.sagas.records import RECORDS, RecordReader, encode_saga
from penstock.sagas.timeline import sentence
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["BEGINNING_MS", "Play", "Published", "Sent"]

BEGINNING_MS: Final = 1_700_000_000_000
"""When a play begins: a moment in 2023, as good as any other."""
TIMERS_LIMIT: Final = 100_000
"""Timers that fire at most while the clock moves once, before the play is taken for endless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A command, as its service sees it."""

    step: str
    """The step that it is for."""
    direction: Direction
    """Whether the step is to be done or undone."""
    attempt: int
    """Number of the attempt in this direction, from 1."""
    type_name: str
    """The command's full name."""
    topic: str
    """Where it went."""
    idempotency_key: str
    """The same over all attempts."""
    fields: Mapping[str, Any]
    """What it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An event that the saga published."""

    step: str
    """The step that it is for; empty where it says that everything is undone."""
    type_name: str
    """The event's full name."""
    topic: str
    """Where it went."""
    key: bytes | None
    """What keys it."""
    fields: Mapping[str, Any]
    """What it says."""


@final
class Play:
    """One saga, its time, and everything that has happened."""

    def __init__(self, program: Program, *, draw: float = 0.0) -> None:
        """Begin with no saga.

        Args:
            program: what decides.
            draw: the random number that shortens waits, 0 to 1; 0 is nominal.
        """
        self.program = program
        """What decides."""
        self.key = ""
        """Names the saga; may be set while there is none."""
        self.now_ms = BEGINNING_MS
        """The time."""
        self.state: SagaState | None = None
        """Of the saga; None before its start and after its removal."""
        self.sent: list[Sent] = []
        """Every command so far, in order."""
        self.published: list[Published] = []
        """Every event so far, in order."""
        self.effects: list[Effect] = []
        """Every effect so far, in order."""
        self._draw = draw
        self._history: list[tuple[tuple[Fact, ...], Moment]] = []
        self._lines: list[str] = []

    # What is

    @property
    def history(self) -> tuple[Fact, ...]:
        """Every fact so far."""
        return tuple(fact for facts, _ in self._history for fact in facts)

    @property
    def script(self) -> str:
        """The play so far, as a text."""
        return "\n".join(self._lines)

    def replayed(self) -> SagaState | None:
        """Return what the whole history makes, from nothing."""
        state: SagaState | None = None
        for facts, moment in self._history:
            state = fold(state, facts, moment)
        return state

    def step(self, name: str) -> StepState:
        """Where a step stands."""
        place = self.program.place(name)
        if self.state is None or place is None:
            self.fail(f"there is no step {name} of a saga that has begun")
        return self.state.steps[place]

    def fail(self, problem: str) -> NoReturn:
        """End the play."""
        message = f"{problem}\n\nThe play so far:\n{self.script}"
        raise AssertionError(message)

    # What happens

    def say(self, words: str) -> None:
        """Write a line of the script."""
        self._lines.append(words)

    def give(self, words: str, given: Input) -> None:
        """Give an input.

        Args:
            words: what the script says of it.
            given: the input.
        """
        self.say(words)
        self._decide(given)

    def pass_until(self, until_ms: int) -> None:
        """Let time pass; what is due on the way fires."""
        for _ in range(TIMERS_LIMIT):
            due_ms = None if self.state is None else self.state.due_ms
            if due_ms is None or due_ms > until_ms:
                self.now_ms = max(self.now_ms, until_ms)
                return
            self.now_ms = max(self.now_ms, due_ms)
            self._decide(TimersDue())
        self.fail(f"{TIMERS_LIMIT} timers have fired and there is no end")

    def _decide(self, given: Input) -> None:
        before, moment = self.state, self.program.moment(self.key, self.now_ms)
        decision = decide(
            self.program, self.key, before, given, now_ms=self.now_ms, draw=self._draw
        )
        self.state = decision.state
        if decision.facts:
            self._history.append((decision.facts, moment))
        self._tell(decision.facts, decision.effects)
        self._hold(before, decision.facts, moment)
        self.effects.extend(decision.effects)
        for effect in decision.effects:
            if isinstance(effect, SendCommand):
                self.sent.append(self._command(effect))
            elif isinstance(effect, PublishEvent):
                self.published.append(self._event(effect))

    def _hold(self, before: SagaState | None, facts: tuple[Fact, ...], moment: Moment) -> None:
        """Hold the engine to its laws."""
        after = self.state
        if after != (fold(before, facts, moment) if facts else before):
            self.fail("the state is not what the facts make of the one before")
        if after is None:
            return
        if _READER.saga(self.key, encode_saga(after)) != after:
            self.fail("the saga's record does not read back as it was")
        if broken := check(self.program, after):
            self.fail(" ".join(broken))

    def _command(self, effect: SendCommand) -> Sent:
        step = self.program.step(effect.step)
        assert isinstance(step, CallStep)
        use = step.command
        if effect.direction is Direction.UNDO:
            assert step.undo is not None
            use = step.undo.command
        saga = self.program.definition.saga
        return Sent(
            step=effect.step,
            direction=effect.direction,
            attempt=effect.attempt,
            type_name=effect.type_name,
            topic=effect.topic,
            idempotency_key=idempotency_key(saga, effect.direction, effect.step, self.key),
            fields=_decoder(use.schema)(effect.value),
        )

    def _event(self, effect: PublishEvent) -> Published:
        return Published(
            step=effect.step,
            type_name=effect.type_name,
            topic=effect.topic,
            key=effect.key,
            fields=_decoder(self._event_schema(effect.step))(effect.value),
        )

    def _event_schema(self, name: str) -> AvroSchema:
        step, announced = self.program.step(name), self.program.definition.compensated
        if isinstance(step, EmitStep):
            return step.event
        assert announced is not None
        return announced.schema

    # How it is told

    def _tell(self, facts: tuple[Fact, ...], effects: tuple[Effect, ...]) -> None:
        phase = "no saga" if self.state is None else self.state.phase
        words = [sentence(fact, at_ms=self.now_ms) for fact in facts] or ["nothing happens"]
        margin = f"    {_when(self.now_ms):<9}{phase:<13}"
        for line in words:
            self.say(f"{margin}{line}")
            margin = " " * len(margin)
        for effect in effects:
            if isinstance(effect, SoundAlarm):
                self.say(f"{margin}ALARM {effect.name}")
            elif isinstance(effect, DeadLetter):
                self.say(f"{margin}DEAD LETTER {effect.reason}: {effect.text}")


_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000))


def _when(moment_ms: int) -> str:
    """Say a moment as the time since the beginning: +1h30m, +2d10s."""
    rest_ms, words = moment_ms - BEGINNING_MS, ""
    for unit, length_ms in _UNITS:
        count, rest_ms = divmod(rest_ms, length_ms)
        words += f"{count}{unit}" if count else ""
    return f"+{words}{rest_ms / 1000:g}s" if rest_ms or not words else f"+{words}"


@cache
def _decoder(schema: AvroSchema) -> Callable[[bytes], dict[str, Any]]:
    return datum_decoder_of(schema)


class _OwnSchemas:
    """Knows the schemas of this version's records."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return one of them, or None."""
        schemas = (declaration_of(record).schema for record in RECORDS)
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


_READER: Final = RecordReader(_OwnSchemas())
