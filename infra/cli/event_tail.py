"""`penstock event tail`: the records of topics, decoded, as they are or as they come.

    choice    which types are meant, and on which topics they travel; see topic_choice.py
    part      from where, until where; see event_span.py
    records   read, chosen, decoded, printed; see record_decoding.py, record_view.py

What names stand for is looked up in the project's schemas and modules, and where these do not know
it, in the catalogue of the cluster: so types of other services can be named too. With --topic alone
nothing of the project's code is imported.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import typer

from penstock.events.log import Partition, TopicAdmin, TopicMissing
from penstock.events.names import check_topic
from penstock.events.range_source import RangeSource
from penstock.events.reading_range import Start, Until
from penstock.events.record_source import RecordSource
from penstock.infra.cli.event_forms import TailForm
from penstock.infra.cli.event_span import (
    Offsets,
    Place,
    Unclear,
    offsets_in,
    partitions_within,
    place_of,
)
from penstock.infra.cli.message_types import project_types
from penstock.infra.cli.record_decoding import RecordDecoding
from penstock.infra.cli.record_view import (
    RecordFilter,
    SeenRecord,
    json_line,
    raw_line,
    text_lines,
)
from penstock.infra.cli.topic_choice import (
    TopicChoice,
    TypeTopics,
    all_named,
    chosen_topics,
    topics_of,
)
from penstock.infra.cli.workplace import Workplace, short_command
from penstock.infra.clock import SystemClock
from penstock.infra.parts import Parts, open_parts
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.type_names import the_type
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.record import declaration_of

__all__ = ["TailWish", "tail_events"]

_HINTS: Final = 3
"""Topics in a message for which a name is looked for that was perhaps meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailWish:
    """What is asked of a tail."""

    names: tuple[str, ...] = ()
    """Types, by full or short names: their topics are read, and only they are shown."""
    topics: tuple[str, ...] = ()
    """Topics that are read, in place of those of types."""
    types: tuple[str, ...] = ()
    """Further types that are shown, by full or short names; no topic is read for them."""
    key: str | None = None
    """Only records with this key."""
    start: tuple[str, ...] = ()
    """Where to begin, as `event_span.place_of` takes it; empty is the end for whoever follows, and
    else the beginning."""
    end: tuple[str, ...] = ()
    """Where to end, likewise; empty is never for whoever follows, and else the present end."""
    follow: bool | None = None
    """Whether to wait for records to come; None does so where there is no end."""
    count: int | None = None
    """End after so many records."""
    form: TailForm = TailForm.TEXT
    """How records are printed."""
    headers: bool = False
    """Whether their headers are printed too."""


def tail_events(wish: TailWish) -> None:
    """Print records until the end that is wished for.

    Args:
        wish: which records, and how.

    Raises:
        UnknownType: a name stands for no type, or for several.
        IllegalName: no topic can have such a name.
        TopicMissing: a topic does not exist.
        PositionOutside: an offset does not exist.
        KafkaUnreachable: no broker answered.
    """
    if wish.follow and wish.end:
        raise _unclear("--follow", "what follows has no end: leave out --until, or --follow")
    now = SystemClock().wall()
    start, until = _start(wish, now), _until(wish, now)
    for topic in wish.topics:
        check_topic(topic)
    place = short_command()
    known = _types_in_project(wish, place.project)
    # A stream of another encoding shows what it has no character for as an escape.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    place.run(_tail(place, wish, known, start, until))


async def _tail(
    place: Workplace,
    wish: TailWish,
    known: TypeTopics,
    start: Place,
    until: Place | None,
) -> None:
    async with open_parts(place.settings, source=place.settings.app) as parts:
        choice = await _choice(parts, wish, known)
        part = _part(await _partition_counts(parts.topics, choice), start, until)
        wanted = RecordFilter(
            types=choice.types.union(wish.types),
            key=None if wish.key is None else wish.key.encode(),
        )
        decoding = RecordDecoding(parts.schemas, wanted, values=wish.form is not TailForm.RAW)
        reader = await parts.cluster.reader(*part.partitions)
        source = RangeSource(
            reader, part.partitions, parts.clock, start=part.start, until=part.until
        )
        try:
            await _print(source, decoding, wish)
        finally:
            await source.close()


