"""The world of one saga: the saga, its services, what is on its way, and what may go wrong.

A state holds everything, messages on their way included; `moves` lists all that may happen next.
Messages arrive in any order and any time later, but none is lost. Some moves are misfortunes or
wishes, and need not happen: a message arrives twice, somebody cancels, an operator tries again.

What must hold stands in `wrong_step` and `wrong_state`. It is said from outside: by what services
have done and what the saga was told, not by what the saga believes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.properties.saga_world.ends import StepAtTheEnd, wrong_end, wrong_words
from tests.properties.saga_world.messages import DO, ERROR, FATAL, OK, REFUSED, UNDO, Ask, Reply
from tests.properties.saga_world.orchestrator import (
    DEADLINE,
    NOW_MS,
    Decide,
    Orchestrator,
    Overdue,
    Standing,
    Told,
    Wish,
)
from tests.properties.saga_world.product import (
    CallStep,
    Decision,
    Definition,
    Input,
    Phase,
    Program,
    SagaState,
    decide,
)
from tests.properties.saga_world.services import CRASH, Duties, Service, Services, Wishes
from tests.properties.saga_world.shapes import KEY, SHAPES, limited
from tests.properties.saga_world.state import Bounds, Channel, Move, Moves, World

__all__ = ["CANCEL", "RETRY", "WAKE", "SagaWorld", "plainly_decided", "unchanged"]

CANCEL: Final = Wish("cancel")
RETRY: Final = Wish("retry")
WAKE: Final = Overdue(())
"""A timer that no longer counts goes off."""


def plainly_decided(program: Program, state: SagaState | None, given: Input) -> Decision:
    """Decide as the product does, without jitter."""
    return decide(program, KEY, state, given, now_ms=NOW_MS, draw=0.0)


def unchanged(definition: Definition) -> Definition:
    """Run what was written."""
    return definition


@dataclass(frozen=True, kw_only=True)
class SagaWorld:
    """What there is at first, what may happen, and by which rules saga and services live."""

    shape: str
    """Which of the sagas."""
    attempts: tuple[int, int] = (2, 1)
    """By step, attempts to do it. Where a step has no limit, it gives up then."""
    undo_attempts: tuple[int, int] = (1, 2)
    """By step, attempts to undo it."""
    wishes: Wishes = field(default_factory=Wishes)
    """What handlers may do beside succeeding and failing."""
    cancels: bool = False
    """Whether somebody may cancel, and the deadline pass."""
    bounds: Bounds = field(default_factory=lambda: Bounds(copies=1))
    """How often misfortunes may strike."""
    decide: Decide = plainly_decided
    """How the saga is decided."""
    run: Callable[[Definition], Definition] = unchanged
    """What the orchestrator makes of the definition."""
    duties: Duties = field(default_factory=Duties)
    """What services are held to."""
    channel: Channel = field(default_factory=Channel)
    """How messages travel."""
    only_ends: bool = False
    """Whether to look for what is wrong in the end, and not for its first sign."""
    definition: Definition = field(init=False, repr=False)
    """What was written, and is to hold."""
    steps: tuple[CallStep, ...] = field(init=False, repr=False)
    """Its steps."""
    names: tuple[str, ...] = field(init=False, repr=False)
    """Their names."""
    pivot: int | None = field(init=False, repr=False)
    """The place of the pivot, if there is one."""
    orchestrator: Orchestrator = field(init=False, repr=False)
    """The saga's side."""
    services: Services = field(init=False, repr=False)
    """The other one."""

    def __post_init__(self) -> None:
        """Make both sides."""
        definition = limited(SHAPES[self.shape], self.attempts, self.undo_attempts)
        steps = tuple(step for step in definition.steps if isinstance(step, CallStep))
        pivot = next((place for place, step in enumerate(steps) if step.pivot), None)
        program = Program(self.run(definition))
        orchestrator = Orchestrator(program, self.decide, attempts=max(self.attempts))
        for name, value in (
            ("definition", definition),
            ("steps", steps),
            ("names", program.names),
            ("pivot", pivot),
            ("orchestrator", orchestrator),
            ("services", Services(program.names, self.duties, self.wishes)),
        ):
            object.__setattr__(self, name, value)

    def first(self) -> World:
        """Begin: the saga has just been started."""
        told = self.orchestrator.begin()
        count = len(self.steps)
        empty = World(told.saga, (), (), (Service(),) * count, (), (0,) * count, self.bounds)
        return self._sent(empty, told)

    # --- what may happen ---

    def moves(self, world: World) -> Moves:
        """List all that may happen next, always in the same order."""
        if world.wrong:
            return
        standing = self.orchestrator[world.saga]
        yield from self._timers(world, standing)
        yield from self._wishes(world, standing)
        for ask in dict.fromkeys(world.asks):
            if not (self.channel.in_order and any(_overtaken(ask, each) for each in world.asks)):
                yield from self._handled(world, ask)
        for reply in dict.fromkeys(world.replies):
            yield from self._heard(world, reply, standing.state)
        for place, service in enumerate(world.services):
            if service.late:
                landed = _put(world.services, place, self.services.landed(service))
                yield Move("land", place), world._replace(services=landed)

    def _timers(self, world: World, standing: Standing) -> Moves:
        overdue = [Overdue((place,)) for place in standing.timers]
        if len(standing.timers) > 1:  # after an outage
            overdue += [Overdue(standing.timers), Overdue(standing.timers[::-1])]
        if standing.outlived:
            overdue.append(WAKE)
        for which in overdue:
            if DEADLINE in which.places and not self.cancels:
                continue
            over = {standing.awaited[place] for place in which.places if place != DEADLINE}
            awaited = tuple(each for each in world.awaited if each not in over)
            after = world._replace(awaited=awaited)
            yield from self._told(Move("time", which), world, after, which)

    def _wishes(self, world: World, standing: Standing) -> Moves:
        if self.cancels:
            yield from self._told(Move("wish", CANCEL), world, world, CANCEL)
        if standing.state.phase is Phase.PARKED and world.bounds.retries:
            bounds = world.bounds._replace(retries=world.bounds.retries - 1)
            yield from self._told(Move("wish", RETRY), world, world._replace(bounds=bounds), RETRY)

    def _handled(self, world: World, ask: Ask) -> Moves:
        for run in self.services.runs(world.services[ask.step], ask, ask in world.awaited):
            services = _put(world.services, ask.step, run.service)
            if run.answer == CRASH:
                yield Move("ask", ask, run.how, stays=True), world._replace(services=services)
                continue
            replies = tuple(sorted((*world.replies, Reply(*ask, run.answer))))
            after = world._replace(
                asks=_without(world.asks, ask), replies=replies, services=services
            )
            yield Move("ask", ask, run.how), after
            if world.bounds.copies:
                again = after._replace(asks=world.asks, bounds=_copied(world.bounds))
                yield Move("ask", ask, run.how, stays=True), again

    def _heard(self, world: World, reply: Reply, saga: SagaState) -> Moves:
        certain = reply.answer in (OK, REFUSED)
        awaited, heard = world.awaited, world.heard
        if awaited:
            awaited = tuple(each for each in awaited if not _is_answered(each, reply, certain))
        if certain and reply.way == DO and not heard[reply.step] and _listens(saga, reply.step):
            heard = _put(heard, reply.step, reply.answer)
        once = world._replace(replies=_without(world.replies, reply), heard=heard, awaited=awaited)
        yield from self._told(Move("reply", reply), world, once, reply)
        if world.bounds.copies:
            again = once._replace(replies=world.replies, bounds=_copied(world.bounds))
            yield from self._told(Move("reply", reply, stays=True), world, again, reply)

    # --- what the saga makes of it ---

    def _told(self, move: Move, before: World, world: World, what: Reply | Overdue | Wish) -> Moves:
        """Tell the saga something.

        Args:
            move: what happens.
            before: the world, in which nothing is told yet.
            world: the same, but for what telling takes.
            what: what is told.
        """
        told = self.orchestrator.tell(before.saga, what)
        after = world if told.saga == world.saga else world._replace(saga=told.saga)
        after = self._sent(after, told)
        if told.fails and not self.only_ends and _is_stale(what, before):
            assert isinstance(what, Reply)
            wrong = f"an error of {self.names[what.step]} counts, and its attempt was over"
            after = after._replace(wrong=wrong)
        yield move, after
        if self.channel.state_and_commands or not (told.sent or told.said):
            return
        if self.channel.commands_first:
            yield move._replace(how="not saved", stays=True), self._sent(before, told)
        else:
            yield move._replace(how="not sent"), world._replace(saga=told.saga)

    def _sent(self, world: World, told: Told) -> World:
        """Put commands on their way, and look whether something is wrong with that."""
        if told.said:
            world = world._replace(said=world.said + told.said)
        if not (told.sent or told.stranger or told.wrong):
            return world
        wrong = told.wrong
        if not (wrong or self.only_ends):
            wrong = next(self._signs(world, told), "")
        heard = world.heard
        for ask in told.sent:
            if ask.way == UNDO and heard[ask.step] == OK:  # it need not be remembered any more
                heard = _put(heard, ask.step, 0)
        return world._replace(
            asks=tuple(sorted((*world.asks, *told.sent))),
            awaited=tuple(sorted({*world.awaited, *told.sent})),
            heard=heard,
            wrong=wrong,
        )

    def _signs(self, world: World, told: Told) -> Iterator[str]:
        """Say what should not be although no harm is done yet."""
        if told.stranger:
            yield "an answer to what was asked is taken for a stranger's"
        awaited = set(world.awaited)
        for ask in told.sent:
            name = self.names[ask.step]
            if any(each.step == ask.step and each != ask for each in awaited):
                wish = "asked again" if ask.way == DO else "to be undone"
                yield f"{name} is {wish} while an attempt is out"
            awaited.add(ask)
            if ask.way == UNDO and world.heard[ask.step] == REFUSED:
                yield f"{name} is to be undone, and was refused"
            if ask.way == UNDO and self._may_have_passed_the_pivot(world, told):
                yield f"{name} is to be undone, and the pivot may have happened"

    def _may_have_passed_the_pivot(self, world: World, told: Told) -> bool:
        if self.pivot is None or world.heard[self.pivot] == REFUSED:
            return False
        return self.orchestrator[told.saga].state.steps[self.pivot].attempt > 0

    # --- what must hold ---

    def wrong_step(self, before: World, after: World) -> str | None:
        """Say what is wrong with the way from one state to the next."""
        if before.saga == after.saga or self.only_ends:
            return None
        if self.orchestrator[before.saga].state.phase.ended:
            return "the saga had ended, and has changed"
        return None

    def wrong_state(self, world: World) -> str | None:
        """Say what is wrong with a state."""
        if world.wrong:
            return world.wrong
        saga = self.orchestrator[world.saga].state
        early = world.said and not self.only_ends
        if early and (wrong := wrong_words(self.definition, saga, world.said)):
            return wrong
        if not self._is_drained(world):
            return None
        steps = tuple(
            StepAtTheEnd(
                step=self.steps[place],
                at=saga.steps[place],
                service=service,
                memory=self.services.memory(service),
                heard=world.heard[place],
                fatal=self.wishes.fatal,
            )
            for place, service in enumerate(world.services)
        )
        wrong = wrong_end(self.definition, saga, steps)
        return wrong or wrong_words(self.definition, saga, world.said) or None

    def _is_drained(self, world: World) -> bool:
        """Whether nothing is on its way and no timer of a step runs."""
        if world.asks or world.replies or any(each.late for each in world.services):
            return False
        return self.orchestrator[world.saga].timers in ((), (DEADLINE,))

    # --- what the search asks ---

    def goes_on(self, move: Move) -> bool:
        """Tell whether a move happens by itself, sooner or later."""
        deadline = move.what == "time" and DEADLINE in move.which.places
        return not (move.stays or move.what == "wish" or deadline)

    def is_done(self, world: World) -> bool:
        """Tell whether the saga has ended or waits for an operator, and nothing is on its way."""
        phase = self.orchestrator[world.saga].state.phase
        return self._is_drained(world) and (phase.ended or phase is Phase.PARKED)

    def is_watched(self, before: World, move: Move) -> bool:
        """Tell that nothing here can go round: attempts only grow."""
        del before, move
        return False


