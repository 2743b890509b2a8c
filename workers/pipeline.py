"""From a record to its effects: decode, handle, retry, emit; or the dead letter.

One pipeline serves one topic of one worker; everything that does not change from record to record
is made once. `process` never raises for what a record holds or a handler does: that ends as a dead
letter among the effects, in the same commit as the input's offset. It raises for what is wrong with
the world (the catalogue is away) or with this process; then the whole partition is in doubt.

Laws:
1. Poison (bytes that cannot be decoded) and refusals are parked at once; any other exception of an
   event's handler is retried in its lane by the handler's schedule, then parked. Commands take the
   way of command_pipeline.py.
2. A dead letter is the record itself, untouched, plus the note that says why.
3. What the broker refused twice for one record alone is parked without its outputs.
4. What a handler wants to count is counted when it has returned, and only if its record is done.
5. A record of a type that nobody handles here is skipped and counted, parked, or fails the
   partition, as the worker declares it (type_rules.py).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar, Final, final

from penstock.events.alarm import RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.decoder import EventDecoder
from penstock.events.event import Command, Event, Message
from penstock.events.identity import Entropy
from penstock.events.log import LogRecord
from penstock.events.skipped_types import SkippedCounts, SkippedTypes
from penstock.schemas.codec_errors import DecodeError, SchemaUnknown
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.schemas.lookup import SchemaLookup
from penstock.schemas.record import Record
from penstock.workers.answers import Answers
from penstock.workers.attempt import Attempt, begun
from penstock.workers.command_pipeline import CommandContext, CommandPipeline
from penstock.workers.emission import Emission
from penstock.workers.group_commit import Effects
from penstock.workers.handler import CommandHandler, Handler
from penstock.workers.handler_call import HandlerTimeout, call_in_time
from penstock.workers.inboxes import Inboxes
from penstock.workers.parking import Parking
from penstock.workers.participant_memory import Memories
from penstock.workers.refused import Failed, Refused
from penstock.workers.state import PartitionState
from penstock.workers.state_table import StateUnreadable, TableMaker
from penstock.workers.suspicion import Condemnation
from penstock.workers.tally import Tally
from penstock.workers.timers import Timing
from penstock.workers.type_rules import UnknownTypeParked, UnknownTypeRefused, UnknownTypes

__all__ = ["HandlerTimeout", "OutputsRefused", "Participation", "Pipeline", "PipelineContext"]


@dataclass(eq=False, kw_only=True)
class OutputsRefused(WorldError):
    """The broker refused what a record's handler put out."""

    reason: str
    """The broker's error, by name and number."""

    code: ClassVar[str] = "PEN-W9"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The broker refused what this record's handler put out: {reason}."
    why: ClassVar[str] = "It was tried twice for this record alone."
    remedy: ClassVar[str] = "Look at the output topic's max.message.bytes and timestamp settings."


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """What it takes beside to carry out commands, and to answer the sagas that ask."""

    source: str
    """Who answers: app and worker."""
    limit_bytes: int
    """Size of a record at the most."""
    schemas: SchemaLookup
    """Knows the schemas of what is remembered."""
    remembers: timedelta
    """For how long answers and undos are remembered."""
    partition_count: Callable[[str], Awaitable[int]]
    """Asks how many partitions an inbox has, in bounded time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineContext:
    """What a pipeline needs from outside; the same for all topics of one worker."""

    group: str
    """The consumer group."""
    dead_letters: Callable[[str], str]
    """The dead-letter topic of an input topic."""
    decoder: EventDecoder[Message]
    """Decodes the events and commands that this worker handles."""
    look_up: Callable[[bytes], Awaitable[object]]
    """Looks for the schema behind an unknown frame, and waits for it, in bounded time."""
    prepare: Callable[[Iterable[type[Event]]], Awaitable[None]]
    """Publishes the schemas of types of outputs, and looks whether their topics are there."""
    emission: Emission
    """Makes records of outputs."""
    tables: Mapping[type[Record], TableMaker]
    """Typed tables by record type."""
    clock: Clock
    """The time."""
    entropy: Entropy
    """Jitter."""
    alarm: RaiseAlarm
    """Told of each record that is parked, and of each command that failed."""
    participation: Participation | None = None
    """Given where the topic carries commands for this worker."""
    tally: Tally | None = None
    """Counts; given where a handler declares counters."""
    unknown_types: UnknownTypes = "skip"
    """What becomes of records of types that the decoder was not asked for."""


_NO_COMMANDS: Final[Mapping[type[Command], CommandHandler]] = MappingProxyType({})
_NEVER: Final = Timing(None)


@final
class Pipeline:
    """The way of one topic's records; fulfils work_seams.Processor and timers.Timed."""

    def __init__(
        self,
        handlers: Mapping[type[Event], Handler],
        context: PipelineContext,
        commands: Mapping[type[Command], CommandHandler] = _NO_COMMANDS,
    ) -> None:
        """Make the pipeline of one topic.

        Args:
            handlers: By event type; what becomes of other types of the topic says the context.
            context: What it needs from outside.
            commands: By command type; where there are any, the context says how they are answered.
        """
        self._handlers = handlers
        self._context = context
        self._parking = Parking(
            group=context.group, dead_letters=context.dead_letters, alarm=context.alarm
        )
        self._tables = {
            event_type: {table: context.tables[table] for table in handler.tables}
            for event_type, handler in handlers.items()
        }
        self._skipped = SkippedTypes()
        self._memories: Memories | None = None
        self._commands: CommandPipeline | None = None
        if commands:
            assert context.participation is not None, "commands are answered"
            self._memories = Memories(
                context.participation.schemas, limit_bytes=context.participation.limit_bytes
            )
            self._commands = self._command_pipeline(commands, context.participation, self._memories)

    def _command_pipeline(
        self,
        commands: Mapping[type[Command], CommandHandler],
        participation: Participation,
        memories: Memories,
    ) -> CommandPipeline:
        context = self._context
        return CommandPipeline(
            commands,
            CommandContext(
                parking=self._parking,
                answers=Answers(source=participation.source, limit_bytes=participation.limit_bytes),
                memories=memories,
                remembers_ms=participation.remembers // timedelta(milliseconds=1),
                inboxes=Inboxes(participation.partition_count),
                tables=context.tables,
                clock=context.clock,
                alarm=context.alarm,
                tally=context.tally,
                names=context.decoder.names,
            ),
        )

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Compute what a record does.

        Raises:
            UnknownTypeRefused: its type is not handled here, and such records are refused.
        """
        if condemned is not None:
            return self._condemned(record, state, condemned)
        value, decode = record.value or b"", self._context.decoder.decode
        try:
            try:
                message = decode(value, record.headers)
            except SchemaUnknown as unknown:
                await self._context.look_up(unknown.frame)
                message = decode(value, record.headers)
        except DecodeError as error:
            if self._commands is not None:
                return await self._commands.undecodable(record, error, state)
            return self._park(record, error, "undecodable")
        if message is None:
            return await self._pass_over(record, state)
        if isinstance(message, Command):
            assert self._commands is not None, "only what is handled is decoded"
            return await self._commands.process(message, record, state)
        return await self._handle(message, record, self._handlers[type(message)], state)

    async def _pass_over(self, record: LogRecord, state: PartitionState) -> Effects:
        """Skip, park or refuse a record of a type that nobody handles here."""
        unasked = self._context.decoder.unasked(record.value or b"")
        if unasked.ignored:
            return Effects()
        if self._context.unknown_types == "skip":
            self._skipped.count(unasked.full_name)
            return Effects()
        if self._context.unknown_types == "refuse":
            raise UnknownTypeRefused(
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                type=unasked.full_name,
            )
        unknown = UnknownTypeParked(type=unasked.full_name)
        if self._commands is not None:
            return await self._commands.unknown(record, unknown, state)
        return self._park(record, unknown, "unknown-type")

    def _condemned(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation
    ) -> Effects:
        refused = OutputsRefused(reason=condemned.reason)
        letter = self._park(record, refused, "refused-by-broker", bare=condemned.without_value)
        if self._commands is not None and not condemned.without_value:
            self._commands.leave_tombstone(record, state, letter)
        return letter

    # --- handling ----------------------------------------------------------------------------

    async def _handle(
        self, event: Event, record: LogRecord, handler: Handler, state: PartitionState
    ) -> Effects:
        number = 0
        while True:
            number += 1
            tables = self._tables[handler.event_type]
            attempt = begun(record, state, handler, tables, number=number)
            try:
                returned = await call_in_time(
                    handler.name, handler.timeout_s, handler.function(event, attempt.delivery)
                )
            except Refused as refusal:
                return self._park(record, refusal, "refused", handler, number)
            except StateUnreadable:
                raise
            except Exception as error:  # noqa: BLE001 - a handler may raise anything; see law 1
                wait_s = None
                if not _in_vain(error):
                    wait_s = handler.retries.wait_s(number, self._context.entropy.random())
                if wait_s is None:
                    return self._park(record, error, "failed", handler, number)
                await self._context.clock.sleep_until(self._context.clock.monotonic() + wait_s)
            else:
                # No await from here to the lane, which makes the state changes count.
                if returned is None and attempt.increments is None:
                    return attempt.effects  # for most handlers this is all
                return self._done(returned, handler, attempt)

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Publish the schemas of types that are about to be committed for the first time."""
        await self._context.prepare(types)
        self._context.emission.prepared(types)

    def _done(self, returned: object, handler: Handler, attempt: Attempt) -> Effects:
        """What comes of an attempt whose handler has returned."""
        delivery, now_ms = attempt.delivery, self._context.clock.wall_ms()
        try:
            if returned is not None:
                self._context.emission.emit(
                    self._context.emission.outputs_of(returned, handler.name),
                    delivery=delivery,
                    handler=handler.name,
                    now_ms=now_ms,
                    effects=attempt.effects,
                )
            # The last of all: where it returned a generator, that has run only now.
            attempt.count_with(self._context.tally, now_ms)
        except CallerError as error:
            return self._park(attempt.record, error, "bad-output", handler, delivery.attempt)
        return attempt.effects

    # --- parking -----------------------------------------------------------------------------

    def _park(
        self,
        record: LogRecord,
        failure: BaseException,
        reason: str,
        handler: Handler | None = None,
        attempts: int = 0,
        *,
        bare: bool = False,
    ) -> Effects:
        return self._parking.park(
            record,
            failure,
            reason,
            "" if handler is None else handler.name,
            attempts,
            now_ms=self._context.clock.wall_ms(),
            bare=bare,
        )

    def statistics(self) -> SkippedCounts:
        """How many records were skipped because nobody handles their types here."""
        return self._skipped.statistics()

    # --- timers ------------------------------------------------------------------------------

    def timing(self, key: bytes, value: bytes) -> Timing:
        """When an entry of state is to be forgotten; only what participants remember ever is.

        Raises:
            StateUnreadable: the entry cannot be read.
        """
        return _NEVER if self._memories is None else self._memories.timing(key, value)

    def lane_key(self, key: bytes) -> bytes:
        """The record key whose lane an entry belongs to."""
        return key if self._memories is None else self._memories.lane_key(key)

    def fire(
        self, key: bytes, now_ms: int, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Forget an entry, if it is due.

        It puts nothing out that the broker could refuse, so it makes no difference whether that is
        said to have happened.
        """
        del condemned
        return Effects() if self._memories is None else self._memories.forget(key, now_ms, state)


def _in_vain(error: Exception) -> bool:
    """Whether another attempt ends alike: penstock is used wrongly, or the handler says so."""
    return isinstance(error, CallerError) or (isinstance(error, Failed) and not error.retryable)
