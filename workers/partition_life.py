"""The life of a partition: which phase it is in, what moves it on, what must be done next.

A worker process is one member of a consumer group, and each partition it is given lives in a
machine of its own. This file is that machine, as a value: an input goes in, the next life and the
commands to carry out come out. The order of the phases is the whole point:

    fence -> read the committed offset -> barrier -> restore -> run

The fence ends whatever a former owner left open and waits for its markers, so the offset read
after it is final. The barrier, a transaction that commits that very offset, proves that nobody
fenced in between, so offset and state belong together. Any doubt drops the producer and all
memory and begins again at the fence: there is no "abort and go on".

Laws:
1. Everything that decides about a partition's phase stands in `TRANSITIONS`; the diagram in
   docs/design.md, the transcripts and the explorer read that table.
2. This file knows no client, no clock and no randomness: time and draws are arguments.
3. An input that the table does not list for a phase is a bug and raises.

The design was explored with an explicit-state model; tests/properties/test_partition_explorer.py
explores this very code and finds a counterexample for each rule that is taken away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

from penstock.schemas.errors import ExitCode, InternalError
from penstock.workers.partition_signals import (
    AskMembership,
    Assigned,
    Barrier,
    BarrierCommitted,
    Begin,
    Command,
    CommitBarrier,
    Committed,
    Doubt,
    Drain,
    Drained,
    DropEverything,
    Fail,
    Failed,
    Fault,
    Fence,
    Fenced,
    Hold,
    Input,
    Inspect,
    Inspected,
    Keep,
    Locate,
    Located,
    Member,
    MemberLost,
    MemberUncertain,
    Release,
    Restore,
    Restored,
    Revoked,
    Run,
    Stop,
)

__all__ = [
    "PLAIN_TRANSITIONS",
    "TRANSITIONS",
    "ForbiddenTransition",
    "Life",
    "Phase",
    "Transition",
    "advance",
]

DOUBT_WINDOW_S = 60.0
"""Doubts older than this no longer count (formats.md F27)."""
DOUBT_LIMIT = 5
"""So many doubts within the window, with no commit in between, end the process (F27)."""
FIRST_BACKOFF_S = 0.2
"""Wait after the first doubt; each further one waits four times as long. One doubt alone costs
little, and a row of them outlasts the election of a leader before the process gives up."""
LONGEST_BACKOFF_S = 5.0
"""No wait after a doubt is longer."""
MEMBERSHIP_RETRY_S = 0.1
"""Wait before membership is asked again while a rebalance is under way."""
MEMBERSHIP_PATIENCE_S = 300.0
"""So long a coordinator may stay silent before the partition gives up."""


class Phase(StrEnum):
    """Where a partition's life stands."""

    ASSIGNED = "ASSIGNED"
    FENCING = "FENCING"
    LOCATING = "LOCATING"
    BARRIER = "BARRIER"
    RESTORING = "RESTORING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One partition's life in one generation of the group."""

    phase: Phase = Phase.CLOSED
    """Where it stands."""
    located: Located | None = None
    """The answer of LOCATING, until it is replaced."""
    kept: Barrier | None = None
    """Where to go on from, while the producer and the memory of a clean close are held."""
    doubts: tuple[float, ...] = ()
    """Monotonic times of doubts since the last commit, within the window."""
    uncertain_since: float | None = None
    """When the coordinator began to be silent."""
    stopping: bool = False
    """True once the process is ending: a clean close is then not kept."""
    contradicted: bool = False
    """Whether offset and changelog contradicted each other at the last look."""
    accept_reset: bool = False
    """An operator's word that a missing or earlier offset is meant."""


@dataclass(eq=False, kw_only=True)
class ForbiddenTransition(InternalError):
    """An input that the table does not list."""

    phase: str
    """The phase that got it."""
    input: str
    """The kind of the input."""

    code: ClassVar[str] = "PEN-W1"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    what: ClassVar[str] = "A partition in phase {phase} was given the input {input}."
    why: ClassVar[str] = "The table of transitions does not list that pair."
    remedy: ClassVar[str] = "This is a bug in penstock: please report it with the log."


