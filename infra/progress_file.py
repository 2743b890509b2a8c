"""The file in which a worker process says each second how far it is.

    statistics of the runner -> next report (workers/progress.py) -> file (progress_store.py)

Laws:
1. A file that cannot be written is told when it is made; later, by an alarm, once until it can be
   written again. Never does it end the worker.
2. The file is gone when the worker has ended; one that stays says that its process was killed.
3. It is written where the event loop runs, so it belongs on a disk of this machine.
"""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.clock import Clock
from penstock.events.names import consumer_group
from penstock.infra.clock import SystemClock
from penstock.infra.logs import log_alarm
from penstock.infra.progress_store import (
    ProgressFileUnusable,
    progress_path,
    remove_left_behind,
    write_progress,
)
from penstock.infra.settings import Settings
from penstock.workers.partition_task import PartitionStatistics
from penstock.workers.progress import (
    PartitionStanding,
    Process,
    ProgressReport,
    Standing,
    next_report,
)
from penstock.workers.runner import RunnerStatistics

__all__ = ["INTERVAL_S", "ProgressFile"]

INTERVAL_S: Final = 1.0
"""Seconds from one writing to the next; what is later was kept from it by the event loop."""
_AT_START: Final = RunnerStatistics(polled_ago_s=0.0, stopping=False, partitions=())


@final
class ProgressFile:
    """The progress file of this process."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        *,
        clock: Clock | None = None,
        alarm: RaiseAlarm = log_alarm,
    ) -> None:
        """Write a first report, and remove what killed processes of this worker have left.

        Args:
            settings: the app's name and the file; with `off` nothing is ever written.
            worker: the worker's name.
            clock: the time; the machine's own if not given.
            alarm: told when the file can no longer be written.

        Raises:
            ProgressFileUnusable: it cannot be written.
        """
        self._clock = clock or SystemClock()
        self._alarm = alarm
        self._failing = False
        self._before: ProgressReport | None = None
        self._process = Process(
            pid=os.getpid(),
            app=settings.app,
            worker=worker,
            group=consumer_group(settings.app, worker),
            version=version("penstock"),
        )
        self.path = self._chosen(settings.progress_file)
        """The file; None where the settings switch it off."""
        if self.path is not None:
            write_progress(self.path, self._next(_AT_START))

    def _chosen(self, setting: Path | str | None) -> Path | None:
        if setting is None:
            path = progress_path(self._process)
            remove_left_behind(path)
            return path
        return None if setting == "off" else Path(setting)

    def write(self, statistics: RunnerStatistics) -> None:
        """Write where the worker stands; to be called each `INTERVAL_S`."""
        if self.path is None:
            return
        try:
            write_progress(self.path, self._next(statistics))
        except ProgressFileUnusable as unusable:
            if not self._failing:
                self._failing = True
                self._alarm(Alarm(name="progress-file-unusable", text=str(unusable), facts={}))
        else:
            self._failing = False

    def _next(self, statistics: RunnerStatistics) -> ProgressReport:
        now_s = self._clock.monotonic()
        due_s = now_s if self._before is None else self._before.written_s + INTERVAL_S
        self._before = next_report(
            self._process,
            _standing(statistics, late_s=max(0.0, now_s - due_s)),
            self._before,
            now_s=now_s,
            written_at=self._clock.wall().isoformat(),
        )
        return self._before

    def remove(self) -> None:
        """Remove the file: this process ends in an orderly way."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _standing(statistics: RunnerStatistics, *, late_s: float) -> Standing:
    return Standing(
        polled_ago_s=statistics.polled_ago_s,
        late_s=late_s,
        stopping=statistics.stopping,
        partitions=tuple(_partition(each) for each in statistics.partitions),
    )


def _partition(statistics: PartitionStatistics) -> PartitionStanding:
    return PartitionStanding(
        topic=statistics.partition.topic,
        partition=statistics.partition.number,
        phase=statistics.phase,
        phase_since_s=statistics.phase_since_s,
        position=None if statistics.work is None else statistics.work.position,
        lag=statistics.lag,
        records=statistics.records,
        entries=statistics.entries,
        doubts=statistics.doubts,
    )
