"""What a state of the world holds, and what may happen to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.properties.saga_world.messages import Ask, Reply
from tests.properties.saga_world.services import Service

__all__ = ["Bounds", "Channel", "Move", "Moves", "World"]


class Bounds(NamedTuple):
    """How often each of these may still happen."""

    copies: int = 0
    """Messages that arrive twice."""
    retries: int = 0
    """Times that an operator tries a parked step again."""


class World(NamedTuple):
    """Everything there is."""

    saga: int
    asks: tuple[Ask, ...]
    """Commands on their way, sorted: they have no order."""
    replies: tuple[Reply, ...]
    services: tuple[Service, ...]
    awaited: tuple[Ask, ...]
    """Attempts whose time is not over and that have no answer, told by what has happened."""
    heard: tuple[int, ...]
    """By step, the first OK or REFUSED that the saga was told, before it asked to undo it."""
    bounds: Bounds
    said: int = 0
    """How often the saga has said that it has turned round."""
    wrong: str = ""
    """What was wrong with the last thing that happened."""


class Move(NamedTuple):
    """One thing that happens."""

    what: str
    which: Any = None
    """Which message, timer or wish."""
    how: str = ""
    """How a service handles a command."""
    stays: bool = False
    """Whether the message will arrive once more, or the command stays where it is."""


Moves = Iterator[tuple[Move, World]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How messages travel, and what is written together. The product's channel does all of it."""

    in_order: bool = False
    """Whether the commands of a step arrive in the order in which they were sent."""
    state_and_commands: bool = True
    """Whether the saga's state and its commands are one transaction. If not, a process may end
    between the two."""
    commands_first: bool = False
    """Where they are not: whether commands go out first, or the state is saved first."""
