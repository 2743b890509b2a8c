"""Declaring the handlers of commands: what is taken, and what is refused where it stands."""

from datetime import timedelta
from typing import Any, NoReturn, cast

import pytest

from penstock.events import Command, Event, Record, Reply, Topic
from penstock.events.saga_messages import InboxMessage
from penstock.schemas.declaration_errors import AbstractRecord
from penstock.workers import Delivery, Worker
from penstock.workers.participant_memory import ParticipantMemory
from penstock.workers.topics import changelogged_topics, topics_of_worker
from penstock.workers.worker import REMEMBERS, BadHandler, MemoryOutOfRange

__namespace__ = "stock"

COMMANDS = Topic("stock.commands", partitions=3)


class Reserved(Reply):
    note: str


class Other(Reply):
    note: str


class Reserve(Command, topic=COMMANDS, reply=Reserved):
    sku: str


class Release(Command, topic=COMMANDS):
    sku: str


class Refund(Command, topic="bank.commands"):
    sku: str


class Counted(Event, topic=COMMANDS):
    sku: str


class Base(Command, abstract=True):
    """No topic, so nothing to read."""


class Shelf(Record):
    taken: int


async def reserve(_command: Reserve, _delivery: Delivery) -> Reserved:
    """Answers what the class declares."""
    return Reserved(note="")


async def release(_command: Release, _delivery: Delivery) -> None:
    """Answers nothing."""


async def count(_event: Counted, _delivery: Delivery) -> None:
    """Handles an event."""


@pytest.fixture
def worker() -> Worker:
    """A worker without handlers."""
    return Worker("stock")


def test_commands_make_their_topic_transactional(worker: Worker) -> None:
    """Always: an answer and what is remembered of it are one transaction."""
    worker.on(Counted)(count)
    (source,) = worker.inputs
    assert not source.transactional
    worker.command(Reserve, state=Shelf)(reserve)
    worker.command(Release, undoes=Reserve)(release)
    (source,) = worker.inputs
    assert source.transactional
    assert source.message_types == (Counted, Reserve, Release)
    assert [handler.undoes for handler in source.commands] == [None, Reserve]
    changelog = "_penstock.shop.changelog.stock.stock.commands"
    assert changelogged_topics("shop", worker) == {"stock.commands", changelog}
    assert changelog in {topic.name for topic in topics_of_worker("shop", worker)}


def test_a_topic_with_commands_says_all_that_is_written_to_it(worker: Worker) -> None:
    """Schemas are published at start, so that no commit waits for them."""
    worker.on(Counted, state=Shelf)(count)
    (source,) = worker.inputs
    assert (source.tables, source.records) == ((Shelf,), (Shelf,))
    worker.command(Reserve, state=Shelf)(reserve)
    worker.command(Release)(release)
    (source,) = worker.inputs
    assert source.tables == (Shelf, ParticipantMemory)
    assert source.records == (Shelf, ParticipantMemory, Reserved, InboxMessage)


def test_a_decorated_function_stays_what_it_was(worker: Worker) -> None:
    """It can be called in tests, and a type checker knows it as before."""
    assert worker.command(Reserve)(reserve) is reserve
    assert worker.command(Release, undoes=Reserve)(release) is release


def test_an_event_is_no_command_and_a_command_no_event(worker: Worker) -> None:
    """The other decorator takes it, and the error says so."""
    with pytest.raises(BadHandler, match=r"Declare it with @worker\.command\(Reserve\)"):
        worker.on(cast("Any", Reserve))(cast("Any", reserve))
    with pytest.raises(BadHandler, match=r"Declare it with @worker\.on\(Counted\)"):
        worker.command(cast("Any", Counted))(cast("Any", count))


@pytest.mark.parametrize("given", [Reserved, int, "stock.Reserve", None])
def test_what_is_no_message_is_refused(worker: Worker, given: Any) -> None:
    """There is nothing to read."""
    with pytest.raises(BadHandler, match="no event"):
        worker.on(given)(count)
    with pytest.raises(BadHandler, match="no command"):
        worker.command(given)(release)


