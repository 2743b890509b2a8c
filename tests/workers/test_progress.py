"""A worker is healthy while it moves or has nothing to do; all else is told, with its reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schemas.errors import ExitCode
from penstock.workers.partition_life import Phase
from penstock.workers.progress import (
    HealthLimits,
    PartitionStanding,
    Process,
    ProgressReport,
    Standing,
    Verdict,
    judge,
    next_report,
)

PROCESS = Process(pid=7, app="shop", worker="stock", group="shop.stock", version="0")
RUNNING = PartitionStanding(
    topic="shop.orders",
    partition=0,
    phase=Phase.RUNNING,
    phase_since_s=0.0,
    position=10,
    lag=0,
    records=0,
    entries=0,
    doubts=0,
)
BUSY = replace(RUNNING, lag=5)


def standing(
    *partitions: PartitionStanding,
    polled_ago_s: float = 0.1,
    late_s: float = 0.0,
    stopping: bool = False,
) -> Standing:
    """Return where a process stands."""
    return Standing(
        polled_ago_s=polled_ago_s, late_s=late_s, stopping=stopping, partitions=partitions
    )


def play(*moments: tuple[float, Standing]) -> ProgressReport:
    """Return the last of the reports that a process writes at these times."""
    report: ProgressReport | None = None
    for now_s, stands in moments:
        report = next_report(PROCESS, stands, report, now_s=now_s, written_at="")
    assert report is not None
    return report


def verdict(*moments: tuple[float, Standing]) -> Verdict:
    """Return the verdict right after the last report."""
    return judge(play(*moments), now_s=moments[-1][0], alive=True)


# --- healthy ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "partitions", [(), (RUNNING,), (replace(RUNNING, lag=None),), (RUNNING, BUSY)]
)
def test_a_fresh_report_is_healthy(partitions: tuple[PartitionStanding, ...]) -> None:
    """Also without partitions: a group may have more members than there is to share."""
    said = verdict((0.0, standing(*partitions)))
    assert said.problems == ()
    assert said.exit_code is ExitCode.OK


def test_idle_for_days_is_healthy() -> None:
    """Nothing to do is no problem."""
    assert verdict((0.0, standing(RUNNING)), (500_000.0, standing(RUNNING))).problems == ()


def test_behind_for_days_and_moving_is_healthy() -> None:
    """Lag alone is no problem of this process: it may be the writers who are too fast."""
    moments = [(at * 250.0, standing(replace(BUSY, records=at, lag=at))) for at in range(100)]
    assert verdict(*moments).problems == ()


def test_markers_that_are_passed_over_are_progress() -> None:
    """The position moves although no record does."""
    moments = [(at * 250.0, standing(replace(BUSY, position=at))) for at in range(10)]
    assert verdict(*moments).problems == ()


def test_a_long_restore_that_reads_is_healthy() -> None:
    """Ten minutes of reading state, and then five more to the first commit."""
    restoring = replace(BUSY, phase=Phase.RESTORING, position=None)
    moments = [(at * 10.0, standing(replace(restoring, entries=at * 10))) for at in range(60)]
    running = replace(BUSY, phase_since_s=600.0, entries=600)
    assert verdict(*moments).problems == ()
    assert verdict(*moments, (600.0, standing(running)), (850.0, standing(running))).problems == ()


def test_the_summary_counts() -> None:
    """Partitions that run, and records that wait."""
    said = verdict((0.0, standing(BUSY, replace(BUSY, partition=1, phase=Phase.FENCING))))
    assert said.summary == "partitions running: 1 of 2; records waiting: 10"
    assert verdict((0.0, standing(BUSY, stopping=True))).summary == "stopping; partitions: 1"


# --- the process -----------------------------------------------------------------------------


def test_a_process_that_is_gone_is_unhealthy() -> None:
    """Its file is all that is left of it, and nothing in it counts any more."""
    report = play((0.0, standing(replace(BUSY, phase=Phase.FAILED))))
    said = judge(report, now_s=1_000.0, alive=False)
    assert said.problems == ("process 7 is gone and left its file behind",)
    assert said.exit_code is ExitCode.BUG


def test_a_report_that_is_too_old_is_unhealthy() -> None:
    """Ten seconds pass, eleven do not: the event loop stands still."""
    report = play((0.0, standing(RUNNING)))
    assert judge(report, now_s=10.0, alive=True).problems == ()
    (problem,) = judge(report, now_s=11.0, alive=True).problems
    assert "not written a report for 11 s" in problem


def test_a_report_from_the_future_is_from_before_a_restart() -> None:
    """Monotonic time begins anew with the machine; the process id may be somebody else's now."""
    report = play((1_000.0, standing(RUNNING)))
    (problem,) = judge(report, now_s=5.0, alive=True).problems
    assert "before the machine was started" in problem


def test_a_loop_that_does_not_poll_is_unhealthy() -> None:
    """It writes reports, and will be thrown out of its group."""
    (problem,) = verdict((100.0, standing(RUNNING, polled_ago_s=31.0))).problems
    assert "not polled for 31 s" in problem


def test_a_blocked_loop_is_unhealthy() -> None:
    """A handler that blocks it takes the heartbeats with it."""
    (problem,) = verdict((100.0, standing(RUNNING, late_s=6.0))).problems
    assert "stood still for 6.0 s: a handler blocks it" in problem


def test_stopping_is_healthy_until_it_takes_too_long() -> None:
    """While it drains it does not poll."""
    begin = (100.0, standing(BUSY, stopping=True, polled_ago_s=0.0))
    late = standing(BUSY, stopping=True, polled_ago_s=89.0)
    assert verdict(begin, (189.0, late)).problems == ()
    (problem,) = verdict(begin, (191.0, late)).problems
    assert "asked to stop 91 s ago" in problem


