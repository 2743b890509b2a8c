"""Replicated counters: how they are declared, and what is written of them.

    orders = Counters("orders")                    # they only grow: a G-Counter each
    shelf = Counters("shelf", decrements=True)     # up and down: a PN-Counter each

A set of counters is one compacted topic (events/names.py: `crdt_topic`), and a counter is a text in
it, such as "completed/gold". Its value is the sum of what its replicas counted. A replica is who
counts: inside of a handler the input partition, which writes in the transaction that commits the
input's offset (formats.md F20); elsewhere a slot. Each replica writes its own component of a
counter and never another's, so nobody has to agree with anybody, and a reader merges what it finds
by taking the larger number of each component (Shapiro et al., A comprehensive study of Convergent
and Commutative Replicated Data Types, 2011).

Laws:
1. A component is absolute and never decreases: the latest of a key holds all before it, so that
   compaction loses nothing and a record that comes twice does no harm.
2. A record's key names the replica and the counter; with the counter alone as its key, compaction
   would keep what one replica counted and remove the rest.
3. A counter's components lie in one partition, by murmur2 of its name.
4. Components are never deleted: a reader that was away would keep what all others have lost.
5. Pure: this file reads no log and keeps no state.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, final

from penstock.events.names import (
    IllegalName,
    NameTooLong,
    check_counters,
    check_slot,
    check_topic,
    check_worker,
)
from penstock.events.partitioner import partition_of
from penstock.schemas.errors import CallerError, ExitCode, WorldError
from penstock.schemas.record import Record

__all__ = [
    "COUNT_LIMIT",
    "NAME_LIMIT_BYTES",
    "BadComponentKey",
    "BadCount",
    "CounterComponent",
    "CounterKind",
    "CounterOverflow",
    "Counters",
    "advanced",
    "check_amount",
    "check_counter",
    "component_key",
    "counter_partition",
    "parse_component_key",
    "partition_replica",
    "slot_replica",
]

CounterKind = Literal["g", "pn"]
"""What a counter can do: "g" grows only, "pn" goes up and down."""

COUNT_LIMIT: Final = 2**63 - 1
"""The largest number that a component holds: Avro's long, and every reader's."""
NAME_LIMIT_BYTES: Final = 512
"""Bytes of a counter's name at most, in UTF-8. It is repeated in the key of every component."""

_SLOT: Final = "slot"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_SHOWN_CHARACTERS: Final = 128


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """A set of replicated counters, as its owner declares it: once, as a constant.

    The name of a counter in it is free, and a counter begins with its first increment; but a
    counter lives for ever, so its name must not come from an id of which there are more and more.

    Raises:
        IllegalName: the name is illegal.
    """

    name: str = field(kw_only=False)
    """`[a-z][a-z0-9_-]{0,62}`; with the app's name it is the topic of their components."""
    decrements: bool = False
    """Whether they may go down, too. It can be allowed later, and never be taken back."""

    def __post_init__(self) -> None:
        """Check the name."""
        check_counters(self.name)

    @property
    def kind(self) -> CounterKind:
        """The kind of the counters."""
        return "pn" if self.decrements else "g"


class CounterComponent(Record, namespace="penstock"):
    """One replica's own part of one counter: all that it has counted since it first did.

    The value of a record of a counters' topic, and of the entry in the state of the partition that
    wrote it. Both numbers are from 0 to 2**63 - 1. A component that is "pn" stays so.
    """

    kind: CounterKind
    increments: int
    decrements: int


@dataclass(eq=False, kw_only=True)
class BadCount(CallerError):
    """A counter was told to count what it cannot."""

    counters: str
    """The name of the set."""
    problem: str
    """What is wrong, as a sentence without its end."""

    code: ClassVar[str] = "PEN-W35"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "A counter of {counters} cannot count this: {problem}."
    why: ClassVar[str] = (
        f"A counter's name is text of 1 to {NAME_LIMIT_BYTES} bytes in UTF-8, an amount a whole "
        "number from 0 to 2**63 - 1, and only counters with decrements=True go down."
    )
    remedy: ClassVar[str] = "Mend the call; trying again changes nothing."


@dataclass(eq=False, kw_only=True)
class CounterOverflow(CallerError):
    """A component would become larger than it can be."""

    counters: str
    """The name of the set."""
    counter: str
    """The counter, escaped and cut."""

    code: ClassVar[str] = "PEN-W36"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The counter {counter} of {counters} cannot count on."
    why: ClassVar[str] = "One replica would have counted more than 2**63 - 1."
    remedy: ClassVar[str] = "Count in a larger unit, under another name."


@dataclass(eq=False, kw_only=True)
class BadComponentKey(WorldError):
    """A key of a topic of counters that names no component."""

    key: str
    """The key, escaped and cut."""
    problem: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-W37"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The key {key} names no component of a counter: {problem}."
    why: ClassVar[str] = (
        "It is <replica>:<counter>, with <worker>/<topic>/<partition> or slot/<slot> as replica."
    )
    remedy: ClassVar[str] = "Find out who wrote the record; it is no counter of this product."


