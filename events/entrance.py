"""The entrance to sending: a class of messages may pass once its schema and its topic are there.

Before the first record of a class is sent, its schema is ensured in the catalogue and its topic is
looked at. Records that come meanwhile wait in a line, one for each topic, and pass in the order in
which they came.

Laws:
1. BEFORE a class's first record its schema stands in the catalogue: no reader ever meets a
   fingerprint that it cannot look up.
2. Nobody overtakes: a record of a ready class waits behind records of its topic that wait for
   theirs, since the two may have one key.
3. Where a class cannot be made ready, all who wait for it are told, and the next call tries again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.envelope import Envelope
from penstock.events.line import InLine, Line, NotSent
from penstock.events.log import BatchWriter
from penstock.events.sender import Sender
from penstock.events.topic import Topic
from penstock.events.written_schemas import SchemaKeeper
from penstock.schemas.errors import CallerError, PenstockError, WorldError

__all__ = ["Entrance", "Kind", "TopicTooNarrow"]

_UNCONFIRMED: Final = "its schema and its topic were not confirmed"


def _unconfirmed(failure: PenstockError) -> str:
    return f"{_UNCONFIRMED} ({str(failure).removesuffix('.')})"


@dataclass(eq=False, kw_only=True)
class TopicTooNarrow(CallerError):
    """A topic has fewer partitions than it is declared with."""

    topic: str
    """The topic."""
    partitions: int
    """Partitions it has."""
    declared: int
    """Partitions it is declared with."""

    code: ClassVar[str] = "PEN-E35"
    what: ClassVar[str] = (
        "The topic {topic} has {partitions} partitions and is declared with {declared}."
    )
    why: ClassVar[str] = "Keys are spread over the declared number, for life."
    remedy: ClassVar[str] = "Run 'penstock topic plan'."


@final
class Kind:
    """One class of messages, on its way to be ready.

    It is `open` where a record may go straight to the sender.
    """

    __slots__ = ("envelope", "getting_ready", "line", "ready")

    def __init__(self, envelope: Envelope, line: Line) -> None:
        """Begin unready.

        Args:
            envelope: makes its records.
            line: its topic's, which other classes may share.
        """
        self.envelope = envelope
        self.line = line
        self.ready = False
        self.getting_ready: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the class is ready and nobody of its topic stands in line."""
        return self.ready and not self.line

    @property
    def waits_for(self) -> str:
        """What a record has waited for that was not admitted."""
        return "it was not admitted to a batch" if self.ready else self.line.reason

    def learn_frame(self) -> None:
        """Seal with the schema's own frame from now on, and finish what waits without it."""
        if not self.envelope.is_framed:
            self.envelope.learn_frame()
            self.line.exchange(self._finished)

    def _finished(self, entry: InLine) -> InLine:
        if entry.kind is not self:
            return entry
        record = self.envelope.finished(entry.outgoing.record)
        return entry._replace(outgoing=entry.outgoing._replace(record=record))


