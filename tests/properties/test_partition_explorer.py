"""The life of a partition, explored: two processes run the real core against a model of Kafka.

In every world below, whatever may happen happens in some play. Each input's output becomes visible
at most once, and exactly once where the committed offset has passed it; state, outputs and offset
belong together; nobody gives up; from every state all work can still be done by what goes on by
itself; and fences do not follow fences for ever. Take away one rule, and a play breaks something:
the shortest ones stand in tests/transcripts/partition_counterexamples.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from penstock.workers.partition_life import PLAIN_TRANSITIONS, TRANSITIONS, Phase
from penstock.workers.partition_signals import Assigned, Doubt, Failed, Inspected, Revoked, Stop
from tests.properties.partition_world.narrator import narrate
from tests.properties.partition_world.owner import LEAVES_TRACES, Shell
from tests.properties.partition_world.removed_rules import REMOVED_RULES, RemovedRule
from tests.properties.partition_world.search import Counterexample, Graph, explore, walk
from tests.properties.partition_world.state import Bounds
from tests.properties.partition_world.world import MISFORTUNES, PartitionWorld
from tests.transcripts.golden import golden

pytestmark = pytest.mark.timeout(400)  # seconds on a quiet machine: 60 for all worlds together

LIMIT = 1_000_000
"""No world of this file has so many states."""
COUNTEREXAMPLES = Path(__file__).parents[1] / "transcripts" / "partition_counterexamples"

# --- the whole core holds ---

WORLDS = {
    "two records and a timer are handed over": (
        PartitionWorld(at_start=2, bounds=Bounds(rebalances=1)),
        90_000,
    ),
    "two rebalances": (
        PartitionWorld(inputs=1, timer=False, bounds=Bounds(rebalances=2)),
        80_000,
    ),
    "an answer is lost while the partition moves": (
        PartitionWorld(inputs=1, timer=False, bounds=Bounds(rebalances=1, losses=1, late=1)),
        80_000,
    ),
    "a coordinator restarts while the partition moves": (
        PartitionWorld(inputs=1, timer=False, bounds=Bounds(rebalances=1, timeouts=1, restarts=1)),
        130_000,
    ),
    "a process ends while answers are lost": (
        PartitionWorld(timer=False, bounds=Bounds(crashes=1, losses=1, timeouts=1, late=2)),
        50_000,
    ),
    "a process ends while the partition moves": (
        PartitionWorld(inputs=1, timer=False, bounds=Bounds(rebalances=1, crashes=1)),
        60_000,
    ),
    "brokers verify": (
        PartitionWorld(
            inputs=1, timer=False, verifies=True, bounds=Bounds(rebalances=1, losses=1, late=1)
        ),
        80_000,
    ),
    "at least once": (
        PartitionWorld(
            inputs=1,
            at_start=0,
            timer=False,
            begun=False,
            table=PLAIN_TRANSITIONS,
            bounds=Bounds(rebalances=1, crashes=1, restarts=1),
        ),
        20_000,
    ),
}
"""Worlds, and the states that each has at least: fewer would be another, poorer world."""
MOST_FENCES = 5
"""So many fences can follow by themselves, at the most, whatever went wrong before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What is left of an exploration once its states are forgotten."""

    states: int
    most_fences: int
    happened: frozenset[Any]
    pairs: frozenset[tuple[Phase, type]]


def search(world: PartitionWorld) -> Graph:
    """Explore a world in which nothing may go wrong."""
    graph = explore(world, limit=LIMIT)
    if isinstance(graph, Graph):
        stuck = graph.stuck()
        assert stuck is None, graph.way_to(world, stuck)
    found = graph.endless(world) if isinstance(graph, Graph) else graph
    if found is not None:
        pytest.fail(f"{found.wrong}\n{narrate(world, found)}", pytrace=False)
    assert isinstance(graph, Graph)
    return graph


@cache
def explored(name: str) -> Explored:
    """Explore one of the worlds, once in a run."""
    world, at_least = WORLDS[name]
    graph = search(world)
    assert len(graph.states) >= at_least
    fences = graph.most_watched()
    sys.stdout.write(f"{name}: {len(graph.states)} states, {graph.steps} steps, {fences} fences\n")
    return Explored(
        states=len(graph.states),
        most_fences=fences,
        happened=frozenset(graph.happened),
        pairs=frozenset(world.process.lives.pairs()),
    )


@pytest.mark.parametrize("name", WORLDS)
def test_nothing_goes_wrong_and_all_work_can_always_be_done(name: str) -> None:
    """No state breaks a rule, none is a dead end, and fences come to an end."""
    assert explored(name).most_fences <= MOST_FENCES


def test_the_worlds_are_large_and_everything_happens_in_them() -> None:
    """Every misfortune strikes, every kind of message arrives late, every transition is taken."""
    found = [explored(name) for name in WORLDS]
    assert sum(each.states for each in found) >= 600_000
    moves = {(move.what, move.which) for each in found for move in each.happened}
    assert {what for what, _ in moves} >= MISFORTUNES
    assert {which for what, which in moves if what == "deliver late"} == LEAVES_TRACES
    missing = set(TRANSITIONS) - set().union(*(each.pairs for each in found))
    assert {pair for pair in missing if pair[1] is not Failed} == NOT_IN_THESE_WORLDS


NOT_IN_THESE_WORLDS = {
    # A process hears of its assignment and begins in one step.
    *((Phase.ASSIGNED, kind) for kind in (Revoked, Stop)),
    # Reads that get no answer are asked again, and a committed barrier is always found.
    *((phase, Doubt) for phase in (Phase.LOCATING, Phase.RESTORING)),
    # The group has begun; see the first starts below.
    (Phase.LOCATING, Inspected),
    # Nobody gives up.
    *((Phase.FAILED, kind) for kind in (Assigned, Revoked, Stop)),
}


def test_the_first_start_survives_a_rebalance() -> None:
    """A process that is overtaken at the group's first start does not tell of lost offsets."""
    search(
        PartitionWorld(inputs=1, at_start=0, timer=False, begun=False, bounds=Bounds(rebalances=1))
    )


