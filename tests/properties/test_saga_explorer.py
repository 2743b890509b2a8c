"""Every way that a small saga can take: the real `decide` and the real memory of participants.

In every world below, whatever may happen happens in some play: commands and answers in any order,
some of them twice, long after everything else; timers that run out at any moment; services that do
it, refuse, fail before or after it, crash; cancels, the deadline, an operator. Once nothing is on
its way, COMPLETED means that every effect is there once, COMPENSATED that none is but what the
definition leaves, PARKED that nobody but a person could know; and one of the three it is. A saga
that says so when it has turned round has said it once when it is COMPENSATED, and never else. Break
one rule, and a play breaks something: the shortest ones stand in
tests/transcripts/saga_counterexamples.

(After the model in anchors/sagas.md 3.3, whose rows are among the worlds and the broken rules.)
"""

import os
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.properties.partition_world.search import Graph, explore
from tests.properties.saga_world.broken_rules import BROKEN_RULES, BrokenRule
from tests.properties.saga_world.messages import ERROR, FATAL, OK, REFUSED
from tests.properties.saga_world.narrator import narrate
from tests.properties.saga_world.product import ParkingCode, Phase, StepStatus
from tests.properties.saga_world.services import ENDINGS, Duties, Wishes
from tests.properties.saga_world.state import Bounds, Channel
from tests.properties.saga_world.world import SagaWorld, plainly_decided, unchanged
from tests.transcripts.golden import golden

pytestmark = pytest.mark.timeout(600)  # seconds on a quiet machine: 30 for all but the night's

LIMIT = 1_000_000
"""No world of this file has so many states."""
COUNTEREXAMPLES = Path(__file__).parents[1] / "transcripts" / "saga_counterexamples"
NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"

# --- the product holds ---

_UNDOABLE = SagaWorld(shape="undoable", cancels=True)
_ANYTHING = Wishes(fatal=True, refuse_undo=True)

WORLDS = {
    "two attempts each way": (
        replace(_UNDOABLE, attempts=(1, 2), undo_attempts=(2, 1)),
        60_000,
    ),
    "the last step is undone twice": (
        replace(_UNDOABLE, attempts=(1, 1), undo_attempts=(1, 2)),
        15_000,
    ),
    "two messages arrive twice": (
        replace(_UNDOABLE, attempts=(1, 1), undo_attempts=(1, 1), bounds=Bounds(copies=2)),
        10_000,
    ),
    "an operator is needed": (
        replace(
            _UNDOABLE,
            attempts=(1, 1),
            undo_attempts=(1, 1),
            wishes=_ANYTHING,
            bounds=Bounds(retries=1),
        ),
        5_000,
    ),
    "services are cut off": (
        replace(
            _UNDOABLE,
            attempts=(1, 2),
            undo_attempts=(2, 1),
            wishes=Wishes(cut_off=True),
            bounds=Bounds(),
        ),
        15_000,
    ),
    "the second step is the pivot": (
        replace(_UNDOABLE, shape="pivot", attempts=(2, 1), undo_attempts=(1, 1)),
        20_000,
    ),
    "an operator is needed at the pivot": (
        replace(
            _UNDOABLE,
            shape="pivot",
            attempts=(1, 1),
            undo_attempts=(1, 1),
            wishes=_ANYTHING,
            bounds=Bounds(retries=1),
        ),
        1_000,
    ),
    "the first step is the pivot": (
        replace(_UNDOABLE, shape="behind the pivot", wishes=_ANYTHING, bounds=Bounds(retries=1)),
        15_000,
    ),
    "a step that is skipped while it is unknown": (
        replace(_UNDOABLE, shape="undo_unknown: skip", attempts=(1, 1), undo_attempts=(1, 2)),
        15_000,
    ),
    "a step without an undo": (
        replace(_UNDOABLE, shape="undo: none", attempts=(1, 2), undo_attempts=(1, 1)),
        5_000,
    ),
    "a saga says that it has turned round": (
        replace(
            _UNDOABLE,
            shape="undoable, and says so",
            attempts=(1, 1),
            undo_attempts=(1, 1),
        ),
        2_000,
    ),
    "a saga says so, or passes its pivot": (
        replace(
            _UNDOABLE,
            shape="pivot, and says so",
            attempts=(1, 1),
            undo_attempts=(1, 1),
            wishes=_ANYTHING,
            bounds=Bounds(copies=1, retries=1),
        ),
        1_000,
    ),
    "a saga says so before a late answer": (
        replace(
            _UNDOABLE,
            shape="undo_unknown: skip, and says so",
            attempts=(1, 1),
            undo_attempts=(1, 1),
        ),
        2_000,
    ),
}
"""Worlds, and the states that each has at least: fewer would be another, poorer world."""