Step = tuple[Life, tuple[Command, ...]]
Transition = Callable[[Life, Any, float, float], Step]


def advance(
    life: Life,
    happened: Input,
    *,
    now: float,
    draw: float = 0.0,
    table: Mapping[tuple[Phase, type], Transition] | None = None,
) -> Step:
    """Give one input to a life.

    Args:
        life: The life as it is.
        happened: What the world reports.
        now: Monotonic seconds.
        draw: A random number in [0, 1), for jitter.
        table: Another table of transitions; the explorer takes rules away with it.

    Returns:
        The next life, and the commands to carry out, in order.

    Raises:
        ForbiddenTransition: the table does not list this input for this phase.
    """
    table = TRANSITIONS if table is None else table
    transition = table.get((life.phase, type(happened)))
    if transition is None:
        raise ForbiddenTransition(phase=life.phase.value, input=type(happened).__name__)
    return transition(life, happened, now, draw)


def _assigned(life: Life, _: Assigned, _now: float, _draw: float) -> Step:
    if life.stopping:
        return life, (Hold(),)  # while the process drains, a rebalance may name it once more
    # Doubts count within one generation only.
    life = replace(
        life,
        phase=Phase.ASSIGNED,
        doubts=(),
        located=None,
        uncertain_since=None,
        contradicted=False,
    )
    return life, (Hold(),)


def _begin(life: Life, _: Begin, _now: float, _draw: float) -> Step:
    if life.kept is None:
        return replace(life, phase=Phase.FENCING), (AskMembership(after_s=0.0),)
    # The producer that closed cleanly is still open. If its barrier commits, nobody has fenced
    # it since, so memory is current. End offsets or committed offsets prove nothing here.
    return replace(life, phase=Phase.BARRIER), (CommitBarrier(life.kept),)


def _begin_plain(life: Life, _: Begin, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.LOCATING), (Locate(),)


def _ask_again(life: Life, uncertain: MemberUncertain, now: float, draw: float) -> Step:
    since = now if life.uncertain_since is None else life.uncertain_since
    if now - since > MEMBERSHIP_PATIENCE_S:
        return _fail(
            life,
            Failed(f"the group's coordinator gave no answer: {uncertain.why}", Fault.UNREACHABLE),
            now,
            draw,
        )
    wait = MEMBERSHIP_RETRY_S * (1.0 + draw)
    return replace(life, uncertain_since=since), (AskMembership(after_s=wait),)


def _fence(life: Life, _: Member, _now: float, _draw: float) -> Step:
    return replace(life, uncertain_since=None), (Fence(),)


def _locate(life: Life, _: Fenced, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.LOCATING), (Locate(),)


def _judge(life: Life, located: Located, now: float, draw: float) -> Step:
    """Decide whether the located offset can be believed without reading the changelog.

    An offset that penstock wrote carries its mark in the metadata and was committed together with
    all earlier barriers, so it cannot lie before one. A missing offset or a foreign one (reset by
    a tool, or from another framework) must be held against the changelog BEFORE a new barrier
    covers the traces.
    """
    life = replace(life, located=located)
    if located.outside and not life.accept_reset:
        return _fail(life, Failed(located.complaint, Fault.OFFSETS), now, draw)
    if located.outside or located.committed is None or not located.committed.ours:
        return life, (Inspect(),)
    if located.changelog_end == 0 and not life.accept_reset:
        # Every offset of ours was committed together with a barrier or after one.
        why = "the changelog is empty, although the committed offset is ours: it was made again"
        return _fail(life, Failed(why, Fault.OFFSETS), now, draw)
    return _barrier(life)


def _hold_against(life: Life, inspected: Inspected, now: float, draw: float) -> Step:
    assert life.located is not None
    committed, barrier = life.located.committed, inspected.last_barrier
    if life.accept_reset or barrier is None:
        return _barrier(life)
    if committed is None:
        why = (
            "the group has no committed offset, although its changelog holds a barrier at "
            f"position {barrier}: the offsets have expired or were deleted"
        )
        return _contradiction(life, why, now, draw)
    if committed.position < barrier:
        why = (
            f"the committed offset {committed.position} lies before position {barrier} of the "
            "changelog's last barrier: it was reset, or the topic was made again"
        )
        return _contradiction(life, why, now, draw)
    return _barrier(life)


