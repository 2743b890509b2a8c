"""A participant in sagas: what it remembers of a step, and what it therefore answers.

    command -> answered by what is remembered?  -> that answer
            -> nobody waits for it any more?    -> Error("expired")
            -> else its handler runs            -> an answer, and what is remembered from now on

A step of a saga may be asked to be done, and to be undone, more than once, late, and in the wrong
order; the effect of its handler counts once all the same (formats.md F17; the model that shows why
is in anchors/sagas.md §3.3).

Laws:
1. What was certain once is certain for ever: Ok and Refused are remembered and given again,
   whatever attempt asks. An Error says that nobody knows, so it is never remembered and the next
   attempt runs.
2. An undo runs whatever is known of the do, also where nothing is, or that it was refused: an
   attempt may have had its effect without anybody having heard of it.
3. Once an undo has come the do never runs again, whatever became of the undo: the saga is turning
   back. This is the tombstone. A do is then answered Refused, also where it was answered Ok before:
   an Ok would claim an effect that is undone, or about to be. (The saga waits for no such answer; a
   later saga of the same key might believe it.)
4. A refused undo waits for a person, who may ask again: an attempt after the refused one runs.
5. Pure: time is an argument.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.events.dead_letter import failure_code, failure_message
from penstock.events.saga_headers import CommandHeaders, Direction
from penstock.events.saga_messages import Outcome
from penstock.schemas.errors import CallerError, PenstockError
from penstock.workers.refused import Failed, Refused

__all__ = [
    "BLANK",
    "Answer",
    "Memory",
    "answer_of",
    "answered_already",
    "forget_ms_of",
    "remembering",
]

CODE_LIMIT: Final = 128
"""Characters of a code in an answer at most; a longer one is cut."""
TEXT_LIMIT: Final = 1_024
"""Characters of a text in an answer at most; a longer one is cut."""
DEADLINE_AHEAD_LIMIT_MS: Final = 366 * 24 * 3600 * 1000
"""No attempt waits longer than a year (saga-rules S35); a deadline beyond is somebody's mistake,
and nothing is remembered for the sake of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a saga is told about one attempt of one step."""

    outcome: Outcome
    """Ok, Refused or Error."""
    data: bytes | None = None
    """Of an Ok: the framed reply, where the command declares one."""
    code: str = ""
    """Of the others: a short stable name."""
    text: str = ""
    """Of the others: more, for people."""
    retryable: bool = True
    """Of an Error: whether another attempt may succeed."""

    @property
    def certain(self) -> bool:
        """Whether it says what happened; an Error does not."""
        return self.outcome is not Outcome.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one step of one saga."""

    done: Answer | None = None
    """The certain answer to the do."""
    undone: Answer | None = None
    """The certain answer to the undo."""
    undo_attempt: int = 0
    """The attempt that got it."""
    tombstone: bool = False
    """Whether an undo has come."""
    forget_ms: int = 0
    """Until when it is remembered; milliseconds since 1970."""


BLANK: Final = Memory()
"""Nothing."""

UNDONE: Final = Answer(
    outcome=Outcome.REFUSED, code="undone", text="The step was asked to be undone before."
)
"""To a do behind a tombstone."""
EXPIRED: Final = Answer(
    outcome=Outcome.ERROR,
    code="expired",
    text="Nobody waited for the answer any more; the command was not carried out.",
)
"""To a command behind its deadline."""


# --- before the handler --------------------------------------------------------------------------


def answered_already(memory: Memory, asked: CommandHeaders, now_ms: int) -> Answer | None:
    """Return the answer to a command whose handler must not run; None where it must.

    Args:
        memory: what is remembered of the step.
        asked: the command.
        now_ms: wall clock, milliseconds since 1970.
    """
    known = _KNOWN[asked.direction](memory, asked.attempt)
    if known is None and asked.deadline_ms <= now_ms:
        return EXPIRED
    return known


def _known_do(memory: Memory, attempt: int) -> Answer | None:
    del attempt
    return (memory.done or UNDONE) if memory.tombstone else memory.done


def _known_undo(memory: Memory, attempt: int) -> Answer | None:
    if memory.undone is None or memory.undone.outcome is Outcome.OK:
        return memory.undone
    return memory.undone if attempt <= memory.undo_attempt else None


_KNOWN: Final[Mapping[Direction, Callable[[Memory, int], Answer | None]]] = {
    Direction.DO: _known_do,
    Direction.UNDO: _known_undo,
}


# --- after it ------------------------------------------------------------------------------------


def remembering(memory: Memory, asked: CommandHeaders, answer: Answer, forget_ms: int) -> Memory:
    """Return what is remembered once a command has been answered; the same where nothing is added.

    Args:
        memory: what was remembered before.
        asked: the command.
        answer: what it is answered now, remembered or not.
        forget_ms: until when, as `forget_ms_of` says.
    """
    until_ms = max(memory.forget_ms, forget_ms)
    if asked.direction is Direction.DO:
        if memory.tombstone or memory.done is not None or not answer.certain:
            return memory
        return Memory(done=answer, forget_ms=until_ms)
    if answer is memory.undone:
        return memory
    refused = memory.done is not None and memory.done.outcome is Outcome.REFUSED
    return Memory(
        done=memory.done if refused else None,
        undone=answer if answer.certain else memory.undone,
        undo_attempt=asked.attempt if answer.certain else memory.undo_attempt,
        tombstone=True,
        forget_ms=until_ms,
    )


def forget_ms_of(asked: CommandHeaders, now_ms: int, remembers_ms: int) -> int:
    """Return until when what is learned now is remembered.

    Counted from the command's deadline where that is ahead: until then the saga may ask again.

    Args:
        asked: the command.
        now_ms: wall clock, milliseconds since 1970.
        remembers_ms: how long anything is remembered, in milliseconds.
    """
    latest_ms = min(asked.deadline_ms, now_ms + DEADLINE_AHEAD_LIMIT_MS)
    return max(now_ms, latest_ms) + remembers_ms


# --- answers to what a handler raised ------------------------------------------------------------


def answer_of(failure: Exception) -> Answer:
    """Return what a saga is told about an exception of a handler, or of what stands around it.

    A wrong use of penstock, or an answer that cannot be written, comes out the same in each
    attempt: not retryable. Whatever else a handler raises may be gone with the next attempt.
    """
    if isinstance(failure, Refused):
        return Answer(
            outcome=Outcome.REFUSED,
            code=_shown(failure.code, CODE_LIMIT) or "refused",
            text=_shown(failure.text, TEXT_LIMIT),
        )
    if isinstance(failure, Failed):
        return Answer(
            outcome=Outcome.ERROR,
            code=_shown(failure.code, CODE_LIMIT) or "failed",
            text=_shown(failure.text, TEXT_LIMIT),
            retryable=failure.retryable,
        )
    if isinstance(failure, PenstockError):
        return Answer(
            outcome=Outcome.ERROR,
            code=failure.code,
            text=failure_message(failure),
            retryable=not isinstance(failure, CallerError),
        )
    text = f"{failure_code(failure)}: {failure_message(failure)}"
    return Answer(outcome=Outcome.ERROR, code="failed", text=_shown(text, TEXT_LIMIT))


def _shown(text: object, limit: int) -> str:
    """Return text on one line, cut, without what a terminal or an encoder stumbles over."""
    start = str(text)[:limit]
    visible = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in start)
    return visible[:limit]
