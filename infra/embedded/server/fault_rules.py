"""Which request meets which fault: a core, like `infra/testing/fault_plan.py` for real servers.

A rule says which requests it is about and how many to let pass, and what is done to them. Laws:
1. Delays add up; of the other faults, the oldest rule that is ready takes the request.
2. `skip` counts every request that the rule is about since the rule was made, whoever takes it.
3. A rule without `times` stays until it is taken back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire.call import Call

__all__ = ["Answer", "Deed", "Delay", "Drop", "FaultRules", "Hold", "Match", "Moment", "Verdict"]


@final
class Moment(Enum):
    """When a fault strikes."""

    BEFORE = auto()
    """Before the request takes effect: it has not, unless it is released."""
    AFTER = auto()
    """After the request has taken effect, and before its answer leaves."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The requests that a rule is about."""

    api_key: int | None = None
    """Kafka's number; None is all."""
    skip: int = 0
    """How many such requests pass first; 0 and more."""
    times: int | None = 1
    """How many it then meets; None is all, until it is taken back."""
    where: Callable[[Call], bool] | None = None
    """A further condition; None is none."""

    def covers(self, call: Call) -> bool:
        """Say whether a request is one of these, `skip` and `times` apart."""
        if self.api_key is not None and self.api_key != call.api_key:
            return False
        return self.where is None or self.where(call)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Refuse the request; it takes no effect."""

    error: ErrorCode


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Let the request wait, and all behind it on its connection."""

    seconds: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep the request, or its answer, until somebody decides."""

    moment: Moment


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Cut the connection."""

    moment: Moment


Deed = Answer | Hold | Drop


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done to one request."""

    delay_s: float = 0.0
    met: tuple[int, ...] = ()
    """The rules that it meets, by number."""
    rule: int | None = None
    """That of the deed."""
    deed: Deed | None = None


@dataclass(slots=True)
class _Rule:
    match: Match
    deed: Deed | Delay
    to_skip: int
    left: int | None


@final
class FaultRules:
    """The rules in force."""

    def __init__(self) -> None:
        """Begin without any."""
        self._rules: dict[int, _Rule] = {}
        self._last_number = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rules)

    def __contains__(self, number: int) -> bool:
        """Whether a rule is in force: not used up, and not taken back."""
        return number in self._rules

    def add(self, match: Match, deed: Deed | Delay) -> int:
        """Make a rule.

        Args:
            match: what it is about.
            deed: what it does.

        Returns:
            Its number.
        """
        self._last_number += 1
        self._rules[self._last_number] = _Rule(match, deed, match.skip, match.times)
        return self._last_number

    def remove(self, number: int) -> bool:
        """Take a rule back.

        Returns:
            False where it was used up or taken back before.
        """
        return self._rules.pop(number, None) is not None

    def judge(self, call: Call) -> Verdict:
        """Decide about the next request, and use up what it meets.

        Args:
            call: the request.

        Returns:
            What is to be done.
        """
        ready = [number for number, rule in self._rules.items() if self._is_ready(rule, call)]
        delays = [number for number in ready if isinstance(self._rules[number].deed, Delay)]
        deeds = [number for number in ready if number not in delays][:1]
        delay_s = sum(d.seconds for n in delays if isinstance(d := self._rules[n].deed, Delay))
        deed = self._rules[deeds[0]].deed if deeds else None
        assert not isinstance(deed, Delay)
        met = (*delays, *deeds)
        for number in met:
            self._use(number)
        return Verdict(delay_s=delay_s, met=met, rule=deeds[0] if deeds else None, deed=deed)

    @staticmethod
    def _is_ready(rule: _Rule, call: Call) -> bool:
        if not rule.match.covers(call):
            return False
        if rule.to_skip > 0:
            rule.to_skip -= 1
            return False
        return True

    def _use(self, number: int) -> None:
        rule = self._rules[number]
        if rule.left is not None:
            rule.left -= 1
            if rule.left <= 0:
                self.remove(number)
