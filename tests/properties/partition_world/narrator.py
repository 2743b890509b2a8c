"""Tells a play of the partition's world as text, one line for each thing that happens."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.properties.partition_world.kafka import TIMER, Answer, Offset, decided
from tests.properties.partition_world.owner import Owner
from tests.properties.partition_world.search import Counterexample
from tests.properties.partition_world.state import Move, World
from tests.properties.partition_world.world import PartitionWorld

__all__ = ["narrate"]

_NAMES = "AB"
_WIDTH = 72


def narrate(world: PartitionWorld, found: Counterexample) -> str:
    """Tell a counterexample from its beginning.

    Returns:
        Lines of text: what happens, and on the right how phases change.
    """
    states = list(_states(world, found.play))
    lines, at = list[str](), 0
    while at < len(found.play):
        if at == found.again:
            lines.append("      from here on, again and again:")
        taken = 2 if _is_answered_at_once(found, at) else 1
        before, after = states[at], states[at + taken]
        text = _line(world, found.play[at], before, states[at + 1], at_once=taken == 2)
        phases = _phases(world, before, after)
        lines.append(f"{at + 1:4}  {text:{_WIDTH}}{phases}".rstrip())
        at += taken
    if found.again is None:
        lines += ["", *_picture(world, states[-1])]
    return "\n".join(lines) + "\n"


def _states(world: PartitionWorld, play: Sequence[Move]) -> Iterator[World]:
    state = world.first()
    yield state
    for move in play:
        state = next(after for each, after in world.moves(state) if each == move)
        yield state


def _is_answered_at_once(found: Counterexample, at: int) -> bool:
    """Whether an answer arrives directly after its request was handled: one line tells both."""
    move, following = found.play[at], found.play[at + 1 : at + 2]
    if move.what != "handle" or at + 1 == found.again:
        return False
    return following == (Move("receive", move.who),)


def _phases(world: PartitionWorld, before: World, after: World) -> str:
    changes = []
    for name, one, two in zip(_NAMES, before.owners, after.owners, strict=True):
        was, now = world.process.life(one).phase, world.process.life(two).phase
        if was is not now:
            changes.append(f"{name}: {was} → {now}")
    return ", ".join(changes)


def _line(world: PartitionWorld, move: Move, before: World, after: World, *, at_once: bool) -> str:
    if move.who < 0:
        return _NOBODYS[move.what](move, before)
    name, owner = _NAMES[move.who], before.owners[move.who]
    kind = "" if owner.asked is None else owner.asked.kind
    if move.what == "handle":
        answer = after.owners[move.who].answer
        then = " and is answered" + _told(world, kind, answer) if at_once else ""
        return f"{name}'s {kind} arrives{then}"
    if move.what == "receive":
        return f"{name} is answered{_told(world, kind, owner.answer)} ({kind})"
    if move.what == "lose":
        where = "was handled" if owner.answer else "is still on its way"
        return f"{name} gets no answer to {kind}, which {where}"
    if move.what == "take":
        return f"{name}'s timer fires" if move.which == TIMER else f"{name} computes {move.which}"
    return f"{name} {_SOMEBODYS[move.what]}"


def _told(world: PartitionWorld, kind: str, answer: Answer | None) -> str:
    if answer is None:
        return ""
    if answer.refused:
        return f": {answer.refused}"
    if kind == "Restore":
        return f": {_set(world, answer.value)}"
    return f": {_READ[kind](answer.value)}" if kind in _READ else ""


_READ: Mapping[str, Callable[[Any], str]] = {
    "Heartbeat": str,
    "InitProducerId": lambda epoch: "ask again" if epoch == "again" else "a new epoch",
    "OffsetFetch": lambda found: _offset(found[0]),
    "Inspect": lambda barrier: "no barrier" if barrier < 0 else f"a barrier at {barrier}",
}


def _offset(found: Offset | str | None) -> str:
    if found is None:
        return "no offset"
    return "an empty answer" if isinstance(found, str) else f"offset {found[0]}"


_SOMEBODYS: Mapping[str, str] = {
    "hear of the assignment": "hears that the partition is its own",
    "hear of the revocation": "hears that the partition is taken away",
    "cut drain": "meets the limit while draining",
    "crash": "crashes and is started again",
    "stop": "is told to stop",
    "leave": "has stopped and is started again",
    "assign": "is given the partition: a generation begins",
}

_NOBODYS: Mapping[str, Callable[[Move, World], str]] = {
    "mark": lambda move, before: (
        f"the marker for {move.which} is written ({before.kafka.transactions.status})"
    ),
    "arrive": lambda _, before: f"input {before.kafka.end} comes in",
    "time out": lambda _move, _before: "the transaction times out and is aborted",
    "deliver late": lambda move, _: f"a late {move.which} arrives",
    "rebalance": lambda _move, _before: "a rebalance begins",
    "load": lambda _move, _before: "the group's coordinator has loaded its log",
    "restart": lambda _move, _before: "the group's coordinator is started again",
}


def _picture(world: PartitionWorld, state: World) -> Iterator[str]:
    """Say how it stands in the end."""
    outputs, folded, offset = decided(state.kafka)
    yield f"outputs  {_set(world, outputs)}"
    yield f"state    {_set(world, folded)}"
    yield f"offset   {'none' if offset is None else ' '.join(map(str, offset))}"
    for name, owner in zip(_NAMES, state.owners, strict=True):
        yield f"{name}        {_owner(world, owner)}"


def _owner(world: PartitionWorld, owner: Owner) -> str:
    phase = world.process.life(owner).phase
    if owner.memory is None:
        return f"{phase}"
    return f"{phase}, done {_set(world, owner.done)}, memory {_set(world, owner.memory)}"


def _set(world: PartitionWorld, inputs: tuple[int, ...]) -> str:
    shown = (each for each in inputs if each != TIMER or world.timer)
    return "{" + ", ".join("timer" if each == TIMER else str(each) for each in shown) + "}"
