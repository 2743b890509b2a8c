"""A worker, as its author declares it: a name, and handlers by event type.

    worker = Worker("totals")

    @worker.on(OrderPlaced, state=CustomerTotal)
    async def add(order: OrderPlaced, delivery: Delivery) -> list[Event]: ...

This file only collects and checks. What a handler returns is published; what it raises is retried
and then dead-lettered; how that runs stands in pipeline.py and below.

Laws:
1. One handler per event type and worker.
2. Delivery is per topic: one exactly-once or stateful handler makes its whole topic transactional
   in this worker.
3. A mistake in a declaration is refused where it stands, at import.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, ClassVar, TypeVar, final, get_args, get_type_hints

from penstock.events.event import Event, message_declaration_of
from penstock.events.names import check_worker
from penstock.events.topic import Topic
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record, declaration_of
from penstock.workers.backoff import Backoff
from penstock.workers.delivery import Delivery

__all__ = ["BadHandler", "Handler", "Input", "Worker"]

EventT = TypeVar("EventT", bound=Event)
Returned = Event | Iterable[Event] | None
Function = Callable[[Any, Delivery], Coroutine[Any, Any, Returned]]
TypedFunction = Callable[[EventT, Delivery], Coroutine[Any, Any, Returned]]

DEFAULT_RETRIES = Backoff()
"""Four attempts within about two seconds."""
HANDLER_TIMEOUT_S = 60.0
"""Longest run of one attempt, unless the handler says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One decorated function."""

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

    @property
    def announced(self) -> tuple[type[Event], ...]:
        """Events that the function's return annotation names: their topics are looked at early."""
        try:
            returned = get_type_hints(self.function).get("return")
        except (NameError, TypeError):
            return ()  # an annotation that only a type checker can resolve announces nothing
        return tuple(_events_in(returned))


def _events_in(annotation: Any) -> Iterator[type[Event]]:
    if isinstance(annotation, type) and issubclass(annotation, Event):
        if "__penstock__" in vars(annotation):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from _events_in(argument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A topic that a worker reads, with all that is done on it."""

    topic: Topic
    """The topic as declared."""
    handlers: tuple[Handler, ...]
    """In the order of their declaration."""

    @property
    def transactional(self) -> bool:
        """Whether this topic is processed exactly once."""
        return any(handler.exactly_once for handler in self.handlers)

    @property
    def tables(self) -> tuple[type[Record], ...]:
        """Record types of all state kept on this topic."""
        tables = [table for handler in self.handlers for table in handler.tables]
        return tuple(dict.fromkeys(tables))


@dataclass(eq=False, kw_only=True)
class BadHandler(CallerError):
    """A handler that cannot be taken."""

    worker: str
    """The worker's name."""
    handler: str
    """The function."""
    problem: str
    """What is wrong, as a sentence without its end."""
    cure: str
    """What to write instead, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W5"
    what: ClassVar[str] = "The handler {handler} of the worker {worker} was refused."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{cure}."


@final
class Worker:
    """A named set of handlers: one consumer group, deployed as one kind of process."""

    def __init__(self, name: str) -> None:
        """Name a worker.

        Args:
            name: `[a-z][a-z0-9_-]{0,62}`; with the app's name it is the consumer group. Two workers
                with one name in one app share their offsets and take each other's partitions.

        Raises:
            IllegalName: the name is illegal.
        """
        self.name = check_worker(name)
        self._handlers: dict[type[Event], Handler] = {}

    def on(
        self,
        event_type: type[EventT],
        *,
        retries: Backoff = DEFAULT_RETRIES,
        exactly_once: bool = False,
        state: type[Record] | tuple[type[Record], ...] = (),
        timeout_s: float = HANDLER_TIMEOUT_S,
    ) -> Callable[[TypedFunction[EventT]], TypedFunction[EventT]]:
        """Handle an event type with the decorated function.

        The function takes the event and its delivery; it returns nothing, an event, or several,
        which are published before the input counts as done.

        Args:
            event_type: A concrete event.
            retries: When a failed attempt is repeated, in the lane of the record's key. After the
                last one the record goes to the dead letters.
            exactly_once: Publish what the function returns and commit the input's offset in one
                Kafka transaction. Effects outside Kafka stay at least once.
            state: Record types of the state that the function keeps by `delivery.state(...)`;
                implies exactly_once.
            timeout_s: Longest run of one attempt; a longer one counts as failed.

        Raises:
            BadHandler: the function or the type cannot be taken.
        """
        tables = state if isinstance(state, tuple) else (state,)

        def register(function: TypedFunction[EventT]) -> TypedFunction[EventT]:
            self._register(
                Handler(
                    event_type=event_type,
                    function=function,
                    name=f"{function.__module__}:{function.__qualname__}",
                    retries=retries,
                    exactly_once=exactly_once or bool(tables),
                    tables=tables,
                    timeout_s=timeout_s,
                )
            )
            return function

        return register

    def _register(self, handler: Handler) -> None:
        if not iscoroutinefunction(handler.function):
            raise self._refusal(
                handler,
                "It is not an async function, and would block all other lanes while it runs",
                "Declare it with `async def`; give blocking work to asyncio.to_thread",
            )
        if handler.event_type in self._handlers:
            raise self._refusal(
                handler,
                f"{handler.event_type.__name__} has the handler "
                f"{self._handlers[handler.event_type].name} already",
                "Do both in one function, or declare a second worker",
            )
        if not handler.timeout_s > 0:
            raise self._refusal(handler, "Its timeout_s is not positive", "Give seconds above 0")
        message_declaration_of(handler.event_type)
        for table in handler.tables:
            declaration_of(table)
        self._handlers[handler.event_type] = handler

    def _refusal(self, handler: Handler, problem: str, cure: str) -> BadHandler:
        return BadHandler(worker=self.name, handler=handler.name, problem=problem, cure=cure)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The topics that it reads, in the order of first mention."""
        by_topic: dict[Topic, list[Handler]] = {}
        for event_type, handler in self._handlers.items():
            by_topic.setdefault(message_declaration_of(event_type).topic, []).append(handler)
        return tuple(
            Input(topic=topic, handlers=tuple(handlers)) for topic, handlers in by_topic.items()
        )
