"""Where many sagas stand, in one line."""

from penstock.events.saga_headers import Direction
from penstock.infra.sagas.board import SagaBoard
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.state import Failure, Phase
from penstock.sagas.records import Transition

STARTED = Fact(kind=FactKind.STARTED, count=2)


def board(*told: tuple[str, Fact]) -> SagaBoard:
    """A board that has taken these facts, each with its saga's key."""
    made = SagaBoard(["reserve", "charge"])
    for key, fact in told:
        made.take(
            Transition(key=key, seq=1, at_ms=0, version=1, trigger="x", cause="", facts=(fact,))
        )
    return made


def sent(step: str, direction: Direction = Direction.DO) -> Fact:
    """A command went out."""
    return Fact(kind=FactKind.SENT, step=step, direction=direction, attempt=1)


def moved(phase: Phase) -> Fact:
    """The saga is in another phase."""
    return Fact(kind=FactKind.MOVED, phase=phase)


def test_a_saga_stands_at_the_step_that_was_asked_for_last() -> None:
    """Steps come in the definition's order; where nobody stands is left out."""
    made = board(
        *((key, STARTED) for key in "abc"),
        ("a", sent("reserve")),
        ("b", sent("reserve")),
        ("b", sent("charge")),
        ("c", sent("charge")),
    )
    assert made.line() == "3 begun; at reserve 1, charge 2"
    assert (made.at("reserve"), made.at("charge")) == (1, 2)


def test_a_saga_that_is_undone_stands_at_no_step() -> None:
    """It is on its way back."""
    made = board(("a", STARTED), ("a", sent("reserve")), ("a", sent("reserve", Direction.UNDO)))
    assert made.line() == "1 begun; undoing 1"


def test_ended_sagas_are_counted_by_their_end() -> None:
    """They stand nowhere any more."""
    made = board(
        *((key, STARTED) for key in "abc"),
        *((key, sent("charge")) for key in "abc"),
        ("a", moved(Phase.COMPLETED)),
        ("b", moved(Phase.COMPENSATED)),
    )
    assert made.line() == "3 begun; at charge 1; completed 1, compensated 1"
    assert made.at_rest == 2


def test_a_parked_saga_rests_until_it_goes_on() -> None:
    """An answer or an operator takes it back to where it stood."""
    parked = (
        ("a", STARTED),
        ("a", moved(Phase.FORWARD)),
        ("a", Fact(kind=FactKind.PARKED, direction=Direction.DO, code="gave_up")),
    )
    assert board(*parked).line() == "1 begun; parked 1"
    resumed = board(*parked, ("a", Fact(kind=FactKind.RESUMED)))
    assert (resumed.at_rest, resumed.count(Phase.FORWARD)) == (0, 1)


def test_a_saga_that_is_parked_again_goes_on_from_where_it_stood_first() -> None:
    """Only the reason is another, where the broker refuses what an operator's decision sends."""
    parked = Fact(kind=FactKind.PARKED, direction=Direction.UNDO, code="stuck")
    again = Fact(kind=FactKind.PARKED, direction=Direction.UNDO, code="not_announced")
    facts = (STARTED, moved(Phase.COMPENSATING), parked, again)
    waiting = board(*(("a", fact) for fact in facts))
    assert waiting.line() == "1 begun; parked 1"
    resumed = board(*(("a", fact) for fact in (*facts, Fact(kind=FactKind.RESUMED))))
    assert (resumed.at_rest, resumed.count(Phase.COMPENSATING)) == (0, 1)


def test_reasons_are_counted() -> None:
    """The most frequent first."""
    made = board(
        *((key, STARTED) for key in "abc"),
        ("a", Fact(kind=FactKind.FAILED, step="charge", code="declined")),
        ("b", Fact(kind=FactKind.FAILED, step="reserve", code="timeout")),
        ("c", Fact(kind=FactKind.FAILED, step="charge", code="declined")),
    )
    assert list(made.failures()) == [
        (Failure(step="charge", code="declined"), 2),
        (Failure(step="reserve", code="timeout"), 1),
    ]


def test_what_belongs_to_no_saga_is_passed_over() -> None:
    """A cancel of an unknown key is in the history, too."""
    made = board(("x", Fact(kind=FactKind.NOTED, code="NOT_FOUND")))
    assert made.line() == "0 begun"
