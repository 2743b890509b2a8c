"""`SagaScenario`: what a test says about a saga, in virtual time and without a broker.

    SagaScenario.from_text(text, schemas=[OrderPlaced, ReserveStock, ...])
        .start(order_id="o-1", total=Decimal("9.99"))
        .replies("reserve_stock", reservation="r-7")
        .refuses("charge_card", "no_funds")
        .replies("reserve_stock")
        .expect(phase="COMPENSATED", undone=["reserve_stock"])

The services, the customer, the operator and the clock are played by whoever writes the test; the
saga is the one that runs in production (play.py).

Laws:
1. Time stands still unless `advance` or `times_out` moves it.
2. An answer belongs to what the step was last sent, unless the test says otherwise.
3. A failed expectation, or a play that makes no sense, is an `AssertionError` with the whole play.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any, Final, NoReturn, Self, final

from penstock.events.event import MessageDeclaration
from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import Verb
from penstock.sagas.definition import CallStep, Definition
from penstock.sagas.engine.effects import Effect, SoundAlarm
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.inputs import (
    Cancelled,
    Erred,
    Input,
    Operated,
    OutputsRefused,
    Refused,
    Replied,
    Signalled,
    Started,
    Succeeded,
    Unreadable,
)
from penstock.sagas.engine.leftovers import leftovers
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import SagaState, StepState, StepStatus, Wait
from penstock.sagas.language.check import load
from penstock.sagas.language.durations import duration_ms, duration_text
from penstock.sagas.play import Play, Published, Sent
from penstock.schemas.codec import datum_encoder_of
from penstock.schemas.codec_errors import EncodeError
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.record import Record, declaration_of
from penstock.schemas.schema import AvroSchema

__all__ = ["SagaScenario"]


class _Open(Enum):
    """The type of `OPEN`, so that None is something to expect."""

    OPEN = "open"


OPEN: Final = _Open.OPEN
"""Stands for what an expectation leaves open."""

_DO, _UNDO = Direction.DO, Direction.UNDO


@final
class SagaScenario:
    """A play about one saga. What happens in it returns the scenario itself."""

    def __init__(
        self,
        definition: Definition,
        *,
        draw: float = 0.0,
        limit_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        """Begin a play in which nothing has happened yet.

        Args:
            definition: the saga.
            draw: the random number that shortens waits, 0 to 1; 0 is nominal.
            limit_bytes: size of a command or an event at most.
        """
        self._play = Play(Program(definition, limit_bytes=limit_bytes), draw=draw)

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        schemas: Mapping[str, AvroSchema] | Iterable[type[Record] | AvroSchema],
        file: str = "saga.yaml",
        draw: float = 0.0,
        limit_bytes: int = MAX_RECORD_BYTES,
    ) -> Self:
        """Begin a play about a saga as it is written.

        Args:
            text: the YAML.
            schemas: of what it names: classes of events and commands, whose replies come with
                them, or schemas.
            file: the name that errors show.
            draw: as for the class.
            limit_bytes: as for the class.

        Raises:
            BadSaga: the text does not pass the checks.
        """
        definition = load(text, file=file, schemas=_by_name(schemas))
        return cls(definition, draw=draw, limit_bytes=limit_bytes)

    # What is

    @property
    def state(self) -> SagaState | None:
        """Of the saga; None before its start and after its removal."""
        return self._play.state

    @property
    def sent(self) -> tuple[Sent, ...]:
        """Every command so far, in order, as its service sees it."""
        return tuple(self._play.sent)

    @property
    def published(self) -> tuple[Published, ...]:
        """Every event so far, in order."""
        return tuple(self._play.published)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Everything that was to happen outside, in order."""
        return tuple(self._play.effects)

    @property
    def history(self) -> tuple[Fact, ...]:
        """Every fact so far."""
        return self._play.history

    @property
    def notes(self) -> tuple[str, ...]:
        """The words of everything that was noted, in order."""
        return tuple(fact.code for fact in self.history if fact.kind is FactKind.NOTED)

    @property
    def alarms(self) -> tuple[str, ...]:
        """The names of all alarms, in order."""
        return tuple(each.name for each in self.effects if isinstance(each, SoundAlarm))

    @property
    def script(self) -> str:
        """The play so far, as a text."""
        return self._play.script

    def step(self, name: str) -> StepState:
        """Where a step stands."""
        return self._play.step(name)

    # What the customer and the clock do

    def start(self, **fields: Any) -> Self:
        """Start the saga with an input of these fields; again, ask what became of it."""
        program = self._play.program
        framed = self._framed(program.definition.input, fields)
        key = program.key_of(framed)
        if self.state is not None and key != self._play.key:
            self._fail(f"{key} would be another saga than {self._play.key}")
        self._play.key = key
        return self._give(f"customer: start {_shown(fields)}", Started(key=key, input=framed))

    def cancel(self, *, actor: str = "customer", reason: str = "changed my mind") -> Self:
        """Ask the saga to turn round."""
        return self._give(f"{actor}: cancel", Cancelled(actor=actor, reason=reason))

    def times_out(self, step: str, /) -> Self:
        """Let time pass until the attempt that is out has waited long enough for its answer."""
        timer = self.step(step).timer
        if timer is None or timer.wait is not Wait.ANSWER:
            self._fail(f"no attempt of {step} is out, so none can time out")
        self._play.say(f"service: silence about {step}")
        self._play.pass_until(timer.due_ms)
        return self

    def advance(self, duration: str | timedelta, /) -> Self:
        """Let time pass: `10s`, `5m`, `2h`, `3d`, or a timedelta. What is due on the way fires."""
        length_ms = _milliseconds(duration)
        if length_ms is None:
            self._fail(f"{duration!r} is no duration such as 10s, 5m, 2h, 3d")
        self._play.say(f"clock: {duration_text(length_ms)} pass")
        self._play.pass_until(self._play.now_ms + length_ms)
        return self

    def signal(self, event: str, /) -> Self:
        """Let an event of this full name reach the saga."""
        return self._give(f"event: {event}", Signalled(event=event))

    # What the services do

    def replies(
        self,
        step: str,
        /,
        *,
        data: Mapping[str, Any] | None = None,
        attempt: int | None = None,
        direction: Direction | None = None,
        **fields: Any,
    ) -> Self:
        """Let a service answer that it has done what it was asked.

        Args:
            step: which step it answers.
            data: the reply's fields, where a name of theirs is one of these arguments'.
            attempt: which attempt it answers; the latest unless said.
            direction: whether it answers the do or the undo; the one sent last unless said.
            fields: the reply's fields, unless `data` is given.
        """
        direction = direction or self._direction(step)
        found = dict(fields if data is None else data)
        answer = Succeeded(data=self._framed_reply(step, direction, found))
        return self._answer(step, direction, attempt, answer, f"done {_shown(found)}".rstrip())

    def refuses(
        self,
        step: str,
        code: str,
        /,
        *,
        text: str = "",
        attempt: int | None = None,
        direction: Direction | None = None,
    ) -> Self:
        """Let a service refuse: certainly nothing was done. The rest as for `replies`."""
        answer = Refused(code=code, text=text)
        return self._answer(step, direction, attempt, answer, f"refused, {code}")

    def fails(
        self,
        step: str,
        code: str = "error",
        /,
        *,
        text: str = "",
        retryable: bool = True,
        attempt: int | None = None,
        direction: Direction | None = None,
    ) -> Self:
        """Let a service fail: nobody knows whether it was done. The rest as for `replies`."""
        answer = Erred(code=code, text=text, retryable=retryable)
        words = f"failed, {code}" + ("" if retryable else ", for good")
        return self._answer(step, direction, attempt, answer, words)

    def babbles(
        self, step: str, /, *, attempt: int | None = None, direction: Direction | None = None
    ) -> Self:
        """Let a service answer what nobody can read. The rest as for `replies`."""
        answer = Unreadable(code="PEN-A44", text="the message was cut")
        return self._answer(step, direction, attempt, answer, "unreadable")

    # What operators and the broker do

    def retry(self, step: str, /) -> Self:
        """Let an operator try the step that parked the saga once more."""
        return self._operate(Verb.RETRY, step)

    def skip(self, step: str, /) -> Self:
        """Let an operator pass over the step that parked the saga."""
        return self._operate(Verb.SKIP, step)

    def mark_done(self, step: str, /, **fields: Any) -> Self:
        """Let an operator say that the step is done, and was answered with these fields."""
        return self._operate(Verb.MARK_DONE, step, self._framed_reply(step, _DO, fields))

    def mark_undone(self, step: str, /) -> Self:
        """Let an operator say that the step has no effect, or none any more."""
        return self._operate(Verb.MARK_UNDONE, step)

    def output_refused(self, reason: str = "too large") -> Self:
        """Let the broker refuse twice what the saga wants to send."""
        return self._give(f"broker: refused, {reason}", OutputsRefused(reason=reason))

    def give(self, given: Input, /) -> Self:
        """Give any other input."""
        return self._give(f"input: {type(given).__name__}", given)

    # What is expected

    def expect(
        self,
        *,
        phase: str | _Open | None = OPEN,
        steps: Mapping[str, str] | _Open = OPEN,
        done: Sequence[str] | _Open = OPEN,
        undone: Sequence[str] | _Open = OPEN,
        sent: Sequence[str] | _Open = OPEN,
        published: Sequence[str] | _Open = OPEN,
        failure: str | _Open | None = OPEN,
        parked: str | _Open | None = OPEN,
        left: Sequence[str] | _Open = OPEN,
        noted: str | _Open | None = OPEN,
        alarms: Sequence[str] | _Open = OPEN,
    ) -> Self:
        """Compare what is with what should be; what is not named may be anything.

        Args:
            phase: of the saga; None where there should be none.
            steps: where steps stand, by name.
            done: the steps that are done and not undone, in the order of the definition.
            undone: the steps that were undone, in the order of their undoing.
            sent: full names of all commands so far, in order.
            published: full names of all events so far, in order; what `compensated` says is one.
            failure: code of why it turned round; None where it did not.
            parked: the step that it is parked for; None where it is not parked.
            left: its leftovers.
            noted: the word that was noted last.
            alarms: names of all alarms so far, in order.
        """
        state = self.state
        pairs: dict[str, tuple[Any, Any]] = {
            "phase": (phase, None if state is None else str(state.phase)),
            "steps": (steps, {} if steps is OPEN else self._statuses(steps)),
            "done": (done, self._standing(StepStatus.DONE)),
            "undone": (undone, self._undone()),
            "sent": (sent, [each.type_name for each in self.sent]),
            "published": (published, [each.type_name for each in self.published]),
            "failure": (failure, state.failure.code if state and state.failure else None),
            "parked": (parked, state.parked.step if state and state.parked else None),
            "left": (left, self._left()),
            "noted": (noted, self.notes[-1] if self.notes else None),
            "alarms": (alarms, list(self.alarms)),
        }
        wrong = [
            f"{name} should be {expected!r} and is {found!r}"
            for name, (expected, found) in pairs.items()
            if expected is not OPEN and _list(expected) != found
        ]
        if wrong:
            self._fail("; ".join(wrong))
        return self

    def _statuses(self, wanted: Iterable[str]) -> dict[str, str]:
        return {name: str(self.step(name).status) for name in wanted}

    def _standing(self, status: StepStatus) -> list[str]:
        steps = () if self.state is None else self.state.steps
        named = zip(self._play.program.names, steps, strict=False)
        return [name for name, at in named if at.status is status]

    def _undone(self) -> list[str]:
        return [fact.step for fact in self.history if fact.kind is FactKind.UNDONE]

    def _left(self) -> list[str]:
        if self.state is None:
            return []
        return [step for step, _ in leftovers(self._play.program.definition, self.state)]

    # How it is played

    def _give(self, words: str, given: Input) -> Self:
        self._play.give(words, given)
        return self

    def _fail(self, problem: str) -> NoReturn:
        self._play.fail(problem)

    def _direction(self, step: str) -> Direction:
        return _UNDO if self.step(step).undo_attempt else _DO

    def _answer(
        self,
        step: str,
        direction: Direction | None,
        attempt: int | None,
        answer: Succeeded | Refused | Erred | Unreadable,
        words: str,
    ) -> Self:
        direction = direction or self._direction(step)
        if attempt is None:
            at = self.step(step)
            attempt = at.attempt if direction is _DO else at.undo_attempt
            if not attempt:
                self._fail(f"{step} ({direction}) was never sent, so nobody can answer it")
        which = f"undo of {step}" if direction is _UNDO else step
        reply = Replied(step=step, direction=direction, attempt=attempt, answer=answer)
        return self._give(f"service: {which} ({attempt}) {words}", reply)

    def _operate(self, verb: Verb, step: str, data: bytes | None = None) -> Self:
        operated = Operated(
            verb=verb, step=step, actor="operator", reason="as I see fit", data=data
        )
        return self._give(f"operator: {verb.value} {step}", operated)

    def _framed_reply(
        self, step: str, direction: Direction, fields: Mapping[str, Any]
    ) -> bytes | None:
        found = self._play.program.step(step)
        schema = found.reply if isinstance(found, CallStep) else None
        if direction is _DO and schema is not None:
            return self._framed(schema, fields)
        if fields:
            self._fail(f"{step} ({direction}) is answered without data, not with {_shown(fields)}")
        return None

    def _framed(self, schema: AvroSchema, fields: Mapping[str, Any]) -> bytes:
        framed, problem = None, ""
        try:
            framed = _encoder(schema)(fields)
        except EncodeError as error:
            problem = str(error)
        if framed is None:
            self._fail(problem)
        return framed


def _list(expected: object) -> object:
    return list(expected) if isinstance(expected, tuple) else expected


def _shown(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!s}" for name, value in fields.items())


def _milliseconds(duration: str | timedelta) -> int | None:
    if isinstance(duration, timedelta):
        return round(duration / timedelta(milliseconds=1)) if duration > timedelta() else None
    return duration_ms(duration)


def _by_name(
    schemas: Mapping[str, AvroSchema] | Iterable[type[Record] | AvroSchema],
) -> dict[str, AvroSchema]:
    if isinstance(schemas, Mapping):
        return dict(schemas)
    found: dict[str, AvroSchema] = {}
    for each in schemas:
        for schema in (each,) if isinstance(each, AvroSchema) else _schemas_of(each):
            found[schema.full_name] = schema
    return found


def _schemas_of(record_type: type[Record]) -> Iterable[AvroSchema]:
    declaration = declaration_of(record_type)
    yield declaration.schema
    if isinstance(declaration, MessageDeclaration) and declaration.reply is not None:
        yield declaration_of(declaration.reply).schema


@cache
def _encoder(schema: AvroSchema) -> Callable[[Mapping[str, Any]], bytes]:
    return datum_encoder_of(schema)
