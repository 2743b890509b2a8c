"""One transition in the making: facts are stated, and the state follows at once.

The rules of a saga are functions of a `Turn`. They look at the state as it is after the facts so
far, state further facts and ask for effects; none of them touches a state.

Laws:
1. The state of a turn is always what its facts make of the one that it began with.
2. What came from outside is cut to a bounded length before it becomes part of a fact.
3. A turn lives for one call of `decide`.
"""

from typing import Final, final

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.effects import Effect, SoundAlarm
from penstock.sagas.engine.facts import Fact, FactKind, counted, evolve
from penstock.sagas.engine.notes import AlarmName, Note
from penstock.sagas.engine.program import Program
from penstock.sagas.engine.state import Phase, SagaState, StepState

__all__ = ["CODE_LIMIT", "TEXT_LIMIT", "Turn"]

CODE_LIMIT: Final = 256
"""Characters of a code at most. Codes name; what explains is text."""
TEXT_LIMIT: Final = 1_024
"""Characters of a text at most, as in an answer (saga_messages.StepReply)."""


@final
class Turn:
    """What one input does to a saga, so far."""

    __slots__ = (
        *("_moment", "_state", "draw", "effects", "facts", "key", "now_ms", "program"),
        "silenced",
    )

    def __init__(
        self, program: Program, key: str, state: SagaState | None, *, now_ms: int, draw: float
    ) -> None:
        """Begin with a state and no facts."""
        self.program = program
        self.key = key
        self.now_ms = now_ms
        self.draw = draw
        """Shortens waits, 0 to 1; 0 is nominal."""
        self.silenced = ""
        """Why the saga announces nothing, should it end in this turn; empty where it does."""
        self.facts: list[Fact] = []
        self.effects: list[Effect] = []
        self._state = state
        self._moment = program.moment(key, now_ms)

    # What is

    @property
    def state(self) -> SagaState | None:
        """The state after the facts so far; None where there is no saga."""
        return self._state

    @property
    def saga(self) -> SagaState:
        """The same, where there is one."""
        assert self._state is not None
        return self._state

    @property
    def phase(self) -> Phase:
        """Where the saga stands."""
        return self.saga.phase

    @property
    def standing(self) -> Phase:
        """Where it stands, or stood when it was parked."""
        parked = self.saga.parked
        return self.saga.phase if parked is None else parked.phase

    def at(self, step: str) -> StepState:
        """Where a step stands."""
        place = self.program.place(step)
        assert place is not None
        return self.saga.steps[place]

    def is_parked_for(self, step: str) -> bool:
        """Tell whether the saga waits for an operator because of this step."""
        parked = self.saga.parked
        return self.phase is Phase.PARKED and parked is not None and parked.step == step

    # What becomes

    def fact(
        self,
        kind: FactKind,
        *,
        step: str = "",
        direction: Direction | None = None,
        attempt: int = 0,
        due_ms: int | None = None,
        data: bytes | None = None,
        code: str = "",
        text: str = "",
        phase: Phase | None = None,
        count: int = 0,
    ) -> None:
        """State a fact."""
        fact = Fact(
            kind=kind,
            step=step,
            direction=direction,
            attempt=attempt,
            due_ms=due_ms,
            data=data,
            code=str(code)[:CODE_LIMIT],
            text=text[:TEXT_LIMIT],
            phase=phase,
            count=count,
        )
        self.facts.append(fact)
        self._state = evolve(self._state, fact, self._moment)

    def note(
        self,
        note: Note,
        *,
        step: str = "",
        direction: Direction | None = None,
        attempt: int = 0,
        text: str = "",
    ) -> None:
        """State that something came and changes nothing. The step may be anybody's word."""
        self.fact(
            FactKind.NOTED,
            step=step[:CODE_LIMIT],
            direction=direction,
            attempt=attempt,
            code=note,
            text=text,
        )

    def effect(self, effect: Effect) -> None:
        """Ask for an effect."""
        self.effects.append(effect)

    def alarm(self, name: AlarmName, text: str) -> None:
        """Tell people. The text names coordinates and codes, never payload."""
        saga = self.program.definition.saga
        self.effect(SoundAlarm(name=name, text=f"Saga {saga}/{self.key}: {text}"[:TEXT_LIMIT]))

    def result(self) -> SagaState | None:
        """Return the state after the turn: the same object where nothing was stated."""
        return counted(self._state, self._moment) if self.facts else self._state
