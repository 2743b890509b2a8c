"""When a process that has ended starts again, and when that would be no use.

    ended after a while       at once, nearly
    ended again and again     after twice the time, each time; after five of them it waits
    refused to run (2, 3, 4)  it waits: usage, configuration and schemas do not mend themselves

What waits, waits for somebody to change a file.

Law: time is an argument; nothing is started here.
"""

from dataclasses import dataclass
from typing import Final, final

from penstock.schemas.errors import ExitCode

__all__ = ["LIMIT", "STEADY_S", "RestartRule", "Verdict", "words_for"]

STEADY_S: Final = 10.0
"""Whoever ran for so long had started well, so that what came before is forgotten."""
LIMIT: Final = 5
"""Ends in a row, each soon after its start, that make a crash loop."""
_FIRST_S: Final = 0.5
_SIGNALS: Final = {
    1: "SIGHUP",
    2: "SIGINT",
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    14: "SIGALRM",
    15: "SIGTERM",
}
"""Those that end a process, by their numbers on Linux."""
_HOPELESS: Final = frozenset({ExitCode.USAGE, ExitCode.CONFIGURATION, ExitCode.SCHEMA})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done about an end."""

    rule: "RestartRule"
    """What is known from now on."""
    wait_s: float | None
    """Seconds until it starts again; None where only a change of files helps."""
    reason: str
    """Why, as the second half of a sentence."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRule:
    """What is known of one process' ends."""

    quick_ends: int = 0
    """How often in a row it ended soon after its start."""

    def ended(self, *, ran_s: float, exit_code: int) -> Verdict:
        """Judge an end that nobody has asked for.

        Args:
            ran_s: seconds from its start to its end.
            exit_code: negative for the number of the signal that killed it, as in subprocess.
        """
        if exit_code in _HOPELESS:
            return Verdict(rule=RestartRule(), wait_s=None, reason="it waits for a change of files")
        ends = 1 if ran_s >= STEADY_S else self.quick_ends + 1
        if ends >= LIMIT:
            reason = f"it ended {ends} times in a row and waits for a change of files"
            return Verdict(rule=RestartRule(), wait_s=None, reason=reason)
        wait_s = _FIRST_S * 2 ** (ends - 1)
        reason = f"it starts again in {wait_s:g} s"
        return Verdict(rule=RestartRule(quick_ends=ends), wait_s=wait_s, reason=reason)


def words_for(exit_code: int) -> str:
    """Say how a process ended, as the first half of a sentence.

    Args:
        exit_code: as for `RestartRule.ended`.
    """
    if exit_code < 0:
        return f"was killed by {_SIGNALS.get(-exit_code, f'signal {-exit_code}')}"
    if exit_code == 0:
        return "ended by itself"
    try:
        meaning = ExitCode(exit_code).name.lower()
    except ValueError:
        return f"ended with {exit_code}"
    return f"ended with {exit_code} ({meaning})"
