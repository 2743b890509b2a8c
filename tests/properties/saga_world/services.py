"""The services' side: the real memory of participants around handlers that do what they like.

A handler does its work at another side, where effects are kept by their idempotency key: done again
under the same key they are there once, and an undo takes them away. It may also refuse, which it
does only where there certainly is no effect; fail before or after its work; or end together with
its process, after its work and before anything of it is committed: then the command comes again.

It may be cut off, too, by its time limit or by the death of its process, with the work on its way
to the other side, which does it some time later. No memory of a participant helps there; the other
side itself has to know keys that were undone or refused, and do nothing under them any more.

A service that is not held to one of its duties is described by `Duties`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from tests.properties.saga_world.messages import DO, ERROR, FATAL, OK, REFUSED, Ask
from tests.properties.saga_world.product import (
    BLANK,
    Answer,
    CommandHeaders,
    Direction,
    Memory,
    Outcome,
    answered_already,
    idempotency_key,
    remembering,
)
from tests.properties.saga_world.shapes import KEY

__all__ = ["CRASH", "ENDINGS", "Duties", "Run", "Service", "Services", "Wishes"]

DEADLINE_MS: Final = 10
CRASH: Final = 0
"""Instead of an answer: the command stays where it is."""
MOST_EFFECTS: Final = 2
"""More than one is wrong already."""

ENDINGS: Final = frozenset(
    {
        "ok",
        "refused",
        "failed",
        "failed after it",
        "failed for good",
        "failed for good after it",
        "crashed",
        "cut off",
        "cut off in a crash",
        "remembers Ok",
        "remembers Refused",
        "expired",
    }
)
"""All ways in which a command may be handled, in words."""

Remember = Callable[[Memory, CommandHeaders, Answer, int], Memory]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What services are held to. The dutiful one is the product, with an honest handler."""

    remember: Remember = remembering
    """What the participant remembers of an answer."""
    keyed: bool = True
    """Whether the same effect under the same key is there once."""
    honest: bool = True
    """Whether a refusal means that there is no effect, and that none will come."""
    closes: bool = True
    """Whether the other side does nothing any more under a key that was undone."""


class Wishes(NamedTuple):
    """What handlers may do beside succeeding, and failing before or after their work."""

    fatal: bool = False
    """Fail so that no further attempt mends it."""
    refuse_undo: bool = False
    cut_off: bool = False
    """End with the work on its way to the other side."""


class Service(NamedTuple):
    """One service: its memory, by number, and its effects at the other side."""

    memory: int = 0
    effects: int = 0
    undoing: bool = False
    """Whether it was asked to undo, and has answered somehow."""
    late: bool = False
    """Whether work is on its way to the other side."""
    closed: bool = False
    """Whether the other side does nothing any more. Told only where work may be late."""


class Run(NamedTuple):
    """One way in which a command may be handled."""

    how: str
    """A word for the narrator."""
    answer: int
    """One of the answers, or CRASH."""
    service: Service


_Endings = Iterator[tuple[str, Service, Answer | None]]
"""How a handler ends: a word, what it leaves behind, and its answer; None where it crashes."""


