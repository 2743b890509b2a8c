"""Where many sagas stand, as their histories tell it, in one line of text.

    12 begun; at reserve_stock 1, charge_card 3; undoing 1; completed 6, compensated 1

For whoever watches: the demo, and tools like it. It follows the histories from their beginning, so
it needs no query and no state of its own that could be wrong.

Laws:
1. Each transition is taken once, in the order of its saga.
2. Pure, and small: of a saga it keeps where it stands and why it turned round.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import final

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.state import Failure, Phase
from penstock.sagas.records import Transition

__all__ = ["SagaBoard", "SagaStanding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStanding:
    """Where one saga stands."""

    phase: Phase = Phase.RUNNING
    """Its phase."""
    step: str = ""
    """The step that was asked for last; empty before the first."""
    attempts: int = 0
    """Commands sent so far, undos included."""
    undoing: bool = False
    """Whether that step was asked to be undone."""
    failure: Failure | None = None
    """Why it turned round."""
    parked_from: Phase | None = None
    """Where it stood when it was parked."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self.phase.ended or self.phase is Phase.PARKED


@final
class SagaBoard:
    """Many sagas of one definition."""

    def __init__(self, steps: Iterable[str]) -> None:
        """Begin with none.

        Args:
            steps: names of the definition's steps, in order.
        """
        self._steps = tuple(steps)
        self._standings: dict[str, SagaStanding] = {}

    def take(self, transition: Transition) -> None:
        """Take one entry of a history."""
        for fact in transition.facts:
            if fact.kind is FactKind.STARTED:
                self._standings[transition.key] = SagaStanding()
            elif transition.key in self._standings:
                before = self._standings[transition.key]
                self._standings[transition.key] = _after(before, fact)

    @property
    def standings(self) -> Mapping[str, SagaStanding]:
        """Each saga that has begun, by its key."""
        return self._standings

    @property
    def at_rest(self) -> int:
        """How many have ended or wait for a person."""
        return sum(standing.at_rest for standing in self._standings.values())

    def at(self, step: str) -> int:
        """How many are being done at a step right now."""
        return sum(
            standing.step == step and not standing.undoing and not standing.at_rest
            for standing in self._standings.values()
        )

    def count(self, phase: Phase) -> int:
        """How many are in a phase."""
        return sum(standing.phase is phase for standing in self._standings.values())

    def line(self) -> str:
        """Say where all of them stand; what nobody stands at is left out."""
        waiting = [(step, self.at(step)) for step in self._steps]
        undoing = sum(
            standing.undoing and not standing.at_rest for standing in self._standings.values()
        )
        ended = [
            (phase.lower(), self.count(phase))
            for phase in (Phase.COMPLETED, Phase.COMPENSATED, Phase.PARKED)
        ]
        parts = [
            f"{len(self._standings)} begun",
            _list("at ", waiting),
            _list("", [("undoing", undoing)]),
            _list("", ended),
        ]
        return "; ".join(filter(None, parts))

    def failures(self) -> Iterator[tuple[Failure, int]]:
        """Say why sagas turned round, the most frequent reason first."""
        reasons = Counter(
            standing.failure
            for standing in self._standings.values()
            if standing.failure is not None
        )
        yield from sorted(reasons.items(), key=lambda each: (-each[1], each[0].step, each[0].code))


def _after(before: SagaStanding, fact: Fact) -> SagaStanding:
    match fact.kind:
        case FactKind.SENT:
            return replace(
                before,
                step=fact.step,
                undoing=fact.direction is Direction.UNDO,
                attempts=before.attempts + 1,
            )
        case FactKind.FAILED:
            return replace(before, failure=Failure(step=fact.step, code=fact.code))
        case FactKind.MOVED:
            assert fact.phase is not None
            return replace(before, phase=fact.phase)
        case FactKind.PARKED:
            # Parked already, it only waits for another reason.
            return replace(
                before, phase=Phase.PARKED, parked_from=before.parked_from or before.phase
            )
        case FactKind.RESUMED:
            assert before.parked_from is not None
            return replace(before, phase=before.parked_from, parked_from=None)
        case _:
            return before


def _list(before: str, counts: Iterable[tuple[str, int]]) -> str:
    shown = ", ".join(f"{name} {count}" for name, count in counts if count)
    return f"{before}{shown}" if shown else ""
