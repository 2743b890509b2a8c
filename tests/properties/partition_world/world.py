"""The world of one partition: two processes, Kafka between them, and what may go wrong.

A state holds everything, messages on their way included; `moves` lists all that may happen next.
Moves are of two kinds: what goes on by itself (requests are handled, answers arrive, markers are
written, processes take notice, records come in), and misfortunes, each of which is counted: a
rebalance, a crash, a stop, a lost answer, a transaction's time-out, a coordinator's restart, a late
message. A pause needs no move of its own: whoever is paused makes no move.

What must hold stands in `wrong_step` and `wrong_state`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from penstock.workers.partition_life import (
    PLAIN_TRANSITIONS,
    TRANSITIONS,
    Life,
    Phase,
    Transition,
)
from penstock.workers.partition_signals import Assigned, Begin, Drained, Revoked, Stop
from tests.properties.partition_world.kafka import (
    OFFSETS,
    TIMER,
    Changelog,
    Group,
    Kafka,
    Offset,
    Output,
    Request,
    Transactions,
    abort,
    committed_offset,
    decided,
    handle,
    offset_text,
    write_marker,
)
from tests.properties.partition_world.owner import (
    CURRENT,
    LEAVES_TRACES,
    OUTSIDER,
    STALE,
    Fed,
    Owner,
    Process,
    Shell,
    offsets_of,
    unanswered,
)
from tests.properties.partition_world.state import Bounds, Move, World, tidy

__all__ = ["MISFORTUNES", "PartitionWorld"]

MISFORTUNES = frozenset(
    {"rebalance", "crash", "stop", "lose", "cut drain", "time out", "restart", "deliver late"}
)
"""Moves that need not happen. All others happen sooner or later."""

Moves = Iterator[tuple[Move, World]]


@dataclass(frozen=True, kw_only=True)
class PartitionWorld:
    """What there is at first, what may go wrong, and by which rules the processes live."""

    inputs: int = 2
    """Records that there will ever be."""
    at_start: int = 1
    """Records that are there from the beginning."""
    timer: bool = True
    """Whether a timer is due."""
    begun: bool = True
    """Whether the group committed its first barrier long ago."""
    verifies: bool = False
    """Whether brokers verify transactions with their coordinator (Kafka 3.6 and later)."""
    bounds: Bounds = field(default_factory=Bounds)
    """How often each misfortune may strike."""
    table: Mapping[tuple[Phase, type], Transition] = field(default_factory=lambda: TRANSITIONS)
    """The rules of the core."""
    shell: Shell = field(default_factory=Shell)
    """The duties of the shell."""
    process: Process = field(init=False, repr=False)
    """What both processes run."""

    def __post_init__(self) -> None:
        """Make the process that both owners run."""
        object.__setattr__(self, "process", Process(self.table, self.shell))

    def first(self) -> World:
        """Begin: the partition is about to be assigned to the first process."""
        fired = () if self.timer else (TIMER,)
        barrier, committed = (0, (0, offset_text(0, ()))) if self.begun else (-1, None)
        kafka = Kafka(
            Transactions(0, "empty", (), ()),
            Changelog(0, 0, fired, barrier, (), ()),
            Output(0, 0, fired, ()),
            Group(0, True, False, False, 0, committed, None),
            self.at_start,
            self.verifies,
        )
        return World(kafka, (self.process.newborn(), self.process.newborn()), (), self.bounds)

    # --- what may happen ---

    def moves(self, world: World) -> Moves:
        """List all that may happen next, always in the same order."""
        for who, owner in enumerate(world.owners):
            yield from self._conversation(world, who, owner)
            yield from self._notices(world, who, owner)
            yield from self._ends(world, who, owner)
        yield from self._brokers(world)
        yield from self._group(world)

    def _conversation(self, world: World, who: int, owner: Owner) -> Moves:
        """Requests are handled, answers arrive or are lost, work is begun."""
        asked = owner.asked
        if asked is not None:
            if owner.answer is None:
                yield from self._handled(world, who, owner, asked)
            else:
                yield Move("receive", who), _put(world, who, self.process.receive(owner))
            if world.bounds.losses and asked.kind in LEAVES_TRACES:
                lost = self.process.lose(owner)
                yield Move("lose", who), _put(_spend(world, "losses"), who, lost)
        for which in self.process.choices(owner, world.kafka.end):
            taken = self.process.take(owner, which)
            yield Move("take", who, which), _put(world, who, (taken, None))

    def _handled(self, world: World, who: int, owner: Owner, asked: Request) -> Moves:
        """A broker handles a request. What it says of its sender is read when it arrives."""
        if asked.kind == "Heartbeat":
            asked = asked._replace(body=(owner.member == CURRENT,))
        elif asked.kind == "OffsetCommit":
            asked = asked._replace(body=(owner.member == CURRENT, asked.body))
        elif asked.kind == "Restore":
            asked = asked._replace(body=(owner.barrier_at,))
        handled = handle(world.kafka, asked)
        if handled is None:
            return
        kafka, answer = handled
        if asked.kind == "Produce" and not answer.refused:
            # The answer tells the offset; nobody looks at it before the answer has arrived.
            if asked.body[1][0] == "barrier":
                owner = owner._replace(barrier_at=answer.value)
            answer = answer._replace(value=None)
        answered = owner._replace(answer=answer)
        yield Move("handle", who), _put(world._replace(kafka=kafka), who, (answered, None))

    def _notices(self, world: World, who: int, owner: Owner) -> Moves:
        """A process hears of its assignments or, while it is paused, does not."""
        group, life = world.kafka.group, self.process.life(owner)
        if owner.member == STALE or (owner.member == CURRENT and group.rebalancing):
            fed = self.process.feed(owner._replace(member=OUTSIDER), Revoked())
            yield Move("hear of the revocation", who), _put(world, who, fed)
        elif group.untold and group.assignee == who and _may_join(owner, life):
            told = _grouped(world, group._replace(untold=False))
            fed = self.process.feed(owner._replace(member=CURRENT), Assigned())
            if self.process.life(fed[0]).phase is Phase.ASSIGNED:
                fed = self.process.feed(fed[0], Begin())
            yield Move("hear of the assignment", who), _put(told, who, fed)
        if life.phase is Phase.DRAINING and owner.work and world.bounds.losses:
            fed = self.process.feed(owner, Drained(None))
            yield Move("cut drain", who), _put(_spend(world, "losses"), who, fed)

    def _ends(self, world: World, who: int, owner: Owner) -> Moves:
        """A process crashes, is told to stop, or has stopped; a new one takes its place."""
        life, newborn = self.process.life(owner), self.process.newborn()
        if life.stopping and life.phase is Phase.CLOSED:
            yield Move("leave", who), _put(_left(world, who), who, (newborn, None))
        if not world.bounds.crashes or owner == newborn:
            return
        spent = _spend(world, "crashes")
        yield Move("crash", who), _put(_left(spent, who), who, (newborn, unanswered(owner)))
        if not life.stopping:
            yield Move("stop", who), _put(spent, who, self.process.feed(owner, Stop()))

    def _brokers(self, world: World) -> Moves:
        """Markers are written, records come in, transactions time out, late messages arrive."""
        kafka = world.kafka
        for partition in kafka.transactions.unmarked:
            if partition != OFFSETS or not kafka.group.loading:
                marked = world._replace(kafka=write_marker(kafka, partition))
                yield Move("mark", which=partition), tidy(marked)
        if kafka.end < self.inputs:
            longer = kafka._replace(end=kafka.end + 1)
            yield Move("arrive"), world._replace(kafka=longer)
        if world.bounds.timeouts and kafka.transactions.status == "ongoing":
            yield Move("time out"), tidy(_spend(world, "timeouts")._replace(kafka=abort(kafka)))
        for at, request in enumerate(world.late):
            handled = handle(kafka, request)
            if handled is not None and handled[0] != kafka:
                late = world.late[:at] + world.late[at + 1 :]
                arrived = world._replace(kafka=handled[0], late=late)
                yield Move("deliver late", which=request.kind), tidy(arrived)

    def _group(self, world: World) -> Moves:
        """Generations end and begin; the group's coordinator restarts."""
        group = world.kafka.group
        if group.rebalancing:
            for who, owner in enumerate(world.owners):
                if _may_join(owner, self.process.life(owner)):
                    yield Move("assign", who), _assigned(world, who)
        elif world.bounds.rebalances:
            begun = group._replace(rebalancing=True)
            yield Move("rebalance"), _grouped(_spend(world, "rebalances"), begun)
        if group.loading:
            yield Move("load"), _grouped(world, group._replace(loading=False))
        elif world.bounds.restarts:
            restarted = group._replace(loading=True)
            yield Move("restart"), _grouped(_spend(world, "restarts"), restarted)

    # --- what must hold ---

    def wrong_step(self, before: World, after: World) -> str | None:
        """Say what is wrong with the way from one state to the next."""
        was, now = before.kafka.group.committed, after.kafka.group.committed
        if was is not now and was is not None and (now is None or now[0] < was[0]):
            return "the committed position went backwards"
        return None

    def wrong_state(self, world: World) -> str | None:
        """Say what is wrong with a state. What is decided counts as visible."""
        outputs, state, offset = decided(world.kafka)
        done = _done(offset)
        if self.table is PLAIN_TRANSITIONS:
            return None if set(done) <= set(outputs) else "an input was passed over"
        if len(set(outputs)) != len(outputs):
            return "an output is visible twice"
        if outputs != state:
            return "outputs and state do not belong together"
        if tuple(each for each in state if each != TIMER) != done:
            return "state and committed offset do not belong together"
        complaints = (self._wrong_owner(owner) for owner in world.owners)
        return next((wrong for wrong in complaints if wrong), None)

    def _wrong_owner(self, owner: Owner) -> str | None:
        life = self.process.life(owner)
        if life.phase is Phase.FAILED:
            return "a process gave up although nothing was lost"
        works = life.phase in {Phase.RUNNING, Phase.DRAINING} or life.kept is not None
        if works and tuple(each for each in owner.memory or () if each != TIMER) != owner.done:
            return "a process works on a state and a position that do not belong together"
        return None

    # --- what the search asks ---

    def goes_on(self, move: Move) -> bool:
        """Tell whether a move happens by itself, sooner or later."""
        return move.what not in MISFORTUNES

    def is_done(self, world: World) -> bool:
        """Tell whether every input, and the timer, has been processed and committed."""
        everything = {*range(self.inputs), TIMER}
        end = (self.inputs, offset_text(self.inputs, ()))
        return set(world.kafka.output.visible) == everything and world.kafka.group.committed == end

    def is_watched(self, before: World, move: Move) -> bool:
        """Tell whether a move hands out a new epoch: fences must not follow fences for ever."""
        if move.what != "handle":
            return False
        asked = before.owners[move.who].asked
        ongoing = before.kafka.transactions.status == "ongoing"
        return asked is not None and asked.kind == "InitProducerId" and not ongoing


