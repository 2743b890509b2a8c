"""A definition made ready to run: its messages compiled, its steps counted, its key explained.

One `Program` per definition, compiled once and shared by all of its sagas. Everything that needs a
schema happens here, so that `decide` sees bytes and names only.

Laws:
1. Pure: the same state makes the same bytes, and nothing is kept from one call to the next.
2. A message that cannot be written is an `Unrenderable`, a `MessageTooLarge` or an
   `Unannounceable`, whose text names types, places and paths, never values.
3. Data of the input and of replies are read by the definition's own schemas.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, final
from uuid import UUID

from penstock.events.event import BadKey, key_bytes
from penstock.events.saga_headers import Direction
from penstock.sagas.definition import (
    CallStep,
    CommandUse,
    Definition,
    EmitStep,
    EventUse,
    MappingTemplate,
    Path,
    Root,
    Step,
    Template,
)
from penstock.sagas.engine.facts import Moment
from penstock.sagas.engine.notes import FailureCode
from penstock.sagas.engine.rendering import Known, NotThere, Sources, paths_in, renderer_of
from penstock.sagas.engine.state import SagaState
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import DecodeError, EncodeError
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.schemas.limits import MAX_RECORD_BYTES
from penstock.schemas.schema import AvroSchema

__all__ = [
    "KEY_LIMIT_BYTES",
    "BadSagaKey",
    "MessageTooLarge",
    "Program",
    "Unannounceable",
    "UnfitReply",
    "Unrenderable",
]

KEY_LIMIT_BYTES: Final = 960
"""Size of a saga's key at most, as UTF-8: it stands in a header of every command, keys every record
of the saga, and is typed by operators. Behind the name of its saga, which has 63 characters at
most, it correlates all that the saga sends, and a correlation id has 1 024 characters at most."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Decode = Callable[[bytes], dict[str, Any]]
_Fill = Callable[[Known], bytes]


@dataclass(eq=False, kw_only=True)
class Unrenderable(CallerError):
    """A message cannot be made from what its saga knows."""

    step: str
    """The step whose message it is."""
    type_name: str
    """The message's full name."""
    problem: str
    """Why: a path that leads to nothing, or a value that does not fit."""

    code: ClassVar[str] = "PEN-S30"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "Step {step} cannot write its {type_name}."
    why: ClassVar[str] = "The reason: {problem}"
    remedy: ClassVar[str] = "Decide about the saga as an operator, and mend the definition."


@dataclass(eq=False, kw_only=True)
class MessageTooLarge(CallerError):
    """A message is larger than a record may be."""

    step: str
    """The step whose message it is."""
    type_name: str
    """The message's full name."""
    size_bytes: int
    """Its size."""
    limit_bytes: int
    """The limit."""

    code: ClassVar[str] = "PEN-S31"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "Step {step} would send a {type_name} of {size_bytes} bytes."
    why: ClassVar[str] = "The limit is {limit_bytes}."
    remedy: ClassVar[str] = (
        "Decide about the saga as an operator, and let commands name large data."
    )


@dataclass(eq=False, kw_only=True)
class Unannounceable(CallerError):
    """The event that says that everything is undone cannot be made or is too large."""

    saga: str
    """The saga that has ended."""
    type_name: str
    """The event's full name."""
    problem: str
    """Why."""

    code: ClassVar[str] = "PEN-S46"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The saga {saga} has turned round, and cannot write the {type_name} that says so."
    )
    why: ClassVar[str] = "The reason: {problem}"
    remedy: ClassVar[str] = (
        "Tell whoever counts on that event what became of the saga, and mend the definition."
    )


@dataclass(eq=False, kw_only=True)
class BadSagaKey(CallerError):
    """An input does not name a saga."""

    saga: str
    """The saga that it was to start."""
    problem: str
    """What is wrong with the key."""

    code: ClassVar[str] = "PEN-S32"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "An input of the saga {saga} names none: its key {problem}."
    why: ClassVar[str] = "The key tells one saga from all others, and keeps its records in order."
    remedy: ClassVar[str] = "Fill the field that the definition's key leads to."


@dataclass(eq=False, kw_only=True)
class UnfitReply(WorldError):
    """Data are not what a step is answered with."""

    step: str
    """The step."""
    problem: str
    """What is wrong with them."""

    code: ClassVar[str] = "PEN-S33"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The data are no answer to step {step}."
    why: ClassVar[str] = "The reason: {problem}"
    remedy: ClassVar[str] = "Give the reply that its command declares, and none where it has none."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """A message, ready to be filled."""

    type_name: str
    fill: _Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announcement:
    """The event that says that everything is undone, ready to be filled."""

    use: EventUse
    message: _Message
    read: _Decode


