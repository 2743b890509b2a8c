"""From an envelope of the inbox to what `decide` is told.

Users' data arrive as their writer framed them, by whatever version of a schema. Here they are read
by the schemas of the saga's own definition and framed anew by those: from here on a saga needs
nothing but its definition.

Laws:
1. A start must fit the definition's input, and its key must be the record's: else it is refused.
2. An answer whose data do not fit is still an answer: `Unreadable` (saga-rules S16).
3. Answers and signals to keys without a saga pass; `decide` knows what they are.
4. A catalogue that cannot be read just now says nothing about data: its error passes through.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.saga_headers import Direction
from penstock.events.saga_messages import InboxMessage, OperatorAct, Outcome, StepReply, Way
from penstock.sagas.definition import CallStep
from penstock.sagas.engine.inputs import (
    Cancelled,
    Erred,
    Input,
    Operated,
    Refused,
    Replied,
    Signalled,
    Started,
    Succeeded,
    Unreadable,
)
from penstock.sagas.engine.program import Program
from penstock.schemas.codec import datum_decoder_of, datum_encoder_of
from penstock.schemas.codec_errors import DecodeError, EncodeError, UnknownFingerprint
from penstock.schemas.errors import ExitCode, WorldError
from penstock.schemas.lookup import SchemaLookup
from penstock.schemas.schema import AvroSchema
from penstock.schemas.single_object import fingerprint_in

__all__ = ["InboxReading", "StartRefused", "trigger_of"]

TEXT_LIMIT: Final = 1_024
"""Characters of a reason, an actor or a refusal's text that are kept."""


@dataclass(eq=False, kw_only=True)
class StartRefused(WorldError):
    """A start does not fit the saga."""

    saga: str
    """The saga."""
    problem: str
    """What is wrong with it, as a sentence without its end."""

    code: ClassVar[str] = "PEN-S44"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The start of a saga {saga} was refused."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "Mend the program that wrote it."


def trigger_of(message: InboxMessage) -> str:
    """Return the word under which a history shows what an envelope holds."""
    for name in ("start", "reply", "signal", "cancel"):
        if getattr(message, name) is not None:
            return name
    return "operator"


@final
class InboxReading:
    """Reads the envelopes of one saga's inbox."""

    def __init__(
        self, schemas: SchemaLookup, look_up: Callable[[bytes], Awaitable[object]]
    ) -> None:
        """Read with these writers' schemas.

        Args:
            schemas: what is known.
            look_up: asks the catalogue for an unknown fingerprint, in bounded time.
        """
        self._schemas = schemas
        self._look_up = look_up
        self._converters: dict[tuple[bytes, str], Callable[[bytes], bytes]] = {}

    async def input_of(self, message: InboxMessage, key: str, program: Program) -> Input:
        """Return what an envelope says.

        Args:
            message: the envelope.
            key: the record's key, which is the saga's.
            program: the version that decides.

        Raises:
            StartRefused: a start does not fit.
            DecodeError: the data of a start or of a signal cannot be read.
            BadSagaKey: the data of a start give no key.
            WorldError: any other leaf says that schemas cannot be looked up at the moment.
        """
        if message.start is not None:
            data = await self._converted(message.start.input, program.definition.input)
            if program.key_of(data) != key:
                raise self._refusal(program, "Its key is not the one that its input gives")
            return Started(key=key, input=data)
        if message.reply is not None:
            return await self._reply(message.reply, program)
        if message.signal is not None:
            return Signalled(event=await self._type_name(message.signal.event))
        if message.cancel is not None:
            cancel = message.cancel
            return Cancelled(actor=cancel.actor[:TEXT_LIMIT], reason=cancel.reason[:TEXT_LIMIT])
        act = message.operator
        assert act is not None, "an envelope has exactly one part"
        return Operated(
            verb=act.verb,
            step=act.step,
            actor=act.actor[:TEXT_LIMIT],
            reason=act.reason[:TEXT_LIMIT],
            data=await self._marked_data(act, program),
        )

    def _refusal(self, program: Program, problem: str) -> StartRefused:
        return StartRefused(saga=program.definition.saga, problem=problem)

    async def _reply(self, reply: StepReply, program: Program) -> Replied:
        return Replied(
            step=reply.step,
            direction=Direction(reply.way.value),
            attempt=reply.attempt,
            answer=await self._answer(reply, program),
        )

    async def _answer(
        self, reply: StepReply, program: Program
    ) -> Succeeded | Refused | Erred | Unreadable:
        code, text = reply.code[:TEXT_LIMIT], reply.text[:TEXT_LIMIT]
        if reply.outcome is Outcome.REFUSED:
            return Refused(code=code, text=text)
        if reply.outcome is Outcome.ERROR:
            return Erred(code=code, text=text, retryable=reply.retryable)
        schema = _reply_schema(reply, program)
        if schema is None:
            return Succeeded()
        if reply.data is None:
            return Unreadable(code="no-data", text=f"{schema.full_name} was expected")
        try:
            return Succeeded(data=await self._converted(reply.data, schema))
        except (DecodeError, EncodeError) as error:
            return Unreadable(code=error.code, text=error.message[:TEXT_LIMIT])

    async def _marked_data(self, act: OperatorAct, program: Program) -> bytes | None:
        """The reply that an operator gives; what cannot be read stays as it is, to be refused."""
        step = program.step(act.step)
        schema = step.reply if isinstance(step, CallStep) else None
        if act.data is None or schema is None:
            return act.data
        try:
            return await self._converted(act.data, schema)
        except (DecodeError, EncodeError):
            return act.data

    async def _type_name(self, framed: bytes) -> str:
        return (await self._writer(framed)).full_name

    async def _converted(self, framed: bytes, schema: AvroSchema) -> bytes:
        """Read by the definition's schema, and frame by it."""
        writer = await self._writer(framed)
        converter = self._converters.get((writer.fingerprint, schema.text))
        if converter is None:
            converter = _converter(writer, schema)
            self._converters[writer.fingerprint, schema.text] = converter
        return converter(framed)

    async def _writer(self, framed: bytes) -> AvroSchema:
        fingerprint = fingerprint_in(framed)
        writer = self._schemas.find(fingerprint)
        if writer is None:
            await self._look_up(fingerprint)
            writer = self._schemas.find(fingerprint)
        if writer is None:
            raise UnknownFingerprint(fingerprint=fingerprint.hex())
        return writer


def _reply_schema(reply: StepReply, program: Program) -> AvroSchema | None:
    """What a step is answered with; None where data of an answer mean nothing."""
    step = program.step(reply.step)
    if reply.way is Way.UNDO or not isinstance(step, CallStep):
        return None
    return step.reply


def _converter(writer: AvroSchema, schema: AvroSchema) -> Callable[[bytes], bytes]:
    decode = datum_decoder_of(writer, schema)
    if writer.full_name == schema.full_name and writer.fingerprint == schema.fingerprint:

        def judge(framed: bytes) -> bytes:
            decode(framed)
            return framed

        return judge
    encode = datum_encoder_of(schema)
    return lambda framed: encode(decode(framed))
