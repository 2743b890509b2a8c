"""`penstock publish`: events from the command line into their topics.

A file is checked to its end before its first event is published, so a mistake in line 900 leaves
nothing half done. What comes through a pipe cannot be read twice, and may never end: its events are
published as they come, and the error about a bad line says how many were before it.
"""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, ClassVar, Final

from rich.console import Console
from rich.progress import Progress

from penstock.events.event import Message
from penstock.infra.bootstrap import connect
from penstock.infra.cli.event_json import EventLines, event_from
from penstock.infra.cli.message_types import project_types, publishable
from penstock.infra.cli.output import OutputFormat, print_object
from penstock.infra.cli.workplace import Workplace, short_command
from penstock.infra.plain_text import excerpt
from penstock.infra.settings import Settings
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["UnreadableInput", "publish_file", "publish_one"]

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


def publish_one(type_name: str, text: str, form: OutputFormat) -> None:
    """Publish one event and print where it was written.

    Args:
        type_name: its full name.
        text: the event as a JSON object.
        form: a sentence, or a JSON object.
    """
    place = short_command()
    event = event_from(text, _type(type_name, place), place="The argument")
    place.run(_publish_one(place.settings, event, type_name, form))


def publish_file(type_name: str, file: Path, form: OutputFormat) -> None:
    """Publish the events in a file and print how many they were.

    Args:
        type_name: the full name of all of them.
        file: lines of JSON objects; `-` is standard input.
        form: a sentence, or a JSON object.
    """
    place = short_command()
    name = "Standard input" if file == _PIPE else str(file)
    lines = EventLines(_type(type_name, place), place=name)
    with _opened(file) as source:
        published = _publish_from(source, lines, place, file)
    sentence = f"Published {published} events of {type_name}."
    print_object({"type": type_name, "published": published}, sentence, form)


def _type(type_name: str, place: Workplace) -> type[Message]:
    return publishable(type_name, project_types(place.project))


async def _publish_one(
    settings: Settings, event: Message, type_name: str, form: OutputFormat
) -> None:
    async with connect(settings) as bus:
        written = await bus.publish(event)
    offset = "an unknown offset" if written.offset is None else f"offset {written.offset}"
    place = f"{written.topic}/{written.partition}"
    sentence = f"Published {type_name} {written.event_id} to {place}, {offset}."
    print_object({"type": type_name, **written._asdict()}, sentence, form)


def _publish_from(source: BinaryIO, lines: EventLines, place: Workplace, file: Path) -> int:
    mode = os.fstat(source.fileno()).st_mode
    if stat.S_ISREG(mode):
        begin = source.tell()
        total = lines.count(_bounded(source, file))
        if total == 0:
            raise _unreadable(file, "it is empty")
        source.seek(begin)
        events = lines.events(_bounded(source, file))
        return place.run(_publish_all(place.settings, events, total))
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or source.isatty():
        return place.run(_publish_piped(place.settings, lines, source, file))
    raise _unreadable(file, "it is neither a file nor a pipe")


def _bounded(source: BinaryIO, file: Path) -> Iterator[bytes]:
    while line := source.readline(_LINE_LIMIT + 1):
        if len(line) > _LINE_LIMIT:
            raise _unreadable(file, _TOO_LONG)
        yield line


async def _publish_all(settings: Settings, events: Iterable[Message], total: int) -> int:
    async with connect(settings) as bus:
        with _progress(total) as advance:
            return await bus.publish_many(_watched(events, advance))


async def _publish_piped(
    settings: Settings, lines: EventLines, source: BinaryIO, file: Path
) -> int:
    async with connect(settings) as bus, aclosing(_piped(lines, source, file)) as events:
        return await bus.publish_many(events)


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
