"""`penstock health`: whether worker processes of this machine get on; asks neither them nor Kafka.

For health checks of containers and for people. Without a file it looks at every process that has
one; the worst of them is the answer.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.plain_text import excerpt
from penstock.infra.progress_store import (
    find_progress,
    is_alive,
    progress_folder,
    read_progress,
)
from penstock.schemas.errors import ExitCode, WorldError
from penstock.workers.progress import Verdict, judge

__all__ = ["NoWorker", "show_health"]


@dataclass(eq=False, kw_only=True)
class NoWorker(WorldError):
    """There is no worker process to look at."""

    worker: str
    """Which one was looked for."""
    place: str
    """Where."""

    code: ClassVar[str] = "PEN-I13"
    what: ClassVar[str] = "No {worker} has a progress file in {place}."
    why: ClassVar[str] = "It has not started, has ended, or writes its progress elsewhere."
    remedy: ClassVar[str] = (
        "Start it, or name its file with --file or PENSTOCK_PROGRESS_FILE, as the same user."
    )


def show_health(*, worker: str | None, file: Path | None, form: OutputFormat) -> ExitCode:
    """Judge processes and print a line for each.

    Args:
        worker: only those of this worker.
        file: only the process that writes this file.
        form: lines of text, or one JSON array.

    Returns:
        The exit code of the worst.

    Raises:
        NoWorker: there is nothing to judge.
        ProgressUnreadable: a file holds no report.
    """
    files = find_progress(worker) if file is None else [file] * _is_there(file)
    if not files:
        place = progress_folder() if file is None else file.parent
        raise NoWorker(
            worker="worker" if worker is None else f"worker {excerpt(worker)}",
            place=excerpt(str(place), 200),
        )
    verdicts = [_verdict(each) for each in files]
    if form is OutputFormat.JSON:
        print_list([_row(each) for each in verdicts], ("worker", "pid", "healthy", "text"), form)
    else:
        for verdict in verdicts:
            print(_line(verdict))
    return _worst(verdicts)


def _is_there(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it will say what is wrong with it
    return True


def _verdict(file: Path) -> Verdict:
    report = read_progress(file)
    return judge(report, now_s=time.monotonic(), alive=is_alive(report.process.pid))


def _row(verdict: Verdict) -> dict[str, str | int | bool]:
    return {
        "worker": verdict.process.group,
        "pid": verdict.process.pid,
        "healthy": not verdict.problems,
        "text": "; ".join(verdict.problems) or verdict.summary,
    }


def _line(verdict: Verdict) -> str:
    state = "unhealthy" if verdict.problems else "healthy"
    text = "; ".join(verdict.problems) or verdict.summary
    return excerpt(f"{state}: {verdict.process.group} ({verdict.process.pid}): {text}", 2_000)


def _worst(verdicts: Sequence[Verdict]) -> ExitCode:
    return max(verdict.exit_code for verdict in verdicts)
