"""`penstock run worker` and `penstock run saga`: one process, until it is told to stop."""

import asyncio
import logging
import re
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from penstock.events.log import Partition
from penstock.events.names import saga_inbox_topic
from penstock.infra.cli.unexpected import Unexpected, unexpected
from penstock.infra.cli.workplace import worker_process
from penstock.infra.modules import load_worker
from penstock.infra.plain_text import excerpt
from penstock.infra.sagas.process import run_sagas
from penstock.infra.sagas.sources import sagas_given
from penstock.infra.worker_process import run_worker
from penstock.schemas.errors import PenstockError

__all__ = ["run_one_worker", "run_some_sagas"]

_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_ANY_NUMBER: Final = 10**9
"""Stands for a number of partitions that only the cluster knows."""

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
    topics = {each.topic.name: each.topic.partitions for each in worker.inputs}
    accepted = frozenset(_partition(text, topics) for text in accept_reset)
    _run(run_worker(place.settings, worker, accept_reset=accepted))


def run_some_sagas(
    files: Sequence[Path],
    *,
    schemas: Sequence[Path],
    accept_reset: Sequence[str],
    log_level: str | None,
) -> None:
    """Run sagas; returns when they have drained after SIGTERM or SIGINT.

    Args:
        files: of definitions; none takes those that the project lists.
        schemas: folders and files of Avro schemas; none takes those of the project.
        accept_reset: `TOPIC/PARTITION`, each whose missing or earlier offset is meant.
        log_level: in place of the setting's.

    Raises:
        PenstockError: they could not start, or could not go on.
    """
    place = worker_process(log_level)
    definitions = sagas_given(place.project, files, schemas)
    topics = {saga_inbox_topic(place.settings.app, each.saga): _ANY_NUMBER for each in definitions}
    topics |= {each.input_topic: _ANY_NUMBER for each in definitions if each.input_topic}
    accepted = frozenset(_partition(text, topics) for text in accept_reset)
    _run(run_sagas(place.settings, definitions, accept_reset=accepted))


def _run(process: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(process)
    except PenstockError:
        raise
    except Exception as error:
        # A process that runs for weeks is not started again with --debug to see this once more.
        told: Unexpected = unexpected(error, where="The log line before this one has its traceback")
        _log.critical("the process ended in a way that nobody foresaw", exc_info=error)
        raise told from error


def _partition(text: str, topics: Mapping[str, int]) -> Partition:
    topic, slash, number = text.rpartition("/")
    if not slash or not _NUMBER.fullmatch(number):
        message = f"--accept-reset wants TOPIC/PARTITION, as in shop.orders/0, not {excerpt(text)}"
        raise typer.BadParameter(message)
    if int(number) >= topics.get(topic, 0):
        known = ", ".join(
            name if count == _ANY_NUMBER else f"{name}/0 to {name}/{count - 1}"
            for name, count in topics.items()
        )
        message = f"--accept-reset {excerpt(text)} is none of the partitions read here: {known}"
        raise typer.BadParameter(message)
    return Partition(topic, int(number))