class Services:
    """Participants, their memories numbered in the order in which they were met."""

    def __init__(self, names: tuple[str, ...], duties: Duties, wishes: Wishes) -> None:
        """Begin with services that remember nothing."""
        self._names = names
        self._duties = duties
        self._wishes = wishes
        self._memories: list[Memory] = []
        self._numbers: dict[Memory, int] = {}
        self._number(BLANK)
        self.runs = cache(self._runs)

    def memory(self, service: Service) -> Memory:
        """Return what a service remembers."""
        return self._memories[service.memory]

    def _runs(self, service: Service, ask: Ask, awaited: bool) -> tuple[Run, ...]:
        """List all ways in which a service may handle a command.

        Args:
            service: the one that is asked.
            ask: the command.
            awaited: whether the attempt still has time.
        """
        asked = self._headers(ask)
        memory = self.memory(service)
        known = answered_already(memory, asked, 0)
        if known is not None:
            how = "remembers Ok" if known.outcome is Outcome.OK else "remembers Refused"
            return (self._answered(how, service, asked, known),)
        runs = list(self._handled(service, asked))
        expired = answered_already(memory, asked, DEADLINE_MS)
        if expired is not None and not awaited:
            runs.append(self._answered("expired", service, asked, expired))
        return tuple(runs)

    def landed(self, service: Service) -> Service:
        """Let work arrive that was on its way to the other side."""
        landed = service._replace(late=False)
        return landed if service.closed else landed._replace(effects=self._done(landed))

    def _handled(self, service: Service, asked: CommandHeaders) -> Iterator[Run]:
        endings = self._done_endings if asked.direction is Direction.DO else self._undone_endings
        for how, worked, answer in endings(service):
            if answer is not None:
                yield self._answered(how, worked, asked, answer)
            elif worked != service:
                yield Run(how, CRASH, worked)

    def _done_endings(self, service: Service) -> _Endings:
        if not service.closed:
            worked = service._replace(effects=self._done(service))
            yield "ok", worked, _SAID[OK]
            yield "failed after it", worked, _SAID[ERROR]
            yield "crashed", worked, None
            if self._wishes.fatal:
                yield "failed for good after it", worked, _SAID[FATAL]
            if self._wishes.cut_off:
                yield "cut off", service._replace(late=True), _SAID[ERROR]
                yield "cut off in a crash", service._replace(late=True), None
        if not (service.effects and self._duties.honest):
            refused = service._replace(closed=self._wishes.cut_off and self._duties.honest)
            yield "refused", refused, _SAID[REFUSED]
        yield from self._failures(service)

    def _undone_endings(self, service: Service) -> _Endings:
        closed = self._wishes.cut_off and self._duties.closes
        worked = service._replace(effects=0, closed=closed)
        yield "ok", worked, _SAID[OK]
        yield "failed after it", worked, _SAID[ERROR]
        yield "crashed", worked, None
        if self._wishes.fatal:
            yield "failed for good after it", worked, _SAID[FATAL]
        if self._wishes.refuse_undo:
            yield "refused", service, _SAID[REFUSED]
        yield from self._failures(service)

    def _failures(self, service: Service) -> _Endings:
        yield "failed", service, _SAID[ERROR]
        if self._wishes.fatal:
            yield "failed for good", service, _SAID[FATAL]

    def _done(self, service: Service) -> int:
        return 1 if self._duties.keyed else min(service.effects + 1, MOST_EFFECTS)

    def _answered(self, how: str, worked: Service, asked: CommandHeaders, answer: Answer) -> Run:
        memory = self._duties.remember(self.memory(worked), asked, answer, 0)
        undoing = worked.undoing or asked.direction is Direction.UNDO
        after = worked._replace(memory=self._number(memory), undoing=undoing)
        return Run(how, _kind(answer), after)

    def _headers(self, ask: Ask) -> CommandHeaders:
        step = self._names[ask.step]
        direction = Direction.DO if ask.way == DO else Direction.UNDO
        return CommandHeaders(
            saga="order",
            step=step,
            direction=direction,
            attempt=ask.attempt,
            idempotency_key=idempotency_key("order", direction, step, KEY),
            deadline_ms=DEADLINE_MS,
            reply_to="_penstock.shop.saga.order.inbox",
        )

    def _number(self, memory: Memory) -> int:
        number = self._numbers.setdefault(memory, len(self._memories))
        if number == len(self._memories):
            self._memories.append(memory)
        return number


_SAID: Final = {
    OK: Answer(outcome=Outcome.OK),
    REFUSED: Answer(outcome=Outcome.REFUSED, code="no"),
    ERROR: Answer(outcome=Outcome.ERROR, code="busy"),
    FATAL: Answer(outcome=Outcome.ERROR, code="broken", retryable=False),
}


def _kind(answer: Answer) -> int:
    if answer.outcome is Outcome.OK:
        return OK
    if answer.outcome is Outcome.REFUSED:
        return REFUSED
    return ERROR if answer.retryable else FATAL
