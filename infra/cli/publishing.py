"""`penstock publish`, `penstock event publish`: events from the command line into their topics.

A file is checked to its end before its first event is published, so a mistake in line 900 leaves
nothing half done. What comes through a pipe cannot be read twice, and may never end: its events are
published as they come, and the error about a bad line says how many were before it.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

from rich.console import Console
from rich.progress import Progress

from penstock.events.event import Message, message_declaration_of
from penstock.infra.bootstrap import Bus, connect
from penstock.infra.cli.event_json import EventLines, event_from
from penstock.infra.cli.message_types import project_types, publishable
from penstock.infra.cli.output import OutputFormat, print_object
from penstock.infra.cli.workplace import Workplace, short_command
from penstock.infra.plain_text import excerpt
from penstock.infra.settings import Settings
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["Additions", "UnreadableInput", "publish_file", "publish_one"]

_PIPE: Final = Path("-")
_STEP: Final = 500
"""Events between two looks of the progress bar."""
_LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one line at most; twice the largest record."""
_TOO_LONG: Final = f"a line has more than {_LINE_LIMIT} bytes"

Advance = Callable[[int], None]
"""Told that so many more events are on their way."""


@dataclass(eq=False, kw_only=True)
class UnreadableInput(CallerError):
    """A file that was named on the command line gives no events."""

    file: str
    """The file."""
    reason: str
    """What is wrong with it."""

    code: ClassVar[str] = "PEN-I16"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "No events can be read from {file}."
    why: ClassVar[str] = "The reason: {reason}."
    remedy: ClassVar[str] = "Name a file with one JSON object per line, or - for a pipe."


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What stands around every event that a command publishes."""

    correlation_id: str | None = None
    """Names the flow that they belong to."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers."""


def publish_one(
    type_name: str,
    text: str,
    form: OutputFormat,
    *,
    additions: Additions,
    key: str | None,
    event_id: str | None,
) -> None:
    """Publish one event and print where it was written.

    Args:
        type_name: its full name.
        text: the event as a JSON object.
        form: a sentence, or a JSON object.
        additions: what stands around it.
        key: in place of its own.
        event_id: in place of a new one.
    """
    place = short_command()
    event = event_from(text, _type(type_name, place), place="The argument")
    place.run(
        _publish_one(place.settings, event, form, additions=additions, key=key, event_id=event_id)
    )


def publish_file(type_name: str, file: Path, form: OutputFormat, *, additions: Additions) -> None:
    """Publish the events in a file and print how many they were.

    Args:
        type_name: the full name of all of them.
        file: lines of JSON objects; `-` is standard input.
        form: a sentence, or a JSON object.
        additions: what stands around each of them.
    """
    place = short_command()
    name = "Standard input" if file == _PIPE else str(file)
    lines = EventLines(_type(type_name, place), place=name)
    with _opened(file) as source:
        published = _publish_from(source, lines, place, file, additions)
    sentence = f"Published {published} events of {type_name}."
    print_object({"type": type_name, "published": published}, sentence, form)


def _type(type_name: str, place: Workplace) -> type[Message]:
    return publishable(type_name, project_types(place.project))


async def _publish_one(
    settings: Settings,
    event: Message,
    form: OutputFormat,
    *,
    additions: Additions,
    key: str | None,
    event_id: str | None,
) -> None:
    async with connect(settings) as bus:
        written = await bus.publisher.publish(
            event,
            key=key,
            event_id=event_id,
            correlation_id=additions.correlation_id,
            headers=additions.headers,
        )
    type_name = message_declaration_of(type(event)).full_name
    offset = "an unknown offset" if written.offset is None else f"offset {written.offset}"
    place = f"{written.topic}/{written.partition}"
    sentence = f"Published {type_name} {written.event_id} to {place}, {offset}."
    print_object({"type": type_name, **written._asdict()}, sentence, form)


def _publish_from(
    source: BinaryIO, lines: EventLines, place: Workplace, file: Path, additions: Additions
) -> int:
    mode = os.fstat(source.fileno()).st_mode
    if stat.S_ISREG(mode):
        begin = source.tell()
        total = lines.count(_bounded(source, file))
        if total == 0:
            raise _unreadable(file, "it is empty")
        source.seek(begin)
        events = lines.events(_bounded(source, file))
        return place.run(_publish_all(place.settings, events, total, additions))
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or source.isatty():
        return place.run(_publish_piped(place.settings, lines, source, file, additions))
    raise _unreadable(file, "it is neither a file nor a pipe")


def _bounded(source: BinaryIO, file: Path) -> Iterator[bytes]:
    while line := source.readline(_LINE_LIMIT + 1):
        if len(line) > _LINE_LIMIT:
            raise _unreadable(file, _TOO_LONG)
        yield line


async def _publish_all(
    settings: Settings, events: Iterable[Message], total: int, additions: Additions
) -> int:
    async with connect(settings) as bus:
        with _progress(total) as advance:
            return await _published(bus, _watched(events, advance), additions)


async def _publish_piped(
    settings: Settings, lines: EventLines, source: BinaryIO, file: Path, additions: Additions
) -> int:
    async with connect(settings) as bus, aclosing(_piped(lines, source, file)) as events:
        return await _published(bus, events, additions)


async def _published(
    bus: Bus, events: Iterable[Message] | AsyncIterable[Message], additions: Additions
) -> int:
    return await bus.publisher.publish_many(
        events, correlation_id=additions.correlation_id, headers=additions.headers
    )


async def _piped(lines: EventLines, source: BinaryIO, file: Path) -> AsyncGenerator[Message, None]:
    """Yield events as they come: waiting for a slow pipe must not block the event loop."""
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), source
    )
    try:
        for number in count(1):
            line = await _next_line(reader, file)
            if not line:
                return
            event = lines.event(number, line)
            if event is not None:
                yield event
    finally:
        transport.close()


async def _next_line(reader: asyncio.StreamReader, file: Path) -> bytes:
    try:
        return await reader.readline()
    except ValueError as error:
        raise _unreadable(file, _TOO_LONG) from error


def _watched(events: Iterable[Message], advance: Advance) -> Iterator[Message]:
    for number, event in enumerate(events, 1):
        if number % _STEP == 0:
            advance(_STEP)
        yield event


def _progress(total: int) -> AbstractContextManager[Advance]:
    """Show a bar on a terminal, and nothing anywhere else."""
    return _Bar(total) if sys.stderr.isatty() else nullcontext(lambda _: None)


class _Bar:
    """A progress bar on stderr, gone when it is done."""

    def __init__(self, total: int) -> None:
        self._bars = Progress(console=Console(stderr=True), transient=True)
        self._bar = self._bars.add_task("publishing", total=total)

    def __enter__(self) -> Advance:
        self._bars.start()
        return lambda count: self._bars.advance(self._bar, count)

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if file == _PIPE:
        return nullcontext(sys.stdin.buffer)
    try:
        return file.open("rb")
    except OSError as error:
        raise _unreadable(file, error.strerror or type(error).__name__) from error


def _unreadable(file: Path, reason: str) -> UnreadableInput:
    return UnreadableInput(file=excerpt(str(file), 200), reason=reason)