# --- the partitions --------------------------------------------------------------------------


def test_lag_without_progress_is_unhealthy() -> None:
    """Also while other records come in; the word is by topic and partition."""
    moments = [(at * 1.0, standing(replace(BUSY, lag=5 + at))) for at in range(302)]
    said = verdict(*moments)
    (problem,) = said.problems
    assert problem.startswith("shop.orders/0 has made no progress for 301 s")
    assert "records waiting: 306" in problem
    assert said.exit_code is ExitCode.BUG


@pytest.mark.parametrize(
    ("phase", "limit_s"),
    [
        (Phase.ASSIGNED, 60.0),
        (Phase.FENCING, 60.0),
        (Phase.LOCATING, 60.0),
        (Phase.BARRIER, 60.0),
        (Phase.RESTORING, 60.0),
        (Phase.DRAINING, 60.0),
        (Phase.CLOSED, 120.0),
    ],
)
def test_a_phase_that_does_not_end_is_the_cluster_s_fault(phase: Phase, limit_s: float) -> None:
    """Exit 5: restarting this process would not help."""
    stuck = replace(BUSY, phase=phase, position=None, lag=None)
    begin = (0.0, standing(stuck))
    assert verdict(begin, (limit_s, standing(stuck))).problems == ()
    said = verdict(begin, (limit_s + 1, standing(stuck)))
    assert said.problems == (
        f"shop.orders/0 has been {phase} for {limit_s + 1:.0f} s: the cluster keeps it waiting",
    )
    assert said.exit_code is ExitCode.UNREACHABLE


def test_an_old_stretch_without_progress_does_not_count_against_a_new_phase() -> None:
    """A drain that begins after 200 s without a commit has its own time."""
    draining = replace(BUSY, phase=Phase.DRAINING, phase_since_s=200.0)
    moments = [(0.0, standing(BUSY)), (200.0, standing(BUSY)), (201.0, standing(draining))]
    assert verdict(*moments).problems == ()


def test_doubts_without_end_are_unhealthy() -> None:
    """Round and round through all phases, restoring each time: no commit, so no progress."""
    moments: list[tuple[float, Standing]] = [(0.0, standing(BUSY))]
    phases = (Phase.FENCING, Phase.LOCATING, Phase.RESTORING, Phase.RUNNING)
    for at in range(1, 500):
        phase = phases[at // 10 % 4]
        moments.append(
            (
                float(at),
                standing(
                    replace(
                        BUSY,
                        phase=phase,
                        phase_since_s=at // 10 * 10.0,
                        position=10 if phase is Phase.RUNNING else None,
                        entries=50 if phase is Phase.RUNNING else 0,
                        doubts=at // 40,
                    )
                ),
            )
        )
    (problem,) = verdict(*moments).problems
    assert "no progress" in problem
    assert "doubts: 12" in problem


def test_a_partition_that_gave_up_is_told_at_once() -> None:
    """Its process is about to end with the reason."""
    said = verdict((0.0, standing(replace(RUNNING, phase=Phase.FAILED))))
    assert said.problems == ("shop.orders/0 has given up; the log says why",)


def test_a_partition_that_comes_back_begins_anew() -> None:
    """What it did for another assignment does not count against it."""
    moments = [(0.0, standing(BUSY)), (200.0, standing()), (400.0, standing(BUSY))]
    assert verdict(*moments).problems == ()


def test_all_problems_are_told_and_the_worst_decides() -> None:
    """One line has everything; our own fault outranks the cluster's."""
    stuck = replace(BUSY, partition=1, phase=Phase.FENCING)
    begin = (0.0, standing(BUSY, stuck))
    said = verdict(begin, (400.0, standing(BUSY, stuck, polled_ago_s=50.0)))
    assert len(said.problems) == 3
    assert said.exit_code is ExitCode.BUG


def test_limits_can_be_given() -> None:
    """For those whose handlers take longer."""
    report = play((0.0, standing(BUSY)), (1_000.0, standing(BUSY)))
    patient = HealthLimits(progress_s=2_000.0)
    assert judge(report, now_s=1_000.0, alive=True).problems
    assert judge(report, now_s=1_000.0, alive=True, limits=patient).problems == ()


STANDINGS = st.builds(
    PartitionStanding,
    topic=st.just("shop.orders"),
    partition=st.integers(0, 2),
    phase=st.sampled_from(Phase),
    phase_since_s=st.floats(0, 1e6),
    position=st.none() | st.integers(0, 10),
    lag=st.none() | st.integers(0, 10),
    records=st.integers(0, 10),
    entries=st.integers(0, 10),
    doubts=st.integers(0, 10),
)
MOMENTS = st.lists(
    st.builds(
        Standing,
        polled_ago_s=st.floats(0, 1e3),
        late_s=st.floats(0, 1e2),
        stopping=st.booleans(),
        partitions=st.lists(STANDINGS, max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=8,
)


@given(moments=MOMENTS, alive=st.booleans(), now_s=st.floats(-1e6, 1e6))
def test_any_story_has_a_verdict(moments: list[Standing], alive: bool, now_s: float) -> None:
    """Nothing raises, problems and exit code agree, and time without progress never lies ahead."""
    story = [(at * 10.0, stands) for at, stands in enumerate(moments)]
    report = play(*story)
    said = judge(report, now_s=now_s, alive=alive)
    assert bool(said.problems) == (said.exit_code is not ExitCode.OK)
    assert all(each.progress_since_s <= report.written_s for each in report.partitions)
    assert all(each.grown_s <= report.written_s for each in report.partitions)
