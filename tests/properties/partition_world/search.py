"""Search through all that may happen: breadth first, so that what is found first is shortest.

Knows nothing of Kafka or partitions: a world has a first state, moves, something that must not be,
and ends that must stay within reach. The graph of all states is kept, so that it can be asked what
no single play shows: whether an end can always still be reached, and whether something can go round
for ever (Tarjan 1972, strongly connected components). Where a world is too large for that, `walk`
plays it at random, and then lets it come to rest.
"""

import gc
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, Protocol

from penstock.schemas.errors import PenstockError

__all__ = ["Counterexample", "Graph", "Searchable", "explore", "walk"]


class Searchable(Protocol):
    """What can be searched. States and moves are hashable values."""

    def first(self) -> Any:
        """Return the state in which all plays begin."""

    def moves(self, state: Any) -> Iterator[tuple[Any, Any]]:
        """List all that may happen next: each move, and the state after it."""

    def wrong_step(self, before: Any, after: Any) -> str | None:
        """Say what must not be about a step; None where all is well."""

    def wrong_state(self, state: Any) -> str | None:
        """Say what must not be about a state; None where all is well."""

    def goes_on(self, move: Any) -> bool:
        """Tell whether a move happens by itself, sooner or later."""

    def is_done(self, state: Any) -> bool:
        """Tell whether this is an end that must stay within reach."""

    def is_watched(self, before: Any, move: Any) -> bool:
        """Tell whether this is a move that must not happen again and again for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A play that ends where it must not."""

    wrong: str
    """What is wrong."""
    play: tuple[Any, ...]
    """The moves, from the first state on."""
    again: int | None = None
    """Where the play goes round for ever: the number of the move with which the round begins."""


@dataclass(slots=True, kw_only=True)
class Graph:
    """All states that there are, and what leads from one to the next."""

    states: list[Any] = field(default_factory=list)
    parents: "array[int]" = field(default_factory=lambda: array("q"))
    """The state from which each was found first; -1 for the first."""
    onward: "list[array[int]]" = field(default_factory=list)
    """For each state, those that follow by themselves."""
    watched: list[tuple[int, int]] = field(default_factory=list)
    """Watched moves that happen by themselves, as pairs of states."""
    ends: list[int] = field(default_factory=list)
    happened: set[Any] = field(default_factory=set)
    """All moves that were made."""
    steps: int = 0
    """How many times a move was made."""

    def way_to(self, world: Searchable, state: int) -> tuple[Any, ...]:
        """Return the shortest play from the first state to this one."""
        way = [state]
        while self.parents[way[-1]] >= 0:
            way.append(self.parents[way[-1]])
        return self._moves(world, way[::-1])

    def stuck(self) -> int | None:
        """Return a state from which no end can be reached by what happens by itself."""
        back: list[list[int]] = [[] for _ in self.states]
        for state, following in enumerate(self.onward):
            for each in following:
                back[each].append(state)
        reached = bytearray(len(self.states))
        waiting = list(self.ends)
        for state in waiting:
            reached[state] = 1
        while waiting:
            for state in back[waiting.pop()]:
                if not reached[state]:
                    reached[state] = 1
                    waiting.append(state)
        at = reached.find(0)
        return None if at < 0 else at

    def endless(self, world: Searchable) -> Counterexample | None:
        """Return a play in which a watched move comes round again for ever."""
        component = _components(self.onward)
        for one, two in self.watched:
            if component[one] == component[two]:
                way, back = self.way_to(world, one), self._way_back(two, one)
                play = way + self._moves(world, [one, two, *back])
                return Counterexample(wrong="this goes round for ever", play=play, again=len(way))
        return None

    def most_watched(self) -> int:
        """Count the watched moves that can follow by themselves, at the most, after any state.

        There must be no endless play. Tarjan numbers components backwards, so that what follows has
        been counted before what it follows.
        """
        component = _components(self.onward)
        watched = set(self.watched)
        most = [0] * (max(component) + 1)
        for state in sorted(range(len(component)), key=component.__getitem__):
            for each in self.onward[state]:
                count = most[component[each]] + ((state, each) in watched)
                most[component[state]] = max(most[component[state]], count)
        return max(most)

    def _way_back(self, start: int, goal: int) -> list[int]:
        """Return the states after `start` on the shortest way to `goal`."""
        parents = {start: start}
        waiting = [start]
        for state in waiting:
            for each in self.onward[state]:
                if each not in parents:
                    parents[each] = state
                    waiting.append(each)
        way = [goal]
        while way[-1] != start:
            way.append(parents[way[-1]])
        return way[-2::-1]

    def _moves(self, world: Searchable, way: list[int]) -> tuple[Any, ...]:
        states = [self.states[each] for each in way]
        return tuple(
            next(move for move, after in world.moves(one) if after == two)
            for one, two in pairwise(states)
        )


