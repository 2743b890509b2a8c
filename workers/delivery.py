"""What a handler is told about the record it handles, beside the event or command."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeVar, cast, final

from penstock.events.headers import EventHeaders, parse_headers
from penstock.events.log import LogRecord
from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record
from penstock.workers.counters import Counters
from penstock.workers.group_commit import Effects
from penstock.workers.increments import HandlerCounters, Increments
from penstock.workers.state import PartitionState, StateView
from penstock.workers.state_table import StateTable, TableMaker

__all__ = ["Delivery", "UndeclaredState"]

RecordT = TypeVar("RecordT", bound=Record)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False, kw_only=True)
class UndeclaredState(CallerError):
    """A handler asked for state that it did not declare."""

    handler: str
    """The handler."""
    table: str
    """The record type it asked for."""

    code: ClassVar[str] = "PEN-W6"
    what: ClassVar[str] = "The handler {handler} asked for the state {table}."
    why: ClassVar[str] = "It was not declared, so its topic has no changelog for it."
    remedy: ClassVar[str] = "Declare it where the handler is declared: state={table}."


@final
class Delivery:
    """One delivery of one record to one handler."""

    __slots__ = (
        "_asked",
        "_effects",
        "_handler",
        "_headers",
        "_increments",
        "_record",
        "_state",
        "_tables",
        "attempt",
    )

    def __init__(
        self,
        record: LogRecord,
        *,
        handler: str,
        attempt: int,
        state: PartitionState,
        effects: Effects,
        tables: Mapping[type[Record], TableMaker],
        asked: CommandHeaders | None = None,
        increments: Increments | None = None,
    ) -> None:
        """Bind a record to the effects of one attempt; handlers never call this."""
        self._record = record
        self._handler = handler
        self._state = state
        self._effects = effects
        self._tables = tables
        self._headers: EventHeaders | None = None
        self._asked = asked
        self._increments = increments
        self.attempt = attempt
        """The number of this attempt, from 1: this worker's own, or, for the command of a saga, the
        saga's."""

    @property
    def handler(self) -> str:
        """The name of the handler it is delivered to."""
        return self._handler

    @property
    def topic(self) -> str:
        """The topic it was read from."""
        return self._record.topic

    @property
    def partition(self) -> int:
        """The number of its partition."""
        return self._record.partition

    @property
    def offset(self) -> int:
        """Its offset."""
        return self._record.offset

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        return self._record.key

    @property
    def timestamp(self) -> datetime:
        """When it was written, by the record's timestamp; aware, UTC."""
        return datetime.fromtimestamp(self._record.timestamp / 1000, UTC)

    @property
    def headers(self) -> EventHeaders:
        """The CloudEvents headers; read when first asked for.

        Raises:
            UnreadableHeader: a header is not what its name promises.
        """
        if self._headers is None:
            self._headers = parse_headers(self._record.headers)
        return self._headers

    @property
    def event_id(self) -> str:
        """The event's id; where its publisher gave none, its coordinates."""
        return self.headers.id or f"{self.topic}/{self.partition}/{self.offset}"

    # --- the commands of sagas ---------------------------------------------------------------

    @property
    def saga(self) -> str | None:
        """The name of the saga that asks; None where none does."""
        return None if self._asked is None else self._asked.saga

    @property
    def step(self) -> str | None:
        """The name of the step that asks; None where no saga does."""
        return None if self._asked is None else self._asked.step

    @property
    def idempotency_key(self) -> str:
        """The key under which the effect of this record counts once, whatever is delivered again.

        Give it to whatever keeps effects outside of Kafka, and let that refuse to do one twice. It
        is the same for all attempts of a saga's step, and its undo has another one; where no saga
        asks, it is the event's id.
        """
        return self.event_id if self._asked is None else self._asked.idempotency_key

    @property
    def undoes_key(self) -> str | None:
        """In an undo: the key of the effect that is to be undone; else None.

        Nothing may be found under it: the undo of a step is asked for wherever the step may have
        happened. Then mark the key as undone, so that a process that was held up while it did the
        step cannot do it afterwards.
        """
        asked = self._asked
        if asked is None or asked.direction is not Direction.UNDO:
            return None
        key = (self.key or b"").decode()
        return idempotency_key(asked.saga, Direction.DO, asked.step, key)

    @property
    def deadline(self) -> datetime | None:
        """When the saga stops to wait for the answer; aware, UTC. None where no saga asks."""
        if self._asked is None:
            return None
        try:
            return _EPOCH + timedelta(milliseconds=self._asked.deadline_ms)
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC)

    # --- state -------------------------------------------------------------------------------

    def state(self, record_type: type[RecordT]) -> StateTable[RecordT]:
        """The table of a record type that the handler declared with `state=`.

        Entries that belong to one key need no care. Where several keys share an entry, read and
        write it behind the last await of the handler: other keys are handled side by side, and
        what is written counts when the handler has returned.

        Raises:
            UndeclaredState: the handler did not declare it.
        """
        make = self._tables.get(record_type)
        if make is None:
            raise UndeclaredState(handler=self._handler, table=record_type.__name__)
        view = StateView(self._state, self._effects)
        return cast("StateTable[RecordT]", make(view))

    # --- counters ----------------------------------------------------------------------------

    def counters(self, counters: Counters) -> HandlerCounters:
        """A set of replicated counters that the handler declared with `counters=`.

            delivery.counters(orders).increment("completed/gold")

        What is asked for counts once the handler has returned and its record is done, in the
        transaction that commits it, and exactly once, whatever is delivered again. An attempt that
        fails counts nothing; neither does a record that is parked, nor a command that is not
        answered with its reply. Increments need no care for order or for other keys.

        Raises:
            UndeclaredCounters: the handler did not declare it.
        """
        return (self._increments or Increments(self._handler)).of(counters)
