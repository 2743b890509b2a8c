"""A play about a partition's life: the world speaks, the life answers with its phase and commands.

A play is a text. A line `speaker: words` is something that happens; the indented line below it is
the core's answer, and is what `perform` writes. Lines that begin with # are the author's. All words
that may be said stand in `_WORDS`; `process: starts` begins a new life, `clock: 61 s pass` moves
time on. Draws are always 0, so a backoff is half of its limit.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.workers.offsets import CommittedOffset, Finished
from penstock.workers.partition_life import (
    PLAIN_TRANSITIONS,
    TRANSITIONS,
    ForbiddenTransition,
    Life,
    advance,
)
from penstock.workers.partition_signals import (
    AskMembership,
    Assigned,
    Barrier,
    BarrierCommitted,
    Begin,
    Command,
    CommitBarrier,
    Committed,
    Doubt,
    Drain,
    Drained,
    DropEverything,
    Fail,
    Failed,
    Fence,
    Fenced,
    Hold,
    Input,
    Inspect,
    Inspected,
    Keep,
    Locate,
    Located,
    Member,
    MemberLost,
    MemberUncertain,
    Release,
    Restore,
    Restored,
    Revoked,
    Run,
    Stop,
)

__all__ = ["perform"]

_RUNS = r"(?: and (?P<done>[\d, -]+) done)?"
_LOG = r"; the log holds (?P<first>\d+) to (?P<end>\d+)"


def _finished(said: Mapping[str, str | None]) -> Finished:
    runs = (each.split("-") for each in (said["done"] or "").split(", ") if each)
    return Finished(tuple((int(run[0]), int(run[-1]) + 1) for run in runs))


def _at(said: Mapping[str, str | None]) -> int:
    at = said["at"]
    assert at is not None
    return int(at)


def _located(said: Mapping[str, str | None]) -> Located:
    committed = None
    if said.get("at") is not None:
        ours = said["stranger"] is None
        committed = CommittedOffset(_at(said), _finished(said), ours)
    return Located(committed, int(said["first"] or 0), int(said["end"] or 0))


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], Input]] = {
    r"group: the partition is yours": lambda _: Assigned(),
    r"group: the partition is taken away": lambda _: Revoked(),
    r"callback: returned": lambda _: Begin(),
    r"coordinator: a member": lambda _: Member(),
    r"coordinator: a rebalance is under way": lambda _: MemberUncertain("a rebalance"),
    r"coordinator: silence": lambda _: MemberUncertain("silence"),
    r"coordinator: no longer a member": lambda _: MemberLost(),
    r"producer: fenced": lambda _: Fenced(),
    r"producer: committed": lambda _: Committed(),
    r"offset: none" + _LOG: _located,
    r"offset: (?P<at>\d+)" + _RUNS + r"(?P<stranger>, by a stranger)?" + _LOG: _located,
    r"changelog: no barrier": lambda _: Inspected(None),
    r"changelog: last barrier at (?P<at>\d+)": lambda said: Inspected(_at(said)),
    r"changelog: restored": lambda _: Restored(),
    r"barrier: committed as record (?P<at>\d+)": lambda said: BarrierCommitted(_at(said)),
    r"barrier: committed, nobody says where": lambda _: BarrierCommitted(-1),
    r"shell: doubt, (?P<why>.+)": lambda said: Doubt(said["why"]),
    r"shell: failed, (?P<why>.+)": lambda said: Failed(said["why"]),
    r"shell: drained at (?P<at>\d+)" + _RUNS: lambda said: Drained(
        Barrier(_at(said), _finished(said))
    ),
    r"shell: drained, not clean": lambda _: Drained(None),
    r"process: stop": lambda _: Stop(),
}

_COMMANDS: Mapping[type, Callable[[Any], str]] = {
    Hold: lambda _: "hold the partition",
    AskMembership: lambda ask: "ask for membership" + _after(ask.after_s),
    Fence: lambda _: "fence",
    Locate: lambda locate: "locate" + _after(locate.after_s),
    Inspect: lambda _: "inspect the changelog",
    CommitBarrier: lambda command: f"commit a barrier at {_place(command.barrier)}",
    Restore: lambda restore: f"restore up to record {restore.until}",
    Run: lambda run: (
        f"run from {_place(Barrier(run.position, run.finished))}, timers from {run.caught_up_at}"
        + (", mark the offset first" if run.unmarked else "")
    ),
    Drain: lambda _: "drain",
    DropEverything: lambda _: "drop everything",
    Keep: lambda _: "keep producer and memory",
    Release: lambda _: "release producer and memory",
    Fail: lambda fail: f"fail ({fail.fault}): {fail.why}",
}


def _after(seconds: float) -> str:
    return f" after {seconds:g} s" if seconds else ""


def _place(barrier: Barrier) -> str:
    runs = (
        str(first) if end == first + 1 else f"{first}-{end - 1}"
        for first, end in barrier.finished.runs
    )
    return " and ".join([str(barrier.position), ", ".join(runs)]).removesuffix(" and ")


def perform(play: str) -> str:
    """Perform a play and write down what the life answers.

    Args:
        play: The text, with or without the answers of an earlier performance.

    Returns:
        The same text with the answers of this performance.
    """
    return "".join(f"{line}\n" for line in _lines(play))


def _lines(play: str) -> Iterator[str]:
    life, now, table = Life(), 0.0, TRANSITIONS
    for line in play.splitlines():
        if line.startswith(" "):
            continue
        yield line
        if not line or line.startswith("#"):
            continue
        if line.startswith("process: starts"):
            life = Life(accept_reset=line.endswith("accepts a reset"))
            table = PLAIN_TRANSITIONS if "at-least-once" in line else TRANSITIONS
        elif line.startswith("clock: "):
            now += float(line.split()[1])
        else:
            try:
                life, commands = advance(life, _heard(line), now=now, table=table)
            except ForbiddenTransition as refusal:
                yield f"    FORBIDDEN   {refusal.what.format(**refusal.facts)}"
            else:
                yield f"    {life.phase:<11} {_said(commands)}".rstrip()


def _heard(line: str) -> Input:
    for words, build in _WORDS.items():
        said = re.fullmatch(words, line)
        if said:
            return build(said.groupdict())
    message = f"nobody in this play may say: {line}"
    raise ValueError(message)


def _said(commands: tuple[Command, ...]) -> str:
    return "; ".join(_COMMANDS[type(command)](command) for command in commands)