def test_a_lonely_first_start_is_no_trouble() -> None:
    """Crashes and lost answers at the very first start: nothing is mistaken for lost offsets."""
    bounds = Bounds(crashes=1, losses=1, restarts=1, timeouts=1, late=1)
    world = PartitionWorld(inputs=1, timer=False, begun=False, bounds=bounds)
    search(world)
    assert (Phase.LOCATING, Inspected) in world.process.lives.pairs()


# --- the larger world, at random ---


def test_random_plays_of_a_larger_world_come_to_rest() -> None:
    """Eight records and many misfortunes; then the world calms down, and all work gets done."""
    bounds = Bounds(rebalances=8, crashes=5, losses=10, timeouts=5, restarts=5, late=4)
    world = PartitionWorld(inputs=8, at_start=2, bounds=bounds)
    moves = 0
    for seed in range(300):
        played = walk(world, Random(seed), steps=700, calm=5_000)
        if isinstance(played, Counterexample):
            pytest.fail(f"seed {seed}: {played.wrong}\n{narrate(world, played)}", pytrace=False)
        moves += played
    assert moves >= 100_000


# --- and no rule may be taken away ---


@pytest.mark.parametrize("removed", REMOVED_RULES, ids=lambda removed: removed.name)
def test_without_the_rule_something_breaks(removed: RemovedRule) -> None:
    """The shortest play that shows it is the one in the file."""
    found = explore(removed.world, limit=LIMIT)
    if isinstance(found, Graph):
        endless = found.endless(removed.world)
        assert endless is not None, f"{removed.name}: nothing breaks in {len(found.states)} states"
        found = endless
    told = (
        f"The rule      {removed.rule}\nWithout it    {removed.instead}\n"
        f"What breaks   {found.wrong}\n\n{narrate(removed.world, found)}"
    )
    assert told == golden(COUNTEREXAMPLES / f"{removed.name}.txt", told)


def with_all_rules(world: PartitionWorld) -> PartitionWorld:
    """The same world, with nothing taken away."""
    plain = world.table is PLAIN_TRANSITIONS
    return replace(world, table=PLAIN_TRANSITIONS if plain else TRANSITIONS, shell=Shell())


CONTROLS = {
    (world.inputs, world.bounds, world.table is PLAIN_TRANSITIONS): world
    for world in (removed.world for removed in REMOVED_RULES)
}
"""Several rules are taken from the same world, which need be searched only once."""