NIGHTLY = {
    "two attempts each way, at both steps": replace(
        _UNDOABLE, attempts=(2, 2), undo_attempts=(2, 2), bounds=Bounds()
    ),
    "the first step is tried twice, the last undone twice": replace(
        _UNDOABLE, attempts=(2, 1), undo_attempts=(1, 2)
    ),
    "two attempts each way, at both steps, one skipped while it is unknown": replace(
        _UNDOABLE,
        shape="undo_unknown: skip",
        attempts=(2, 2),
        undo_attempts=(2, 2),
        bounds=Bounds(),
    ),
    "an operator is needed at two attempts": replace(
        _UNDOABLE,
        attempts=(1, 1),
        undo_attempts=(2, 1),
        wishes=_ANYTHING,
        bounds=Bounds(retries=1),
    ),
    "the pivot is cut off": replace(
        _UNDOABLE,
        shape="pivot",
        undo_attempts=(2, 1),
        wishes=Wishes(cut_off=True),
    ),
}
"""Larger worlds, for HYPOTHESIS_PROFILE=night: a minute or so each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What is left of an exploration once its states are forgotten."""

    states: int
    happened: frozenset[Any]
    phases: frozenset[Phase]
    parkings: frozenset[str]
    said: frozenset[tuple[Phase, int]]
    """Phases of a saga, each with how often it has said that it has turned round."""
    statuses: frozenset[StepStatus]


def search(world: SagaWorld) -> Graph:
    """Explore a world in which nothing may go wrong, and from which every way leads to an end."""
    graph = explore(world, limit=LIMIT)
    if not isinstance(graph, Graph):
        pytest.fail(f"{graph.wrong}\n{narrate(world, graph)}", pytrace=False)
    stuck = graph.stuck()
    assert stuck is None, graph.way_to(world, stuck)
    return graph


@cache
def explored(name: str) -> Explored:
    """Explore one of the worlds, once in a run."""
    world, at_least = WORLDS[name]
    graph = search(world)
    assert len(graph.states) >= at_least
    sagas = [standing.state for standing in world.orchestrator]
    sys.stdout.write(
        f"{name}: {len(graph.states)} states, {graph.steps} steps, {len(sagas)} of the saga\n"
    )
    return Explored(
        states=len(graph.states),
        happened=frozenset((move.what, move.how, move.which) for move in graph.happened),
        phases=frozenset(saga.phase for saga in sagas),
        parkings=frozenset(saga.parked.code for saga in sagas if saga.parked),
        said=frozenset(
            (world.orchestrator[state.saga].state.phase, state.said) for state in graph.states
        ),
        statuses=frozenset(at.status for saga in sagas for at in saga.steps),
    )


@pytest.mark.parametrize("name", WORLDS)
def test_no_play_ends_wrong_and_every_play_ends(name: str) -> None:
    """No state breaks a rule, none is a dead end."""
    assert explored(name).states


