"""The commands about events, with their options and their help; see program.py.

penstock event types       what the project has
penstock event show        one of them
penstock event publish     events into their topics; also 'penstock publish'
penstock event tail        records out of topics, decoded
penstock event asyncapi    the project as an AsyncAPI document
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from penstock.infra.cli.event_forms import DocumentForm, TailForm
from penstock.infra.cli.failures import guarded
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat

__all__ = ["add_event_commands"]

_PIPE: Final = "-"


def add_event_commands(root: typer.Typer, *, debug: bool) -> None:
    """Add `publish` and the group `event` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    root.command("publish")(guarded(_publish, debug=debug))
    events = group()
    events.callback()(_event)
    commands: dict[str, Callable[..., None]] = {
        "types": _event_types,
        "show": _event_show,
        "publish": _publish,
        "tail": _event_tail,
        "asyncapi": _event_asyncapi,
    }
    for name, command in commands.items():
        events.command(name)(guarded(command, debug=debug))
    root.add_typer(events, name="event")


def _event() -> None:
    """See which events, commands and replies there are, publish them, and read topics."""


def _event_types(form: Form = OutputFormat.TABLE) -> None:
    """List the events, commands and replies in the project's modules. Needs no settings."""
    from penstock.infra.cli.event_looks import list_types  # noqa: PLC0415 - as program.py says

    list_types(form)


def _event_show(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="Full name, or the last part where one has it.")
    ],
    form: Form = OutputFormat.TABLE,
) -> None:
    """Show one type: fields, topic, headers, and an example to publish. Needs no settings."""
    from penstock.infra.cli.event_looks import show_type  # noqa: PLC0415 - as program.py says

    show_type(name, form)


def _publish(
    type_name: Annotated[
        str, typer.Argument(metavar="TYPE", help="Full name of the type, shop.OrderPlaced.")
    ],
    event: Annotated[
        str | None,
        typer.Argument(metavar="JSON", help="The event as a JSON object; - for --from -."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="One JSON object per line; - for a pipe."),
    ] = None,
    *,
    key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="In place of the event's own key.")
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="In place of a new one; the same id is the same event."),
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Names the flow that the events belong to.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A further header. May be given several times."),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Publish an event, or a file of events, and wait until they are acknowledged."""
    if event == _PIPE and source is None:
        event, source = None, Path(_PIPE)
    if (event is None) == (source is None):
        message = "give the event as JSON, or a file with --from, and not both"
        raise typer.BadParameter(message)
    if source is not None and (key is not None or event_id is not None):
        message = "--key and --event-id are for one event, and not for a file"
        raise typer.BadParameter(message)
    from penstock.infra.cli.publishing import (  # noqa: PLC0415 - as program.py says
        Additions,
        publish_file,
        publish_one,
    )

    additions = Additions(correlation_id=correlation_id, headers=_headers(header or []))
    if event is not None:
        publish_one(type_name, event, form, additions=additions, key=key, event_id=event_id)
    if source is not None:
        publish_file(type_name, source, form, additions=additions)


def _headers(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter("a header is NAME=VALUE", param_hint="--header")
        if name in found:
            raise typer.BadParameter("a header is given twice", param_hint="--header")
        found[name] = value
    return found


def _event_tail(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TYPE...",
            help="Full or short names: their topics are read, and they alone are shown. Else all "
            "types of the project.",
        ),
    ] = None,
    *,
    topic: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC", help="Read this topic instead. May be given several times."),
    ] = None,
    type_name: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE", help="Show only this type. May be given several times."
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Show only records with this key.")
    ] = None,
    start: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="beginning, end, -10m, 2026-01-31T09:30:00Z, or PARTITION:OFFSET, which reads "
            "that partition only and may be given several times. Else the end; the beginning "
            "where there is an end.",
        ),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="Where to end: likewise."),
    ] = None,
    follow: Annotated[
        bool | None,
        typer.Option(
            "--follow/--no-follow",
            help="Wait for records to come, or end at the present end. Follows if there is no "
            "--until.",
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", metavar="COUNT", min=1, help="End after so many records."),
    ] = None,
    headers: Annotated[bool, typer.Option("--headers", help="Show headers too.")] = False,
    form: Annotated[
        TailForm,
        typer.Option(
            "--output",
            "-o",
            help="text: a line for people; json: an object a line; raw: the same, with key, value "
            "and headers as base64, not decoded.",
        ),
    ] = TailForm.TEXT,
) -> None:
    """Print the records of topics as they come, or as they are, decoded by their writers' schemas.

    In order within each partition. What cannot be decoded is shown as such. Ctrl-C ends.
    """
    from penstock.infra.cli.event_tail import (  # noqa: PLC0415 - as program.py says
        TailWish,
        tail_events,
    )

    tail_events(
        TailWish(
            names=tuple(names or ()),
            topics=tuple(dict.fromkeys(topic or ())),
            types=tuple(type_name or ()),
            key=key,
            start=tuple(start or ()),
            end=tuple(until or ()),
            follow=follow,
            count=count,
            form=form,
            headers=headers,
        )
    )


def _event_asyncapi(
    version: Annotated[
        str, typer.Option(metavar="VERSION", help="Of the specification: 3.0.0 or 3.1.0.")
    ] = "3.0.0",
    app_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Of the app; else that of [project] in pyproject.toml."
        ),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=HOST:PORT",
            help="A cluster, with kafka-secure:// before the host where connections are encrypted. "
            "May be given several times.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; else to standard output.")
    ] = None,
    form: Annotated[
        DocumentForm, typer.Option("--output", "-o", help="How to write it.")
    ] = DocumentForm.YAML,
) -> None:
    """Write the project as an AsyncAPI document: topics, messages with Avro schemas, operations.

    It says what modules and sagas declare. Needs no Kafka.
    """
    from penstock.infra.cli.event_looks import write_asyncapi  # noqa: PLC0415 - as program.py says

    write_asyncapi(
        version=version, app_version=app_version, servers=server or [], file=out, form=form
    )
