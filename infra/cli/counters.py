"""`penstock crdt show` and `penstock crdt watch`: counters as their topic has them.

The app's name and the name of the set are enough: what kind counters are of stands in their
records.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from penstock.events.names import crdt_topic
from penstock.events.topic import Topic
from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.saga_views import time_text
from penstock.infra.cli.workplace import Workplace, short_command
from penstock.infra.counter_build import read_counters
from penstock.infra.parts import Parts, open_parts
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.replication.counter_reader import CounterReader
from penstock.infra.replication.counter_value import CounterValue
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["UnknownCounters", "show_counters", "watch_counters"]

READ_LIMIT_S: Final = 60.0
"""Longest reading of a topic to its end."""
_COLUMNS: Final = ("counter", "value", "replicas")
_COMPONENT_COLUMNS: Final = ("replica", "increments", "decrements")


@dataclass(eq=False, kw_only=True)
class UnknownCounters(CallerError):
    """There are no counters of a name."""

    app: str
    """The app."""
    asked: str
    """What was asked for."""
    hint: str
    """What there is, as a sentence."""

    code: ClassVar[str] = "PEN-I114"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "The app {app} has no {asked}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = (
        "Check the name and PENSTOCK_APP. 'penstock topic apply' makes the topics of counters; a "
        "counter begins with its first increment."
    )


def show_counters(name: str, counter: str | None, form: OutputFormat) -> None:
    """Print counters.

    Args:
        name: the name of the set.
        counter: only this one, with its components.
        form: a table, or JSON: one array, or one object where a counter is named.

    Raises:
        IllegalName: no set has such a name.
        UnknownCounters: there is no such set, or nobody has counted on that counter.
        TopicsNotAsDeclared: their topic is not compacted only.
        CountersNotRead: their topic was not read in time.
    """
    place = short_command()
    values = place.run(_values(place, name, counter))
    if counter is not None:
        _print_one(counter, values[counter], form)
    elif values or form is OutputFormat.JSON:
        print_list([_row(each, value) for each, value in values.items()], _COLUMNS, form)
    else:
        print("Nobody has counted yet.")


def watch_counters(name: str, form: OutputFormat) -> None:
    """Print a line for each change, for ever.

    Args:
        name: the name of the set.
        form: lines of text, or of JSON.

    Raises:
        IllegalName: no set has such a name.
        UnknownCounters: there is no such set.
        TopicsNotAsDeclared: their topic is not compacted only.
        CountersNotRead: their topic was not read in time.
    """
    place = short_command()
    place.run(_watch(place, name, form))


async def _values(place: Workplace, name: str, counter: str | None) -> dict[str, CounterValue]:
    async with _reader(place, name) as (reader, _):
        known = reader.values()
        if counter is None:
            return {each: reader.value(each) for each in known}
        if counter not in known:
            raise UnknownCounters(
                app=place.settings.app,
                asked=f"counter {excerpt(counter)} in {name}",
                hint="Nobody has counted on it.",
            )
        return {counter: reader.value(counter)}


async def _watch(place: Workplace, name: str, form: OutputFormat) -> None:
    async with _reader(place, name) as (reader, parts):
        before = reader.values()
        # To stderr, because it is no change; before it, changes would be missed.
        print(f"Watching {name}, {len(before)} counters.", file=sys.stderr, flush=True)
        async for counter, value in reader.changes():
            difference = value.value - before.get(counter, 0)
            before[counter] = value.value
            _print_change(time_text(parts.clock.wall_ms()), counter, value.value, difference, form)


@asynccontextmanager
async def _reader(place: Workplace, name: str) -> AsyncIterator[tuple[CounterReader, Parts]]:
    """A reader that has read to the end."""
    async with open_parts(place.settings, source=place.settings.app) as parts:
        topic = await _topic(parts, name)
        async with read_counters(parts, name, topic, None) as reader:
            await reader.restored(timeout_s=READ_LIMIT_S)
            yield reader, parts


async def _topic(parts: Parts, name: str) -> Topic:
    """The topic of a set, with as many partitions as it has."""
    app = parts.settings.app
    wanted = crdt_topic(app, name)
    states = await parts.topics.describe([wanted])
    if wanted not in states:
        before = crdt_topic(app, "x").removesuffix("x")
        names = await parts.topics.names()
        known = sorted(each.removeprefix(before) for each in names if each.startswith(before))
        there = f"There are {', '.join(known)}" if known else "There are none"
        raise UnknownCounters(
            app=app, asked=f"counters {name}", hint=f"No topic {wanted} exists. {there}."
        )
    return Topic(wanted, partitions=states[wanted].partitions, cleanup="compact")


def _row(counter: str, value: CounterValue) -> dict[str, str | int]:
    return {"counter": counter, "value": value.value, "replicas": len(value.versions)}


def _print_one(counter: str, value: CounterValue, form: OutputFormat) -> None:
    components: list[dict[str, str | int]] = [
        {"replica": replica, "increments": ups, "decrements": downs}
        for replica, (ups, downs) in value.versions.items()
    ]
    if form is OutputFormat.JSON:
        row = {"counter": counter, "value": value.value, "components": components}
        print(json.dumps(row, indent=2))
        return
    print_list([_row(counter, value)], _COLUMNS, form)
    print()
    print_list(components, _COMPONENT_COLUMNS, form)


def _print_change(
    at: str | None, counter: str, value: int, difference: int, form: OutputFormat
) -> None:
    if form is OutputFormat.JSON:
        row = {"at": at, "counter": counter, "value": value, "difference": difference}
        print(json.dumps(row), flush=True)
    else:
        print(escaped(f"{at}  {counter}  {value}  ({difference:+})"), flush=True)