def _contradiction(life: Life, why: str, now: float, draw: float) -> Step:
    # The offset is the older answer. Another owner may have fenced since and committed the barrier
    # that was just seen, together with an offset that was not. A new fence waits for all of that;
    # what still contradicts itself behind it is real.
    if life.contradicted:
        return _fail(life, Failed(why, Fault.OFFSETS), now, draw)
    return _doubt(replace(life, contradicted=True), Doubt(f"{why}; looking again"), now, draw)


def _barrier(life: Life) -> Step:
    assert life.located is not None
    return replace(life, phase=Phase.BARRIER), (CommitBarrier(life.located.start),)


def _restore(life: Life, barrier: BarrierCommitted, now: float, draw: float) -> Step:
    if life.kept is not None:
        return _run(life, Run(life.kept.position, life.kept.finished, life.kept.position))
    if barrier.offset < 0:
        return _doubt(life, Doubt("the broker did not say where the barrier is"), now, draw)
    return replace(life, phase=Phase.RESTORING), (Restore(until=barrier.offset),)


def _restored(life: Life, _: Restored, _now: float, _draw: float) -> Step:
    assert life.located is not None
    start = life.located.start
    return _run(life, Run(start.position, start.finished, life.located.end))


def _located_plain(life: Life, located: Located, now: float, draw: float) -> Step:
    # At-least-once: no producer, no state; the offset alone says where to go on.
    life = replace(life, located=located)
    if located.outside and not life.accept_reset:
        return _fail(life, Failed(located.complaint, Fault.OFFSETS), now, draw)
    start = located.start
    unmarked = located.outside or located.committed is None or not located.committed.ours
    return _run(life, Run(start.position, start.finished, located.end, unmarked))


def _run(life: Life, run: Run) -> Step:
    ran = replace(life, phase=Phase.RUNNING, kept=None, accept_reset=False, contradicted=False)
    return ran, (run,)


def _forgive(life: Life, _: Committed, _now: float, _draw: float) -> Step:
    return replace(life, doubts=()), ()


def _doubt(life: Life, doubt: Doubt, now: float, draw: float) -> Step:
    recent = (*(at for at in life.doubts if now - at < DOUBT_WINDOW_S), now)
    life = replace(life, doubts=recent, kept=None, located=None)
    if len(recent) >= DOUBT_LIMIT:
        why = f"{len(recent)} doubts in {DOUBT_WINDOW_S:.0f} s and no commit; the last: {doubt.why}"
        return _fail(life, Failed(why, Fault.DOUBTS), now, draw)
    ask = AskMembership(after_s=_backoff(len(recent), draw))
    return replace(life, phase=Phase.FENCING), (DropEverything(), ask)


def _doubt_plain(life: Life, doubt: Doubt, now: float, draw: float) -> Step:
    life, commands = _doubt(life, doubt, now, draw)
    if life.phase is Phase.FAILED:
        return life, commands
    locate = Locate(after_s=_backoff(len(life.doubts), draw))
    return replace(life, phase=Phase.LOCATING), (DropEverything(), locate)


def _backoff(doubts: int, draw: float) -> float:
    return min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 4.0 ** (doubts - 1)) * (0.5 + draw / 2)


def _close_in_doubt(life: Life, _: Doubt, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.CLOSED, kept=None), (DropEverything(),)


def _leave(life: Life, _: Revoked | MemberLost, _now: float, _draw: float) -> Step:
    # Before RUNNING there is nothing worth waiting for. A late InitProducerId of ours costs the
    # new owner one doubt, nothing more.
    return replace(life, phase=Phase.CLOSED, kept=None), (DropEverything(),)


def _leave_for_good(life: Life, _: Stop, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.CLOSED, kept=None, stopping=True), (DropEverything(),)