def explore(world: Searchable, *, limit: int) -> Graph | Counterexample:
    """Visit every state once, nearest first.

    Args:
        world: What to search.
        limit: So many states at the most. More are a mistake in the world's bounds, and raise.

    Returns:
        The whole graph, or the shortest play that breaks something.
    """
    collecting = gc.isenabled()
    gc.disable()  # states hold no cycles, and looking for some takes a third of the time
    try:
        return _explore(world, limit)
    finally:
        if collecting:
            gc.enable()


def _explore(world: Searchable, limit: int) -> Graph | Counterexample:
    graph = Graph(states=[world.first()], parents=array("q", [-1]))
    numbers: dict[Any, int] = {graph.states[0]: 0}
    for number, state in enumerate(graph.states):
        assert number < limit, f"more than {limit} states"
        if world.is_done(state):
            graph.ends.append(number)
        following = array("q")
        try:
            for move, after in world.moves(state):
                known = numbers.setdefault(after, len(numbers))
                wrong = world.wrong_step(state, after)
                if known == len(graph.states):
                    graph.states.append(after)
                    graph.parents.append(number)
                    wrong = wrong or world.wrong_state(after)
                if wrong:
                    play = (*graph.way_to(world, number), move)
                    return Counterexample(wrong=wrong, play=play)
                graph.happened.add(move)
                graph.steps += 1
                if world.goes_on(move):
                    following.append(known)
                    if world.is_watched(state, move):
                        graph.watched.append((number, known))
        except (PenstockError, AssertionError) as raised:
            return Counterexample(wrong=repr(raised), play=graph.way_to(world, number))
        graph.onward.append(following)
    return graph


def walk(world: Searchable, random: Random, *, steps: int, calm: int) -> Counterexample | int:
    """Play at random for a while; then let it come to rest, and see that it reaches an end.

    Args:
        world: What to play.
        random: The source of all choices: the same seed plays the same play.
        steps: Moves made while everything may happen.
        calm: Moves at the most while only what goes on by itself happens.

    Returns:
        The play that breaks something (hardly the shortest), or the number of moves made.
    """
    state, play = world.first(), list[Any]()
    for step in range(steps + calm):
        moves = [each for each in world.moves(state) if step < steps or world.goes_on(each[0])]
        if world.is_done(state) and (step >= steps or not moves):
            return step
        if not moves:
            break
        weights = [6 if world.goes_on(move) else 1 for move, _ in moves]
        move, after = random.choices(moves, weights)[0]
        play.append(move)
        wrong = world.wrong_step(state, after) or world.wrong_state(after)
        if wrong:
            return Counterexample(wrong=wrong, play=tuple(play))
        state = after
    return Counterexample(wrong="no end is reached", play=tuple(play))


def _components(following: "list[array[int]]") -> list[int]:
    """Number the strongly connected components (Tarjan 1972, without recursion)."""
    count = len(following)
    order, low, component = [-1] * count, [0] * count, [-1] * count
    stack: list[int] = []
    reached = found = 0
    for root in range(count):
        if order[root] >= 0:
            continue
        path = [(root, iter(following[root]))]
        order[root] = low[root] = reached
        reached += 1
        stack.append(root)
        while path:
            state, rest = path[-1]
            for each in rest:
                if order[each] < 0:
                    order[each] = low[each] = reached
                    reached += 1
                    stack.append(each)
                    path.append((each, iter(following[each])))
                    break
                if component[each] < 0:
                    low[state] = min(low[state], order[each])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[state])
                if low[state] == order[state]:
                    while component[state] < 0:
                        component[stack.pop()] = found
                    found += 1
    return component
