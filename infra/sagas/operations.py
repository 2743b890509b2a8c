"""What people ask of a saga, and its answer: into the inbox, and out of the history.

    history's end   is noted first, so that no answer is missed
    inbox           takes the request; its id names it
    history         is followed until the transition that this id has caused

The orchestrator that owns the saga answers; nothing is decided here.

Laws:
1. The request is acknowledged before anybody waits for its answer, and the wait has a limit.
2. A request without an answer stands in the inbox and will be taken: that is said, not hidden.
3. Only the history says what became of a request; nothing is concluded from the saga's state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.headers import cause_headers, constant_headers, id_header, time_header
from penstock.events.identity import Entropy
from penstock.events.log import (
    BatchWriter,
    LogReader,
    NewRecord,
    Partition,
    RecordTooLarge,
)
from penstock.events.names import saga_history_topic, saga_inbox_topic
from penstock.events.saga_messages import InboxMessage, encode_inbox_message
from penstock.infra.parts import Parts
from penstock.infra.sagas.reading import SagaReader, SagaSources, sources_of
from penstock.sagas.engine.facts import FactKind
from penstock.sagas.engine.notes import Note
from penstock.sagas.records import Transition
from penstock.schemas.errors import WorldError
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.changelog import closing

__all__ = [
    "ANSWER_LIMIT_S",
    "NoAnswer",
    "SagaAnswer",
    "SagaDesk",
    "SagaOutlets",
    "answer_in",
    "outlets_of",
]

ANSWER_LIMIT_S: Final = 10.0
"""Longest wait for an answer, unless somebody says otherwise."""
WRITE_LIMIT_S: Final = 10.0
"""Longest wait until the inbox has acknowledged a request."""
_POLL_S: Final = 0.1
_OVERHEAD_BYTES: Final = 2_048
"""Room for the headers of a request."""
_MESSAGE: Final = declaration_of(InboxMessage)

_ANSWERS: Final = (
    Note.ACCEPTED,
    Note.ALREADY,
    Note.CONFLICT,
    Note.TOO_LATE,
    Note.NOT_FOUND,
    Note.NOT_POSSIBLE,
    Note.FOREIGN,
    Note.UNSENT,
)
"""Words that answer a request, among those that a note may hold."""


@dataclass(eq=False, kw_only=True)
class NoAnswer(WorldError):
    """A request was written and not answered in time."""

    saga: str
    """The saga's name."""
    request: str
    """The request's id, its `ce_id`."""
    limit_s: float
    """Seconds waited."""

    code: ClassVar[str] = "PEN-I57"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "No orchestrator of the saga {saga} answered within {limit_s:g} s."
    why: ClassVar[str] = (
        "The request {request} stands in the inbox and will be taken when one runs."
    )
    remedy: ClassVar[str] = (
        "See that 'penstock run saga' runs and is healthy; 'penstock saga show' tells what became "
        "of the request, and what could not be taken is in the dead letters of the inbox."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaAnswer:
    """What an orchestrator answered to a request."""

    note: str
    """A word of `Note`; empty where the transition holds none."""
    text: str
    """Why, where something is said."""
    transition: Transition
    """All that the request did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaOutlets:
    """What writing to sagas takes."""

    sources: SagaSources
    """What reading takes."""
    writer: BatchWriter
    """Writes to the inbox."""
    entropy: Entropy
    """Ids."""
    source: str
    """Who asks, as CloudEvents' `source`."""
    limit_bytes: int
    """Size of a record at most."""


def outlets_of(parts: Parts) -> SagaOutlets:
    """Return what writing to sagas takes, of the parts of a program."""
    return SagaOutlets(
        sources=sources_of(parts),
        writer=parts.writer,
        entropy=parts.entropy,
        source=parts.settings.app,
        limit_bytes=parts.settings.max_record_bytes,
    )


def answer_in(transition: Transition) -> SagaAnswer:
    """Return what a transition answers to the request that caused it."""
    for fact in transition.facts:
        if fact.kind is FactKind.NOTED and fact.code in _ANSWERS:
            return SagaAnswer(note=fact.code, text=fact.text, transition=transition)
    return SagaAnswer(note="", text="", transition=transition)


@final
class SagaDesk:
    """Puts requests to the sagas of one name."""

    def __init__(self, outlets: SagaOutlets, reader: SagaReader) -> None:
        """Stand ready.

        Args:
            outlets: what it takes.
            reader: of the saga's topics.
        """
        self.reader = reader
        """Reads the same topics."""
        self._outlets = outlets

    async def ask(
        self,
        key: str,
        message: InboxMessage,
        *,
        schemas: Iterable[AvroSchema] = (),
        timeout_s: float = ANSWER_LIMIT_S,
    ) -> SagaAnswer:
        """Put a request to a saga, and wait for its answer.

        Args:
            key: the saga's.
            message: the request.
            schemas: of the data that it holds.
            timeout_s: seconds to wait for an answer, once the request is acknowledged.

        Raises:
            NoAnswer: nobody answered in time; the request will be taken later.
            RecordTooLarge: the request is larger than a record may be; nothing was written.
            SagaRecordUnreadable: the history holds something that this version cannot read.
            WriteUnknown: nobody knows whether the request was written.
        """
        sources = self._outlets.sources
        record = self._record(key, message)
        history = self.reader.partition(saga_history_topic(sources.app, self.reader.saga), key)
        inbox = self.reader.partition(saga_inbox_topic(sources.app, self.reader.saga), key)
        await sources.catalogue.ensure([_MESSAGE.schema])
        # Who asks writes by the definition's schemas, and says nothing new about their topics.
        await sources.catalogue.keep(schemas)
        async with closing(await sources.open_reader([history])) as reader:
            _, end = await reader.bounds(history)
            reader.seek(history, end)
            await self._write(inbox, record)
            return answer_in(await self._answer(reader, record, timeout_s))

    def _record(self, key: str, message: InboxMessage) -> NewRecord:
        outlets = self._outlets
        now_ms = outlets.sources.clock.wall_ms()
        return NewRecord(
            key.encode(),
            encode_inbox_message(message),
            [
                *constant_headers(_MESSAGE.full_name, outlets.source),
                id_header(str(outlets.entropy.uuid())),
                time_header(now_ms),
                *cause_headers(f"{self.reader.saga}/{key}", None, None),
            ],
            now_ms,
        )

    async def _write(self, inbox: Partition, record: NewRecord) -> None:
        assert record.key is not None
        assert record.value is not None
        limit_bytes = self._outlets.limit_bytes
        size_bytes = len(record.key) + len(record.value) + _OVERHEAD_BYTES
        batch = self._outlets.writer.new_batch()
        if size_bytes > limit_bytes or not batch.append(record):
            raise RecordTooLarge(topic=inbox.topic, size_bytes=size_bytes, limit_bytes=limit_bytes)
        await self._outlets.writer.write(inbox, batch, timeout_s=WRITE_LIMIT_S)

    async def _answer(self, reader: LogReader, request: NewRecord, timeout_s: float) -> Transition:
        clock = self._outlets.sources.clock
        request_id = dict(request.headers)["ce_id"].decode()
        deadline_s = clock.monotonic() + timeout_s
        while (left_s := deadline_s - clock.monotonic()) > 0:
            for record in await reader.read(timeout_s=min(left_s, _POLL_S)):
                if record.key == request.key and record.value is not None:
                    transition = await self.reader.transition(record)
                    if transition.cause == request_id:
                        return transition
        raise NoAnswer(saga=self.reader.saga, request=request_id, limit_s=timeout_s)
