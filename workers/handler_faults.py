"""What can be wrong with the declaration of a handler.

Laws:
1. One handler per type and worker, for events by `on`, for commands by `command`.
2. A handler never blocks, and its run is bounded.
3. A command and its undo are one worker's and share a topic (formats.md F11): only there does one
   partition see both in order, and the undo's tombstone lie where the do looks for it.
4. An annotation of a handler must not contradict the reply that its command declares. One that says
   nothing, or cannot be read at import, is no fault: the reply itself is looked at again.
5. A set of counters is one thing in a worker: it is declared once.
6. What a worker handles it does not ignore.
"""

from collections.abc import Collection, Iterator, Mapping
from inspect import iscoroutinefunction
from types import NoneType
from typing import Any, Final, NamedTuple, Never, NoReturn

from penstock.events.event import Command, Event, Message, message_declaration_of
from penstock.schemas.record import declaration_of
from penstock.workers.counters import Counters
from penstock.workers.handler import AnyHandler, CommandHandler, Handler, returned_by

__all__ = ["Fault", "first_fault"]

_OPEN: Final = (Any, Never, NoReturn)
"""Annotations that allow every reply."""


class Fault(NamedTuple):
    """One thing that is wrong."""

    problem: str
    """What, as a sentence without its end."""
    cure: str
    """What to write instead, as a sentence without its end."""


def first_fault(
    handler: AnyHandler,
    known: Mapping[type[Message], AnyHandler],
    *,
    ignored: Collection[type[Message]] = (),
) -> Fault | None:
    """Return what is wrong with a handler; None where nothing is.

    Args:
        handler: as declared.
        known: the handlers of the same worker that were declared before it.
        ignored: the types that the worker is declared to ignore.

    Raises:
        AbstractRecord: a type that it names is a base without a schema.
    """
    return next(_faults(handler, known, ignored), None)


def _faults(
    handler: AnyHandler,
    known: Mapping[type[Message], AnyHandler],
    ignored: Collection[type[Message]],
) -> Iterator[Fault]:
    if not iscoroutinefunction(handler.function):
        yield Fault(
            "It is not an async function, and would block all other lanes while it runs",
            "Declare it with `async def`; give blocking work to asyncio.to_thread",
        )
    yield from _faults_of_type(handler)
    message_declaration_of(handler.message_type)
    if (other := known.get(handler.message_type)) is not None:
        yield Fault(
            f"{handler.message_type.__name__} has the handler {other.name} already",
            "Do both in one function, or declare a second worker",
        )
    if handler.message_type in ignored:
        yield Fault(
            f"{handler.message_type.__name__} stands in ignores= of this worker",
            "Handle it or ignore it",
        )
    if not handler.timeout_s > 0:
        yield Fault("Its timeout_s is not positive", "Give seconds above 0")
    for table in handler.tables:
        declaration_of(table)
    yield from _faults_of_counters(handler, known)
    if isinstance(handler, CommandHandler):
        if handler.undoes is not None:
            yield from _faults_of_undo(handler.command_type, handler.undoes, known)
        yield from _faults_of_reply(handler)


def _faults_of_type(handler: AnyHandler) -> Iterator[Fault]:
    handled = handler.message_type
    if isinstance(handler, Handler) and not _is(handled, Event):
        if _is(handled, Command):
            yield Fault(
                f"{handled.__name__} is a command, and is answered",
                f"Declare it with @worker.command({handled.__name__})",
            )
        yield Fault("What it handles is no event", "Give @worker.on a class derived from Event")
    if isinstance(handler, CommandHandler) and not _is(handled, Command):
        if _is(handled, Event):
            yield Fault(
                f"{handled.__name__} is an event, and nobody waits for an answer to it",
                f"Declare it with @worker.on({handled.__name__})",
            )
        yield Fault(
            "What it carries out is no command",
            "Give @worker.command a class derived from Command",
        )


def _is(handled: object, base: type) -> bool:
    return isinstance(handled, type) and issubclass(handled, base)


def _faults_of_counters(
    handler: AnyHandler, known: Mapping[type[Message], AnyHandler]
) -> Iterator[Fault]:
    declared = [each for other in known.values() for each in other.counters]
    for counters in handler.counters:
        if not isinstance(counters, Counters):
            yield Fault(
                f"What it counts in is a {type(counters).__name__}",
                'Give counters= what Counters("...") makes, or a tuple of such',
            )
        elif any(each.name == counters.name and each != counters for each in declared):
            yield Fault(
                f"The counters {counters.name} are declared twice, and differently",
                "Declare them once, as a constant, and give that to every handler",
            )
        declared.append(counters)


def _faults_of_undo(
    undo: type[Command], undone: type[Command], known: Mapping[type[Message], AnyHandler]
) -> Iterator[Fault]:
    if not _is(undone, Command):
        yield Fault("What it undoes is no command", "Give undoes= the class of a command")
    if undone is undo:
        yield Fault(f"{undo.__name__} would undo itself", "Declare a command of its own for it")
    topic, own = message_declaration_of(undone).topic, message_declaration_of(undo).topic
    if topic != own:
        yield Fault(
            f"{undo.__name__} travels on {own.name}, and {undone.__name__}, which it undoes, on "
            f"{topic.name}: the undo could overtake what it undoes",
            "Declare both commands on one topic",
        )
    if undone not in known:
        yield Fault(
            f"This worker has no handler of {undone.__name__} so far, which it undoes: nobody "
            f"would refuse a {undone.__name__} that comes after its undo",
            f"Declare the handler of {undone.__name__} before it, in the same worker",
        )


def _faults_of_reply(handler: CommandHandler) -> Iterator[Fault]:
    declared, returned = handler.reply, returned_by(handler.function)
    if returned in _OPEN or returned is (NoneType if declared is None else declared):
        return
    shown = "None" if declared is None else declared.__name__
    yield Fault(
        f"Its annotation says something else than {handler.command_type.__name__} declares, which "
        f"is reply={shown}",
        f"Let it return {shown}, and say so: `-> {shown}`",
    )
