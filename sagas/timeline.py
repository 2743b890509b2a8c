"""A saga's history in words: one line for each fact, for people who look at one saga.

    12:00:00.000  start   the saga begins; its deadline is in 2m
    12:00:00.000  start   reserve_stock: asked, attempt 1; an answer is late after 3s
    12:00:00.021  reply   reserve_stock: done

What services, callers and operators wrote is cut and made harmless on the way.

Laws:
1. `_SENTENCES` has a line for each kind of fact, `_NOTES` for each word of a note.
2. The order is the history's; nothing is left out and nothing is added.
3. Payload is never shown: facts carry it, sentences do not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.facts import Fact, FactKind
from penstock.sagas.engine.notes import Note
from penstock.sagas.language.durations import duration_text
from penstock.sagas.language.source_text import harmless
from penstock.sagas.records import Transition

__all__ = ["Happening", "sentence", "timeline"]

_TEXT_LIMIT: Final = 200
"""Characters of a foreign text at most."""

_Sentence = Callable[[Fact, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A line of a timeline."""

    at_ms: int
    """When, milliseconds since 1970."""
    seq: int
    """The saga's count of transitions; 0 where there was no saga."""
    trigger: str
    """What kind of input made it happen."""
    fact: Fact
    """What happened."""
    text: str
    """The same in words, one line."""


def timeline(transitions: Iterable[Transition]) -> Iterator[Happening]:
    """Tell a history.

    Args:
        transitions: of one saga, in order.
    """
    for transition in transitions:
        for fact in transition.facts:
            yield Happening(
                at_ms=transition.at_ms,
                seq=transition.seq,
                trigger=harmless(transition.trigger),
                fact=fact,
                text=sentence(fact, at_ms=transition.at_ms),
            )


def sentence(fact: Fact, *, at_ms: int) -> str:
    """Say what a fact says.

    Args:
        fact: any.
        at_ms: when it happened; times in it are told from then.
    """
    return _SENTENCES[fact.kind](fact, at_ms)


def _of_saga(words: str) -> _Sentence:
    return lambda _fact, _at_ms: f"the saga {words}"


def _of_step(words: str) -> _Sentence:
    return lambda fact, _at_ms: f"{fact.step}: {words}{_in_brackets(fact)}"


def _started(fact: Fact, at_ms: int) -> str:
    deadline = "" if fact.due_ms is None else f"; its deadline is in {_span(fact, at_ms)}"
    return f"the saga begins{deadline}"


def _sent(fact: Fact, at_ms: int) -> str:
    asked = "asked" if fact.direction is Direction.DO else "asked to undo it"
    late = f"an answer is late after {_span(fact, at_ms)}"
    return f"{fact.step}: {asked}, attempt {fact.attempt}; {late}"


def _waits(fact: Fact, at_ms: int) -> str:
    failed = f"attempt {fact.attempt} failed{_in_brackets(fact)}"
    return f"{fact.step}: {failed}; the next goes out in {_span(fact, at_ms)}"


def _fresh(fact: Fact, at_ms: int) -> str:
    del at_ms
    which = "to do it" if fact.direction is Direction.DO else "to undo it"
    return f"{fact.step}: attempts {which} are counted anew"


def _failed(fact: Fact, at_ms: int) -> str:
    del at_ms
    cause = f"{fact.step}, {_shown(fact.code)}" if fact.step else _shown(fact.code)
    return f"the saga turns round: {cause}"


def _moved(fact: Fact, at_ms: int) -> str:
    del at_ms
    return f"the saga is {fact.phase}"


def _parked(fact: Fact, at_ms: int) -> str:
    del at_ms
    where = f" at {fact.step} ({fact.direction})" if fact.step else ""
    return f"the saga waits for an operator{where}: {_reason(fact)}"


def _announced(fact: Fact, at_ms: int) -> str:
    del at_ms
    return f"the saga says so: {_shown(fact.text)}"


