"""One process that owns, or believes to own, the partition: the real core in a small shell.

The life is `penstock.workers.partition_life.advance` itself. The shell around it is what the real
one boils down to: it carries out commands, sends the requests of a transaction one by one, and
while RUNNING takes a record, computes from memory, and commits output, state and offset in one
transaction.

Laws:
1. One request at a time is on its way; one that is dropped on its way may still arrive.
2. Memory runs ahead of commits: it holds what was computed, as in the product.
3. A `Shell` says which of its duties it neglects. The dutiful shell neglects none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from penstock.workers.offsets import Finished
from penstock.workers.partition_life import PLAIN_TRANSITIONS, Life, Phase, Transition
from penstock.workers.partition_signals import (
    AskMembership,
    Barrier,
    BarrierCommitted,
    Command,
    CommitBarrier,
    Committed,
    Doubt,
    Drain,
    Drained,
    DropEverything,
    Fail,
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
    Run,
)
from tests.properties.partition_world.kafka import (
    CHANGELOG,
    OFFSETS,
    OUTPUT,
    TIMER,
    Answer,
    Offset,
    Request,
    State,
    committed_offset,
    offset_text,
)
from tests.properties.partition_world.lives import Lives

__all__ = [
    "CURRENT",
    "IN_TRANSACTION",
    "LEAVES_TRACES",
    "OUTSIDER",
    "STALE",
    "Fed",
    "Owner",
    "Process",
    "Shell",
    "offsets_of",
    "unanswered",
]

OUTSIDER, CURRENT, STALE = 0, 1, 2
"""What an owner's assignment is worth: none, the group's present one, or one that is over."""
IN_TRANSACTION = ("AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn")
"""The requests of a transaction, in their order."""
LEAVES_TRACES = frozenset({"InitProducerId", *IN_TRANSACTION})
"""Requests that matter if they arrive late. A read that is lost is simply asked again."""
_RESENT_BY_AIOKAFKA = frozenset(IN_TRANSACTION) - {"Produce"}

Work = tuple[Any, ...]
"""("apply", input), ("barrier", position, runs), ("abort",), and for at-least-once ("publish",
input) and ("mark",): what is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Which duties a shell neglects."""

    resends: bool = False
    """A transactional request without an answer is sent again, and nobody is told (rule 1)."""
    misreads: bool = False
    """An empty answer to OffsetFetch passes for "there is no offset" (rule 2)."""
    empties_barrier: bool = False
    """The barrier is an empty transaction, which aiokafka commits without asking anybody."""
    keeps_producer: bool = False
    """A doubt aborts the transaction and goes on with the same producer."""
    keeps_memory: bool = False
    """A doubt drops the producer, and goes on with the memory that is there."""
    fences_for_ever: bool = False
    """Fencing has no limit of its own (rule 3): `start()` asks until it is given an epoch."""


class Owner(NamedTuple):
    """One process as far as this partition goes."""

    life: int
    """Number of its `Life`, see `Lives`."""
    member: int = OUTSIDER
    producer: tuple[int, int, int] | None = None
    """Epoch, and the next sequence numbers for the changelog and for the output."""
    memory: State | None = None
    done: tuple[int, ...] = ()
    """Inputs that need not be processed, because memory holds their effects."""
    timers_from: int = 0
    """The position from which the timer may fire."""
    work: Work | None = None
    stage: int = 0
    """Which request of the work is on its way."""
    asked: Request | None = None
    answer: Answer | None = None
    """The answer to it, once a broker has handled it."""
    barrier_at: int = -1
    """Offset of the barrier in the changelog, from its append until the restore."""


Done = tuple[Owner, Input | None]
"""The owner after a command, and what the core must hear of it at once."""
Fed = tuple[Owner, Request | None]
"""The owner afterwards, and a request that it dropped while it was on its way."""


_MEMBERSHIP: Mapping[str, Input] = {
    "member": Member(),
    "lost": MemberLost(),
    "rebalancing": MemberUncertain("a rebalance is under way"),
}


class Process:
    """What every process does: it feeds the core, and does what the core says."""

    def __init__(self, table: Mapping[tuple[Phase, type], Transition], shell: Shell) -> None:
        """Run the core by a table, in a shell that may neglect its duties."""
        self.lives = Lives(table)
        self.plain = table is PLAIN_TRANSITIONS
        self._shell = shell
        self._doing: Mapping[type, Callable[[Owner, Any], Done]] = {
            Hold: _nothing,
            AskMembership: lambda owner, _: (_ask(owner, "Heartbeat"), None),
            Fence: self._fence,
            Locate: lambda owner, _: (_ask(owner, "OffsetFetch"), None),
            Inspect: lambda owner, _: (_ask(owner, "Inspect"), None),
            CommitBarrier: self._commit_barrier,
            Restore: self._restore,
            Run: self._run,
            Drain: lambda owner, _: (owner, None if owner.work else _drained(owner)),
            DropEverything: self._drop_everything,
            Keep: _nothing,
            Release: lambda owner, _: (_forgetting(owner), None),
            Fail: _nothing,
        }
        self._hearing: Mapping[str, Callable[[Owner, Any], Fed]] = {
            "Heartbeat": lambda owner, says: self.feed(owner, _MEMBERSHIP[says]),
            "InitProducerId": self._initialised,
            "OffsetFetch": self._located,
            "Inspect": lambda owner, at: self.feed(owner, Inspected(None if at < 0 else at)),
            "Restore": lambda owner, read: self.feed(owner._replace(memory=read), Restored()),
        }

    def newborn(self) -> Owner:
        """Return a process that has just started."""
        return Owner(self.lives.newborn)

    def life(self, owner: Owner) -> Life:
        """Return the core's state."""
        return self.lives[owner.life]

    def feed(self, owner: Owner, happened: Input) -> Fed:
        """Give an input to the core and carry out all that follows from it."""
        dropped: Request | None = None
        inputs: list[Input] = [happened]
        while inputs:
            life, commands = self.lives.advance(owner.life, inputs.pop(0))
            owner = owner._replace(life=life)
            for command in commands:
                if isinstance(command, DropEverything):
                    dropped = unanswered(owner) or dropped
                owner, follows = self._doing[type(command)](owner, command)
                if follows is not None:
                    inputs.append(follows)
        return owner, dropped

    # --- commands ---

    def _fence(self, owner: Owner, _: Fence) -> Done:
        if owner.producer is None or not self._shell.keeps_producer:
            return _ask(owner, "InitProducerId"), None
        return _begin(owner, ("abort",)), None

    def _commit_barrier(self, owner: Owner, command: CommitBarrier) -> Done:
        if self._shell.empties_barrier:
            return owner, BarrierCommitted(0)
        barrier = command.barrier
        return _begin(owner, ("barrier", barrier.position, barrier.finished.runs)), None

    def _restore(self, owner: Owner, _: Restore) -> Done:
        if self._shell.keeps_memory and owner.memory is not None:
            return owner, Restored()
        return _ask(owner, "Restore"), None

    def _run(self, owner: Owner, run: Run) -> Done:
        owner = owner._replace(
            memory=() if self.plain else owner.memory,
            done=offsets_of(run.position, run.finished),
            timers_from=run.caught_up_at,
            barrier_at=-1,
        )
        return (_begin(owner, ("mark",)) if run.unmarked else owner), None

    def _drop_everything(self, owner: Owner, _: DropEverything) -> Done:
        bare = _forgetting(owner)
        if self.life(owner).phase is Phase.FENCING:
            # The way back to the fence: here is where "abort and go on" would creep in.
            bare = bare._replace(
                producer=owner.producer if self._shell.keeps_producer else None,
                memory=owner.memory if self._shell.keeps_memory else None,
            )
        return bare, None

    # --- answers ---

    def receive(self, owner: Owner) -> Fed:
        """Take the answer that has arrived."""
        asked, answer = owner.asked, owner.answer
        assert asked is not None
        assert answer is not None
        owner = owner._replace(asked=None, answer=None)
        if answer.refused:
            return self._refused(owner, asked, answer.refused)
        if owner.work is not None:
            return self._go_on(owner, owner.work)
        return self._hearing[asked.kind](owner, answer.value)

    def _refused(self, owner: Owner, asked: Request, why: str) -> Fed:
        if asked.kind == "OffsetCommit":
            return self.feed(owner, MemberLost())
        if owner.work == ("abort",) and why.startswith("no such"):
            return self.feed(owner._replace(work=None), Fenced())
        return self.feed(owner, Doubt(why))

    def _initialised(self, owner: Owner, epoch: int | str) -> Fed:
        """Take an epoch, or the word that one more transaction had to be aborted first.

        The first time that is a former owner's. The second time somebody has fenced and begun
        anew meanwhile; in the product it is a limit in seconds that ends this.
        """
        if not isinstance(epoch, str):
            return self.feed(owner._replace(producer=(epoch, 0, 0), stage=0), Fenced())
        if owner.stage and not self._shell.fences_for_ever:
            return self.feed(owner, Doubt("fencing takes too long"))
        return _ask(owner._replace(stage=1), "InitProducerId"), None

    def _located(self, owner: Owner, found: tuple[Any, int]) -> Fed:
        offset, end = found
        if offset == "empty" and not self._shell.misreads:
            return _ask(owner, "OffsetFetch"), None
        known = offset is not None and offset != "empty"
        return self.feed(owner, Located(committed_offset(offset) if known else None, 0, end))

    def _go_on(self, owner: Owner, work: Work) -> Fed:
        """Send the next request of the work, or tell the core that it is done."""
        if owner.stage + 1 < len(_stages(work)):
            return _send(owner._replace(stage=owner.stage + 1), work), None
        owner = owner._replace(work=None, stage=0)
        if work[0] == "barrier":
            return self.feed(owner, BarrierCommitted(owner.barrier_at))
        if work[0] == "abort":
            return self.feed(owner, Fenced())
        owner, dropped = self.feed(owner, Committed())
        if self.life(owner).phase is Phase.DRAINING:
            return self.feed(owner, _drained(owner))
        return owner, dropped

    def lose(self, owner: Owner) -> Fed:
        """Break the connection, or meet a time limit, before the answer has arrived."""
        asked = owner.asked
        assert asked is not None
        if self._shell.resends and asked.kind in _RESENT_BY_AIOKAFKA:
            return owner._replace(answer=None), unanswered(owner)
        return self.feed(owner, Doubt(f"no answer to {asked.kind}"))

    # --- RUNNING ---

    def choices(self, owner: Owner, end: int) -> list[int]:
        """Tell what may be computed next: the two lowest inputs not done, or the timer.

        A slow record holds only its lane, so the second lowest may finish before the lowest.
        """
        if self.life(owner).phase is not Phase.RUNNING or owner.work:
            return []
        assert owner.memory is not None
        waiting = [each for each in range(end) if each not in owner.done][:2]
        position = barrier_of(owner.done).position
        if not self.plain and TIMER not in owner.memory and position >= owner.timers_from:
            waiting.append(TIMER)
        return waiting

    def take(self, owner: Owner, which: int) -> Owner:
        """Compute one input in memory, then send what commits it."""
        assert owner.memory is not None
        done = owner.done if which == TIMER else tuple(sorted((*owner.done, which)))
        if self.plain:
            return _begin(owner._replace(done=done), ("publish", which))
        memory = tuple(sorted((*owner.memory, which)))
        return _begin(owner._replace(done=done, memory=memory), ("apply", which))