# --- counting ----------------------------------------------------------------------------------


def check_counter(counters: Counters, counter: str) -> str:
    """Return the name of a counter if it is legal.

    Raises:
        BadCount: it is no text, empty, too long, or not to be written in UTF-8.
    """
    problem = _problem_of_name(counter)
    if problem is not None:
        raise BadCount(counters=counters.name, problem=problem)
    return counter


def _problem_of_name(counter: object) -> str | None:
    if not isinstance(counter, str):
        return f"the counter's name is a {type(counter).__name__}"
    try:
        length = len(counter.encode())
    except UnicodeEncodeError:
        return "the counter's name holds a lone surrogate"
    if not 0 < length <= NAME_LIMIT_BYTES:
        return f"the counter's name has {length} bytes"
    return None


def check_amount(counters: Counters, by: object) -> int:
    """Return an amount to count by if it is legal. Nothing (0) is legal: there may be nothing.

    Raises:
        BadCount: it is no whole number, negative, or larger than a component can be.
    """
    if not isinstance(by, int) or isinstance(by, bool):
        raise BadCount(counters=counters.name, problem=f"the amount is a {type(by).__name__}")
    if by < 0:
        raise BadCount(counters=counters.name, problem="the amount is negative")
    if by > COUNT_LIMIT:
        raise BadCount(counters=counters.name, problem="the amount is larger than 2**63 - 1")
    return by


def advanced(
    counters: Counters,
    counter: str,
    before: CounterComponent | None,
    *,
    increments: int,
    decrements: int = 0,
) -> CounterComponent:
    """Return a replica's component after it has counted on.

    Args:
        counters: the set.
        counter: the counter, checked.
        before: the replica's own component as it wrote it last; None before the first time.
        increments: what is added, 0 or more.
        decrements: what is taken away, 0 or more.

    Raises:
        CounterOverflow: it would become larger than it can be.
    """
    assert increments >= 0, "a component never decreases"
    assert decrements >= 0, "a component never decreases"
    assert counters.decrements or not decrements, "what grows only is never taken from"
    kind = counters.kind
    if before is not None:
        increments, decrements = before.increments + increments, before.decrements + decrements
        kind = before.kind if before.kind == "pn" else kind
    if max(increments, decrements) > COUNT_LIMIT:
        raise CounterOverflow(counters=counters.name, counter=_shown(counter))
    return CounterComponent(kind=kind, increments=increments, decrements=decrements)


# --- where components lie ----------------------------------------------------------------------


def partition_replica(worker: str, topic: str, partition: int) -> str:
    """Return who counts inside of handlers: `<worker>/<topic>/<partition>` (formats.md F20).

    Args:
        worker: the worker's name.
        topic: the input topic.
        partition: its partition, 0 or more.

    Raises:
        IllegalName: a part is illegal.
    """
    if partition < 0:
        raise IllegalName(kind="partition", name=str(partition), rule="0 or more")
    return f"{check_worker(worker)}/{check_topic(topic)}/{partition}"


def slot_replica(slot: str) -> str:
    """Return who counts outside of handlers: `slot/<slot>`, one part less than a partition has.

    Raises:
        IllegalName: the slot's name is illegal.
    """
    return f"{_SLOT}/{check_slot(slot)}"


def component_key(replica: str, counter: str) -> bytes:
    """Return the key of a component: `<replica>:<counter>`, the free part last.

    Args:
        replica: as `partition_replica` or `slot_replica` makes it; none holds a colon.
        counter: the counter, checked.
    """
    assert ":" not in replica, "a replica's name is made here"
    return f"{replica}:{counter}".encode()


def parse_component_key(key: bytes) -> tuple[str, str]:
    """Return replica and counter.

    Raises:
        BadComponentKey: `component_key` never made it.
    """
    try:
        replica, colon, counter = key.decode().partition(":")
    except UnicodeDecodeError as error:
        raise BadComponentKey(key=_shown(key), problem="it is not UTF-8") from error
    if not colon:
        raise BadComponentKey(key=_shown(key), problem="it has no colon")
    problem = _problem_of_name(counter)
    if problem is not None:
        raise BadComponentKey(key=_shown(key), problem=problem)
    try:
        known = _made_here(replica)
    except (IllegalName, NameTooLong) as error:
        raise BadComponentKey(key=_shown(key), problem=f"its replica is {error.code}") from error
    if not known:
        raise BadComponentKey(key=_shown(key), problem="its replica is of no kind known here")
    return replica, counter


def _made_here(replica: str) -> bool:
    match replica.split("/"):
        case [first, slot] if first == _SLOT:
            return replica == slot_replica(slot)
        case [worker, topic, number] if _NUMBER.fullmatch(number):
            return replica == partition_replica(worker, topic, int(number))
        case _:
            return False


def counter_partition(counter: str, count: int) -> int:
    """Return the partition that holds all components of a counter.

    Args:
        counter: the counter, checked.
        count: how many partitions the counters' topic has.
    """
    return partition_of(counter.encode(), count)


def _shown(text: str | bytes) -> str:
    return ascii(text[:_SHOWN_CHARACTERS])
