"""Publishing under random schedules: the answers are true, and nobody waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.events.batches import joining_s
from penstock.events.bulk import PublishIncomplete
from penstock.events.event import Event
from penstock.events.flush import FlushIncomplete
from penstock.events.line import NotSent
from penstock.events.log import Partition, WriteRefused, WriteUnknown
from penstock.events.publisher import Publisher
from penstock.events.publisher_errors import NoRoom, NotPrepared
from penstock.events.publisher_settings import PublisherSettings
from penstock.events.receipt import Published
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of
from penstock.schemas.record import declaration_of

if TYPE_CHECKING:
    from tests.events.conftest import Fault, World

PARTITIONS = 2
TIMEOUT_S = 30.0


class First(Event, topic=Topic("shop.things", partitions=PARTITIONS), key="key"):
    """One type."""

    key: int
    number: int
    text: str = ""


class Second(Event, topic=Topic("shop.things", partitions=PARTITIONS), key="key"):
    """Another on the same topic."""

    key: int
    number: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that happens."""

    kind: Literal[
        "publish", "nowait", "cancel", "wait", "fault", "silence", "slow", "many", "flush"
    ]
    """What."""
    number: int
    """How much, or which."""
    second: bool
    """Of the second type; or with an end."""


ACTIONS = st.lists(
    st.builds(
        Action,
        kind=st.sampled_from(
            [
                *("publish", "publish", "publish", "nowait", "cancel", "wait", "fault", "silence"),
                *("slow", "many", "flush"),
            ]
        ),
        number=st.integers(0, 20),
        second=st.booleans(),
    ),
    min_size=20,
    max_size=80,
)
FAULTS: list[Fault] = ["refused", "lost", "answer lost", "unreachable", "broken"]


class Play:
    """Plays actions and keeps what was asked and what was answered."""

    def __init__(self, world: World) -> None:
        """Prepare a world with the topic."""
        self.world = world
        world.log.create("shop.things", PARTITIONS)
        self.writer = world.writer()
        self.writer.capacity_bytes = 250_000
        self.publisher: Publisher | None = None
        self.number = 0
        self.calls: dict[int, asyncio.Task[Published]] = {}
        self.begun_s: dict[int, float] = {}
        self.ended_s: dict[int, float] = {}
        self.streams: list[tuple[asyncio.Task[int], range]] = []
        self.hurried: set[int] = set()  # of these a flush need not tell the failure
        self.refused: set[int] = set()
        self.flushes: list[tuple[asyncio.Task[None], set[int]]] = []
        self.flushed_s: dict[asyncio.Task[None], float] = {}

    def event(self, action: Action) -> Event:
        """The next event; the large ones fill the buffer after five."""
        self.number += 1
        text = "x" * (180_000 if action.number > 14 else 10)
        kind = Second if action.second else First
        return kind(key=action.number % 3, number=self.number, text=text)

    async def play(self, actions: list[Action]) -> None:
        """Play all actions, then let time pass until everything has ended."""
        rhythm = PublisherSettings(
            timeout_s=TIMEOUT_S, buffer_bytes=1024 * 1024, record_bytes=200_000
        )
        self.publisher = self.world.publisher(self.writer, rhythm)
        for action in actions:
            await self.act(action, self.publisher)
            assert self.publisher.statistics().buffered_bytes <= 1024 * 1024
        self.writer.silent.clear()
        for _ in range(20):
            await self.world.clock.advance(10)
        assert all(call.done() for call in self.calls.values())
        assert all(stream.done() for stream, _ in self.streams)
        assert all(flush.done() for flush, _ in self.flushes)
        await self.publisher.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def act(self, action: Action, publisher: Publisher) -> None:
        """Let one thing happen."""
        match action.kind:
            case "publish":
                for _ in range(1 + action.number % 5):
                    self.publish(action, publisher)
                await asyncio.sleep(0)
            case "many":
                first = self.number + 1
                events = [self.event(action) for _ in range(action.number)]
                stream = asyncio.ensure_future(publisher.publish_many(events))
                self.streams.append((stream, range(first, self.number + 1)))
                await asyncio.sleep(0)
            case "nowait":
                for _ in range(1 + action.number % 5):
                    self.publish_nowait(action, publisher)
            case "flush":
                self.flush(publisher, 1.0 + action.number)
                await asyncio.sleep(0)
            case "cancel":
                for call in list(self.calls.values())[-1 - action.number % 8 :][:1]:
                    call.cancel()
            case _:
                await self.befall(action)

    async def befall(self, action: Action) -> None:
        """Let something happen to the world."""
        match action.kind:
            case "wait":
                await self.world.clock.advance(action.number / 4)
            case "fault":
                self.writer.faults.append(FAULTS[action.number % len(FAULTS)])
            case "silence":
                partition = Partition("shop.things", action.number % PARTITIONS)
                (self.writer.silent.discard if action.second else self.writer.silent.add)(partition)
            case "slow":
                self.writer.delay_s = action.number / 10

    def publish(self, action: Action, publisher: Publisher) -> None:
        """Begin a call, some with less time than others."""
        own_s = 7.0 if action.number == 13 else None
        event = self.event(action)
        if own_s is not None:
            self.hurried.add(self.number)
        self.follow(self.number, publisher.publish(event, timeout_s=own_s))

    def publish_nowait(self, action: Action, publisher: Publisher) -> None:
        """Take a receipt, which is a call whose event is in a batch already, or be refused."""
        event = self.event(action)
        try:
            receipt = publisher.publish_nowait(event)
        except (NoRoom, NotPrepared):
            self.refused.add(self.number)
            return

        async def ended() -> Published:
            return await receipt

        self.follow(self.number, ended())

    def follow(self, number: int, ending: Coroutine[Any, Any, Published]) -> None:
        """Keep how and when an event ends."""
        self.begun_s[number] = self.world.clock.now_s
        call = asyncio.ensure_future(ending)
        call.add_done_callback(lambda _: self.note_end(number))
        self.calls[number] = call

    def flush(self, publisher: Publisher, timeout_s: float) -> None:
        """Flush what is under way."""
        pending: set[int] = set()

        async def flushed() -> None:
            # Taken down when it begins, which is a turn later than it was asked for.
            pending.update(number for number, call in self.calls.items() if not call.done())
            if self.may_be_told(publisher):
                self.hurried |= pending
            await publisher.flush(timeout_s=timeout_s)

        flush = asyncio.ensure_future(flushed())
        flush.add_done_callback(lambda _: self.note_flush(flush))
        self.flushes.append((flush, pending))

    def may_be_told(self, publisher: Publisher) -> bool:
        """Whether a call may have been told of its failure and not have woken up yet.

        A flush that begins in between has nothing to do with it: its caller knows.
        """
        told = publisher.statistics()
        failures = [
            type(call.exception())
            for call in self.calls.values()
            if call.done() and not call.cancelled()
        ]
        refused = sum(issubclass(each, WriteRefused) for each in failures)
        unknown = sum(issubclass(each, WriteUnknown) for each in failures)
        return bool(
            self.streams or told.refused > refused or told.unknown > unknown or told.not_sent
        )

    def note_flush(self, flush: asyncio.Task[None]) -> None:
        """Keep when a flush has ended."""
        self.flushed_s[flush] = self.world.clock.now_s

    def note_end(self, number: int) -> None:
        """Keep when a call has ended."""
        self.ended_s[number] = self.world.clock.now_s