def _unannounced(fact: Fact, at_ms: int) -> str:
    del at_ms
    return f"the saga cannot say so{_in_brackets(fact)}"


def _kept(fact: Fact, at_ms: int) -> str:
    return f"the saga has ended; it is remembered for {_span(fact, at_ms)}"


def _cancelled(fact: Fact, at_ms: int) -> str:
    del at_ms
    return f"{_shown(fact.code)} asks to cancel: {_shown(fact.text)}"


def _operated(fact: Fact, at_ms: int) -> str:
    del at_ms
    where = f"{fact.step}: " if fact.step else ""
    return f"{where}an operator asks for {_shown(fact.code)} ({_shown(fact.text)})"


def _noted(fact: Fact, at_ms: int) -> str:
    del at_ms
    where = f"{fact.step}: " if fact.step else ""
    words = _NOTES.get(fact.code, f"noted: {_shown(fact.code)}")
    attempt = f" ({fact.direction}, attempt {fact.attempt})" if fact.attempt else ""
    text = f": {_shown(fact.text)}" if fact.text else ""
    return f"{where}{words}{attempt}{text}"


def _span(fact: Fact, at_ms: int) -> str:
    assert fact.due_ms is not None
    return duration_text(fact.due_ms - at_ms)


def _in_brackets(fact: Fact) -> str:
    reason = _reason(fact)
    return f" ({reason})" if reason else ""


def _reason(fact: Fact) -> str:
    return ": ".join(_shown(part) for part in (fact.code, fact.text) if part)


def _shown(text: str) -> str:
    return harmless(text[:_TEXT_LIMIT]) + ("..." if len(text) > _TEXT_LIMIT else "")


_SENTENCES: Final[Mapping[FactKind, _Sentence]] = {
    FactKind.STARTED: _started,
    FactKind.SENT: _sent,
    FactKind.WAITS: _waits,
    FactKind.FRESH: _fresh,
    FactKind.DONE: _of_step("done"),
    FactKind.REFUSED: _of_step("refused"),
    FactKind.UNKNOWN: _of_step("nobody knows whether it was done"),
    FactKind.UNDONE: _of_step("undone"),
    FactKind.STUCK: _of_step("cannot be undone"),
    FactKind.SKIPPED: _of_step("left as it stands"),
    FactKind.FAILED: _failed,
    FactKind.MOVED: _moved,
    FactKind.PARKED: _parked,
    FactKind.RESUMED: _of_saga("goes on"),
    FactKind.PAST_DEADLINE: _of_saga("is past its deadline, which no longer counts"),
    FactKind.KEPT: _kept,
    FactKind.REMOVED: _of_saga("is forgotten"),
    FactKind.CANCELLED: _cancelled,
    FactKind.OPERATED: _operated,
    FactKind.NOTED: _noted,
    FactKind.ANNOUNCED: _announced,
    FactKind.UNANNOUNCED: _unannounced,
}

_NOTES: Final[Mapping[str, str]] = {
    Note.ACCEPTED: "answered: accepted",
    Note.ALREADY: "answered: that is so already",
    Note.CONFLICT: "answered: the key belongs to a saga with another input",
    Note.TOO_LATE: "too late to turn round",
    Note.NOT_FOUND: "answered: there is no such saga",
    Note.NOT_POSSIBLE: "answered: not possible",
    Note.LATE: "something came that nothing waits for any more",
    Note.DUPLICATE: "the same answer came again",
    Note.CONTRADICTION: "the contrary answer came; the first one counts",
    Note.STALE: "an error came from an attempt that is over",
    Note.ORPHAN: "something came for a saga that is not there",
    Note.FOREIGN: "something came that cannot be taken; it is in the dead letters",
    Note.UNREADABLE: "an answer came that cannot be read; it is in the dead letters",
    Note.UNSENT: "the broker refused what was to be sent",
}
"""Words may come that this version does not know; they are shown as they are."""
