"""The versions of a saga in their topic: one content for each, whoever writes, whatever fails."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.events.log import RecordTooLarge
from penstock.infra.sagas.bootstrap import compiled
from penstock.infra.virtual_clock import VirtualClock
from penstock.sagas.definition_book import (
    ATTEMPTS,
    DefinitionBook,
    DefinitionChanged,
    DefinitionUnreadable,
    VersionUnknown,
)
from penstock.sagas.records import RECORDS, DefinitionRecord, RecordReader, encode_definition
from penstock.schemas.errors import ExitCode
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers.ports import TransactionDoubt, TransactionRefused
from tests.sagas.definitions_log import PLACE, DefinitionsLog, Fate
from tests.sagas.shop import ORDER, definition

SECOND = ORDER.replace("version: 1", "version: 2")
OTHER = ORDER.replace("deadline: 15m", "deadline: 16m")


class Known:
    """Knows the schemas of the product's own records."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """Return one of them, or none."""
        schemas = (declaration_of(record).schema for record in RECORDS)
        return next((each for each in schemas if each.fingerprint == fingerprint), None)


def book_on(
    log: DefinitionsLog, clock: VirtualClock, *, limit_bytes: int = 1_000_000
) -> DefinitionBook:
    """A process's book over the topic."""
    return DefinitionBook(
        "order",
        PLACE,
        gate=log,
        transactional_id="penstock/shop.saga-order/definitions/0",
        reader=RecordReader(Known()),
        compiled=compiled,
        clock=clock,
        limit_bytes=limit_bytes,
    )


def play(
    scenario: Callable[[DefinitionsLog, VirtualClock], Awaitable[None]],
    log: DefinitionsLog | None = None,
) -> DefinitionsLog:
    """Run a scenario on a topic; nothing stays open."""
    topic, clock = log or DefinitionsLog(), VirtualClock()

    async def whole() -> None:
        task = asyncio.ensure_future(scenario(topic, clock))
        while not task.done():
            await clock.advance(0.1)
        task.result()

    asyncio.run(whole())
    assert topic.open == 0, "every producer and reader is closed"
    return topic


def record(text: str, *, version: int) -> bytes:
    """A record of the topic."""
    saga = definition(text)
    return encode_definition(
        DefinitionRecord(
            version=version, digest=saga.digest, text=saga.text, schemas=list(saga.schemas)
        )
    )


def test_a_version_is_written_once_however_often_it_is_deployed() -> None:
    """By the same process again, and by the next one."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        book = book_on(log, clock)
        await book.deploy(definition())
        await book.deploy(definition())
        await book_on(log, clock).deploy(definition())

    assert len(play(scenario).records) == 1


def test_what_was_deployed_is_known_with_all_it_needs() -> None:
    """Law of the room: a saga goes on by its own version, from what the topic holds alone."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        await book_on(log, clock).deploy(definition())
        book = book_on(log, clock)
        await book.deploy(definition(SECOND))
        assert book.program(1).definition == definition()
        assert book.program(2).definition == definition(SECOND)
        assert sorted(book.versions) == [1, 2]

    play(scenario)


def test_new_sagas_take_the_highest_version() -> None:
    """Law 3, in whatever order they were deployed."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        book = book_on(log, clock)
        await book.deploy(definition(SECOND))
        await book.deploy(definition())
        assert book.latest.definition.version == 2

    play(scenario)


def test_what_was_committed_is_known_before_readers_see_it() -> None:
    """Kafka answers a commit before the marker is there, which ends what readers may see."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        book = book_on(log, clock)
        await book.deploy(definition())
        assert book.latest.definition == definition()
        await book.deploy(definition(SECOND))
        assert book.latest.definition == definition(SECOND)
        other = book_on(log, clock)
        await other.deploy(definition(SECOND))
        assert sorted(other.versions) == [1, 2]

    assert len(play(scenario, DefinitionsLog(markers_are_late=True)).records) == 2


def test_another_content_under_a_deployed_version_is_refused() -> None:
    """Law 1: sagas may run on it. Nothing is written, and the caller is told what to do."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        await book_on(log, clock).deploy(definition())
        book = book_on(log, clock)
        with pytest.raises(DefinitionChanged, match="Version 1 of the saga order") as caught:
            await book.deploy(definition(OTHER))
        assert caught.value.exit_code is ExitCode.CONFIGURATION
        assert book.program(1).definition == definition()

    assert len(play(scenario).records) == 1


def test_f18_a_version_that_no_record_holds_is_refused_at_once() -> None:
    """What is certain to be refused is no doubt: nothing is tried, and both sizes are said."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        with pytest.raises(RecordTooLarge, match="The limit is 2000 bytes"):
            await book_on(log, clock, limit_bytes=2_000).deploy(definition())

    log = play(scenario)
    assert log.records == []
    assert log.readings == 1


