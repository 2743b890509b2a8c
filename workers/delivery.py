"""What a handler is told about the record it handles, beside the event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, TypeVar, cast, final

from penstock.events.headers import EventHeaders, parse_headers
from penstock.events.log import LogRecord
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record
from penstock.workers.group_commit import Effects
from penstock.workers.state import PartitionState, StateView
from penstock.workers.state_table import StateTable, TableMaker

__all__ = ["Delivery", "UndeclaredState"]

RecordT = TypeVar("RecordT", bound=Record)


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
    remedy: ClassVar[str] = "Declare it: @worker.on(..., state={table})."


@final
class Delivery:
    """One delivery of one record to one handler."""

    __slots__ = ("_effects", "_handler", "_headers", "_record", "_state", "_tables", "attempt")

    def __init__(
        self,
        record: LogRecord,
        *,
        handler: str,
        attempt: int,
        state: PartitionState,
        effects: Effects,
        tables: Mapping[type[Record], TableMaker],
    ) -> None:
        """Bind a record to the effects of one attempt; handlers never call this."""
        self._record = record
        self._handler = handler
        self._state = state
        self._effects = effects
        self._tables = tables
        self._headers: EventHeaders | None = None
        self.attempt = attempt
        """The number of this attempt, from 1."""

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
