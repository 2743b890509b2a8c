"""Which message meets which fault.

A rule says what it waits for (API key, direction, how many to let pass) and what is done to it.
A delay stays until it is taken back; every other fault happens to one message and is used up.

Pure and mutable: messages are named by direction and API key, verdicts come out. Laws:
1. Delays add up; of the other faults, the oldest rule that is ready takes the message.
2. `skip` counts every message that the rule is about since the rule was made, whoever takes it:
   holds with skip 0 and skip 1 take the first and the second message, in whatever order they act.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import final

__all__ = [
    "Aftermath",
    "Delay",
    "Direction",
    "DropAnswer",
    "FaultPlan",
    "Hold",
    "Match",
    "Reset",
    "Verdict",
]


class Direction(StrEnum):
    """Which way a message goes."""

    REQUEST = "request"
    """From client to server."""
    ANSWER = "answer"
    """From server to client."""


class Aftermath(StrEnum):
    """What a client sees after one of its answers was dropped.

    A mere gap is not among it: answers come in order, and no network loses one and brings the next.
    """

    CUT = "cut"
    """Its connection is reset."""
    SILENCE = "silence"
    """Its connection stays open and nothing comes any more; its requests still arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The messages that a rule is about."""

    api_key: int | None = None
    """Requests with this API key, or answers to them; None is all."""
    direction: Direction = Direction.REQUEST
    """Requests or answers."""
    skip: int = 0
    """How many such messages pass first; 0 and more."""

    def covers(self, direction: Direction, api_key: int | None) -> bool:
        """Say whether a message is one of these, `skip` apart."""
        return direction == self.direction and self.api_key in {None, api_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Forward each matching message later; what is behind it stays behind it."""

    seconds: float
    """Measured from its arrival, so that requests in flight together are late together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep one message until somebody decides."""

    overtaking: bool
    """True: requests behind it on the same connection go on; False: they queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAnswer:
    """Let one request take effect and lose its answer."""

    then: Aftermath
    """What becomes of the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Forward the beginning of one message, then reset the connection."""

    after_bytes: int
    """How much of it, its four bytes of length included; more than there is means all."""


Fault = Hold | DropAnswer | Reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done to one message."""

    delay_s: float = 0.0
    """How long after its arrival it may go on."""
    rule: int | None = None
    """The rule whose fault it meets, by number; None for no fault."""
    fault: Fault | None = None
    """That fault."""


@dataclass(slots=True)
class _Rule:
    match: Match
    deed: Delay | Fault
    to_skip: int


@final
class FaultPlan:
    """The rules in force."""

    def __init__(self) -> None:
        """Begin without any."""
        self._rules: dict[int, _Rule] = {}
        self._last_number = 0

    def add(self, match: Match, deed: Delay | Fault) -> int:
        """Make a rule.

        Args:
            match: what it is about.
            deed: what it does.

        Returns:
            Its number.
        """
        self._last_number += 1
        self._rules[self._last_number] = _Rule(match, deed, match.skip)
        return self._last_number

    def remove(self, number: int) -> bool:
        """Take a rule back.

        Returns:
            False where it was used up or taken back before.
        """
        return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        """Take all rules back."""
        self._rules.clear()

    def judge(self, direction: Direction, api_key: int | None) -> Verdict:
        """Decide about the next message, and use up what it meets.

        Args:
            direction: the way it goes.
            api_key: of the request, or of the request that it answers; None where that is unknown.

        Returns:
            What is to be done.
        """
        delay_s, taken = 0.0, None
        for number, rule in self._rules.items():
            if not rule.match.covers(direction, api_key):
                continue
            if rule.to_skip > 0:
                rule.to_skip -= 1
            elif isinstance(rule.deed, Delay):
                delay_s += rule.deed.seconds
            elif taken is None:
                taken = (number, rule.deed)
        if taken is None:
            return Verdict(delay_s=delay_s)
        number, fault = taken
        self.remove(number)
        return Verdict(delay_s=delay_s, rule=number, fault=fault)
