"""A worker, as its author declares it: a name, and handlers by the type of event or command.

    worker = Worker("stock", lifespan=[ledger])

    @worker.on(OrderPlaced, state=CustomerTotal)
    async def add(order: OrderPlaced, delivery: Delivery) -> list[Event]: ...

    @worker.command(ReserveStock)
    async def reserve(command: ReserveStock, delivery: Delivery) -> StockReserved: ...

    @worker.command(ReleaseStock, undoes=ReserveStock)
    async def release(command: ReleaseStock, delivery: Delivery) -> None: ...

Several types may share a topic, in several versions; what becomes of old shapes and of types that
nobody handles is declared with the worker (type_rules.py).

This file only collects and checks. What the handler of an event returns is published, and what it
raises is retried and then dead-lettered; what the handler of a command returns or raises is its
answer. How that runs stands in pipeline.py, command_pipeline.py and below.

Laws:
1. One handler per type and worker.
2. Delivery is per topic: a handler of commands, or an exactly-once, stateful or counting one of
   events, makes its whole topic transactional in this worker.
3. A mistake in a declaration is refused where it stands, at import.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar, final

from penstock.events.event import Command, Event, Message, Reply, message_declaration_of
from penstock.events.names import check_worker
from penstock.events.saga_messages import InboxMessage
from penstock.events.topic import Topic
from penstock.events.type_choice import TypeChoice
from penstock.events.upcasting import AnyUpcast
from penstock.schemas.errors import CallerError
from penstock.schemas.record import Record
from penstock.workers.backoff import Backoff
from penstock.workers.counters import CounterComponent, Counters
from penstock.workers.delivery import Delivery
from penstock.workers.handler import AnyHandler, CommandHandler, Handler, Returned
from penstock.workers.handler_faults import first_fault
from penstock.workers.lifespan import BadLifespan, LifespanFunction, name_of, problem_of
from penstock.workers.participant_memory import ParticipantMemory
from penstock.workers.type_rules import UnknownTypes, UnknownTypesByTopic, type_rules

__all__ = ["BadHandler", "Input", "MemoryOutOfRange", "Worker"]

EventT = TypeVar("EventT", bound=Event)
CommandT = TypeVar("CommandT", bound=Command)
ReplyT = TypeVar("ReplyT", bound=Reply | None)
TypedFunction = Callable[[EventT, Delivery], Coroutine[Any, Any, Returned]]
TypedCommandFunction = Callable[[CommandT, Delivery], Coroutine[Any, Any, ReplyT]]

DEFAULT_RETRIES = Backoff()
"""Four attempts within about two seconds."""
HANDLER_TIMEOUT_S = 60.0
"""Longest run of one attempt, unless the handler says otherwise."""
REMEMBERS: Final = timedelta(days=14)
"""For how long participants remember (formats.md F17): longer than a saga's deadline, its attempts
after the pivot and its retention together are, unless somebody made them longer."""
_SHORTEST_MEMORY: Final = timedelta(minutes=1)
_LONGEST_MEMORY: Final = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A topic that a worker reads, with all that is done on it."""

    topic: Topic
    """The topic as declared."""
    handlers: tuple[Handler, ...]
    """Of its events, in the order of their declaration."""
    commands: tuple[CommandHandler, ...] = ()
    """Of its commands, in the order of their declaration."""
    upcasts: tuple[AnyUpcast, ...] = ()
    """Lead from old shapes to what is handled."""
    ignores: tuple[type[Message], ...] = ()
    """Types on it that are known and left out on purpose."""
    unknown_types: UnknownTypes = "skip"
    """What becomes of all others."""

    @property
    def transactional(self) -> bool:
        """Whether this topic is processed exactly once."""
        return bool(self.commands) or any(handler.exactly_once for handler in self.handlers)

    @property
    def tables(self) -> tuple[type[Record], ...]:
        """Record types of all state kept on this topic.

        What participants remember is included, and what this topic's partitions have counted.
        """
        tables = [table for handler in self.handlers for table in handler.tables]
        tables += [table for handler in self.commands for table in handler.tables]
        if self.commands:
            tables.append(ParticipantMemory)
        if self.counters:
            tables.append(CounterComponent)
        return tuple(dict.fromkeys(tables))

    @property
    def counters(self) -> tuple[Counters, ...]:
        """The replicated counters that its handlers count in."""
        handlers: tuple[AnyHandler, ...] = (*self.handlers, *self.commands)
        return tuple(dict.fromkeys(each for handler in handlers for each in handler.counters))

    @property
    def message_types(self) -> tuple[type[Message], ...]:
        """The events and commands that are handled."""
        events: list[type[Message]] = [handler.event_type for handler in self.handlers]
        return (*events, *(handler.command_type for handler in self.commands))

    @property
    def announced(self) -> tuple[type[Event], ...]:
        """The events that handlers say they put out."""
        return tuple(
            dict.fromkeys(event for handler in self.handlers for event in handler.announced)
        )

    @property
    def records(self) -> tuple[type[Record], ...]:
        """What is written besides events: its schemas must be published before the first start.

        The tables, and where commands are answered the replies and their envelope.
        """
        replies = [handler.reply for handler in self.commands if handler.reply is not None]
        envelope: list[type[Record]] = [InboxMessage] if self.commands else []
        return tuple(dict.fromkeys([*self.tables, *replies, *envelope]))


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