def test_a_base_is_refused(worker: Worker) -> None:
    """It has no topic."""
    with pytest.raises(AbstractRecord):
        worker.command(Base)(cast("Any", release))


def test_a_second_handler_of_a_command_is_refused(worker: Worker) -> None:
    """Which of the two should answer?"""
    worker.command(Release)(release)
    with pytest.raises(BadHandler, match="has the handler"):
        worker.command(Release)(release)


def test_an_undo_is_declared_behind_what_it_undoes(worker: Worker) -> None:
    """In the same worker: elsewhere its tombstone would stop nobody."""
    with pytest.raises(BadHandler, match="no handler of Reserve so far"):
        worker.command(Release, undoes=Reserve)(release)
    worker.command(Reserve)(reserve)
    worker.command(Release, undoes=Reserve)(release)


def test_an_undo_shares_the_topic_of_what_it_undoes(worker: Worker) -> None:
    """Else it could overtake it."""
    worker.command(Reserve)(reserve)
    with pytest.raises(BadHandler, match="could overtake"):
        worker.command(Refund, undoes=Reserve)(cast("Any", release))


@pytest.mark.parametrize(
    ("undone", "words"),
    [
        (Release, "undo itself"),
        (Counted, "no command"),
        ("stock.Reserve", "no command"),
    ],
)
def test_an_undo_undoes_another_command(worker: Worker, undone: Any, words: str) -> None:
    """And nothing else."""
    with pytest.raises(BadHandler, match=words):
        worker.command(Release, undoes=undone)(release)


def test_a_function_that_blocks_is_refused(worker: Worker) -> None:
    """A plain function would hold up every lane of the process."""

    def blocking(_command: Release, _delivery: Delivery) -> None: ...

    with pytest.raises(BadHandler, match="async def"):
        worker.command(Release)(cast("Any", blocking))


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
def test_a_time_limit_that_is_none_is_refused(worker: Worker, timeout_s: float) -> None:
    """Every run is bounded."""
    with pytest.raises(BadHandler, match="timeout_s"):
        worker.command(Release, timeout_s=timeout_s)(release)


async def _other(_command: Any, _delivery: Delivery) -> Other:
    raise AssertionError


async def _perhaps(_command: Any, _delivery: Delivery) -> Reserved | None:
    raise AssertionError


async def _never(_command: Any, _delivery: Delivery) -> NoReturn:
    raise AssertionError


async def _anything(_command: Any, _delivery: Delivery) -> Any:
    raise AssertionError


async def _unreadable(_command: Any, _delivery: Delivery) -> "Missing":  # type: ignore[name-defined] # noqa: F821 on purpose
    raise AssertionError


@pytest.mark.parametrize(
    ("command", "function"),
    [(Reserve, _other), (Reserve, _perhaps), (Reserve, release), (Release, _other)],
)
def test_an_annotation_that_contradicts_the_class_is_refused(
    worker: Worker, command: type[Command], function: Any
) -> None:
    """A type checker does not see the reply behind `reply=`; this does, at import."""
    with pytest.raises(BadHandler, match="Its annotation says something else"):
        worker.command(command)(function)


@pytest.mark.parametrize("function", [_never, _anything, _unreadable])
@pytest.mark.parametrize("command", [Reserve, Release])
def test_an_annotation_that_leaves_it_open_is_taken(
    worker: Worker, command: type[Command], function: Any
) -> None:
    """What is returned is looked at in any case."""
    worker.command(command)(function)


def test_memory_is_kept_for_fourteen_days_unless_told_otherwise() -> None:
    """Longer than sagas take with their defaults."""
    assert Worker("stock").remembers == REMEMBERS == timedelta(days=14)
    assert Worker("stock", remembers=timedelta(days=90)).remembers == timedelta(days=90)


@pytest.mark.parametrize(
    "remembers", [timedelta(0), timedelta(seconds=59), timedelta(days=-1), timedelta(days=4_000)]
)
def test_a_memory_that_makes_no_sense_is_refused(remembers: timedelta) -> None:
    """A step forgotten too early is done twice."""
    with pytest.raises(MemoryOutOfRange, match="cannot remember"):
        Worker("stock", remembers=remembers)
