"""`penstock registry list` and `penstock registry watch`: what the registry knows.

It asks Redis and nothing else; no broker is needed.
"""

import json
import sys
from collections.abc import Iterable
from typing import Final

import typer

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.saga_views import time_text
from penstock.infra.cli.unexpected import one_line
from penstock.infra.cli.workplace import Workplace, short_command
from penstock.infra.clock import SystemClock
from penstock.infra.logs import log_alarm
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.registry.changes import Change
from penstock.infra.registry.instance import Instance, is_service
from penstock.infra.registry.opening import open_registry
from penstock.infra.registry.registry import Survey
from penstock.infra.registry.view import Discovery
from penstock.schemas.errors import ExitCode, PenstockError

__all__ = ["list_instances", "watch_service"]

_COLUMNS: Final = ("service", "instance", "status", "host", "pid", "started", "version")


def list_instances(service: str | None, form: OutputFormat) -> ExitCode:
    """Print a line for each instance.

    Args:
        service: only those of this one.
        form: a table, or one JSON array.

    Returns:
        DATA where something could not be read, which is told; else OK.

    Raises:
        NoRegistry: PENSTOCK_REDIS is not set.
        RedisUnreachable: Redis gave no answer.
        RedisRefused: it answered with an error.
        RegistryDamaged: what it holds about this service, or about all, cannot be understood.
    """
    if service is not None:
        _check(service)
    place = short_command(needs_kafka=False)
    survey = place.run(_survey(place, service))
    listed = [each for found in survey.found for each in (*found.instances, *found.draining)]
    rows = [_row(instance) for instance in sorted(listed, key=lambda each: (each.service, each.id))]
    if rows or form is OutputFormat.JSON:
        print_list(rows, _COLUMNS, form)
    else:
        print("No instance is registered." if service is None else f"No {service} is registered.")
    problems: list[PenstockError] = [*survey.damaged]
    problems += [error for found in survey.found for error in found.unreadable]
    _tell(survey.found, problems)
    return ExitCode.DATA if problems else ExitCode.OK


def watch_service(service: str, form: OutputFormat) -> None:
    """Print a line for each change, for ever.

    Args:
        service: whose.
        form: lines of text, or of JSON.

    Raises:
        NoRegistry: PENSTOCK_REDIS is not set.
        RedisUnreachable: Redis gave no answer at the start; later it is waited for.
        RedisRefused: it answered with an error at the start.
        RegistryDamaged: what it holds about this service cannot be understood at the start.
    """
    _check(service)
    place = short_command(needs_kafka=False)
    place.run(_watch(place, service, form))


def _check(service: str) -> None:
    if not is_service(service):
        message = f"{excerpt(service)} is no name of a worker, nor saga-<name>"
        raise typer.BadParameter(message)


async def _survey(place: Workplace, service: str | None) -> Survey:
    # What alarms would say is said below, for each entry.
    async with open_registry(place.settings, alarm=lambda _: None) as registry:
        if service is None:
            return await registry.survey()
        return Survey(found=(await registry.discover(service),), damaged=())


async def _watch(place: Workplace, service: str, form: OutputFormat) -> None:
    clock = SystemClock()
    async with open_registry(place.settings, alarm=log_alarm) as registry:
        await registry.discover(service)  # a Redis that is away is told now, and not waited for
        async for change in registry.watch(service):
            _print_change(change, time_text(clock.wall_ms()), form)


def _print_change(change: Change, at: str | None, form: OutputFormat) -> None:
    verb, row = type(change).__name__.lower(), _row(change.instance)
    if form is OutputFormat.JSON:
        print(json.dumps({"at": at, "change": verb, **row}), flush=True)
        return
    words = (at, f"{verb:7}", row["instance"], row["status"], row["host"], row["pid"])
    print(escaped("  ".join(map(str, words))), flush=True)


def _row(instance: Instance) -> dict[str, str | int | None]:
    return {
        "service": instance.service,
        "instance": instance.id,
        "status": instance.status.value,
        "host": instance.host,
        "pid": instance.pid,
        "started": time_text(instance.started_ms),
        "version": instance.version,
    }


def _tell(found: Iterable[Discovery], problems: Iterable[PenstockError]) -> None:
    for each in found:
        if each.left_out:
            print(
                f"penstock: {each.left_out} more of {each.service} are not listed", file=sys.stderr
            )
    for problem in problems:
        print(f"penstock: {one_line(problem)}", file=sys.stderr)
