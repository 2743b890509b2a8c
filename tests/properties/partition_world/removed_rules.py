"""The life of a partition with one rule taken away, for each rule that must not be taken away.

A rule is removed from a copy of the product's table, or from the duties of the modelled shell,
never from the product. Each removal comes with the smallest world in which it shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from penstock.workers.offsets import Finished
from penstock.workers.partition_life import (
    PLAIN_TRANSITIONS,
    TRANSITIONS,
    Life,
    Phase,
    Step,
    Transition,
)
from penstock.workers.partition_signals import (
    AskMembership,
    Barrier,
    BarrierCommitted,
    Begin,
    CommitBarrier,
    Doubt,
    Fence,
    Fenced,
    Locate,
    Located,
    Member,
    Restore,
    Restored,
    Run,
)
from tests.properties.partition_world.owner import Shell
from tests.properties.partition_world.state import Bounds
from tests.properties.partition_world.world import PartitionWorld

__all__ = ["REMOVED_RULES", "RemovedRule"]

Table = Mapping[tuple[Phase, type], Transition]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedRule:
    """One rule, and a world without it."""

    name: str
    """Short name; the file of the golden play is called after it."""
    rule: str
    """What holds in the product."""
    instead: str
    """What is done without it."""
    world: PartitionWorld
    """Where it shows."""


# --- tables ---


def _without_asking() -> Table:
    """Fence at once, where the product first asks whether it is still a member."""

    def unasked(transition: Transition) -> Transition:
        def step(life: Life, happened: Any, now: float, draw: float) -> Step:
            life, commands = transition(life, happened, now, draw)
            return life, tuple(Fence() if isinstance(c, AskMembership) else c for c in commands)

        return step

    asking = {(Phase.ASSIGNED, Begin)} | {pair for pair in TRANSITIONS if pair[1] is Doubt}
    return {
        pair: unasked(transition) if pair in asking else transition
        for pair, transition in TRANSITIONS.items()
    }


def _locating_before_fencing() -> Table:
    def locate(life: Life, _: Member, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.LOCATING), (Locate(),)

    def fence(life: Life, located: Located, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.FENCING, located=located), (Fence(),)

    def barrier(life: Life, _: Fenced, _now: float, _draw: float) -> Step:
        assert life.located is not None
        return replace(life, phase=Phase.BARRIER), (CommitBarrier(life.located.start),)

    return {
        **TRANSITIONS,
        (Phase.FENCING, Member): locate,
        (Phase.LOCATING, Located): fence,
        (Phase.FENCING, Fenced): barrier,
    }


def _locating_after_restoring() -> Table:
    nowhere = Barrier(-1, Finished())
    """The barrier comes first, so there is no offset yet that it could commit."""

    def barrier(life: Life, _: Fenced, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.BARRIER), (CommitBarrier(nowhere),)

    def restore(life: Life, committed: BarrierCommitted, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.RESTORING), (Restore(until=committed.offset),)

    def locate(life: Life, _: Restored, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.LOCATING), (Locate(),)

    def run(life: Life, located: Located, _now: float, _draw: float) -> Step:
        start = located.start
        running = replace(life, phase=Phase.RUNNING, kept=None)
        return running, (Run(start.position, start.finished, located.end),)

    return {
        **TRANSITIONS,
        (Phase.FENCING, Fenced): barrier,
        (Phase.BARRIER, BarrierCommitted): restore,
        (Phase.RESTORING, Restored): locate,
        (Phase.LOCATING, Located): run,
    }


def _without_barrier() -> Table:
    def restore(life: Life, located: Located, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.RESTORING, located=located), (Restore(until=-1),)

    return {**TRANSITIONS, (Phase.LOCATING, Located): restore}


def _comparing_offsets() -> Table:
    """On regaining: a new producer, and memory is kept if the committed offset has not changed."""

    def fence(life: Life, _: Begin, _now: float, _draw: float) -> Step:
        return replace(life, phase=Phase.FENCING), (AskMembership(after_s=0.0),)

    def compare(life: Life, located: Located, now: float, draw: float) -> Step:
        if life.kept is None or located.start != life.kept:
            return TRANSITIONS[Phase.LOCATING, Located](
                replace(life, kept=None), located, now, draw
            )
        run = Run(life.kept.position, life.kept.finished, located.end)
        return replace(life, phase=Phase.RUNNING, kept=None), (run,)

    return {**TRANSITIONS, (Phase.ASSIGNED, Begin): fence, (Phase.LOCATING, Located): compare}


_small = partial(PartitionWorld, inputs=1, timer=False, verifies=True)
"""One record, and the stronger brokers: what breaks here is not mended by a newer Kafka."""

REMOVED_RULES = (
    RemovedRule(
        name="fence_without_asking",
        rule="Before fencing, the group's coordinator is asked whether we are still a member.",
        instead="We fence at once.",
        world=_small(bounds=Bounds(rebalances=1), table=_without_asking()),
    ),
    RemovedRule(
        name="fence_without_limit",
        rule="Fencing has a limit of its own, after which it is a doubt.",
        instead="The client asks for an epoch until it is given one.",
        world=_small(bounds=Bounds(rebalances=1), shell=Shell(fences_for_ever=True)),
    ),
    RemovedRule(
        name="locate_before_fence",
        rule="The committed offset is read after the fence.",
        instead="It is read before the fence.",
        world=_small(bounds=Bounds(rebalances=1), table=_locating_before_fencing()),
    ),
    RemovedRule(
        name="locate_after_restore",
        rule="The committed offset is read before the restore, and the barrier commits it again.",
        instead="It is read after the restore.",
        world=_small(bounds=Bounds(rebalances=1), table=_locating_after_restoring()),
    ),
    RemovedRule(
        name="no_barrier",
        rule="Between offset and restore, a barrier proves that nobody fenced.",
        instead="There is none: the changelog is restored to its end.",
        world=_small(bounds=Bounds(rebalances=1), table=_without_barrier()),
    ),
    RemovedRule(
        name="empty_barrier",
        rule="The barrier writes a record and an offset.",
        instead="It is an empty transaction, which the client commits without asking anybody.",
        world=_small(bounds=Bounds(rebalances=1), shell=Shell(empties_barrier=True)),
    ),
    RemovedRule(
        name="doubt_keeps_producer",
        rule="A doubt drops the producer.",
        instead="The transaction is aborted, and the same producer goes on.",
        world=_small(bounds=Bounds(losses=1, late=1), shell=Shell(keeps_producer=True)),
    ),
    RemovedRule(
        name="doubt_keeps_memory",
        rule="A doubt drops all memory.",
        instead="A new producer goes on with the memory that is there.",
        world=_small(bounds=Bounds(losses=1), shell=Shell(keeps_memory=True)),
    ),
    RemovedRule(
        name="hidden_resend",
        rule="A transactional request without an answer is a doubt.",
        instead="The client sends it again and tells nobody; the first copy is still on its way.",
        world=_small(bounds=Bounds(losses=1, late=1), shell=Shell(resends=True)),
    ),
    RemovedRule(
        name="misread_offset",
        rule="An empty answer to OffsetFetch is no answer.",
        instead='It passes for "the group has no offset".',
        world=_small(bounds=Bounds(restarts=1), shell=Shell(misreads=True)),
    ),
    RemovedRule(
        name="misread_offset_at_least_once",
        rule="An empty answer to OffsetFetch is no answer, in at-least-once, too.",
        instead='It passes for "the group has no offset".',
        world=_small(
            bounds=Bounds(rebalances=1, restarts=1),
            table=PLAIN_TRANSITIONS,
            shell=Shell(misreads=True),
        ),
    ),
    RemovedRule(
        name="compare_on_regaining",
        rule="On regaining, the kept producer commits a barrier.",
        instead="A new producer fences; memory is kept where the committed offset is the same.",
        world=PartitionWorld(
            inputs=0,
            at_start=0,
            verifies=True,
            bounds=Bounds(rebalances=2),
            table=_comparing_offsets(),
        ),
    ),
)
"""The fence, the order, the barrier, the doubt, the adapter, the regaining."""
