"""Tells a play of the saga's world as text, one line for each thing that happens."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from tests.properties.partition_world.search import Counterexample
from tests.properties.saga_world.messages import DO, ERROR, FATAL, OK, REFUSED, Ask
from tests.properties.saga_world.orchestrator import DEADLINE
from tests.properties.saga_world.product import Phase, SagaState, StepState, Wait
from tests.properties.saga_world.state import Move, World
from tests.properties.saga_world.world import CANCEL, WAKE, SagaWorld

__all__ = ["narrate"]

_WIDTH: Final = 76


def narrate(world: SagaWorld, found: Counterexample) -> str:
    """Tell a counterexample from its beginning.

    Returns:
        Lines of text: what happens, and on the right what the saga makes of it.
    """
    states = list(_states(world, found.play))
    first = _change(world, None, world.orchestrator[states[0].saga].state)
    lines = [f"      {'the saga is started':{_WIDTH}}{first}"]
    for number, (move, (before, after)) in enumerate(
        zip(found.play, pairwise(states), strict=True), 1
    ):
        text = _line(world, move, before)
        lines.append(f"{number:4}  {text:{_WIDTH}}{_changes(world, before, after)}".rstrip())
    return "\n".join([*lines, "", *_picture(world, states[-1])]) + "\n"


def _states(world: SagaWorld, play: Sequence[Move]) -> Iterator[World]:
    state = world.first()
    yield state
    for move in play:
        state = next(after for each, after in world.moves(state) if each == move)
        yield state


# --- the saga ---


def _changes(world: SagaWorld, before: World, after: World) -> str:
    if before.saga == after.saga:
        return ""
    was, now = (world.orchestrator[each.saga].state for each in (before, after))
    return _change(world, was, now)


def _change(world: SagaWorld, was: SagaState | None, now: SagaState) -> str:
    changes = []
    for place, (name, at) in enumerate(zip(world.names, now.steps, strict=True)):
        stood = StepState() if was is None else was.steps[place]
        if _at(stood) != _at(at):
            changes.append(f"{name}: {_at(stood)} → {_at(at)}")
    if was is not None and was.phase is not now.phase:
        changes.append(f"saga: {was.phase} → {_phase(now)}")
    return ", ".join(changes)


def _at(at: StepState) -> str:
    attempt = at.undo_attempt or at.attempt
    if at.timer is None:
        return f"{at.status}"
    return f"{at.status}({attempt}{'' if at.timer.wait is Wait.ANSWER else ', waits'})"


def _phase(state: SagaState) -> str:
    parked = state.parked
    return f"{state.phase}" if parked is None else f"{state.phase} ({parked.step}, {parked.code})"


# --- what happens ---


def _line(world: SagaWorld, move: Move, before: World) -> str:
    if move.what == "ask":
        return _asked(world, move, before.services[move.which.step].effects)
    if move.what == "land":
        return f"what {world.names[move.which]} do left on its way is done now"
    if move.what == "reply":
        told = _heard(world, move)
    elif move.what == "wish":
        told = "somebody cancels" if move.which == CANCEL else "an operator tries again"
    elif move.which == WAKE:
        told = "a timer goes off that was set for an attempt that is over"
    else:
        state = world.orchestrator[before.saga].state
        told = "; ".join(_over(world, state, place) for place in move.which.places)
    return told + _TORN.get(move.how, "")


_TORN: Final[Mapping[str, str]] = {
    "not sent": "; a crash, nothing is sent",
    "not saved": "; a crash, nothing is saved",
}


def _asked(world: SagaWorld, move: Move, effects: int) -> str:
    ask = move.which
    undoes = "undoes it" if effects else "finds nothing to undo"
    done = _HANDLED[move.how].format(does="does it" if ask.way == DO else undoes)
    again = "; the command will come once more" if move.stays else ""
    return f"{_attempt(world, ask)} arrives: its service {done}{again}"


_HANDLED: Final[Mapping[str, str]] = {
    "ok": "{does} and says Ok",
    "refused": "says Refused",
    "failed": "does nothing and says Error",
    "failed after it": "{does} and says Error",
    "failed for good": "does nothing and says Error, for good",
    "failed for good after it": "{does} and says Error, for good",
    "crashed": "{does} and crashes",
    "cut off": "is cut off, with its work on its way, and says Error",
    "cut off in a crash": "crashes, with its work on its way",
    "remembers Ok": "remembers that it said Ok",
    "remembers Refused": "says Refused, from memory",
    "expired": "finds that it is too late, and says Error",
}


def _heard(world: SagaWorld, move: Move) -> str:
    reply = move.which
    again = "; the answer will come once more" if move.stays and not move.how else ""
    return f"the saga hears {_SAID[reply.answer]} to {_attempt(world, reply.ask)}{again}"


_SAID: Final = {OK: "Ok", REFUSED: "Refused", ERROR: "Error", FATAL: "Error, for good,"}


def _over(world: SagaWorld, state: SagaState, place: int) -> str:
    if place == DEADLINE:
        return "the deadline passes"
    name, timer = world.names[place], state.steps[place].timer
    if timer is not None and timer.wait is Wait.RETRY:
        return f"it is time to ask {name} again"
    return f"no answer comes in time from {name}"


def _attempt(world: SagaWorld, ask: Ask) -> str:
    return f"{world.names[ask.step]} {'do' if ask.way == DO else 'undo'} {ask.attempt}"


# --- how it stands ---


def _picture(world: SagaWorld, state: World) -> Iterator[str]:
    """Say how it stands in the end."""
    saga = world.orchestrator[state.saga].state
    width = max(len(name) for name in world.names) + 3
    yield f"{'saga':{width}}{_phase(saga)}"
    for name, at, service in zip(world.names, saga.steps, state.services, strict=True):
        effect = ("there", "there twice")[service.effects - 1] if service.effects else "not there"
        yield f"{name:{width}}{_at(at)}, its effect is {effect}"
    if not saga.phase.ended and saga.phase is not Phase.PARKED:
        on_the_way = [_attempt(world, ask) for ask in state.asks]
        on_the_way += [
            f"{_SAID[each.answer]} to {_attempt(world, each.ask)}" for each in state.replies
        ]
        yield f"{'on the way':{width}}{', '.join(on_the_way) or 'nothing'}"