@final
class Program:
    """A definition, ready to run."""

    def __init__(self, definition: Definition, *, limit_bytes: int = MAX_RECORD_BYTES) -> None:
        """Compile it.

        Args:
            definition: a checked one.
            limit_bytes: size of a framed message at most.

        Raises:
            SchemaError: a value is passed on between types that cannot be taken apart.
        """
        self.definition = definition
        self.names = tuple(step.name for step in definition.steps)
        """The steps' names, in order."""
        self.pivot = _pivot(definition)
        """The place of the pivot; None where there is none."""
        self._limit_bytes = limit_bytes
        self._places = {name: place for place, name in enumerate(self.names)}
        self._read_input = datum_decoder_of(definition.input)
        self._write_input = datum_encoder_of(definition.input)
        self._read_reply = dict(_reply_decoders(definition))
        self._messages = dict(_messages(definition))
        self._read_event = {
            step.name: datum_decoder_of(step.event)
            for step in definition.steps
            if isinstance(step, EmitStep) and step.key is not None
        }
        self._announcement = _announcement(definition)

    def moment(self, key: str, now_ms: int) -> Moment:
        """Return what stands around the facts of one transition."""
        return Moment(
            key=key, version=self.definition.version, step_names=self.names, now_ms=now_ms
        )

    def place(self, name: str) -> int | None:
        """Return the place of a step; None where there is none of that name."""
        return self._places.get(name)

    def step(self, name: str) -> Step | None:
        """Return a step; None where there is none of that name."""
        place = self._places.get(name)
        return None if place is None else self.definition.steps[place]

    # What comes in

    def key_of(self, framed_input: bytes) -> str:
        """Return the key of the saga that an input starts.

        Raises:
            BadSagaKey: there is none, it is empty or too long.
            DecodeError: it is no input of this saga.
        """
        return self.key_in(self._read_input(framed_input))

    def key_in(self, datum: Mapping[str, Any]) -> str:
        """Return the key of the saga that an input starts, whose fields were read already.

        Raises:
            BadSagaKey: there is none, it is empty or too long.
        """
        value: Any = datum
        for field in self.definition.key.fields:
            value = value.get(field) if isinstance(value, Mapping) else None
        problem = _key_problem(value)
        if problem:
            raise BadSagaKey(saga=self.definition.saga, problem=problem)
        return str(value)

    def same_input(self, one: bytes, other: bytes) -> bool:
        """Tell whether two inputs say the same, however their maps are ordered.

        Raises:
            DecodeError: one is no input of this saga.
        """
        return one == other or self._canonical(one) == self._canonical(other)

    def _canonical(self, framed: bytes) -> bytes:
        return self._write_input(_ordered(self._read_input(framed)))

    def judge_reply(self, step: CallStep, data: bytes | None) -> bytes | None:
        """Return the data that a step is answered with, if they are whole.

        Args:
            step: the step.
            data: framed by the definition's own schema; None where there are none.

        Raises:
            UnfitReply: they are not what the step's command declares.
        """
        decode = self._read_reply.get(step.name)
        if decode is None:
            if data is None:
                return None
            raise UnfitReply(step=step.name, problem="its command is answered without data.")
        if data is None:
            assert step.reply is not None
            problem = f"its command is answered with {step.reply.full_name}."
            raise UnfitReply(step=step.name, problem=problem)
        try:
            decode(data)
        except DecodeError as error:
            raise UnfitReply(step=step.name, problem=str(error)) from None
        return data

    # What goes out

    def command(self, step: CallStep, direction: Direction, state: SagaState) -> bytes:
        """Return the framed command that does or undoes a step.

        Raises:
            Unrenderable: it cannot be made from what the saga knows.
            MessageTooLarge: it is too large.
        """
        return self._filled(step.name, direction, state)

    def event(self, step: EmitStep, state: SagaState) -> tuple[bytes | None, bytes]:
        """Return the key and the framed event of a step.

        Raises:
            Unrenderable: it cannot be made from what the saga knows, or cannot be keyed.
            MessageTooLarge: it is too large.
        """
        value = self._filled(step.name, Direction.DO, state)
        if step.key is None:
            return None, value
        try:
            return _key(self._read_event[step.name](value), step.key, step.topic), value
        except _Unwritable as problem:
            raise Unrenderable(
                step=step.name, type_name=step.event.full_name, problem=str(problem)
            ) from None

    def announcement(self, state: SagaState) -> tuple[bytes | None, bytes]:
        """Return the key and the framed event that says that everything is undone.

        Args:
            state: of a saga whose definition has such an event, and that has turned round.

        Raises:
            Unannounceable: it cannot be made from what the saga knows, cannot be keyed, or is too
                large.
        """
        announcement = self._announcement
        assert announcement is not None
        use, read = announcement.use, announcement.read
        try:
            value = _written(announcement.message, self._known(state, nameless=FailureCode.REFUSED))
            _measure(value, self._limit_bytes)
            key = None if use.key is None else _key(read(value), use.key, use.topic)
        except _Unwritable as problem:
            raise Unannounceable(
                saga=self.definition.saga, type_name=use.schema.full_name, problem=str(problem)
            ) from None
        return key, value

    def _filled(self, step: str, direction: Direction, state: SagaState) -> bytes:
        message = self._messages[step, direction]
        try:
            value = _written(message, self._known(state))
        except _Unwritable as problem:
            raise Unrenderable(
                step=step, type_name=message.type_name, problem=str(problem)
            ) from None
        if len(value) > self._limit_bytes:
            raise MessageTooLarge(
                step=step,
                type_name=message.type_name,
                size_bytes=len(value),
                limit_bytes=self._limit_bytes,
            )
        return value

    def _known(self, state: SagaState, *, nameless: str = "") -> Known:
        """What a saga knows; `nameless` is the code of a failure that came without one."""
        return Known(
            input=lambda: self._read_input(state.input),
            reply=lambda step: self._reply(step, state),
            saga=lambda: {
                "id": f"{self.definition.saga}/{state.key}",
                "key": state.key,
                "started_at": _EPOCH + timedelta(milliseconds=state.started_ms),
            },
            failure=lambda: (
                None
                if state.failure is None
                else {"step": state.failure.step, "code": state.failure.code or nameless}
            ),
        )

    def _reply(self, step: str, state: SagaState) -> dict[str, Any] | None:
        decode, place = self._read_reply.get(step), self._places.get(step)
        if decode is None or place is None:
            return None
        data = state.steps[place].data
        return None if data is None else decode(data)

    # What depends on what

    def readers_of(self, step: str) -> tuple[str, ...]:
        """Return the steps behind this one whose messages, undoing included, read its data."""
        place = self._places[step]
        return tuple(
            each.name
            for each in self.definition.steps[place + 1 :]
            if any(_reads(path, step) for part in _templates(each) for path in paths_in(part))
        )


