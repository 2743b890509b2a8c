"""What a worker does with the types on its topics, beside handling those that it has handlers for.

    Worker("stock", upcasts=[in_euros], unknown_types="park", ignores=[OrderNoted])

Several types share a topic, and each is written in several versions. Old shapes become present ones
by upcasts (events/upcasting.py). A type whose schema is known and that nobody handles here is

    skipped    counted in statistics: others may be interested in it
    parked     put into the dead letters, with the reason unknown-type; the partition goes on
    refused    the partition fails, and stands until somebody has decided

Laws:
1. Types in `ignores` are known and left out on purpose, whatever the rule for unknown ones.
2. What a rule names is there: a topic that is read, a type on one, a class that is handled. A rule
   that could never apply is a mistake, and is told.
3. Pure: declarations and errors only; pipeline.py applies them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, Literal, TypeAlias, final, get_args

from penstock.events.event import Command, Event, Message, message_declaration_of
from penstock.events.topic import Topic
from penstock.events.upcasting import AnyUpcast, chains_of
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.schemas.record import Record

__all__ = [
    "BadTypeRules",
    "TypeRules",
    "UnknownTypeParked",
    "UnknownTypeRefused",
    "UnknownTypes",
    "UnknownTypesByTopic",
    "type_rules",
]

UnknownTypes: TypeAlias = Literal["skip", "park", "refuse"]
"""What becomes of records of a type that is neither handled nor ignored."""
UnknownTypesByTopic: TypeAlias = UnknownTypes | Mapping[str | Topic, UnknownTypes]
"""The same for all topics, or by topic; "skip" where a topic is not named."""

_RULES: Final = get_args(UnknownTypes)


@dataclass(eq=False, kw_only=True)
class BadTypeRules(CallerError):
    """What a worker shall do with types on its topics cannot be done."""

    worker: str
    """The worker's name."""
    problem: str
    """What is wrong, as a sentence without its end."""
    cure: str
    """What to write instead, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W41"
    what: ClassVar[str] = "What the worker {worker} declares about types was refused."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "{cure}."


@dataclass(eq=False, kw_only=True)
class UnknownTypeParked(WorldError):
    """A record is of a type that nobody handles here, and such records are parked."""

    type: str
    """Full name of its type."""

    code: ClassVar[str] = "PEN-W42"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A record is of the type {type}, which this worker does not handle."
    why: ClassVar[str] = 'The worker is declared with unknown_types="park" for its topic.'
    remedy: ClassVar[str] = (
        "Give the worker a handler of the type, then write the record to its topic again: it lies "
        "untouched among the dead letters. Or name the type in ignores=."
    )


@dataclass(eq=False, kw_only=True)
class UnknownTypeRefused(WorldError):
    """A record is of a type that nobody handles here, and such records stop their partition."""

    topic: str
    """The topic."""
    partition: int
    """The number of the partition."""
    offset: int
    """The record's offset."""
    type: str
    """Full name of its type."""

    code: ClassVar[str] = "PEN-W43"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = (
        "The record of {topic}/{partition} at offset {offset} is of the type {type}, which this "
        "worker does not handle."
    )
    why: ClassVar[str] = 'The worker is declared with unknown_types="refuse" for its topic.'
    remedy: ClassVar[str] = (
        "Give the worker a handler of the type, name it in ignores=, or let unknown types be "
        'parked or skipped ("park", "skip"); then start it again at this record.'
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRules:
    """What one worker declares about types. Made by `type_rules`."""

    upcasts: tuple[AnyUpcast, ...] = ()
    """Lead from old shapes to what is handled."""
    ignores: tuple[type[Message], ...] = ()
    """Known, and left out on purpose."""
    unknown: UnknownTypes = "skip"
    """For topics that are not named."""
    unknown_by_topic: Mapping[str, UnknownTypes] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By the name of the topic."""

    def unknown_on(self, topic: Topic) -> UnknownTypes:
        """What becomes of unknown types on a topic."""
        return self.unknown_by_topic.get(topic.name, self.unknown)

    def ignored_on(self, topic: Topic) -> tuple[type[Message], ...]:
        """The types of a topic that are left out on purpose."""
        return tuple(each for each in self.ignores if _topic_of(each) == topic.name)

    def upcasts_to(self, types: Iterable[type[Record]]) -> tuple[AnyUpcast, ...]:
        """The upcasts that lead to one of some classes, through others or directly."""
        wanted, chains = set(types), chains_of(self.upcasts)
        return tuple(each for each in self.upcasts if chains[each.old][-1].new in wanted)

    def check(self, worker: str, handled: Iterable[type[Message]]) -> None:
        """Refuse rules that could never apply.

        Args:
            worker: the worker's name.
            handled: the types that it has handlers for.

        Raises:
            BadTypeRules: a rule names what this worker has nothing to do with.
        """
        types = tuple(handled)
        topics = {_topic_of(each) for each in types}
        leading = self.upcasts_to(types)
        for upcast in self.upcasts:
            if upcast not in leading:
                raise BadTypeRules(
                    worker=worker,
                    problem=f"The upcast {upcast.name} leads to no type that it handles",
                    cure="Declare a handler of what it leads to, or leave the upcast out",
                )
        for name in [*self.unknown_by_topic, *map(_topic_of, self.ignores)]:
            if name not in topics:
                raise BadTypeRules(
                    worker=worker,
                    problem=f"unknown_types= or ignores= speak of the topic {name}, and it reads "
                    f"{', '.join(sorted(topics)) or 'none'}",
                    cure="Name topics, and types on topics, of which it handles something",
                )


def type_rules(
    worker: str,
    *,
    upcasts: Sequence[AnyUpcast],
    unknown_types: UnknownTypesByTopic,
    ignores: Sequence[type[Message]],
) -> TypeRules:
    """Judge what a worker declares about types, as far as that is possible without its handlers.

    Args:
        worker: the worker's name.
        upcasts: as declared by `@upcast`.
        unknown_types: one rule, or a rule by topic.
        ignores: concrete events and commands.

    Raises:
        BadTypeRules: something is not what it should be.
        BadUpcast: upcasts contradict each other.
        AbstractRecord: a type in `ignores` is a base.
    """
    chains_of(upcasts)
    for each in ignores:
        if not _is_message_type(each):
            raise BadTypeRules(
                worker=worker,
                problem=f"{each!r} in ignores= is no class of events or commands",
                cure="Give classes that are derived from Event or Command",
            )
        message_declaration_of(each)
    by_topic: dict[str, UnknownTypes] = {}
    if isinstance(unknown_types, Mapping):
        for topic, rule in unknown_types.items():
            by_topic[topic.name if isinstance(topic, Topic) else topic] = _rule(worker, rule)
        return TypeRules(
            upcasts=tuple(upcasts),
            ignores=tuple(ignores),
            unknown_by_topic=MappingProxyType(by_topic),
        )
    unknown = _rule(worker, unknown_types)
    return TypeRules(upcasts=tuple(upcasts), ignores=tuple(ignores), unknown=unknown)


def _rule(worker: str, rule: UnknownTypes) -> UnknownTypes:
    if rule in _RULES:
        return rule
    raise BadTypeRules(
        worker=worker,
        problem=f"unknown_types= says {rule!r}",
        cure=f"Say one of {', '.join(repr(each) for each in _RULES)}, for all topics or by topic",
    )


def _is_message_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Event | Command)


def _topic_of(message_type: type[Message]) -> str:
    return message_declaration_of(message_type).topic.name
