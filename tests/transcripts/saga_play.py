"""A play about a saga: customer, services, clock and operators speak, the saga answers.

A play is a text. A line `speaker: words` is something that happens; the indented lines below it are
what the saga makes of it, and are what `perform` writes: the time since the beginning, the phase,
and one clause for each fact. Lines that begin with # are the author's. All words that may be said
stand in `_WORDS`; `saga: name` begins a new play about a saga of tests/sagas/shop.py.

An answer is to the latest attempt in the direction that was sent last, unless it says another.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from penstock.events.saga_headers import Direction
from penstock.sagas.engine.inputs import OutputsRefused
from penstock.sagas.engine.notes import ParkingCode
from penstock.sagas.scenario import SagaScenario
from tests.sagas.shop import (
    CHARGE,
    CHARGE_FOR_GOOD,
    HEAD,
    MAIL_ONLY,
    ORDER,
    RESERVE,
    RESERVE_SKIPPING,
    TURNED_BACK,
    order,
)

__all__ = ["perform"]

SAGAS = {
    "order": ORDER,
    "order without pivot": HEAD + RESERVE + CHARGE_FOR_GOOD + MAIL_ONLY,
    "order that charges first": HEAD + CHARGE + RESERVE_SKIPPING + MAIL_ONLY,
    "order that says so": ORDER + TURNED_BACK,
    "order in a hurry": ORDER.replace("deadline: 15m", "deadline: 65s"),
}
REPLIES = {
    "reserve_stock": {"reservation": "r-1"},
    "charge_card": {"charge": "c-1"},
    "ship": {"tracking": "T-1"},
}
_Said = Mapping[str, str | None]
_WHICH = r"(?P<step>\w+)(?: \((?P<way>do|undo)?(?: ?attempt )?(?P<attempt>\d+)?\))?"


def _start(play: SagaScenario, total: str) -> None:
    play.start(order_id="o-1", total=Decimal(total))


def _step(said: _Said) -> str:
    step = said["step"]
    assert step is not None
    return step


def _way(said: _Said) -> Direction | None:
    return Direction(said["way"]) if said["way"] else None


def _attempt(said: _Said) -> int | None:
    return int(said["attempt"]) if said["attempt"] else None


def _done(play: SagaScenario, said: _Said) -> None:
    step, way = _step(said), _way(said)
    going_back = way is Direction.UNDO or (way is None and play.step(step).undo_attempt)
    data = {} if going_back else REPLIES.get(step, {})
    play.replies(step, data=data, direction=way, attempt=_attempt(said))


def _refused(play: SagaScenario, said: _Said) -> None:
    play.refuses(_step(said), said["code"] or "", direction=_way(said), attempt=_attempt(said))


def _failed(play: SagaScenario, said: _Said) -> None:
    play.fails(
        _step(said),
        said["code"] or "",
        retryable=said["good"] is None,
        direction=_way(said),
        attempt=_attempt(said),
    )


def _unreadable(play: SagaScenario, said: _Said) -> None:
    play.babbles(_step(said), direction=_way(said), attempt=_attempt(said))


def _operate(play: SagaScenario, said: _Said) -> None:
    step = _step(said)
    match said["verb"]:
        case "retry":
            play.retry(step)
        case "skip":
            play.skip(step)
        case "mark-undone":
            play.mark_undone(step)
        case _:
            play.mark_done(step, **REPLIES.get(step, {}))


_WORDS: Mapping[str, Callable[[SagaScenario, _Said], object]] = {
    r"customer: orders(?: again)?": lambda play, _: _start(play, "19.99"),
    r"customer: orders something else under the same key": lambda play, _: _start(play, "5.00"),
    r"customer: cancels": lambda play, _: play.cancel(),
    rf"service: {_WHICH} is done": _done,
    rf"service: {_WHICH} is refused, (?P<code>\w+)": _refused,
    rf"service: {_WHICH} failed(?P<good> for good)?, (?P<code>\w+)": _failed,
    rf"service: {_WHICH} is answered unreadably": _unreadable,
    r"clock: (?P<time>\w+) pass(?:es)?": lambda play, said: play.advance(said["time"] or ""),
    r"operator: (?P<verb>retry|skip|mark-done|mark-undone) (?P<step>\w+)": _operate,
    r"broker: refuses what is sent": lambda play, _: play.output_refused(),
    r"broker: refuses what is said in the end": lambda play, _: play.give(
        OutputsRefused(reason="too large", code=ParkingCode.NOT_ANNOUNCED)
    ),
}


def perform(play: str) -> str:
    """Perform a play and write down what the saga makes of it.

    Args:
        play: the text, with or without the answers of an earlier performance.

    Returns:
        The same text with the answers of this performance.
    """
    return "".join(f"{line}\n" for line in _lines(play))


def _lines(text: str) -> Iterator[str]:
    play = order()
    for line in text.splitlines():
        if line.startswith(" "):
            continue
        yield line
        if not line or line.startswith("#"):
            continue
        if line.startswith("saga: "):
            play = order(SAGAS[line.removeprefix("saga: ")])
            continue
        before = len(play.script)
        _speak(play, line)
        yield from (said for said in play.script[before:].splitlines() if said.startswith(" "))


def _speak(play: SagaScenario, line: str) -> None:
    for words, act in _WORDS.items():
        said = re.fullmatch(words, line)
        if said:
            act(play, said.groupdict())
            return
    message = f"nobody in this play may say: {line}"
    raise ValueError(message)