@dataclass(eq=False, kw_only=True)
class MemoryOutOfRange(CallerError):
    """A worker shall remember answers for a time that makes no sense."""

    worker: str
    """The worker's name."""
    remembers: timedelta
    """The time asked for."""

    code: ClassVar[str] = "PEN-W31"
    what: ClassVar[str] = "The worker {worker} cannot remember its answers for {remembers}."
    why: ClassVar[str] = (
        f"It is {_SHORTEST_MEMORY} at least, since a step forgotten too early is done twice, and "
        f"{_LONGEST_MEMORY} at most, since every step takes memory for so long."
    )
    remedy: ClassVar[str] = "Give more than sagas take from their start to their removal."


@final
class Worker:
    """A named set of handlers: one consumer group, deployed as one kind of process."""

    def __init__(
        self,
        name: str,
        *,
        remembers: timedelta = REMEMBERS,
        lifespan: Sequence[LifespanFunction] = (),
        upcasts: Sequence[AnyUpcast] = (),
        unknown_types: UnknownTypesByTopic = "skip",
        ignores: Sequence[type[Message]] = (),
    ) -> None:
        """Name a worker.

        What handlers need open, such as a pool of connections to a database, is opened and closed
        by functions in `lifespan`:

            class Ledger:
                pool: Pool

            @asynccontextmanager
            async def ledger() -> AsyncIterator[None]:
                async with create_pool(LEDGER_URL) as Ledger.pool:
                    yield

            prices = Cache("prices", ttl_s=300)
            worker = Worker("payments", lifespan=[ledger, prices.open])

        Args:
            name: `[a-z][a-z0-9_-]{0,62}`; with the app's name it is the consumer group. Two workers
                with one name in one app share their offsets and take each other's partitions.
            remembers: For how long it remembers what it answered to the steps of sagas, counted
                from the answer or from the command's deadline, whichever is later.
            lifespan: Functions without arguments, each of which returns an async context manager.
                These are entered in order before the worker joins its group, within 60 s each, and
                left in reverse order when it has drained, within 10 s together. One that cannot be
                entered ends the start; what fails at the end is logged.
            upcasts: Lead from shapes that what it handles had before to the present classes, where
                schemas alone cannot say how; see events/upcasting.py.
            unknown_types: What becomes of records whose type it neither handles nor ignores:
                "skip" counts them, "park" puts them into the dead letters and answers a saga that
                asks with an error, "refuse" stops their partition. For all topics, or by topic.
                Whoever shares a topic of commands with another worker and does not skip names
                that one's commands in `ignores`.
            ignores: Types on its topics that it knows and leaves out on purpose.

        Raises:
            IllegalName: the name is illegal.
            MemoryOutOfRange: it would remember for too short or too long.
            BadLifespan: what stands in `lifespan` is no such function.
            BadUpcast: upcasts contradict each other.
            BadTypeRules: what is said about types cannot be done.
        """
        self.name = check_worker(name)
        if not _SHORTEST_MEMORY <= remembers <= _LONGEST_MEMORY:
            raise MemoryOutOfRange(worker=name, remembers=remembers)
        self.remembers = remembers
        self.lifespan = _checked_lifespan(name, lifespan)
        self._types = type_rules(
            name, upcasts=upcasts, unknown_types=unknown_types, ignores=ignores
        )
        self._handlers: dict[type[Message], AnyHandler] = {}

    def on(
        self,
        event_type: type[EventT],
        *,
        retries: Backoff = DEFAULT_RETRIES,
        exactly_once: bool = False,
        state: type[Record] | tuple[type[Record], ...] = (),
        counters: Counters | tuple[Counters, ...] = (),
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
            counters: Replicated counters that the function counts in by `delivery.counters(...)`;
                implies exactly_once.
            timeout_s: Longest run of one attempt; a longer one counts as failed.

        Raises:
            BadHandler: the function or the type cannot be taken.
        """
        tables = state if isinstance(state, tuple) else (state,)
        counted = counters if isinstance(counters, tuple) else (counters,)

        def register(function: TypedFunction[EventT]) -> TypedFunction[EventT]:
            self._register(
                Handler(
                    event_type=event_type,
                    function=function,
                    name=name_of(function),
                    retries=retries,
                    exactly_once=exactly_once or bool(tables) or bool(counted),
                    tables=tables,
                    timeout_s=timeout_s,
                    counters=counted,
                )
            )
            return function

        return register

    def command(
        self,
        command_type: type[CommandT],
        *,
        undoes: type[Command] | None = None,
        state: type[Record] | tuple[type[Record], ...] = (),
        counters: Counters | tuple[Counters, ...] = (),
        timeout_s: float = HANDLER_TIMEOUT_S,
    ) -> Callable[[TypedCommandFunction[CommandT, ReplyT]], TypedCommandFunction[CommandT, ReplyT]]:
        """Carry out a command type with the decorated function, mostly for sagas.

        The function takes the command and its delivery, and returns the reply that the command's
        class declares, or nothing where it declares none. Where a saga asks, that is answered, in
        the transaction that commits the command's offset, and remembered: the function does not run
        again for a step that it has done or refused. To certainly have done nothing it raises
        `Refused`; whatever else it raises leaves open what happened, and the saga decides whether
        to try again. What it does outside Kafka may be asked for again all the same, after a crash
        or an error, so give `delivery.idempotency_key` to whatever does it.

        Args:
            command_type: A concrete command.
            undoes: The command whose effect it takes back, declared before it in the same worker.
                It runs wherever that may have had its effect, so it must not mind finding none.
            state: Record types of the state that the function keeps by `delivery.state(...)`. What
                it wrote counts if it returns its reply.
            counters: Replicated counters that the function counts in by `delivery.counters(...)`,
                likewise.
            timeout_s: Longest run; a saga's command is cut at its deadline where that is earlier.

        Raises:
            BadHandler: the function or a type cannot be taken.
        """
        tables = state if isinstance(state, tuple) else (state,)
        counted = counters if isinstance(counters, tuple) else (counters,)

        def register(
            function: TypedCommandFunction[CommandT, ReplyT],
        ) -> TypedCommandFunction[CommandT, ReplyT]:
            self._register(
                CommandHandler(
                    command_type=command_type,
                    function=function,
                    name=name_of(function),
                    undoes=undoes,
                    tables=tables,
                    timeout_s=timeout_s,
                    counters=counted,
                )
            )
            return function

        return register

    def _register(self, handler: AnyHandler) -> None:
        fault = first_fault(handler, self._handlers, ignored=self._types.ignores)
        if fault is not None:
            raise BadHandler(
                worker=self.name, handler=handler.name, problem=fault.problem, cure=fault.cure
            )
        self._handlers[handler.message_type] = handler

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The topics that it reads, in the order of first mention.

        Raises:
            BadTypeRules: what is said about types names something that it does not handle.
            BadUpcast: upcasts contradict the types that are handled on one topic.
            TypeNamedTwice: two types that are handled on one topic have one name.
        """
        self._types.check(self.name, self._handlers)
        by_topic: dict[Topic, list[AnyHandler]] = {}
        for message_type, handler in self._handlers.items():
            by_topic.setdefault(message_declaration_of(message_type).topic, []).append(handler)
        inputs = tuple(
            Input(
                topic=topic,
                handlers=tuple(each for each in handlers if isinstance(each, Handler)),
                commands=tuple(each for each in handlers if isinstance(each, CommandHandler)),
                upcasts=self._types.upcasts_to(each.message_type for each in handlers),
                ignores=self._types.ignored_on(topic),
                unknown_types=self._types.unknown_on(topic),
            )
            for topic, handlers in by_topic.items()
        )
        for each in inputs:
            TypeChoice(each.message_types, each.upcasts, each.ignores)
        return inputs


def _checked_lifespan(
    worker: str, lifespan: Sequence[LifespanFunction]
) -> tuple[LifespanFunction, ...]:
    if not isinstance(lifespan, list | tuple):
        problem = "lifespan= is no list of functions"
        raise BadLifespan(worker=worker, function=name_of(lifespan), problem=problem)
    for function in lifespan:
        problem_found = problem_of(function)
        if problem_found is not None:
            raise BadLifespan(worker=worker, function=name_of(function), problem=problem_found)
    return tuple(lifespan)