def _overtaken(ask: Ask, other: Ask) -> bool:
    """Whether another command of the same step was sent before this one."""
    return other.step == ask.step and other < ask


def _listens(saga: SagaState, place: int) -> bool:
    """Whether the saga may still do something about what a step's service has to say."""
    return not (saga.phase.ended or saga.steps[place].undo_attempt)


def _is_answered(ask: Ask, reply: Reply, certain: bool) -> bool:
    """Whether nobody waits for an attempt any more, because of this answer."""
    if ask.step != reply.step or ask.way != reply.way:
        return False
    return certain or ask.attempt == reply.attempt


def _is_stale(what: Reply | Overdue | Wish, world: World) -> bool:
    """Whether it is the error of an attempt that nobody waits for any more."""
    if not isinstance(what, Reply) or what.answer not in (ERROR, FATAL):
        return False
    return what.ask not in world.awaited


def _copied(bounds: Bounds) -> Bounds:
    return bounds._replace(copies=bounds.copies - 1)


def _without(messages: tuple[Any, ...], message: Any) -> tuple[Any, ...]:
    at = messages.index(message)
    return messages[:at] + messages[at + 1 :]


def _put(parts: tuple[Any, ...], place: int, part: Any) -> tuple[Any, ...]:
    return (*parts[:place], part, *parts[place + 1 :])
