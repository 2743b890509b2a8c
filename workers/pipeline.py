"""From a record to its effects: decode, handle, retry, emit; or the dead letter.

One pipeline serves one topic of one worker; everything that does not change from record to record
is made once. `process` never raises for what a record holds or a handler does: that ends as a dead
letter among the effects, in the same commit as the input's offset. It raises for what is wrong with
the world (the catalogue is away) or with this process; then the whole partition is in doubt.

Laws:
1. Poison (bytes that cannot be decoded) and refusals are parked at once; any other exception of a
   handler is retried in its lane by the handler's schedule, then parked.
2. A dead letter is the record itself, untouched, plus the note that says why.
3. What the broker refused twice for one record alone is parked without its outputs.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.dead_letter import dead_letter_headers, failure_code, failure_message
from penstock.events.decoder import EventDecoder
from penstock.events.event import Event
from penstock.events.identity import Entropy
from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.schemas.codec_errors import DecodeError, UnknownFingerprint
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.schemas.record import Record
from penstock.workers.delivery import Delivery
from penstock.workers.emission import Emission
from penstock.workers.group_commit import Effects
from penstock.workers.refused import Refused
from penstock.workers.state import PartitionState
from penstock.workers.state_table import StateUnreadable, TableMaker
from penstock.workers.suspicion import Condemnation
from penstock.workers.time_limit import LimitMet, within
from penstock.workers.worker import Handler

__all__ = ["HandlerTimeout", "OutputsRefused", "Pipeline", "PipelineContext"]


@dataclass(eq=False, kw_only=True)
class HandlerTimeout(WorldError):
    """One attempt of a handler took too long."""

    handler: str
    """The handler."""
    timeout_s: float
    """Its limit in seconds."""

    code: ClassVar[str] = "PEN-W8"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The handler {handler} did not end within {timeout_s} s."
    why: ClassVar[str] = "Its key's lane would wait for it for ever."
    remedy: ClassVar[str] = "Make it faster, or give it a larger timeout_s."


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
class PipelineContext:
    """What a pipeline needs from outside; the same for all topics of one worker."""

    group: str
    """The consumer group."""
    dead_letters: Callable[[str], str]
    """The dead-letter topic of an input topic."""
    decoder: EventDecoder[Event]
    """Decodes the events that this worker handles."""
    look_up: Callable[[bytes], Awaitable[object]]
    """Asks the catalogue for an unknown fingerprint, in bounded time."""
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
    """Told of each record that is parked."""


@final
class Pipeline:
    """The way of one topic's records; fulfils partition_work.Processor."""

    def __init__(self, handlers: Mapping[type[Event], Handler], context: PipelineContext) -> None:
        """Make the pipeline of one topic.

        Args:
            handlers: By event type; types of the topic that nobody handles are passed over.
            context: What it needs from outside.
        """
        self._handlers = handlers
        self._context = context
        self._tables = {
            event_type: {table: context.tables[table] for table in handler.tables}
            for event_type, handler in handlers.items()
        }

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Compute what a record does."""
        if condemned is not None:
            refused = OutputsRefused(reason=condemned.reason)
            return self._park(record, refused, "refused-by-broker", bare=condemned.without_value)
        try:
            event = await self._decode(record)
        except DecodeError as error:
            return self._park(record, error, "undecodable")
        handler = self._handlers.get(type(event)) if event is not None else None
        if event is None or handler is None:
            return Effects()
        return await self._handle(event, record, handler, state)

    async def _decode(self, record: LogRecord) -> Event | None:
        value = record.value or b""
        try:
            return self._context.decoder.decode(value)
        except UnknownFingerprint as unknown:
            await self._context.look_up(bytes.fromhex(unknown.fingerprint))
            return self._context.decoder.decode(value)

    # --- handling ----------------------------------------------------------------------------

    async def _handle(
        self, event: Event, record: LogRecord, handler: Handler, state: PartitionState
    ) -> Effects:
        attempt = 0
        while True:
            attempt += 1
            effects = Effects()
            delivery = Delivery(
                record,
                handler=handler.name,
                attempt=attempt,
                state=state,
                effects=effects,
                tables=self._tables[handler.event_type],
            )
            try:
                returned = await self._call(event, delivery, handler)
            except Refused as refusal:
                return self._park(record, refusal, "refused", handler, attempt)
            except CallerError as error:
                # A wrong use of penstock: the same input gives the same again.
                return self._park(record, error, "failed", handler, attempt)
            except StateUnreadable:
                raise
            except Exception as error:  # noqa: BLE001 - a handler may raise anything; see law 1
                wait_s = handler.retries.wait_s(attempt, self._context.entropy.random())
                if wait_s is None:
                    return self._park(record, error, "failed", handler, attempt)
                await self._context.clock.sleep_until(self._context.clock.monotonic() + wait_s)
            else:
                if returned is None:
                    return effects
                # No await from here to the lane, which makes the state changes count.
                return self._emit(returned, record, delivery, handler, effects)

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Publish the schemas of types that are about to be committed for the first time."""
        await self._context.prepare(types)
        self._context.emission.prepared(types)

    async def _call(self, event: Event, delivery: Delivery, handler: Handler) -> object:
        try:
            return await within(handler.timeout_s, handler.function(event, delivery))
        except LimitMet:
            raise HandlerTimeout(handler=handler.name, timeout_s=handler.timeout_s) from None

    def _emit(
        self,
        returned: object,
        record: LogRecord,
        delivery: Delivery,
        handler: Handler,
        effects: Effects,
    ) -> Effects:
        emission = self._context.emission
        try:
            outputs = emission.outputs_of(returned, handler.name)
        except CallerError as error:
            return self._park(record, error, "bad-output", handler, delivery.attempt)
        try:
            emission.emit(
                outputs,
                delivery=delivery,
                handler=handler.name,
                now_ms=self._context.clock.wall_ms(),
                effects=effects,
            )
        except CallerError as error:
            return self._park(record, error, "bad-output", handler, delivery.attempt)
        return effects

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
        """Make the dead letter of a record its only effect."""
        effects = Effects()
        name = "" if handler is None else handler.name
        headers = dead_letter_headers(
            record,
            failure,
            reason=reason,
            group=self._context.group,
            handler=name,
            attempts=attempts,
        )
        topic = self._context.dead_letters(record.topic)
        value = None if bare else record.value
        key = b"" if value is None and record.key is None else record.key
        effects.emit(
            Partition(topic, record.partition),
            NewRecord(key, value, list(headers), self._context.clock.wall_ms()),
        )
        self._context.alarm(self._alarm(record, failure, reason, name))
        return effects

    def _alarm(self, record: LogRecord, failure: BaseException, reason: str, handler: str) -> Alarm:
        return Alarm(
            name="record-parked",
            text=f"Parked as a dead letter ({reason}): {failure_message(failure)}",
            facts={
                "topic": record.topic,
                "partition": record.partition,
                "offset": record.offset,
                "handler": handler,
                "error_code": failure_code(failure),
            },
        )