async def _print(source: RecordSource, decoding: RecordDecoding, wish: TailWish) -> None:
    left = wish.count
    while await source.more():
        while (record := source.take()) is not None:
            seen = await decoding.seen(record)
            source.finish(record)
            if seen is None:
                continue
            print(_line(seen, wish))
            if left is not None and (left := left - 1) == 0:
                return
        # What is there is shown before more is waited for.
        sys.stdout.flush()
        # A log that never makes us wait must not keep Ctrl-C waiting.
        await asyncio.sleep(0)


def _line(seen: SeenRecord, wish: TailWish) -> str:
    match wish.form:
        case TailForm.TEXT:
            return text_lines(seen, headers=wish.headers)
        case TailForm.JSON:
            return json_line(seen, headers=wish.headers)
        case TailForm.RAW:
            return raw_line(seen.record)


# --- where from, where to --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The part of the log that is read."""

    partitions: tuple[Partition, ...]
    start: Start
    until: Until


def _part(topics: Mapping[str, int], start: Place, until: Place | None) -> _Part:
    assert until != "beginning", "it was refused"
    try:
        return _Part(
            partitions=partitions_within(topics, start, until),
            start=offsets_in(start, topics) if isinstance(start, Offsets) else start,
            until=offsets_in(until, topics) if isinstance(until, Offsets) else until,
        )
    except Unclear as unclear:
        # Offsets can be wrong in either; where both name some, they may contradict each other.
        option = "--from" if isinstance(start, Offsets) else "--until"
        raise _unclear(option, unclear.problem) from None


def _start(wish: TailWish, now: datetime) -> Place:
    if wish.start:
        return _place(wish.start, "--from", now)
    return "end" if wish.follow is not False and not wish.end else "beginning"


def _until(wish: TailWish, now: datetime) -> Place | None:
    if not wish.end:
        return "end" if wish.follow is False else None
    place = _place(wish.end, "--until", now)
    if place == "beginning":
        raise _unclear("--until", "nothing ends at the beginning")
    return place


def _place(texts: Sequence[str], option: str, now: datetime) -> Place:
    try:
        return place_of(texts, now=now)
    except Unclear as unclear:
        raise _unclear(option, f"{excerpt(' '.join(texts), 100)}: {unclear.problem}") from None


def _unclear(option: str, problem: str) -> typer.BadParameter:
    return typer.BadParameter(problem, param_hint=option)


# --- which types, which topics ---------------------------------------------------------------


def _types_in_project(wish: TailWish, project: Project) -> TypeTopics:
    """Return the topics of all types that the project knows, as far as the wish needs them."""
    if wish.topics and not wish.names:
        return {}
    known = topics_of(read_schemas(project.schemas).values()) if project.schemas else {}
    if project.modules and not (wish.names and all_named(wish.names, known)):
        types = project_types(project).values()
        known |= topics_of(declaration_of(each).schema for each in types)
    if not wish.names and not any(known.values()):
        raise typer.BadParameter("name a type, or a topic with --topic", param_hint="TYPE")
    return known


async def _choice(parts: Parts, wish: TailWish, known: TypeTopics) -> TopicChoice:
    registered: TypeTopics = {}
    if not all_named(wish.names, known):
        await parts.catalogue.refresh()
        registered = topics_of(parts.catalogue.schemas())
    if not wish.topics:
        return chosen_topics(wish.names, known, registered)
    types = frozenset(the_type(name, known, registered) for name in wish.names)
    return TopicChoice(types=types, topics=wish.topics)


async def _partition_counts(admin: TopicAdmin, choice: TopicChoice) -> dict[str, int]:
    """Return how many partitions each topic has that is to be read."""
    states = await admin.describe([*choice.topics, *choice.perhaps])
    missing = [topic for topic in choice.topics if topic not in states]
    if not states:
        missing = [*choice.topics, *choice.perhaps]
    if missing:
        error = TopicMissing(topics=", ".join(missing))
        names = await admin.names()
        for topic in islice(missing, _HINTS):
            if meant := did_you_mean(topic, names):
                error.add_note(f"Did you mean {meant}?")
        raise error
    return {name: state.partitions for name, state in states.items()}
