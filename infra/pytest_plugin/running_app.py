"""A test's app while it runs: publish into it, wait until it rests, read what came of it.

Whatever is asked here is asked of the broker, past the workers: `published` and `dead_letters` read
topics, `sagas` reads the sagas' own records. How rest is told from a pause: settling.py.

Laws:
1. Every wait has a limit, and says what it waited for when the limit is met.
2. A worker that has given up is told at once, by whatever is called next.
3. On a server that others use, only what was published since the start is seen.
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar, cast, final

from penstock.events.dead_letter import DeadLetterNote, parse_note
from penstock.events.event import Command, Event, Message
from penstock.events.event_types import partitions_of
from penstock.events.log import LogReader, LogRecord, Partition
from penstock.events.names import dead_letter_topic, saga_inbox_topic, saga_worker
from penstock.events.problems import Problems
from penstock.events.receipt import Published
from penstock.infra.bootstrap import Bus
from penstock.infra.kafka.log_ends import LogEnds
from penstock.infra.kafka.slot_log import log_ends
from penstock.infra.parts import Parts
from penstock.infra.pytest_plugin.settling import Done, at_work, behind, unseen, waiting_sagas
from penstock.infra.sagas.reading import open_saga_reader, sources_of
from penstock.sagas.engine.state import SagaState
from penstock.schemas.errors import WorldError
from penstock.workers.partition_life import Phase
from penstock.workers.runner import WorkerRunner

__all__ = ["DeadLetter", "Member", "NotSettled", "RunningApp"]

SETTLE_S: Final = 10.0
"""Longest wait for rest unless a test says otherwise."""
START_S: Final = 60.0
"""Longest wait for all partitions; a shared cluster's first group takes some seconds."""
_TOLD: Final = 10
"""Reasons that are told at most."""
_LOOK_S: Final = 0.005
_POLL_S: Final = 0.05

