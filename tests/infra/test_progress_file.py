"""A worker's progress file is there while it runs, says where it stands, and never harms it."""

import asyncio
import os
from pathlib import Path

import pytest

from penstock.events.alarm import Alarm
from penstock.events.log import Partition
from penstock.infra.progress_file import ProgressFile
from penstock.infra.progress_store import ProgressFileUnusable, read_progress
from penstock.infra.settings import Settings
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.partition_life import Phase
from penstock.workers.partition_task import PartitionStatistics
from penstock.workers.partition_work import WorkStatistics
from penstock.workers.progress import judge
from penstock.workers.runner import RunnerStatistics
from tests.infra.environment import only

WORK = WorkStatistics(position=42, in_flight=3, waiting=1, ready=2, bytes=100)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings and run-time folder of this test's own."""
    only(monkeypatch)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def settings(progress_file: Path | str | None = None) -> Settings:
    """Return settings with this file."""
    return Settings(app="shop", kafka="localhost:9092", progress_file=progress_file)


def statistics(work: WorkStatistics | None = WORK) -> RunnerStatistics:
    """Return the statistics of a runner with one partition."""
    partition = PartitionStatistics(
        partition=Partition("shop.orders", 3),
        phase=Phase.RUNNING,
        phase_since_s=0.0,
        lag=7,
        doubts=1,
        commits=5,
        records=40,
        entries=9,
        work=work,
    )
    return RunnerStatistics(polled_ago_s=0.2, stopping=False, partitions=(partition,))


def test_it_is_there_from_the_start_and_gone_at_the_end() -> None:
    """Named after app, worker and process, unless a setting says otherwise."""
    file = ProgressFile(settings(), "stock")
    assert file.path is not None
    assert file.path.name == f"shop.stock.{os.getpid()}.json"
    found = read_progress(file.path)
    assert (found.process.group, found.process.pid) == ("shop.stock", os.getpid())
    file.remove()
    file.remove()
    assert not file.path.exists()


def test_it_says_where_the_worker_stands() -> None:
    """Each partition with phase, position, lag and counts."""
    file = ProgressFile(settings(), "stock", clock=VirtualClock())
    assert file.path is not None
    file.write(statistics())
    (partition,) = read_progress(file.path).partitions
    assert partition.standing.topic == "shop.orders"
    assert partition.standing.partition == 3
    assert partition.standing.phase is Phase.RUNNING
    assert (partition.standing.position, partition.standing.lag) == (42, 7)
    assert (partition.standing.records, partition.standing.entries) == (40, 9)
    file.write(statistics(work=None))
    assert read_progress(file.path).partitions[0].standing.position is None


def test_a_setting_names_the_file(tmp_path: Path) -> None:
    """For containers, whose health check then names it too."""
    file = ProgressFile(settings(tmp_path / "here.json"), "stock")
    assert read_progress(tmp_path / "here.json").process.worker == "stock"
    file.remove()


def test_off_writes_none(tmp_path: Path) -> None:
    """Neither at the start nor later, and there is nothing to remove."""
    file = ProgressFile(settings("off"), "stock")
    file.write(statistics())
    file.remove()
    assert file.path is None
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    """A worker whose health nobody could see does not start."""
    with pytest.raises(ProgressFileUnusable):
        ProgressFile(settings(tmp_path / "none" / "file.json"), "stock")


def test_later_trouble_is_an_alarm_once(tmp_path: Path) -> None:
    """A full disk never ends a worker; when it is over, the next trouble is told again."""
    alarms: list[Alarm] = []
    folder = tmp_path / "folder"
    folder.mkdir()
    file = ProgressFile(settings(folder / "file.json"), "stock", alarm=alarms.append)
    for _ in range(2):
        (folder / "file.json").unlink()
        folder.rmdir()
        file.write(statistics())
        file.write(statistics())
        folder.mkdir()
        file.write(statistics())
    assert [alarm.name for alarm in alarms] == ["progress-file-unusable"] * 2


def test_a_late_writing_shows_that_the_event_loop_stood_still() -> None:
    """It is called each second; what is beyond that was kept from it."""

    async def scenario() -> None:
        clock = VirtualClock()
        file = ProgressFile(settings(), "stock", clock=clock)
        assert file.path is not None
        for wait_s, late_s in ((1.0, 0.0), (1.0, 0.0), (7.5, 6.5), (0.5, 0.0)):
            await clock.advance(wait_s)
            file.write(statistics())
            report = read_progress(file.path)
            assert report.late_s == late_s
            healthy = not judge(report, now_s=clock.monotonic(), alive=True).problems
            assert healthy is (late_s == 0.0)

    asyncio.run(scenario())


def test_progress_is_remembered_from_one_writing_to_the_next() -> None:
    """A partition with records waiting that never commits is found out by one reading."""

    async def scenario() -> None:
        clock = VirtualClock()
        file = ProgressFile(settings(), "stock", clock=clock)
        assert file.path is not None
        for _ in range(302):
            file.write(statistics())
            await clock.advance(1.0)
        verdict = judge(read_progress(file.path), now_s=clock.monotonic(), alive=True)
        assert "no progress for" in verdict.problems[0]

    asyncio.run(scenario())