@pytest.mark.parametrize("world", CONTROLS.values(), ids=lambda world: str(tuple(world.bounds)))
def test_with_all_rules_the_same_world_holds(world: PartitionWorld) -> None:
    """The control: it is the rule's absence that breaks something, not the world."""
    search(with_all_rules(world))


# --- the search itself ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """A world of numbered places and the ways between them, to hold the search to."""

    ways: dict[int, tuple[int, ...]]
    by_chance: frozenset[tuple[int, int]] = frozenset()
    watched: frozenset[tuple[int, int]] = frozenset()
    wrong: int = -1
    end: int = 9

    def first(self) -> int:
        """Begin at 0."""
        return 0

    def moves(self, state: int) -> Iterator[tuple[tuple[int, int], int]]:
        """Take any way that leads on from here."""
        return (((state, after), after) for after in self.ways.get(state, ()))

    def wrong_step(self, before: int, after: int) -> str | None:
        """No step is wrong."""
        del before, after
        return None

    def wrong_state(self, state: int) -> str | None:
        """One place is wrong."""
        return "wrong place" if state == self.wrong else None

    def goes_on(self, move: tuple[int, int]) -> bool:
        """Some ways are taken by chance only."""
        return move not in self.by_chance

    def is_done(self, state: int) -> bool:
        """One place is the end."""
        return state == self.end

    def is_watched(self, before: int, move: tuple[int, int]) -> bool:
        """Some ways are watched."""
        del before
        return move in self.watched


def graph_of(paths: Paths) -> Graph:
    """Explore a world of paths in which nothing is wrong."""
    graph = explore(paths, limit=10)
    assert isinstance(graph, Graph)
    return graph


def test_the_search_finds_the_shortest_play() -> None:
    """Of two ways to the wrong place, the shorter is told."""
    found = explore(Paths(ways={0: (1, 2), 1: (3,), 2: (4,), 3: (4,), 4: (5,)}, wrong=4), limit=10)
    assert found == Counterexample(wrong="wrong place", play=((0, 2), (2, 4)))


def test_the_search_tells_a_dead_end() -> None:
    """An end that is reached by chance only is out of reach."""
    assert graph_of(Paths(ways={0: (1, 9), 1: (9,)})).stuck() is None
    stuck = Paths(ways={0: (1, 9), 1: (9,)}, by_chance=frozenset({(1, 9)}))
    assert graph_of(stuck).stuck() == 1


def test_the_search_tells_what_goes_round_for_ever() -> None:
    """A round counts where it goes on by itself and a watched move is part of it."""
    ways = {0: (1,), 1: (2,), 2: (3, 9), 3: (1,)}
    watched = frozenset({(3, 1)})
    paths = Paths(ways=ways, watched=watched)
    play = ((0, 1), (1, 2), (2, 3), (3, 1), (1, 2), (2, 3))
    assert graph_of(paths).endless(paths) == Counterexample(
        wrong="this goes round for ever", play=play, again=3
    )
    assert graph_of(Paths(ways=ways, watched=frozenset({(0, 1)}))).endless(paths) is None
    chance = Paths(ways=ways, watched=watched, by_chance=frozenset({(2, 3)}))
    assert graph_of(chance).endless(chance) is None


def test_the_search_counts_watched_moves_on_the_worst_way() -> None:
    """The most that can follow after any state, rounds without a watched move left out."""
    ways = {0: (1, 2), 1: (2,), 2: (3,), 3: (2, 9)}
    watched = frozenset({(0, 1), (0, 2), (3, 9)})
    assert graph_of(Paths(ways=ways, watched=watched)).most_watched() == 2


def test_a_walk_tells_what_is_wrong_and_where_it_ends() -> None:
    """A wrong place, an end, and no end."""
    assert walk(Paths(ways={0: (9,)}), Random(1), steps=5, calm=5) == 1
    wrong = walk(Paths(ways={0: (1,)}, wrong=1), Random(1), steps=5, calm=5)
    assert wrong == Counterexample(wrong="wrong place", play=((0, 1),))
    round_trip = walk(Paths(ways={0: (1,), 1: (0,)}), Random(1), steps=1, calm=1)
    assert round_trip == Counterexample(wrong="no end is reached", play=((0, 1), (1, 0)))