def test_of_two_writers_at_once_the_first_one_to_commit_wins() -> None:
    """Law 1: the fence makes them take turns, so the other one sees what was written."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        one, other = book_on(log, clock), book_on(log, clock)
        outcomes = await asyncio.gather(
            one.deploy(definition()), other.deploy(definition(OTHER)), return_exceptions=True
        )
        failed = [each for each in outcomes if each is not None]
        assert [type(each) for each in failed] == [DefinitionChanged]
        winner = definition() if outcomes[0] is None else definition(OTHER)
        for book in (one, other):
            assert book.program(1).definition == winner

    assert len(play(scenario).records) == 1


def test_a_writer_that_was_overtaken_looks_again() -> None:
    """Somebody fences between its reading and its commit and writes the same: that is no error."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        def overtake() -> None:
            log.epochs["penstock/shop.saga-order/definitions/0"] += 1
            log.put(record(ORDER, version=1))

        log.before_commit = overtake
        await book_on(log, clock).deploy(definition())

    log = play(scenario)
    assert len(log.records) == 1
    assert log.dropped == 1


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNANSWERED, Fate.REFUSED])
def test_a_commit_in_doubt_is_looked_at_again(fate: Fate) -> None:
    """Whether it was written shows the next reading; so it is there once, not twice or never."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        log.next_commits.append(fate)
        book = book_on(log, clock)
        await book.deploy(definition())
        assert sorted(book.versions) == [1]

    log = play(scenario)
    assert len(log.records) == 1
    assert log.dropped == 1, "a producer in doubt is dropped"


@pytest.mark.parametrize(
    ("fate", "raised"), [(Fate.LOST, TransactionDoubt), (Fate.REFUSED, TransactionRefused)]
)
def test_doubts_come_to_an_end(fate: Fate, raised: type[Exception]) -> None:
    """After some attempts with growing waits the last doubt is raised: a start is bounded."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        log.next_commits.extend([fate] * 100)
        with pytest.raises(raised):
            await book_on(log, clock).deploy(definition())
        assert len(log.next_commits) == 100 - ATTEMPTS
        assert 2.9 < clock.monotonic() < 3.5, "0.2 + 0.4 + 0.8 + 1.6 s"

    assert play(scenario).records == []


UNREADABLE = {
    "no frame": b"junk",
    "an unknown schema": b"\xc3\x01" + bytes(8) + b"x",
    "no saga file": encode_definition(
        DefinitionRecord(version=1, digest="d", text="saga: [", schemas=[])
    ),
    "no schemas": encode_definition(
        DefinitionRecord(version=1, digest="d", text=ORDER, schemas=[])
    ),
    "a broken schema": encode_definition(
        DefinitionRecord(version=1, digest="d", text=ORDER, schemas=["{"])
    ),
    "another version than it says": record(ORDER, version=7),
    "another saga": record(ORDER.replace("saga: order", "saga: offer"), version=1),
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_record_that_cannot_be_used_is_named(value: bytes) -> None:
    """Law 2: sagas may run on it, so nobody goes on as if it were not there."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        log.put(None)
        log.put(value)
        book = book_on(log, clock)
        with pytest.raises(DefinitionUnreadable, match="order at offset 1") as caught:
            await book.deploy(definition(SECOND))
        assert caught.value.exit_code is ExitCode.DATA
        assert dict(book.versions) == {}, "a half-read version is not known"

    assert len(play(scenario).records) == 2, "nothing was written over it"


def test_the_first_record_of_a_version_counts() -> None:
    """Law 1, however a second one has come there."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        log.put(record(ORDER, version=1))
        log.put(record(OTHER, version=1))
        book = book_on(log, clock)
        await book.refresh()
        assert book.program(1).definition == definition()

    play(scenario)


def test_a_version_deployed_by_somebody_else_is_known_after_a_look() -> None:
    """Until then it is unknown, which a partition takes as a doubt: it begins again, and looks."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        book = book_on(log, clock)
        await book.deploy(definition())
        await book_on(log, clock).deploy(definition(SECOND))
        with pytest.raises(VersionUnknown, match="Version 2") as caught:
            book.program(2)
        assert caught.value.retryable
        await book.refresh()
        assert book.program(2).definition == definition(SECOND)
        assert book.latest is book.program(2)

    play(scenario)


def test_many_who_look_at_once_share_a_reading_that_began_after_they_came() -> None:
    """Each partition looks behind its barrier, and all of them get there together."""

    async def scenario(log: DefinitionsLog, clock: VirtualClock) -> None:
        book = book_on(log, clock)
        await asyncio.gather(*(book.refresh() for _ in range(8)))
        assert log.readings <= 2

    play(scenario)