@pytest.mark.skipif(not NIGHT, reason="takes minutes; set HYPOTHESIS_PROFILE=night")
@pytest.mark.parametrize("name", NIGHTLY)
def test_no_play_of_a_larger_world_ends_wrong(name: str) -> None:
    """The same, with more attempts at the same time."""
    sys.stdout.write(f"{name}: {len(search(NIGHTLY[name]).states)} states\n")


def test_the_worlds_are_large_and_everything_happens_in_them() -> None:
    """Handlers end in every way, every answer is heard, sagas and steps stand everywhere."""
    found = [explored(name) for name in WORLDS]
    assert sum(each.states for each in found) >= 180_000
    happened = set().union(*(each.happened for each in found))
    assert {what for what, _, _ in happened} == {"ask", "land", "reply", "time", "wish"}
    assert {how for what, how, _ in happened if what == "ask"} == ENDINGS
    answers = {(which.way, which.answer) for what, _, which in happened if what == "reply"}
    assert answers == {(way, each) for way in (0, 1) for each in (OK, REFUSED, ERROR, FATAL)}
    assert set().union(*(each.phases for each in found)) == set(Phase)
    assert set().union(*(each.statuses for each in found)) == set(StepStatus)
    assert set().union(*(each.parkings for each in found)) == {
        ParkingCode.GAVE_UP,
        ParkingCode.NOT_RETRYABLE,
        ParkingCode.REFUSED,
        ParkingCode.STUCK,
    }


def test_a_saga_says_that_it_has_turned_round_once_and_only_then() -> None:
    """In all states of all worlds: said once where it is COMPENSATED, and nowhere else."""
    for name, (world, _) in WORLDS.items():
        says_so = world.definition.compensated is not None
        found = explored(name).said
        phases = {phase for phase, _ in found}
        assert found == {(each, int(says_so and each is Phase.COMPENSATED)) for each in phases}


# --- and no rule may be broken ---


@pytest.mark.parametrize("broken", BROKEN_RULES, ids=lambda broken: broken.name)
def test_without_the_rule_something_breaks(broken: BrokenRule) -> None:
    """The shortest play that shows it is the one in the file."""
    found = explore(broken.world, limit=LIMIT)
    assert not isinstance(found, Graph), f"{broken.name}: nothing breaks"
    told = (
        f"The rule      {broken.rule}\nWithout it    {broken.instead}\n"
        f"What breaks   {found.wrong}\n\n{narrate(broken.world, found)}"
    )
    assert told == golden(COUNTEREXAMPLES / f"{broken.name}.txt", told)


def with_all_rules(world: SagaWorld) -> SagaWorld:
    """The same world, with nothing broken, looked at in every state."""
    return replace(
        world,
        decide=plainly_decided,
        run=unchanged,
        duties=Duties(),
        channel=Channel(),
        only_ends=False,
    )


def _identity(world: SagaWorld) -> str:
    parts = (world.attempts, world.undo_attempts, tuple(world.bounds), tuple(world.wishes))
    return f"{world.shape} {parts} {'cancels' if world.cancels else ''}"


CONTROLS = {_identity(broken.world): with_all_rules(broken.world) for broken in BROKEN_RULES}
"""Several rules are broken in the same world, which need be searched only once."""


@pytest.mark.parametrize("name", CONTROLS)
def test_with_all_rules_the_same_world_holds(name: str) -> None:
    """The control: it is the rule's absence that breaks something, not the world."""
    search(CONTROLS[name])


def test_every_golden_play_belongs_to_a_rule() -> None:
    """No file is left behind by a rule that was renamed."""
    names = {path.stem for path in COUNTEREXAMPLES.glob("*.txt")}
    assert names == {broken.name for broken in BROKEN_RULES}


def test_in_order_no_tombstone_is_needed() -> None:
    """The tombstone is there for commands that overtake each other; nothing else needs it."""
    (without,) = (each.world for each in BROKEN_RULES if each.name == "no_tombstone")
    search(replace(without, bounds=Bounds(copies=1), channel=Channel(in_order=True)))