@final
class Entrance:
    """Where records wait until their classes are ready."""

    def __init__(
        self,
        sender: Sender,
        writer: BatchWriter,
        schemas: SchemaKeeper,
        clock: Clock,
        raise_alarm: RaiseAlarm,
        *,
        timeout_s: float,
    ) -> None:
        """Begin with no class.

        Args:
            sender: takes the records that pass.
            writer: knows topics.
            schemas: where schemas are registered.
            clock: time.
            raise_alarm: is told of topics with more partitions than declared.
            timeout_s: seconds for making a class ready.
        """
        self._sender = sender
        self._writer = writer
        self._schemas = schemas
        self._clock = clock
        self._raise_alarm = raise_alarm
        self._timeout_s = timeout_s
        self._closing = False
        self._kinds: list[Kind] = []
        self._lines: dict[str, Line] = {}

    def add(self, envelope: Envelope) -> Kind:
        """Take in a class of messages."""
        line = self._lines.get(envelope.topic.name)
        if line is None:
            line = self._lines[envelope.topic.name] = Line(self._clock, _UNCONFIRMED, self._let_in)
        kind = Kind(envelope, line)
        self._kinds.append(kind)
        return kind

    def enter(self, kind: Kind, entry: InLine) -> None:
        """Let a record pass as soon as its class is ready and nobody is before it."""
        kind.line.append(entry)
        self._let_in(kind.line)
        self._begin(kind)

    def left(self, kind: Kind) -> None:
        """Let in who stood behind a record of a class that has left its line."""
        self._let_in(kind.line)
        self._sender.left()

    async def get_ready(self, kinds: Sequence[Kind]) -> None:
        """Make classes ready, and let in who waits for them.

        Raises:
            SchemaConflict: a schema cannot be registered.
            TopicMissing: a topic does not exist.
            TopicTooNarrow: a topic has fewer partitions than declared.
            NotSent: that took too long.
        """
        if not kinds:
            return
        topics = ", ".join(sorted({kind.envelope.topic.name for kind in kinds}))
        deadline_s = self._clock.monotonic() + self._timeout_s
        reason = "the schemas and the topics could not be confirmed"

        async def attempt(left_s: float) -> None:
            nonlocal reason
            work = self._confirm([kind.envelope for kind in kinds])
            try:
                await before(self._clock, self._clock.monotonic() + left_s, work)
            except WorldError as failure:
                # Told at the deadline, which may end a later attempt before that has a reason.
                reason = _unconfirmed(failure)
                for kind in kinds:
                    kind.line.reason = reason
                raise

        try:
            await self._sender.writing.persist(topics, deadline_s, attempt)
        except (TimeoutError, NotSent):
            raise NotSent(topic=topics, reason=reason) from None
        for kind in kinds:
            kind.learn_frame()
            kind.ready = True
            kind.line.reason = _UNCONFIRMED
        for kind in kinds:
            self._let_in(kind.line)

    def exchange(self, exchanged: Callable[[InLine], InLine]) -> None:
        """Put something in the place of each record that waits for its class."""
        for line in self._lines.values():
            line.exchange(exchanged)

    async def close(self, deadline_s: float) -> None:
        """Wait until classes are ready or the deadline comes; tell those that still wait."""
        self._closing = True
        tasks = [kind.getting_ready for kind in self._kinds if kind.getting_ready is not None]
        if tasks:
            try:
                await before(self._clock, deadline_s, asyncio.wait(tasks))
            except TimeoutError:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
        for line in self._lines.values():
            await line.close("the publisher was closed")

    async def _confirm(self, envelopes: Sequence[Envelope]) -> None:
        await self._schemas.ensure([envelope.schema for envelope in envelopes])
        for topic in {envelope.topic.name: envelope.topic for envelope in envelopes}.values():
            self._compare(topic, await self._writer.partition_count(topic.name))

    def _compare(self, topic: Topic, partitions: int) -> None:
        if partitions < topic.partitions:
            raise TopicTooNarrow(topic=topic.name, partitions=partitions, declared=topic.partitions)
        if partitions > topic.partitions:
            self._raise_alarm(
                Alarm(
                    name="topic-wider-than-declared",
                    text=f"The topic {topic.name} has {partitions} partitions and is declared "
                    f"with {topic.partitions}: the others stay empty.",
                    facts={
                        "topic": topic.name,
                        "partitions": partitions,
                        "declared": topic.partitions,
                    },
                )
            )

    def _begin(self, kind: Kind) -> None:
        if not kind.ready and kind.getting_ready is None:
            kind.getting_ready = asyncio.create_task(self.get_ready([kind]))
            kind.getting_ready.add_done_callback(partial(self._got_ready, kind))

    def _got_ready(self, kind: Kind, task: "asyncio.Task[None]") -> None:
        kind.getting_ready = None
        topic = kind.envelope.topic.name
        failure: BaseException | None = NotSent(topic=topic, reason="the publisher was closed")
        if not task.cancelled():
            failure = task.exception()
        if isinstance(failure, NotSent) and not self._closing:
            # The time of the first who waits is over; others came later and have some left.
            if kind.line.front() is not None:
                self._begin(kind)
        elif failure is not None:
            kind.line.refuse(kind, failure)
        self._let_in(kind.line)

    def _let_in(self, line: Line) -> None:
        """Let pass from the front of a line those whose class is ready."""
        while (entry := line.front()) is not None and entry.kind.ready:
            line.leave()
            self._sender.enter(entry)