def written(world: World) -> dict[int, tuple[int, int]]:
    """Partition and offset of each event on the log; each is there at most once."""
    decoders = {
        declaration_of(kind).schema.fingerprint: decoder_of(declaration_of(kind).schema, kind)
        for kind in (First, Second)
    }
    found: dict[int, tuple[int, int]] = {}
    for record in world.log.all("shop.things"):
        assert record.value is not None
        event = decoders[record.value[2:10]](record.value)
        assert isinstance(event, First | Second)
        assert event.number not in found
        found[event.number] = record.partition, record.offset
    return found


def test_answers_are_true_order_is_kept_and_waits_are_bounded(world: World) -> None:
    """Acknowledged is there, refused and not sent is not, and no partition is out of order."""

    @settings(deadline=None, max_examples=150)
    @given(ACTIONS)
    def holds(actions: list[Action]) -> None:
        play = Play(type(world)())
        asyncio.run(play.play(actions))
        found = written(play.world)
        for number, call in play.calls.items():
            judge(call, found.get(number))
            waited_s = play.ended_s[number] - play.begun_s[number]
            assert waited_s <= TIMEOUT_S + joining_s(TIMEOUT_S) + 0.001
        assert not play.refused & set(found)
        for flush, pending in play.flushes:
            judge_flush(play, flush, pending)
        for stream, numbers in play.streams:
            judge_stream(stream, numbers, found)
        # Within a partition calls keep their order, and so do the events of each stream.
        for together in (play.calls, *(numbers for _, numbers in play.streams)):
            for place in range(PARTITIONS):
                order = [n for n, (where, _) in found.items() if where == place and n in together]
                assert order == sorted(order)
        assert play.writer.most_under_way <= 1

    holds()


def judge(call: asyncio.Task[Published], place: tuple[int, int] | None) -> None:
    """Hold an answer against the log."""
    if call.cancelled():
        return
    error = call.exception()
    if error is None:
        published = call.result()
        assert place == (published.partition, published.offset)
    elif isinstance(error, NotSent | WriteRefused):
        assert place is None
    else:
        assert isinstance(error, WriteUnknown)


def judge_flush(play: Play, flush: asyncio.Task[None], pending: set[int]) -> None:
    """Hold what a flush says against the ends of those calls that it found under way."""
    error = flush.exception()
    if error is not None:
        assert isinstance(error, FlushIncomplete)
        assert error.failed + error.unsettled > 0
        return
    for number in pending - play.hurried:
        call = play.calls[number]
        assert play.ended_s[number] <= play.flushed_s[flush]
        assert call.cancelled() or call.exception() is None


def judge_stream(
    stream: asyncio.Task[int], numbers: range, found: dict[int, tuple[int, int]]
) -> None:
    """Hold the answer of a stream against the log."""
    there = [number in found for number in numbers]
    error = stream.exception()
    if error is None:
        assert stream.result() == len(numbers)
        assert all(there)
        return
    assert isinstance(error, PublishIncomplete)
    assert all(there[: error.prefix])
    assert error.acknowledged <= sum(there)
    assert error.prefix <= error.acknowledged <= error.taken <= len(numbers)
    assert error.prefix < len(numbers)
