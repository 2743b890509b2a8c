"""What a worker does with one type of message: the decorated function, and how it is run.

Values only; worker.py collects and checks them, pipeline.py and command_pipeline.py run them.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args, get_type_hints

from penstock.events.event import Command, Event, Message, Reply, message_declaration_of
from penstock.schemas.record import Record
from penstock.workers.backoff import Backoff
from penstock.workers.counters import Counters
from penstock.workers.delivery import Delivery

__all__ = [
    "AnyHandler",
    "CommandFunction",
    "CommandHandler",
    "Function",
    "Handler",
    "Returned",
    "returned_by",
]

Returned: TypeAlias = Event | Iterable[Event] | None
"""What the handler of an event may return."""
Function: TypeAlias = Callable[[Any, Delivery], Coroutine[Any, Any, Returned]]
"""The handler of an event."""
CommandFunction: TypeAlias = Callable[[Any, Delivery], Coroutine[Any, Any, Reply | None]]
"""The handler of a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One decorated function that handles events."""

    event_type: type[Event]
    """What it handles."""
    function: Function
    """The function itself."""
    name: str
    """`module:qualified name`; part of the ids of what it returns, so renaming it makes repeats
    of events in flight look new."""
    retries: Backoff
    """When a failed attempt is repeated."""
    exactly_once: bool
    """Whether its topic is processed in transactions."""
    tables: tuple[type[Record], ...]
    """Record types of the state that it keeps."""
    timeout_s: float
    """Longest run of one attempt, in seconds."""
    counters: tuple[Counters, ...] = ()
    """The replicated counters that it counts in."""

    @property
    def message_type(self) -> type[Message]:
        """What it handles."""
        return self.event_type

    @property
    def announced(self) -> tuple[type[Event], ...]:
        """Events that the function's return annotation names: their topics are looked at early."""
        return tuple(_events_in(returned_by(self.function)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandHandler:
    """One decorated function that carries out commands. Its topic is processed in transactions."""

    command_type: type[Command]
    """What it carries out."""
    function: CommandFunction
    """The function itself."""
    name: str
    """`module:qualified name`; part of the ids of its answers."""
    undoes: type[Command] | None
    """The command whose effect it takes back, where it does."""
    tables: tuple[type[Record], ...]
    """Record types of the state that it keeps."""
    timeout_s: float
    """Longest run, in seconds; a saga's command is cut at its deadline where that comes earlier."""
    counters: tuple[Counters, ...] = ()
    """The replicated counters that it counts in."""

    @property
    def message_type(self) -> type[Message]:
        """What it carries out."""
        return self.command_type

    @property
    def reply(self) -> type[Reply] | None:
        """What it must return: the reply that the command's class declares, or nothing."""
        return message_declaration_of(self.command_type).reply


AnyHandler: TypeAlias = Handler | CommandHandler
"""Handles one type of message."""


def returned_by(function: Callable[..., Any]) -> Any:
    """What a function's annotation says that it returns; Any where it says nothing readable."""
    try:
        return get_type_hints(function).get("return", Any)
    except (NameError, TypeError):
        return Any  # an annotation that only a type checker can resolve


def _events_in(annotation: Any) -> Iterator[type[Event]]:
    if isinstance(annotation, type) and issubclass(annotation, Event):
        if "__penstock__" in vars(annotation):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _events_in(argument)
