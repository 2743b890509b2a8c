"""`penstock topic plan` and `penstock topic apply`: topics as the project declares them.

What has to change is decided by events/topic_plan.py; here it is shown and, where it would delete
records, asked about.
"""

import sys
from dataclasses import dataclass
from typing import ClassVar, Final

import typer

from penstock.events.topic_plan import AddPartitions, Configure, Create, Plan, Refusal, Step
from penstock.infra.bootstrap import open_topics
from penstock.infra.cli.message_types import project_types
from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.workplace import Workplace, short_command, user_modules
from penstock.infra.modules import counters_of, workers_of
from penstock.infra.sagas.sources import project_sagas
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import TopicsWanted, apply_plan, plan_topics, topics_wanted
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["NotConfirmed", "apply_topics", "show_plan"]

_COLUMNS: Final = ("action", "topic", "reason")
_ACTIONS: Final[dict[type[Step], str]] = {
    Create: "create",
    AddPartitions: "add partitions",
    Configure: "configure",
    Refusal: "refuse",
}


@dataclass(eq=False, kw_only=True)
class NotConfirmed(CallerError):
    """A plan would delete records, and nobody has said that this is meant."""

    topics: str
    """The topics."""

    code: ClassVar[str] = "PEN-I17"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "The plan was not applied: it deletes records of {topics}."
    why: ClassVar[str] = "What is deleted cannot be brought back."
    remedy: ClassVar[str] = "Say --yes if it is meant."


def show_plan(form: OutputFormat) -> ExitCode:
    """Print what must change.

    Returns:
        CONFIGURATION where something stands in the way, else OK.
    """
    place = short_command()
    found = place.run(_plan(place.settings, _wanted(place)))
    _print(found, form)
    return ExitCode.CONFIGURATION if found.refusals else ExitCode.OK


def apply_topics(*, confirmed: bool, form: OutputFormat) -> None:
    """Print what must change, and change it.

    Args:
        confirmed: whether deleting records is meant, without asking.
        form: a table, or one JSON array.

    Raises:
        PlanRefused: something stands in the way; nothing was changed.
        NotConfirmed: it would delete records, and that was not confirmed.
    """
    place = short_command()
    place.run(_apply(place, _wanted(place), confirmed=confirmed, form=form))


def _wanted(place: Workplace) -> TopicsWanted:
    types = project_types(place.project).values()
    modules = user_modules(place.project)
    return topics_wanted(
        place.settings.app,
        types,
        workers_of(modules),
        project_sagas(place.project),
        saga_partitions=place.settings.saga_partitions,
        counters=counters_of(modules),
    )


async def _plan(settings: Settings, wanted: TopicsWanted) -> Plan:
    async with open_topics(settings) as topics:
        return await plan_topics(topics, wanted)


async def _apply(
    place: Workplace, wanted: TopicsWanted, *, confirmed: bool, form: OutputFormat
) -> None:
    async with open_topics(place.settings) as topics:
        found = await plan_topics(topics, wanted)
        _print(found, form)
        if not found.refusals and not confirmed:
            _confirm(found)
        await apply_plan(topics, found, replication=place.settings.replication)
    if found.steps and form is OutputFormat.TABLE:
        print("Done.")


def _print(found: Plan, form: OutputFormat) -> None:
    rows = [
        {"action": _ACTIONS[type(step)], "topic": _name(step), "reason": _text(step)}
        for step in found.steps
    ]
    if rows or form is OutputFormat.JSON:
        print_list(rows, _COLUMNS, form)
    else:
        print("All topics are as declared.")


def _name(step: Step) -> str:
    return step.topic.name if isinstance(step, Create) else step.name


def _text(step: Step) -> str:
    return f"{step.reason} {step.remedy}" if isinstance(step, Refusal) else step.reason


def _confirm(found: Plan) -> None:
    """Ask on a terminal; elsewhere there is nobody to ask.

    Raises:
        NotConfirmed: it is not meant.
    """
    deleting = [
        step.name for step in found.steps if isinstance(step, Configure) and step.deletes_records
    ]
    if not deleting:
        return
    names = ", ".join(deleting)
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not (asked and typer.confirm(f"Delete records of {names} for ever?", err=True)):
        raise NotConfirmed(topics=names)