def _pivot(definition: Definition) -> int | None:
    for place, step in enumerate(definition.steps):
        if isinstance(step, CallStep) and step.pivot:
            return place
    return None


def _key_problem(value: object) -> str:
    if value is None:
        return "is null"
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        return f"is a {type(value).__name__}"
    text = str(value)
    if not text:
        return "is empty"
    size = len(text.encode())
    return f"has {size} bytes, more than {KEY_LIMIT_BYTES}" if size > KEY_LIMIT_BYTES else ""


def _ordered(value: Any) -> Any:
    """The same value with every map in the order of its keys."""
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return value


def _reply_decoders(definition: Definition) -> Iterator[tuple[str, _Decode]]:
    for step in definition.steps:
        if isinstance(step, CallStep) and step.reply is not None:
            yield step.name, datum_decoder_of(step.reply)


def _sources(definition: Definition) -> Sources:
    return Sources(
        input=definition.input.root,
        replies={
            step.name: step.reply.root
            for step in definition.steps
            if isinstance(step, CallStep) and step.reply is not None
        },
    )


def _messages(definition: Definition) -> Iterator[tuple[tuple[str, Direction], _Message]]:
    sources = _sources(definition)
    for step in definition.steps:
        if isinstance(step, EmitStep):
            message = _message(step.event, step.template, sources)
            yield (step.name, Direction.DO), message
            continue
        for direction, use in _uses(step):
            yield (step.name, direction), _message(use.schema, use.template, sources)


def _announcement(definition: Definition) -> _Announcement | None:
    use = definition.compensated
    if use is None:
        return None
    return _Announcement(
        use=use,
        message=_message(use.schema, use.template, _sources(definition)),
        read=datum_decoder_of(use.schema),
    )


def _uses(step: CallStep) -> Iterator[tuple[Direction, CommandUse]]:
    yield Direction.DO, step.command
    if step.undo is not None:
        yield Direction.UNDO, step.undo.command


def _message(schema: AvroSchema, template: MappingTemplate, sources: Sources) -> _Message:
    render = renderer_of(template, schema.root, sources)
    encode = datum_encoder_of(schema)
    return _Message(type_name=schema.full_name, fill=lambda known: encode(render(known)))


class _Unwritable(Exception):
    """A message cannot be written; the text says why. Never leaves this file."""


def _written(message: _Message, known: Known) -> bytes:
    try:
        return message.fill(known)
    except NotThere as missing:
        problem = f"{missing.problem}."
        raise _Unwritable(problem) from None
    except (EncodeError, DecodeError) as error:
        raise _Unwritable(str(error)) from None


def _measure(value: bytes, limit_bytes: int) -> None:
    if len(value) > limit_bytes:
        problem = f"it has {len(value)} bytes, the limit is {limit_bytes}."
        raise _Unwritable(problem)


def _key(event: Mapping[str, Any], field: str, topic: str) -> bytes:
    """The key of an event, which was read back: a field that was left out has a default."""
    key: Any = event.get(field)
    try:
        return key_bytes(key, topic)
    except BadKey as error:
        raise _Unwritable(str(error)) from None


def _templates(step: Step) -> Iterator[Template]:
    if isinstance(step, EmitStep):
        yield step.template
    else:
        yield from (use.template for _, use in _uses(step))


def _reads(path: Path, step: str) -> bool:
    return path.root is Root.STEPS and path.fields[0] == step
