"""A saga with one rule broken, for each rule that must not be broken.

A rule is broken around the product, never in it: by what `decide` is given, by what becomes of the
definition before it runs, by what a service remembers or does, or by how messages travel. Each
comes with the smallest world in which it shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from tests.properties.saga_world.product import (
    BLANK,
    Answer,
    CallStep,
    Cancelled,
    CommandHeaders,
    Decision,
    Definition,
    Direction,
    Erred,
    Fact,
    FactKind,
    Input,
    Memory,
    Phase,
    Program,
    Refused,
    Replied,
    SagaState,
    StepState,
    StepStatus,
    Succeeded,
    Timer,
    TimersDue,
    Wait,
    remembering,
)
from tests.properties.saga_world.services import Duties, Wishes
from tests.properties.saga_world.shapes import REPLIES
from tests.properties.saga_world.state import Bounds, Channel
from tests.properties.saga_world.world import SagaWorld, plainly_decided

__all__ = ["BROKEN_RULES", "BrokenRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """One rule, and a world without it."""

    name: str
    """Short name; the file of the golden play is called after it."""
    rule: str
    """What holds in the product."""
    instead: str
    """What is done without it."""
    world: SagaWorld
    """Where it shows."""


# --- what the saga is told ---

_Misread = Callable[[Program, SagaState, Replied], Replied]


def _misreading(misread: _Misread) -> Callable[[Program, SagaState | None, Input], Decision]:
    """Decide, but about another answer than came."""

    def decide(program: Program, state: SagaState | None, given: Input) -> Decision:
        if state is not None and isinstance(given, Replied):
            given = misread(program, state, given)
        return plainly_decided(program, state, given)

    return decide


def _for_the_current_step(program: Program, state: SagaState, reply: Replied) -> Replied:
    for step, direction, at in _current(program, state):
        return _aimed(reply, step, direction, at)
    return reply


def _for_the_current_step_that_way(program: Program, state: SagaState, reply: Replied) -> Replied:
    for step, direction, at in _current(program, state):
        if direction is reply.direction:
            return _aimed(reply, step, direction, at)
    return reply


def _current(program: Program, state: SagaState) -> Iterator[tuple[str, Direction, StepState]]:
    """The steps that the saga stands at, if any, with what it wants of them."""
    for step, at in zip(program.names, state.steps, strict=True):
        if at.status is StepStatus.PENDING:
            yield step, Direction.DO, at
        elif at.status is StepStatus.UNDOING:
            yield step, Direction.UNDO, at


def _aimed(reply: Replied, step: str, direction: Direction, at: StepState) -> Replied:
    answer = reply.answer
    if isinstance(answer, Succeeded):
        answer = Succeeded(data=REPLIES[step] if direction is Direction.DO else None)
    attempt = at.attempt if direction is Direction.DO else at.undo_attempt
    return Replied(step=step, direction=direction, attempt=attempt, answer=answer)


def _errors_of_any_attempt(program: Program, state: SagaState, reply: Replied) -> Replied:
    place = program.place(reply.step)
    if not isinstance(reply.answer, Erred) or place is None:
        return reply
    at = state.steps[place]
    return _aimed(reply, reply.step, reply.direction, at)


def _refused_is_an_error(program: Program, state: SagaState, reply: Replied) -> Replied:
    del program, state
    if reply.direction is Direction.UNDO or not isinstance(reply.answer, Refused):
        return reply
    return replace(reply, answer=Erred(code=reply.answer.code, retryable=False))


def _deaf_to_late_answers(program: Program, state: SagaState | None, given: Input) -> Decision:
    if state is not None and isinstance(given, Replied):
        place = program.place(given.step)
        assert place is not None
        unknown = state.steps[place].status is StepStatus.UNKNOWN
        if unknown and isinstance(given.answer, Succeeded):
            return Decision(state=state, facts=(), effects=())
    return plainly_decided(program, state, given)


def _with_timers_that_fire_blindly(
    program: Program, state: SagaState | None, given: Input
) -> Decision:
    if state is not None and isinstance(given, TimersDue):
        state = _with_timers(state, lambda timer: replace(timer, due_ms=0))
    return plainly_decided(program, state, given)


def _without_settling(program: Program, state: SagaState | None, given: Input) -> Decision:
    """Turn round as though nothing were out: a step between two attempts is UNKNOWN at once."""
    if state is not None and isinstance(given, Cancelled):
        state = _with_timers(state, lambda timer: replace(timer, wait=Wait.RETRY))
    return plainly_decided(program, state, given)


def _back_from_the_end(program: Program, state: SagaState | None, given: Input) -> Decision:
    """Undo what turns out to be done although the saga has ended."""
    if state is None or state.phase is not Phase.COMPENSATED or not isinstance(given, Replied):
        return plainly_decided(program, state, given)
    place = program.place(given.step)
    assert place is not None
    unknown = state.steps[place].status is StepStatus.UNKNOWN
    if not (unknown and isinstance(given.answer, Succeeded)):
        return plainly_decided(program, state, given)
    back = Fact(kind=FactKind.MOVED, phase=Phase.COMPENSATING)
    decision = plainly_decided(program, replace(state, phase=Phase.COMPENSATING), given)
    return replace(decision, facts=(back, *decision.facts))


def _with_timers(state: SagaState, change: Callable[[Timer], Timer]) -> SagaState:
    steps = (replace(at, timer=at.timer and change(at.timer)) for at in state.steps)
    return replace(state, steps=tuple(steps))


# --- what becomes of the definition ---


def _each_step(change: Callable[[CallStep], CallStep]) -> Callable[[Definition], Definition]:
    def changed(definition: Definition) -> Definition:
        steps = (change(each) if isinstance(each, CallStep) else each for each in definition.steps)
        return replace(definition, steps=tuple(steps))

    return changed


def _undone_only_if_known(step: CallStep) -> CallStep:
    return replace(step, undo_unknown=False)


def _pivot_like_any_step(step: CallStep) -> CallStep:
    if not step.pivot:
        return step
    retry = replace(step.retry, attempts=1, give_up_ms=None)
    return replace(step, pivot=False, forward=False, retry=retry)


def _pivot_without_mark(step: CallStep) -> CallStep:
    return replace(step, pivot=False)


# --- what a service remembers ---


def _nothing(memory: Memory, asked: CommandHeaders, answer: Answer, forget_ms: int) -> Memory:
    del memory, asked, answer, forget_ms
    return BLANK


def _no_tombstone(memory: Memory, asked: CommandHeaders, answer: Answer, forget_ms: int) -> Memory:
    return replace(remembering(memory, asked, answer, forget_ms), tombstone=False)


_small = partial(
    SagaWorld, shape="undoable", attempts=(1, 1), undo_attempts=(1, 1), bounds=Bounds()
)
"""One attempt each way, and nothing arrives twice."""

BROKEN_RULES = (
    BrokenRule(
        name="any_reply_advances",
        rule="An answer is taken for the step and the direction that it names.",
        instead="It is taken for whatever the saga waits for.",
        world=_small(
            only_ends=True, bounds=Bounds(copies=1), decide=_misreading(_for_the_current_step)
        ),
    ),
    BrokenRule(
        name="correlation_by_direction",
        rule="An answer is taken for the step that it names.",
        instead="It is taken for the step that the saga waits for, if the direction is the same.",
        world=_small(
            only_ends=True,
            bounds=Bounds(copies=1),
            decide=_misreading(_for_the_current_step_that_way),
        ),
    ),
    BrokenRule(
        name="older_errors_count",
        rule="An error ends only the attempt that it answers.",
        instead="It ends whichever attempt is out.",
        world=_small(attempts=(2, 1), decide=_misreading(_errors_of_any_attempt)),
    ),
    BrokenRule(
        name="blind_timer",
        rule="A timer ends only the attempt that it was set for.",
        instead="It ends whichever attempt is out.",
        world=_small(attempts=(2, 1), decide=_with_timers_that_fire_blindly),
    ),
    BrokenRule(
        name="refused_is_unknown",
        rule="A step that was refused had no effect, and is not undone.",
        instead="A refusal is handled as an error, whose step may have had its effect.",
        world=_small(decide=_misreading(_refused_is_an_error)),
    ),
    BrokenRule(
        name="no_settling",
        rule="A saga that turns round waits for the attempt that is out, and then undoes.",
        instead="It undoes at once.",
        world=_small(cancels=True, decide=_without_settling),
    ),
    BrokenRule(
        name="late_ok_ignored",
        rule="A step that is skipped while its outcome is unknown is undone once it is known.",
        instead="What is heard of it later is ignored.",
        world=_small(shape="undo_unknown: skip", decide=_deaf_to_late_answers),
    ),
    BrokenRule(
        name="unknown_not_undone",
        rule="A step whose outcome is unknown is undone.",
        instead="Only steps that are known to be done are undone.",
        world=_small(run=_each_step(_undone_only_if_known)),
    ),
    BrokenRule(
        name="unknown_pivot_turns_back",
        rule="A pivot whose outcome is unknown is tried again, or an operator is called.",
        instead="The saga turns round, as before any other step.",
        world=_small(only_ends=True, shape="pivot", run=_each_step(_pivot_like_any_step)),
    ),
    BrokenRule(
        name="cancel_behind_the_pivot",
        rule="Once the pivot is sent, nobody can turn the saga round.",
        instead="A cancel or the deadline turns it round until the pivot is done.",
        world=_small(
            only_ends=True, shape="pivot", cancels=True, run=_each_step(_pivot_without_mark)
        ),
    ),
    BrokenRule(
        name="memory_forgotten",
        rule="A participant remembers what it has answered, and that an undo has come.",
        instead="It remembers nothing. (Its handler still does everything once per key.)",
        world=_small(
            bounds=Bounds(copies=1),
            duties=Duties(remember=_nothing),
            channel=Channel(in_order=True),
        ),
    ),
    BrokenRule(
        name="no_tombstone",
        rule="Once an undo has come, the do never runs again.",
        instead="The participant remembers answers only.",
        world=_small(duties=Duties(remember=_no_tombstone)),
    ),
    BrokenRule(
        name="key_ignored",
        rule="A handler does its work under the idempotency key, once.",
        instead="It does it whenever it runs. (The participant still remembers its answers.)",
        world=_small(duties=Duties(keyed=False)),
    ),
    BrokenRule(
        name="dishonest_refusal",
        rule="A handler refuses only where no attempt has had, or will have, an effect.",
        instead="It refuses although an earlier attempt has had the effect.",
        world=_small(duties=Duties(honest=False)),
    ),
    BrokenRule(
        name="key_left_open",
        rule="Under a key that was undone, the other side does nothing any more.",
        instead="What a handler was cut off from is done there, however late it arrives.",
        world=_small(wishes=Wishes(cut_off=True), duties=Duties(closes=False)),
    ),
    BrokenRule(
        name="commands_lost",
        rule="State and commands are one transaction.",
        instead="The state is saved, then commands are sent: a process may end between the two.",
        world=_small(channel=Channel(state_and_commands=False)),
    ),
    BrokenRule(
        name="state_lost",
        rule="State and commands are one transaction.",
        instead="Commands are sent, then the state is saved: a process may end between the two.",
        world=_small(
            only_ends=True, channel=Channel(state_and_commands=False, commands_first=True)
        ),
    ),
    BrokenRule(
        name="end_not_final",
        rule="A saga that has ended stays as it is, so it says once that it has turned round.",
        instead="What turns out to be done after that is undone, and the saga ends once more.",
        world=_small(
            only_ends=True, shape="undo_unknown: skip, and says so", decide=_back_from_the_end
        ),
    ),
    BrokenRule(
        name="event_first",
        rule="State and events are one transaction.",
        instead="The event goes out, then the state is saved: a process may end between the two.",
        world=_small(
            only_ends=True,
            shape="undoable, and says so",
            channel=Channel(state_and_commands=False, commands_first=True),
        ),
    ),
    BrokenRule(
        name="event_lost",
        rule="State and events are one transaction.",
        instead="The state is saved, then the event goes out: a process may end between the two.",
        world=_small(shape="undoable, and says so", channel=Channel(state_and_commands=False)),
    ),
)
"""Correlation, attempts, turning back, the pivot, participants, handlers, channel, last words."""
