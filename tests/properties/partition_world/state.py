"""What a state of the world holds, and its one form.

Two states that differ only in how epochs and changelog offsets are numbered, or in messages that
can do nothing more, are one state: without that a play that fences for ever would never come back
to where it was, and the search would not end.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.properties.partition_world.kafka import Kafka, Request, fold
from tests.properties.partition_world.owner import IN_TRANSACTION, Owner

__all__ = ["Bounds", "Move", "World", "tidy"]


class Bounds(NamedTuple):
    """How often each misfortune may still strike."""

    rebalances: int = 0
    crashes: int = 0
    """Crashes and stops together."""
    losses: int = 0
    """Answers that never arrive, and drains that are cut short."""
    timeouts: int = 0
    """Transactions aborted by their coordinator."""
    restarts: int = 0
    """Restarts of the group's coordinator."""
    late: int = 0
    """Messages that may be on their way, at one time, although their sender has given them up."""


class World(NamedTuple):
    """Everything there is."""

    kafka: Kafka
    owners: tuple[Owner, Owner]
    late: tuple[Request, ...]
    bounds: Bounds


class Move(NamedTuple):
    """One thing that happens."""

    what: str
    who: int = -1
    """Which process; -1 where none is meant."""
    which: Any = None
    """Which input, partition or message."""


def tidy(world: World) -> World:
    """Bring a state into its one form."""
    late = tuple(each for each in world.late if _may_act(world.kafka, each))
    if late != world.late:
        world = world._replace(late=late)
    return _renumber_epochs(_fold_changelog(world))


def _may_act(kafka: Kafka, request: Request) -> bool:
    """Whether a late message could still do anything."""
    if request.kind == "Produce":
        return request.epoch >= min(kafka.changelog.epoch, kafka.output.epoch)
    if request.kind == "TxnOffsetCommit":
        return request.epoch >= kafka.group.epoch
    return request.kind == "InitProducerId" or request.epoch == kafka.transactions.epoch


def _fold_changelog(world: World) -> World:
    """Let the changelog begin at the oldest record that somebody may still ask for."""
    log = world.kafka.changelog
    if not log.settled:
        return world
    wanted = [owner.barrier_at for owner in world.owners if owner.barrier_at >= 0]
    until = min([*wanted, len(log.settled)])
    if not until:
        return world
    state, barrier = fold(log, until)
    log = log._replace(state=state, barrier=barrier, settled=log.settled[until:])
    one, two = (
        owner._replace(barrier_at=owner.barrier_at - until) if owner.barrier_at >= 0 else owner
        for owner in world.owners
    )
    return world._replace(kafka=world.kafka._replace(changelog=log), owners=(one, two))


def _renumber_epochs(world: World) -> World:
    """Number epochs from 0 in their order: they are only ever compared."""
    kafka, owners = world.kafka, world.owners
    epochs = {
        kafka.transactions.epoch,
        kafka.changelog.epoch,
        kafka.output.epoch,
        kafka.group.epoch,
        *(owner.producer[0] for owner in owners if owner.producer),
        *(owner.answer.value for owner in owners if owner.answer and _grants_epoch(owner)),
        *(each.epoch for each in world.late if each.kind in IN_TRANSACTION),
    }
    if max(epochs) == len(epochs) - 1:
        return world
    new = {epoch: number for number, epoch in enumerate(sorted(epochs))}
    kafka = kafka._replace(
        transactions=kafka.transactions._replace(epoch=new[kafka.transactions.epoch]),
        changelog=kafka.changelog._replace(epoch=new[kafka.changelog.epoch]),
        output=kafka.output._replace(epoch=new[kafka.output.epoch]),
        group=kafka.group._replace(epoch=new[kafka.group.epoch]),
    )
    one, two = (_renumbered(owner, new) for owner in owners)
    late = tuple(
        each._replace(epoch=new[each.epoch]) if each.kind in IN_TRANSACTION else each
        for each in world.late
    )
    return World(kafka, (one, two), late, world.bounds)


def _grants_epoch(owner: Owner) -> bool:
    asked, answer = owner.asked, owner.answer
    if asked is None or answer is None or asked.kind != "InitProducerId":
        return False
    return isinstance(answer.value, int)


def _renumbered(owner: Owner, new: Mapping[int, int]) -> Owner:
    if owner.answer is not None and _grants_epoch(owner):
        return owner._replace(answer=owner.answer._replace(value=new[owner.answer.value]))
    if owner.producer is None:
        return owner
    epoch, asked = new[owner.producer[0]], owner.asked
    if asked is not None and asked.kind in IN_TRANSACTION:
        asked = asked._replace(epoch=epoch)
    return owner._replace(producer=(epoch, *owner.producer[1:]), asked=asked)
