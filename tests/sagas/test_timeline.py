"""A history in words: every fact has its line, and nothing in it can do harm to a terminal."""

from pathlib import Path

import pytest

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.notes import Note
from penstock.sagas.engine.state import Phase
from penstock.sagas.records import Transition
from penstock.sagas.timeline import Happening, sentence, timeline
from tests.transcripts.golden import golden

GOLDEN = Path(__file__).parent / "timelines" / "parked_order.txt"
DO, UNDO = Direction.DO, Direction.UNDO
K = FactKind


def sent(step: str, at_ms: int, attempt: int = 1, way: Direction = DO) -> Fact:
    """A command that waits three seconds."""
    return Fact(kind=K.SENT, step=step, direction=way, attempt=attempt, due_ms=at_ms + 3_000)


def noted(note: Note, **more: str) -> Fact:
    """A note."""
    return Fact(kind=K.NOTED, code=note, **more)  # type: ignore[arg-type] # texts only


STORY: tuple[tuple[int, str, tuple[Fact, ...]], ...] = (
    (
        0,
        "start",
        (
            Fact(kind=K.STARTED, data=b"secret", due_ms=120_000, count=3),
            noted(Note.ACCEPTED),
            sent("reserve_stock", 0),
        ),
    ),
    (21, "reply", (Fact(kind=K.DONE, step="reserve_stock", data=b"x"), sent("charge_card", 21))),
    (
        3_021,
        "timer",
        (
            Fact(
                kind=K.WAITS,
                step="charge_card",
                direction=DO,
                attempt=1,
                due_ms=3_894,
                code="timeout",
            ),
        ),
    ),
    (3_894, "timer", (sent("charge_card", 3_894, 2),)),
    (3_900, "reply", (noted(Note.STALE, step="charge_card"),)),
    (
        4_000,
        "reply",
        (
            Fact(kind=K.REFUSED, step="charge_card", code="card_declined", text="no money"),
            Fact(kind=K.FAILED, step="charge_card", code="card_declined"),
            Fact(kind=K.MOVED, phase=Phase.COMPENSATING),
            sent("reserve_stock", 4_000, 1, UNDO),
        ),
    ),
    (
        4_010,
        "cancel",
        (Fact(kind=K.CANCELLED, code="ann", text="customer called"), noted(Note.ALREADY)),
    ),
    (
        5_000,
        "reply",
        (
            Fact(kind=K.STUCK, step="reserve_stock", code="shelf_gone"),
            Fact(
                kind=K.PARKED,
                step="reserve_stock",
                direction=UNDO,
                code="stuck",
                text="shelf_gone",
            ),
        ),
    ),
    (
        90_000,
        "operator",
        (
            Fact(kind=K.OPERATED, step="reserve_stock", code="retry", text="bob: shelf is back"),
            noted(Note.ACCEPTED, step="reserve_stock"),
            Fact(kind=K.RESUMED),
            Fact(kind=K.FRESH, step="reserve_stock", direction=UNDO),
            sent("reserve_stock", 90_000, 2, UNDO),
        ),
    ),
    (
        90_020,
        "reply",
        (
            Fact(kind=K.UNDONE, step="reserve_stock"),
            Fact(kind=K.MOVED, phase=Phase.COMPENSATED),
            Fact(kind=K.ANNOUNCED, text="shop.OrderTurnedBack"),
            Fact(kind=K.KEPT, due_ms=90_020 + 7 * 86_400_000),
        ),
    ),
    (604_890_020, "timer", (Fact(kind=K.REMOVED),)),
)


def story() -> list[Transition]:
    """The transitions of the story."""
    return [
        Transition(
            key="o-1",
            seq=number,
            at_ms=at_ms,
            version=1,
            trigger=trigger,
            cause=f"c-{number}",
            facts=facts,
        )
        for number, (at_ms, trigger, facts) in enumerate(STORY, 1)
    ]


def line(happening: Happening) -> str:
    """A line of the golden text."""
    return f"{happening.seq:2} {happening.at_ms:>11} {happening.trigger:8} {happening.text}\n"


def test_a_story_reads_as_people_tell_it() -> None:
    """From the start over a refusal, a cancel and an operator to the end; a golden text."""
    told = "".join(map(line, timeline(story())))
    assert told == golden(GOLDEN, told)


def fact_of(kind: FactKind) -> Fact:
    """A fact with all its fields."""
    return Fact(
        kind=kind,
        step="ship",
        direction=DO,
        attempt=2,
        due_ms=5_000,
        code="code",
        text="text",
        phase=Phase.FORWARD,
    )


@pytest.mark.parametrize("kind", FactKind)
def test_every_kind_of_fact_has_its_sentence(kind: FactKind) -> None:
    """One line each."""
    text = sentence(fact_of(kind), at_ms=0)
    assert text
    assert text.isprintable()


@pytest.mark.parametrize("note", Note)
def test_every_word_of_a_note_is_put_into_words(note: Note) -> None:
    """A newer word is shown as it is."""
    assert str(note) not in sentence(noted(note), at_ms=0)
    assert sentence(Fact(kind=K.NOTED, code="NEWER"), at_ms=0) == "noted: NEWER"


def test_payload_never_appears() -> None:
    """Facts carry inputs and answers, sentences do not."""
    assert not any("secret" in happening.text for happening in timeline(story()))


@pytest.mark.parametrize(
    "kind", [K.REFUSED, K.PARKED, K.CANCELLED, K.OPERATED, K.NOTED, K.UNANNOUNCED]
)
def test_foreign_text_stays_on_its_line(kind: FactKind) -> None:
    """A service may answer anything: it is escaped and cut."""
    fact = Fact(
        kind=kind, step="ship", direction=DO, code="a\nb", text="\x1b[2J\u202e" + "x" * 1_000
    )
    text = sentence(fact, at_ms=0)
    assert text.isprintable()
    assert len(text) < 600