def unanswered(owner: Owner) -> Request | None:
    """Return the request that is on its way and would matter if it arrived late."""
    asked = owner.asked
    return asked if asked and not owner.answer and asked.kind in LEAVES_TRACES else None


@cache
def barrier_of(done: tuple[int, ...]) -> Barrier:
    """Tell where to go on once these inputs are done: the low watermark, and the runs beyond."""
    position = next(each for each in range(len(done) + 1) if each not in done)
    runs: list[tuple[int, int]] = []
    for each in done:
        if runs and runs[-1][1] == each:
            runs[-1] = (runs[-1][0], each + 1)
        elif each > position:
            runs.append((each, each + 1))
    return Barrier(position, Finished(tuple(runs)))


def offsets_of(position: int, finished: Finished) -> tuple[int, ...]:
    """Tell which inputs are done, by an offset and its metadata."""
    beyond = (each for first, end in finished.runs for each in range(first, end))
    return (*range(position), *beyond)


def _nothing(owner: Owner, _: Command) -> Done:
    return owner, None


def _drained(owner: Owner) -> Drained:
    return Drained(barrier_of(owner.done))


def _forgetting(owner: Owner) -> Owner:
    return Owner(owner.life, owner.member)


def _ask(owner: Owner, kind: str) -> Owner:
    return owner._replace(asked=Request(kind, 0, ()), answer=None)


