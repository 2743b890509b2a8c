"""Whether a worker process gets on, judged from what it says about itself.

Alive is not enough: a process may poll, heartbeat and do nothing. So each second it writes down
where it stands (infra/progress_file.py), and whoever asks judges that with the functions here:

    statistics of the runner, and the report before -> next report -> verdict

A report remembers since when nothing has moved, so the judge needs one report and the time.

Laws:
1. Being idle is healthy, and so is having no partition. What counts is to move while there is work.
2. The judge says everything that is wrong, in words for whoever is woken up by it.
3. This file reads no clock and no file, and knows no runner beyond its statistics.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.schemas.errors import ExitCode
from penstock.workers.partition_life import Phase

__all__ = [
    "HealthLimits",
    "PartitionProgress",
    "PartitionStanding",
    "Process",
    "ProgressReport",
    "Standing",
    "Verdict",
    "judge",
    "next_report",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Which process a report is about."""

    pid: int
    """Its process id."""
    app: str
    """The application."""
    worker: str
    """The worker's name."""
    group: str
    """The consumer group."""
    version: str
    """Version of penstock that it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionStanding:
    """Where one partition stands now."""

    topic: str
    """The topic."""
    partition: int
    """The number of the partition."""
    phase: Phase
    """Where its life stands."""
    phase_since_s: float
    """Monotonic seconds at which the phase began."""
    position: int | None
    """Offset up to which it has committed; None while it does not run."""
    lag: int | None
    """Records that wait behind the position; None while unknown."""
    records: int
    """Records finished since the process began."""
    entries: int
    """Entries of state in memory; grows while the changelog is read."""
    doubts: int
    """Doubts since the process began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a process stands now."""

    polled_ago_s: float
    """Seconds since its last poll."""
    late_s: float
    """Seconds by which the event loop was late to look: it stood still for so long."""
    stopping: bool
    """Whether it was asked to stop."""
    partitions: tuple[PartitionStanding, ...]
    """The partitions that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionProgress:
    """Where one partition stands, and since when."""

    standing: PartitionStanding
    """Where it stands."""
    progress_since_s: float
    """Monotonic seconds since which it has work and commits none. Time in which it reads its state
    from the changelog is left out."""
    grown_s: float
    """Monotonic seconds at which its state was last found growing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """Where a process stood when it wrote this."""

    process: Process
    """Which process."""
    written_at: str
    """Date and time of the writing, ISO 8601 in UTC; for people."""
    written_s: float
    """The same in monotonic seconds, which count from the start of the machine."""
    polled_s: float
    """Monotonic seconds of its last poll."""
    late_s: float
    """Seconds for which its event loop stood still at the last look."""
    stopping_since_s: float | None
    """Monotonic seconds at which it was found stopping."""
    partitions: tuple[PartitionProgress, ...]
    """The partitions that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthLimits:
    """How long what may take, in seconds, before it is called unhealthy."""

    stale_s: float = 10.0
    """Since the last report. One is written each second, so ten are missing."""
    poll_s: float = 30.0
    """Since the last poll. A poll waits 0.2 s; joining a group takes up to 15 s."""
    late_s: float = 5.0
    """For which the event loop stood still. Half a session, after which partitions are lost."""
    phase_s: float = 60.0
    """In one phase before RUNNING, and in DRAINING. A fence gives up after 30 s and is repeated."""
    closed_s: float = 120.0
    """In CLOSED: the longest rebalance that is still one."""
    progress_s: float = 300.0
    """Without progress while there is work, in all phases together. Four attempts of 60 s at one
    record and the waits between them fit."""
    stopping_s: float = 90.0
    """Since it was asked to stop. The drain and the closing of everything fit several times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge says about one process."""

    process: Process
    """The process."""
    problems: tuple[str, ...]
    """What is wrong, without full stops; empty if it is healthy."""
    exit_code: ExitCode
    """OK; UNREACHABLE where the cluster keeps it waiting; BUG where the process itself stands."""
    summary: str
    """How it stands, in a few words."""


def next_report(
    process: Process,
    standing: Standing,
    before: ProgressReport | None,
    *,
    now_s: float,
    written_at: str,
) -> ProgressReport:
    """Return the report that follows another one.

    Args:
        process: which process.
        standing: where it stands.
        before: its report before, if there was one.
        now_s: monotonic seconds.
        written_at: the date and time.
    """
    known = {} if before is None else {_place(each.standing): each for each in before.partitions}
    since_before_s = 0.0 if before is None else now_s - before.written_s
    stopping_since_s = None if before is None else before.stopping_since_s
    if standing.stopping and stopping_since_s is None:
        stopping_since_s = now_s
    return ProgressReport(
        process=process,
        written_at=written_at,
        written_s=now_s,
        polled_s=now_s - standing.polled_ago_s,
        late_s=standing.late_s,
        stopping_since_s=stopping_since_s,
        partitions=tuple(
            _progress(each, known.get(_place(each)), now_s, since_before_s)
            for each in standing.partitions
        ),
    )