def _drain(life: Life, happened: Revoked | Stop, _now: float, _draw: float) -> Step:
    stopping = life.stopping or isinstance(happened, Stop)
    return replace(life, phase=Phase.DRAINING, stopping=stopping), (Drain(),)


def _stop_draining(life: Life, _: Stop, _now: float, _draw: float) -> Step:
    return replace(life, stopping=True), ()


def _drained(life: Life, drained: Drained, _now: float, _draw: float) -> Step:
    if drained.at is None:
        return replace(life, phase=Phase.CLOSED), (DropEverything(),)
    if life.stopping:
        return replace(life, phase=Phase.CLOSED), (Release(),)
    return replace(life, phase=Phase.CLOSED, kept=drained.at), (Keep(),)


def _drained_plain(life: Life, _: Drained, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.CLOSED), (Release(),)


def _stay(life: Life, _: Input, _now: float, _draw: float) -> Step:
    return life, ()


def _fail(life: Life, failed: Failed, _now: float, _draw: float) -> Step:
    return replace(life, phase=Phase.FAILED, kept=None), (
        DropEverything(),
        Fail(failed.why, failed.fault),
    )


_STARTING = (Phase.FENCING, Phase.LOCATING, Phase.BARRIER, Phase.RESTORING)

TRANSITIONS: Mapping[tuple[Phase, type], Transition] = {
    (Phase.CLOSED, Assigned): _assigned,
    (Phase.ASSIGNED, Begin): _begin,
    (Phase.FENCING, Member): _fence,
    (Phase.FENCING, MemberUncertain): _ask_again,
    (Phase.FENCING, MemberLost): _leave,
    (Phase.FENCING, Fenced): _locate,
    (Phase.LOCATING, Located): _judge,
    (Phase.LOCATING, Inspected): _hold_against,
    (Phase.BARRIER, BarrierCommitted): _restore,
    (Phase.RESTORING, Restored): _restored,
    (Phase.RUNNING, Committed): _forgive,
    (Phase.RUNNING, Doubt): _doubt,
    (Phase.RUNNING, Failed): _fail,
    (Phase.RUNNING, Revoked): _drain,
    (Phase.RUNNING, Stop): _drain,
    (Phase.DRAINING, Committed): _forgive,
    (Phase.DRAINING, Doubt): _close_in_doubt,
    (Phase.DRAINING, Failed): _fail,
    (Phase.DRAINING, Revoked): _stay,
    (Phase.DRAINING, Stop): _stop_draining,
    (Phase.DRAINING, Drained): _drained,
    (Phase.CLOSED, Revoked): _stay,
    (Phase.CLOSED, Stop): _leave_for_good,
    (Phase.FAILED, Assigned): _stay,
    (Phase.FAILED, Revoked): _stay,
    (Phase.FAILED, Stop): _stay,
    **{(phase, Doubt): _doubt for phase in _STARTING},
    **{(phase, Failed): _fail for phase in _STARTING},
    **{(phase, Revoked): _leave for phase in (Phase.ASSIGNED, *_STARTING)},
    **{(phase, Stop): _leave_for_good for phase in (Phase.ASSIGNED, *_STARTING)},
}
"""Exactly-once and state: the whole life."""

_UNKNOWN_TO_PLAIN = {Phase.FENCING, Phase.BARRIER, Phase.RESTORING}

PLAIN_TRANSITIONS: Mapping[tuple[Phase, type], Transition] = {
    **{
        pair: step
        for pair, step in TRANSITIONS.items()
        if pair[0] not in _UNKNOWN_TO_PLAIN and pair[1] is not Inspected
    },
    (Phase.ASSIGNED, Begin): _begin_plain,
    (Phase.LOCATING, Located): _located_plain,
    (Phase.LOCATING, Doubt): _doubt_plain,
    (Phase.RUNNING, Doubt): _doubt_plain,
    (Phase.RUNNING, MemberLost): _leave,
    (Phase.DRAINING, Drained): _drained_plain,
    (Phase.DRAINING, MemberLost): _leave,
}
"""At-least-once without state: no producer to fence and nothing to restore."""