MessageT = TypeVar("MessageT", bound=Event | Command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One worker or saga that runs."""

    name: str
    """The worker's name, or `saga-` and the saga's."""
    inputs: frozenset[Partition]
    """What its group reads."""
    runner: WorkerRunner
    """It, running."""
    task: "asyncio.Task[None]"
    """Its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that a worker could not handle."""

    note: DeadLetterNote
    """Why, and where it lay."""
    record: LogRecord
    """The record, as it lies on the dead-letter topic."""


@dataclass(eq=False, kw_only=True)
class NotSettled(WorldError):
    """An app did not come to rest in time."""

    limit_s: float
    """Seconds allowed."""
    reasons: Problems
    """What is not finished."""

    code: ClassVar[str] = "PEN-I153"
    retryable: ClassVar[bool] = True
    what: ClassVar[str] = "The app did not come to rest within {limit_s:g} s."
    why: ClassVar[str] = "{reasons}"
    remedy: ClassVar[str] = (
        "Give it longer with limit_s=, move penstock_clock where it waits for time, or look into "
        "what hangs."
    )


@final
class RunningApp:
    """An app that runs in this event loop."""

    def __init__(
        self,
        parts: Parts,
        ends: LogEnds,
        members: Sequence[Member],
        sagas: Sequence[str],
        *,
        starts: Mapping[Partition, int],
        places: frozenset[Partition],
    ) -> None:
        """Made by `PenstockApp.running`.

        Args:
            parts: of the app.
            ends: of the logs on its cluster.
            members: what runs.
            sagas: the names of the sagas among them.
            starts: where topics began for this test; elsewhere at their beginning.
            places: of all topics of the app, which its inputs are among.
        """
        self.bus: Final = Bus(parts)
        """Publishes and subscribes, as `penstock.infra.connect()` does."""
        self._parts = parts
        self._ends = ends
        self._members = members
        self._sagas = sagas
        self._starts = starts
        self._places = places
        self._expected = frozenset(
            (member.name, partition) for member in members for partition in member.inputs
        )

    @property
    def name(self) -> str:
        """The app's name, which no other test has."""
        return self._parts.settings.app

    # Into it.

    async def publish(self, message: Message) -> Published:
        """Publish one event or command; see `Bus.publish`."""
        return await self.bus.publish(message)

    async def publish_many(self, messages: Iterable[Message] | AsyncIterable[Message]) -> int:
        """Publish many; see `Bus.publish_many`."""
        return await self.bus.publish_many(messages)

    # Its rest.

    async def started(self, *, limit_s: float = START_S) -> None:
        """Wait until every worker has all its partitions and runs them.

        Args:
            limit_s: how long at most, in seconds.

        Raises:
            NotSettled: one does not.
            PenstockError: one has given up.
        """
        async with _Patience(limit_s) as patience:
            while missing := self._expected - self._running():
                await patience.wait([f"{name} does not run {each} yet" for name, each in missing])

    async def settled(self, *, limit_s: float = SETTLE_S) -> None:
        """Wait until all is done: nothing to read, nothing at work, every saga ended or parked.

        Whatever was committed can be seen then.

        Args:
            limit_s: how long at most, in seconds of real time.

        Raises:
            NotSettled: it does not come to rest.
            PenstockError: a worker has given up.
        """
        await self._rest(limit_s, may_wait=False)

    async def quiet(self, *, limit_s: float = SETTLE_S) -> None:
        """Wait until nothing moves; sagas may still wait for time, as for a retry or a deadline.

        Args:
            limit_s: how long at most, in seconds of real time.

        Raises:
            NotSettled: it does not come to rest.
            PenstockError: a worker has given up.
        """
        await self._rest(limit_s, may_wait=True)

    async def _rest(self, limit_s: float, *, may_wait: bool) -> None:
        async with _Patience(limit_s) as patience:
            while reasons := await self._restless(may_wait=may_wait):
                await patience.wait(reasons)

    async def _restless(self, *, may_wait: bool) -> list[str]:
        """What has not come to rest; in which order it is asked, settling.py says."""
        self._raise_failures()
        done = self._done()
        if reasons := list(at_work(self._expected, done)):
            return reasons
        waiting = await self._waiting(may_wait=may_wait)
        seen = await self._ends.ask(self._places)
        if reasons := [*behind(self._expected, done, seen), *waiting]:
            return reasons
        ends = await log_ends(self._parts.settings.connection(), sorted(self._places))
        return list(unseen(seen, ends))

    def _running(self) -> frozenset[tuple[str, Partition]]:
        self._raise_failures()
        return frozenset(
            (member.name, each.partition)
            for member in self._members
            for each in member.runner.statistics().partitions
            if each.phase is Phase.RUNNING
        )

    def _raise_failures(self) -> None:
        for member in self._members:
            if member.task.done():
                member.task.result()
                message = f"{member.name} stopped, although nobody asked it to"
                raise AssertionError(message)

    def _done(self) -> Done:
        done: dict[tuple[str, Partition], int | None] = {}
        for member in self._members:
            for partition, position in member.runner.done_up_to().items():
                done[member.name, partition] = position
        return done

    async def _waiting(self, *, may_wait: bool) -> list[str]:
        now_ms = self._parts.clock.wall_ms()
        return [
            reason
            for saga in self._sagas
            for reason in waiting_sagas(saga, await self.sagas(saga), now_ms, may_wait=may_wait)
        ]

    # What came of it.

    async def published(self, *types: type[MessageT]) -> list[MessageT]:
        """Return all committed messages of some types, in order within each partition.

        Args:
            types: concrete events or commands.

        Raises:
            Undecodable: a record cannot be decoded.
            TopicMissing: their topic does not exist.
        """
        read = partitions_of(cast("tuple[type[Message], ...]", types))
        start = {each: self._starts[each] for each in read if each in self._starts}
        async with self.bus.subscribe(types, start=start, until="end") as found:
            return [delivered.event async for delivered in found]

    async def sagas(self, saga: str) -> Mapping[str, SagaState]:
        """Return all sagas of a name that are remembered, by key.

        Args:
            saga: the name.

        Raises:
            UnknownSaga: there is none of that name.
        """
        reader = await open_saga_reader(sources_of(self._parts), saga)
        return await reader.sagas()

    async def dead_letters(self) -> list[DeadLetter]:
        """Return all that this app's workers and sagas could not handle, by topic and offset.

        Raises:
            NotADeadLetter: somebody else wrote there.
        """
        topics = [
            dead_letter_topic(topic, self.name, member.name)
            for member in self._members
            for topic in sorted({partition.topic for partition in member.inputs})
        ]
        return [
            DeadLetter(note=parse_note(record.headers), record=record)
            for topic in dict.fromkeys(topics)
            for record in await self._records(topic)
        ]

    async def _records(self, topic: str) -> list[LogRecord]:
        states = await self._parts.topics.describe([topic])
        if topic not in states:
            return []
        places = [Partition(topic, number) for number in range(states[topic].partitions)]
        reader = await self._parts.cluster.reader(*places)
        try:
            return await _read_to_end(reader, places)
        finally:
            await reader.close()


async def _read_to_end(reader: LogReader, places: Sequence[Partition]) -> list[LogRecord]:
    ends = {place: (await reader.bounds(place))[1] for place in places}
    records: list[LogRecord] = []
    async with asyncio.timeout(SETTLE_S):
        while any(reader.position(place) < end for place, end in ends.items()):
            records += await reader.read(timeout_s=_POLL_S)
    return sorted(records, key=lambda record: (record.partition, record.offset))


@final
class _Patience:
    """Waits between looks, and ends with the last reasons."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._reasons: Sequence[str] = ("It was never looked at.",)
        self._timeout = asyncio.timeout(limit_s)

    async def wait(self, reasons: Sequence[str]) -> None:
        """Take a breath, having found this."""
        self._reasons = reasons
        await asyncio.sleep(_LOOK_S)

    async def __aenter__(self) -> "_Patience":
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        try:
            await self._timeout.__aexit__(*exception)  # type: ignore[arg-type] # as they came
        except TimeoutError:
            sentences = [f"{reason[:1].upper()}{reason[1:]}." for reason in self._reasons[:_TOLD]]
            if (more := len(self._reasons) - _TOLD) > 0:
                sentences.append(f"And {more} more.")
            raise NotSettled(limit_s=self._limit_s, reasons=Problems(sentences)) from None


def saga_inputs(
    app: str, saga: str, partitions: int, source: Iterable[Partition]
) -> tuple[str, frozenset[Partition]]:
    """Return a saga's name as a worker, and what its group reads.

    Args:
        app: the app.
        saga: the saga.
        partitions: of its inbox.
        source: partitions of the events that start it.
    """
    inbox = saga_inbox_topic(app, saga)
    places = {Partition(inbox, number) for number in range(partitions)}
    return saga_worker(saga), frozenset(places | set(source))