def _place(standing: PartitionStanding) -> tuple[str, int]:
    return standing.topic, standing.partition


def _progress(
    standing: PartitionStanding,
    before: PartitionProgress | None,
    now_s: float,
    since_before_s: float,
) -> PartitionProgress:
    progress_since_s = grown_s = now_s
    if before is not None and not _is_idle(standing):
        grows = standing.entries > before.standing.entries
        grown_s = now_s if grows else before.grown_s
        if not _has_progressed(before.standing, standing):
            progress_since_s = before.progress_since_s + (since_before_s if grows else 0.0)
    return PartitionProgress(standing=standing, progress_since_s=progress_since_s, grown_s=grown_s)


def _has_progressed(before: PartitionStanding, now: PartitionStanding) -> bool:
    # Neither another phase nor state that is read again is progress: doubts may lead through all
    # phases, round and round. A position that has become unknown says nothing.
    further = None not in (before.position, now.position) and now.position != before.position
    return further or now.records != before.records


def _is_idle(standing: PartitionStanding) -> bool:
    return standing.phase is Phase.RUNNING and not standing.lag


def judge(
    report: ProgressReport, *, now_s: float, alive: bool, limits: HealthLimits | None = None
) -> Verdict:
    """Say whether a process gets on.

    Args:
        report: the latest that it wrote.
        now_s: monotonic seconds, of the same machine.
        alive: whether a process with its id exists.
        limits: how long what may take.
    """
    found = tuple(_problems(report, now_s, alive, limits or HealthLimits()))
    return Verdict(
        process=report.process,
        problems=tuple(text for text, _ in found),
        exit_code=max((code for _, code in found), default=ExitCode.OK),
        summary=_summary(report),
    )


_Problem = tuple[str, ExitCode]


def _problems(
    report: ProgressReport, now_s: float, alive: bool, limits: HealthLimits
) -> Iterator[_Problem]:
    age_s = now_s - report.written_s
    if not alive:
        yield f"process {report.process.pid} is gone and left its file behind", ExitCode.BUG
    elif age_s < 0:
        yield "its last report is from before the machine was started", ExitCode.BUG
    elif age_s > limits.stale_s:
        yield f"it has not written a report for {age_s:.0f} s: it stands still", ExitCode.BUG
    elif report.stopping_since_s is not None:
        if now_s - report.stopping_since_s > limits.stopping_s:
            since_s = now_s - report.stopping_since_s
            yield f"it was asked to stop {since_s:.0f} s ago and has not ended", ExitCode.BUG
    else:
        yield from _loop_problems(report, now_s, limits)
        for partition in report.partitions:
            yield from _partition_problems(partition, now_s, limits)


def _loop_problems(
    report: ProgressReport, now_s: float, limits: HealthLimits
) -> Iterator[_Problem]:
    polled_ago_s = now_s - report.polled_s
    if polled_ago_s > limits.poll_s:
        yield f"it has not polled for {polled_ago_s:.0f} s", ExitCode.BUG
    if report.late_s > limits.late_s:
        yield (
            f"its event loop stood still for {report.late_s:.1f} s: a handler blocks it",
            ExitCode.BUG,
        )


def _partition_problems(
    partition: PartitionProgress, now_s: float, limits: HealthLimits
) -> Iterator[_Problem]:
    standing = partition.standing
    place = f"{standing.topic}/{standing.partition}"
    phase_s = now_s - max(standing.phase_since_s, partition.grown_s)
    still_s = now_s - partition.progress_since_s
    phase_limit_s = limits.closed_s if standing.phase is Phase.CLOSED else limits.phase_s
    if standing.phase is Phase.FAILED:
        yield f"{place} has given up; the log says why", ExitCode.BUG
    elif standing.phase is not Phase.RUNNING and phase_s > phase_limit_s:
        text = (
            f"{place} has been {standing.phase} for {phase_s:.0f} s: the cluster keeps it waiting"
        )
        yield text, ExitCode.UNREACHABLE
    elif still_s > limits.progress_s:
        lag = "unknown" if standing.lag is None else standing.lag
        text = (
            f"{place} has made no progress for {still_s:.0f} s; records waiting: {lag}, doubts: "
            f"{standing.doubts}"
        )
        yield text, ExitCode.BUG


def _summary(report: ProgressReport) -> str:
    standings = [each.standing for each in report.partitions]
    running = sum(standing.phase is Phase.RUNNING for standing in standings)
    lag = sum(standing.lag or 0 for standing in standings)
    if report.stopping_since_s is not None:
        return f"stopping; partitions: {len(standings)}"
    return f"partitions running: {running} of {len(standings)}; records waiting: {lag}"