@cache
def _done(offset: Offset | None) -> tuple[int, ...]:
    if offset is None:
        return ()
    committed = committed_offset(offset)
    return offsets_of(committed.position, committed.finished)


def _may_join(owner: Owner, life: Life) -> bool:
    """Whether a process has let go of everything: only then does it join a generation."""
    return owner.member == OUTSIDER and life.phase is Phase.CLOSED


def _put(world: World, who: int, fed: Fed) -> World:
    """Put an owner back into the world, and what it dropped onto the network."""
    owner, dropped = fed
    owners = (owner, world.owners[1]) if who == 0 else (world.owners[0], owner)
    late = world.late
    if dropped is not None and len(late) < world.bounds.late:
        late = tuple(sorted((*late, dropped)))
    return tidy(world._replace(owners=owners, late=late))


def _left(world: World, who: int) -> World:
    """The group notices that a member is gone."""
    group = world.kafka.group
    return _grouped(world, group._replace(rebalancing=True)) if group.assignee == who else world


def _assigned(world: World, who: int) -> World:
    """A generation begins: whoever has not joined is overtaken, whether it notices or not."""
    one, two = (
        owner._replace(member=STALE) if owner.member == CURRENT else owner for owner in world.owners
    )
    group = world.kafka.group._replace(assignee=who, untold=True, rebalancing=False)
    return _grouped(world._replace(owners=(one, two)), group)


def _grouped(world: World, group: Group) -> World:
    return world._replace(kafka=world.kafka._replace(group=group))


def _spend(world: World, bound: str) -> World:
    left = world.bounds._replace(**{bound: getattr(world.bounds, bound) - 1})
    return world._replace(bounds=left)
