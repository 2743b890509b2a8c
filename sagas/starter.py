"""From an event to the start of a saga: the stateless half of an orchestrator (formats.md F21).

    shop.orders --OrderPlaced--> [starter] --Start--> inbox, keyed by the saga's key

An event may be keyed by anything; a saga has one order of its own. So the event is carried over to
the inbox, exactly once: the start and the event's offset are one transaction.

Laws:
1. The event travels on as its author wrote it, as a single object whatever its frame was: in the
   inbox it must be readable without a registry. It is only read to find the key.
2. Events of other types on the same topic are passed over.
3. What cannot be read, gives no key or is too large to travel on is a dead letter. What a slow
   cluster keeps from being read is none: it is a doubt.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, final

from penstock.events.clock import Clock
from penstock.events.event import Event
from penstock.events.headers import (
    HeadersOverLimit,
    UnreadableHeader,
    cause_headers,
    constant_headers,
    parse_headers,
    time_header,
)
from penstock.events.identity import derived_id
from penstock.events.log import LogRecord, NewRecord, Partition, RecordTooLarge
from penstock.events.partitioner import partition_of
from penstock.events.saga_messages import InboxMessage, Start, encode_inbox_message
from penstock.sagas.definition_book import DefinitionBook
from penstock.sagas.outputs import record_size
from penstock.schemas.codec import datum_decoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.errors import CallerError, PenstockError
from penstock.schemas.framing import (
    find_behind,
    found_behind,
    frame_in_record,
    single_object_of,
)
from penstock.schemas.lookup import SchemaIdLookup, SchemaLookup
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.group_commit import Effects
from penstock.workers.parking import Parking
from penstock.workers.pipeline import OutputsRefused
from penstock.workers.state import PartitionState
from penstock.workers.suspicion import Condemnation

__all__ = ["Starter", "StarterContext"]

_MESSAGE_TYPE = declaration_of(InboxMessage).full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterContext:
    """What a starter needs from outside."""

    parking: Parking
    """Makes dead letters."""
    source: str
    """Who publishes: app and worker."""
    inbox: str
    """Where starts go."""
    inbox_partitions: int
    """How many partitions that topic has."""
    limit_bytes: int
    """Size of a record at most."""
    book: DefinitionBook
    """All versions of the saga."""
    schemas: SchemaLookup
    """Writers' schemas by fingerprint."""
    ids: SchemaIdLookup
    """Writers' schemas by id."""
    look_up: Callable[[bytes], Awaitable[object]]
    """Looks for the schema behind an unknown frame, and waits for it, in bounded time."""
    keep: Callable[[Iterable[AvroSchema]], Awaitable[None]]
    """Puts schemas that only a registry knows where the inbox's reader finds them."""
    clock: Clock
    """The time."""


class _Reading(NamedTuple):
    """How events of one frame are read, for one version of the saga."""

    writer: AvroSchema
    key_of: Callable[[bytes], str]
    """Finds the saga's key in a framed event."""


@final
class Starter:
    """Carries events over to a saga's inbox; fulfils workers' `Processor`."""

    def __init__(self, context: StarterContext) -> None:
        """Begin."""
        self._context = context
        self._readings: dict[tuple[bytes, int], _Reading] = {}
        self._constants = constant_headers(_MESSAGE_TYPE, context.source)

    async def process(
        self, record: LogRecord, state: PartitionState, condemned: Condemnation | None
    ) -> Effects:
        """Take an event."""
        del state
        if condemned is not None:
            refused = OutputsRefused(reason=condemned.reason)
            return self._park(record, refused, "refused-by-broker", bare=condemned.without_value)
        try:
            reading = await self._reading(record)
            return Effects() if reading is None else self._start(record, reading)
        except DecodeError as error:
            return self._park(record, error, "undecodable")
        except (CallerError, HeadersOverLimit, UnreadableHeader) as error:
            return self._park(record, error, "refused")

    async def prepare(self, types: Iterable[type[Event]]) -> None:
        """Make nothing ready: the envelope's schema was published at the start."""
        assert not tuple(types)

    async def _reading(self, record: LogRecord) -> "_Reading | None":
        """How the event is read; None where it starts nothing."""
        frame = frame_in_record(record.value or b"", record.headers)
        program = self._context.book.latest
        cached = self._readings.get((frame, program.definition.version))
        if cached is not None:
            return cached
        writer = await self._writer(frame)
        wanted = program.definition.input
        if writer.full_name != wanted.full_name:
            return None
        if self._context.schemas.find(writer.fingerprint) is not writer:
            # A registry's schema may have the fingerprint of a known one and another meaning; then
            # it is refused here, as the inbox would be read by the known one.
            await self._context.keep([writer])
        decode = datum_decoder_of(writer, wanted, frame=frame)
        reading = _Reading(writer, lambda framed: program.key_in(decode(framed)))
        self._readings[frame, program.definition.version] = reading
        return reading

    async def _writer(self, frame: bytes) -> AvroSchema:
        schemas, ids = self._context.schemas, self._context.ids
        writer = find_behind(frame, schemas, ids)
        if writer is None:
            await self._context.look_up(frame)
            writer = found_behind(frame, schemas, ids)
        return writer

    def _start(self, record: LogRecord, reading: "_Reading") -> Effects:
        context, effects = self._context, Effects()
        framed = record.value or b""
        key = reading.key_of(framed)
        headers = parse_headers(record.headers)
        cause = headers.id or f"{record.topic}/{record.partition}/{record.offset}"
        raw_key, now_ms = key.encode(), context.clock.wall_ms()
        saga = context.book.saga
        event = single_object_of(framed, reading.writer)
        value = encode_inbox_message(InboxMessage(start=Start(input=event)))
        further = [
            *self._constants,
            ("ce_id", str(derived_id(cause, f"saga/{saga}", 0)).encode()),
            time_header(now_ms),
            *cause_headers(f"{saga}/{key}", cause, headers.traceparent),
        ]
        size, limit = record_size(raw_key, value, further), context.limit_bytes
        if size > limit:
            raise RecordTooLarge(topic=context.inbox, size_bytes=size, limit_bytes=limit)
        effects.emit(
            Partition(context.inbox, partition_of(raw_key, context.inbox_partitions)),
            NewRecord(raw_key, value, further, now_ms),
        )
        return effects

    def _park(
        self, record: LogRecord, failure: PenstockError, reason: str, *, bare: bool = False
    ) -> Effects:
        now_ms = self._context.clock.wall_ms()
        return self._context.parking.park(record, failure, reason, now_ms=now_ms, bare=bare)
