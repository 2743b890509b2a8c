"""What one attempt of a handler wants to count: `delivery.counters(orders)` writes it down here.

Nothing is read and nothing is counted while the handler runs. What it has asked for is taken when
it has returned (tally.py), so that no other record comes between the reading of a component and its
writing; an attempt that fails leaves nothing behind.

Laws:
1. What cannot be counted is refused at the call, and not when it is too late to say where.
2. Amounts of one counter are added up; an attempt counts in a bounded number of counters.
3. What is asked for behind the handler's return is refused: it would be lost without a word.
4. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, final

from penstock.schemas.errors import CallerError
from penstock.workers.counters import BadCount, Counters, check_amount, check_counter

__all__ = ["COUNTERS_LIMIT", "Asked", "HandlerCounters", "Increments", "UndeclaredCounters"]

COUNTERS_LIMIT: Final = 1_000
"""Counters that one attempt counts in at most; each becomes a record of its own."""


@dataclass(eq=False, kw_only=True)
class UndeclaredCounters(CallerError):
    """A handler asked for counters that it did not declare."""

    handler: str
    """The handler."""
    counters: str
    """The name of the set it asked for."""

    code: ClassVar[str] = "PEN-W34"
    what: ClassVar[str] = "The handler {handler} asked for the counters {counters}."
    why: ClassVar[str] = (
        "They were not declared like this, so nobody has looked whether their topic is there."
    )
    remedy: ClassVar[str] = "Declare them where the handler is declared: counters=..."


class Asked(NamedTuple):
    """What is to be counted in one counter."""

    counters: Counters
    """The set."""
    counter: str
    """The counter, checked."""
    increments: int
    """What is to be added; 0 or more."""
    decrements: int
    """What is to be taken away; 0 or more."""


@final
class Increments:
    """All that one attempt of a handler wants to count."""

    __slots__ = ("_asked", "_declared", "_handler")

    def __init__(self, handler: str, declared: Iterable[Counters] = ()) -> None:
        """Begin with nothing.

        Args:
            handler: The handler's name.
            declared: The counters that it declared.
        """
        self._handler = handler
        self._declared = declared
        self._asked: dict[tuple[str, str], Asked] | None = {}

    def of(self, counters: Counters) -> "HandlerCounters":
        """What a handler holds of a set of counters.

        Raises:
            UndeclaredCounters: the handler did not declare it.
        """
        if counters not in self._declared:
            name = getattr(counters, "name", type(counters).__name__)
            raise UndeclaredCounters(handler=self._handler, counters=str(name))
        return HandlerCounters(counters, self)

    def add(self, counters: Counters, counter: str, increments: int, decrements: int) -> None:
        """Write down what was asked for, checked by whoever asks.

        Raises:
            BadCount: the handler has returned, or it counts in too many counters.
        """
        asked = self._asked
        if asked is None:
            problem = f"the handler {self._handler} has returned"
            raise BadCount(counters=counters.name, problem=problem)
        place = (counters.name, counter)
        before = asked.get(place)
        if before is not None:
            increments, decrements = before.increments + increments, before.decrements + decrements
        elif len(asked) == COUNTERS_LIMIT:
            problem = f"the handler counts in more than {COUNTERS_LIMIT} counters at once"
            raise BadCount(counters=counters.name, problem=problem)
        asked[place] = Asked(counters, counter, increments, decrements)

    def take(self) -> tuple[Asked, ...]:
        """All that was asked for, once: the handler has returned."""
        asked, self._asked = self._asked, None
        assert asked is not None, "what is counted is taken once"
        return tuple(asked.values())


@final
class HandlerCounters:
    """A set of counters inside of a handler: it can be counted in, and is read elsewhere."""

    __slots__ = ("_counters", "_increments")

    def __init__(self, counters: Counters, increments: Increments) -> None:
        """Write into the increments of one attempt; handlers never call this."""
        self._counters = counters
        self._increments = increments

    def increment(self, counter: str, by: int = 1) -> None:
        """Add to a counter, if the handler returns and its record is done.

        Args:
            counter: Which one; text of 1 to 512 bytes in UTF-8. It begins with its first increment.
            by: How much, 0 or more.

        Raises:
            BadCount: that cannot be counted. Let it out, and the record is parked at once.
        """
        counters = self._counters
        check_counter(counters, counter)
        if check_amount(counters, by):
            self._increments.add(counters, counter, by, 0)

    def decrement(self, counter: str, by: int = 1) -> None:
        """Take away from a counter, if the handler returns and its record is done.

        The value may go below 0.

        Args:
            counter: Which one; text of 1 to 512 bytes in UTF-8.
            by: How much, 0 or more.

        Raises:
            BadCount: that cannot be counted, or the counters were declared to grow only.
        """
        counters = self._counters
        if not counters.decrements:
            raise BadCount(counters=counters.name, problem="it grows only")
        check_counter(counters, counter)
        if check_amount(counters, by):
            self._increments.add(counters, counter, 0, by)
