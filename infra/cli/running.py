"""`penstock run worker`: one worker as one process, until it is told to stop."""

import asyncio
import logging
import re
from typing import Final

import typer

from penstock.events.log import Partition
from penstock.infra.cli.unexpected import Unexpected, unexpected
from penstock.infra.cli.workplace import worker_process
from penstock.infra.modules import load_worker
from penstock.infra.plain_text import excerpt
from penstock.infra.worker_process import run_worker
from penstock.schemas.errors import PenstockError
from penstock.workers.worker import Worker

__all__ = ["run_one_worker"]

_NUMBER: Final = re.compile(r"[0-9]{1,9}")

_log = logging.getLogger("penstock.cli")


def run_one_worker(target: str, *, accept_reset: list[str], log_level: str | None) -> None:
    """Run a worker; returns when it has drained after SIGTERM or SIGINT.

    Args:
        target: `MODULE:NAME`.
        accept_reset: `TOPIC/PARTITION`, each whose missing or earlier offset is meant.
        log_level: in place of the setting's.

    Raises:
        PenstockError: it could not start, or could not go on.
    """
    place = worker_process(log_level)
    worker = load_worker(target, place.project)
    accepted = frozenset(_partition(text, worker) for text in accept_reset)
    try:
        asyncio.run(run_worker(place.settings, worker, accept_reset=accepted))
    except PenstockError:
        raise
    except Exception as error:
        # A process that runs for weeks is not started again with --debug to see this once more.
        told: Unexpected = unexpected(error, where="The log line before this one has its traceback")
        _log.critical("the worker ended in a way that nobody foresaw", exc_info=error)
        raise told from error


def _partition(text: str, worker: Worker) -> Partition:
    topic, slash, number = text.rpartition("/")
    if not slash or not _NUMBER.fullmatch(number):
        message = f"--accept-reset wants TOPIC/PARTITION, as in shop.orders/0, not {excerpt(text)}"
        raise typer.BadParameter(message)
    topics = {each.topic.name: each.topic.partitions for each in worker.inputs}
    if int(number) >= topics.get(topic, 0):
        known = ", ".join(f"{name}/0 to {name}/{count - 1}" for name, count in topics.items())
        message = f"--accept-reset {excerpt(text)} is none of the worker's partitions: {known}"
        raise typer.BadParameter(message)
    return Partition(topic, int(number))
