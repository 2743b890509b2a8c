"""Participants under commands in any order, repeated, late, with handlers that do anything.

A world of one saga and one step: whatever is delivered, and however handlers end, the effect counts
once and never behind an undo. Effects are counted as the other side counts them: by their
idempotency key, and not at all under a key that was undone.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from hypothesis import given
from hypothesis import strategies as st

from penstock.events.saga_headers import CommandHeaders, Direction, idempotency_key
from penstock.events.saga_messages import Outcome
from penstock.workers.participant import (
    BLANK,
    EXPIRED,
    Answer,
    Memory,
    answered_already,
    remembering,
)

DEADLINE_MS = 100


class Ending(Enum):
    """How a handler ends."""

    OK = auto()
    REFUSED = auto()
    RAISED_BEFORE = auto()
    """Without an effect."""
    RAISED_AFTER = auto()
    """With its effect."""


@dataclass(frozen=True)
class Delivery:
    """One command that is delivered, and what its handler would do."""

    direction: Direction
    attempt: int
    late: bool
    ending: Ending
    committed: bool
    """Whether the transaction with answer and memory is; else the record comes again."""


DELIVERIES = st.builds(
    Delivery,
    direction=st.sampled_from(Direction),
    attempt=st.integers(1, 3),
    late=st.booleans(),
    ending=st.sampled_from(Ending),
    committed=st.booleans(),
)


@dataclass
class World:
    """A participant, the other side where effects are, and a log of what was answered."""

    memory: Memory = BLANK
    effects: list[str] = field(default_factory=list)
    runs: list[Direction] = field(default_factory=list)
    answers: list[tuple[Direction, Answer]] = field(default_factory=list)
    undo_committed: bool = False

    def deliver(self, delivery: Delivery) -> None:
        """Answer one command."""
        asked = CommandHeaders(
            saga="order",
            step="reserve",
            direction=delivery.direction,
            attempt=delivery.attempt,
            idempotency_key=idempotency_key("order", delivery.direction, "reserve", "o-1"),
            deadline_ms=DEADLINE_MS,
            reply_to="_penstock.shop.saga.order.inbox",
        )
        now_ms = DEADLINE_MS + 1 if delivery.late else 0
        answer = answered_already(self.memory, asked, now_ms)
        if answer is None:
            assert not delivery.late
            answer = self._handle(asked, delivery.ending)
        if not delivery.committed:
            return
        self.memory = remembering(self.memory, asked, answer, 0)
        self.answers.append((delivery.direction, answer))
        self.undo_committed |= delivery.direction is Direction.UNDO

    def _handle(self, asked: CommandHeaders, ending: Ending) -> Answer:
        self.runs.append(asked.direction)
        if asked.direction is Direction.DO:
            assert not self.undo_committed, "a do behind an undo"
        if ending in (Ending.OK, Ending.RAISED_AFTER) and asked.idempotency_key not in self.effects:
            self.effects.append(asked.idempotency_key)
        if ending is Ending.OK:
            return Answer(outcome=Outcome.OK, data=b"%d" % len(self.runs))
        if ending is Ending.REFUSED:
            return Answer(outcome=Outcome.REFUSED, code=f"no{len(self.runs)}")
        return Answer(outcome=Outcome.ERROR, code="failed")


@given(st.lists(DELIVERIES, max_size=30))
def test_an_effect_counts_once_and_never_behind_an_undo(deliveries: list[Delivery]) -> None:
    """Whatever is delivered; `World` itself asserts that no do runs behind a committed undo."""
    world = World()
    for delivery in deliveries:
        world.deliver(delivery)
    assert len(world.effects) == len(set(world.effects)) <= 2


@given(st.lists(DELIVERIES, max_size=30))
def test_what_is_certain_is_said_again(deliveries: list[Delivery]) -> None:
    """All certain answers to dos are one, until an undo comes; from then on all are refusals.

    Undos: once one is Ok, all are that one.
    """
    world = World()
    for delivery in deliveries:
        world.deliver(delivery)
    undone_at = next(
        (at for at, (direction, _) in enumerate(world.answers) if direction is Direction.UNDO),
        len(world.answers),
    )
    dos = [
        [answer for direction, answer in part if direction is Direction.DO and answer.certain]
        for part in (world.answers[:undone_at], world.answers[undone_at:])
    ]
    assert all(answer == dos[0][0] for answer in dos[0])
    assert all(answer.outcome is Outcome.REFUSED for answer in dos[1])
    assert all(answer == dos[1][0] for answer in dos[1])
    undos = [answer for direction, answer in world.answers if direction is Direction.UNDO]
    first_ok = next((at for at, each in enumerate(undos) if each.outcome is Outcome.OK), len(undos))
    assert all(answer == undos[first_ok] for answer in undos[first_ok:])


@given(st.lists(DELIVERIES, max_size=30))
def test_behind_an_undo_no_do_is_answered_with_an_error(deliveries: list[Delivery]) -> None:
    """A do that will never run is not worth another attempt."""
    world = World()
    for delivery in deliveries:
        behind = world.undo_committed
        world.deliver(delivery)
        if behind and delivery.committed and delivery.direction is Direction.DO:
            assert world.answers[-1][1].outcome is Outcome.REFUSED


@given(st.lists(DELIVERIES, max_size=30))
def test_a_late_command_never_runs(deliveries: list[Delivery]) -> None:
    """It is answered with what is known, or that nobody waits for it."""
    world = World()
    for delivery in deliveries:
        before = len(world.runs)
        world.deliver(delivery)
        if delivery.late:
            assert len(world.runs) == before
            if delivery.committed and not world.answers[-1][1].certain:
                assert world.answers[-1][1] == EXPIRED