def _stages(work: Work) -> tuple[str, ...]:
    """Tell the requests that a piece of work consists of."""
    if work[0] == "publish":
        return ("Produce plainly", "OffsetCommit")
    if work[0] == "mark":
        return ("OffsetCommit",)
    if work[0] == "abort":
        return ("EndTxn",)
    if work[0] == "barrier" and work[1] < 0:  # a barrier that commits no offset
        return ("AddPartitionsToTxn", "Produce", "EndTxn")
    return IN_TRANSACTION


def _begin(owner: Owner, work: Work) -> Owner:
    return _send(owner._replace(work=work, stage=0), work)


def _send(owner: Owner, work: Work) -> Owner:
    """Send the request of the present stage.

    Sequence numbers are spent when a batch is sent and never given back, as in aiokafka.
    """
    kind = _stages(work)[owner.stage]
    body: tuple[Any, ...]
    if owner.producer is None:
        body = (work[-1],) if kind == "Produce plainly" else _offset(owner, work)
        return owner._replace(asked=Request(kind, 0, body), answer=None)
    epoch, sequence, output_sequence = owner.producer
    if kind == "Produce":
        output = work[1] if work[0] == "apply" else -1
        record = ("barrier", work[1]) if work[0] == "barrier" else ("state", owner.memory)
        body = (sequence, record, output_sequence, output)
        spent = (epoch, sequence + 1, output_sequence + (output >= 0))
        owner = owner._replace(producer=spent)
    else:
        body = _BODIES[kind](owner, work)
    return owner._replace(asked=Request(kind, epoch, body), answer=None)


def _offset(owner: Owner, work: Work) -> Offset:
    if work[0] == "barrier":
        return work[1], offset_text(work[1], work[2])
    barrier = barrier_of(owner.done)
    return barrier.position, offset_text(barrier.position, barrier.finished.runs)


_BODIES: Mapping[str, Callable[[Owner, Work], tuple[Any, ...]]] = {
    "AddPartitionsToTxn": lambda _, work: (
        (CHANGELOG,) if work[0] == "barrier" else (CHANGELOG, OUTPUT)
    ),
    "AddOffsetsToTxn": lambda _owner, _work: (OFFSETS,),
    "TxnOffsetCommit": _offset,
    "EndTxn": lambda _, work: (work[0] != "abort",),
}
