"""The commands about schemas, with their options and their help; see program.py.

penstock schema list | show | diff      what there is, and what changed
penstock schema check                   for CI: may these schemas be published
penstock schema export                  files from classes
penstock schema generate                classes from files
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from penstock.infra.cli.failures import guarded
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat

__all__ = ["add_schema_commands"]

_PLACES: Final = "git:REF, topic, registry, project, or a folder."

From = Annotated[
    str,
    typer.Option("--from", metavar="PLACE", help=f"Where to look: {_PLACES}", show_default=True),
]


def add_schema_commands(root: typer.Typer, *, debug: bool) -> None:
    """Add the group `schema` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    schemas = group()
    schemas.callback()(_schema)
    commands: dict[str, Callable[..., None]] = {
        "list": _schema_list,
        "show": _schema_show,
        "diff": _schema_diff,
        "check": _schema_check,
        "export": _schema_export,
        "generate": _schema_generate,
    }
    for name, command in commands.items():
        schemas.command(name)(guarded(command, debug=debug))
    root.add_typer(schemas, name="schema")


def _schema() -> None:
    """Look after Avro schemas.

    A schema is named by its full name, shop.OrderPlaced, or by its fingerprint of sixteen
    hexadecimal digits, which dead letters and logs show.
    """


def _schema_list(source: From = "project", form: Form = OutputFormat.TABLE) -> None:
    """List the types of the project, or of another place."""
    from penstock.infra.cli.schema_looks import list_schemas  # noqa: PLC0415 - as program.py says

    list_schemas(source, form)


def _schema_show(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FINGERPRINT", help="Of the type, or of one version.")
    ],
    source: From = "project",
    form: Form = OutputFormat.TABLE,
) -> None:
    """Show one schema: where it travels, its fields, its versions.

    With -o json the schema itself stands under "schema".
    """
    from penstock.infra.cli.schema_looks import show_schema  # noqa: PLC0415 - as program.py says

    show_schema(name, source, form)


def _schema_diff(
    first: Annotated[
        str,
        typer.Argument(
            metavar="OLD",
            help="A name, a fingerprint or a *.avsc file; the new one with --against.",
        ),
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="NEW", help="The same.", show_default=False)
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help=f"Compare with what is there: {_PLACES}"),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="Where names are looked up; else the project."
        ),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Show what changed from one schema to another, and who can read whom.

    penstock schema diff shop.OrderPlaced --against git:main
    """
    from penstock.infra.cli.schema_looks import diff_schemas  # noqa: PLC0415 - as program.py says

    diff_schemas(first, second, source, against, form)


def _schema_check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="Full or short names; else all.", show_default=False
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="What was published: git:REF[:DIR], topic, registry, or a folder.",
        ),
    ] = None,
    *,
    files: Annotated[
        bool,
        typer.Option("--files/--no-files", help="Whether exported files must be the classes' own."),
    ] = True,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Check that schemas fit to those published before, and that exported files are up to date.

    Exits with 4 where one does not, with the reasons. The level of a topic is that of its
    declaration, Topic("shop.orders", compatibility="FULL"); else BACKWARD_TRANSITIVE.
    """
    from penstock.infra.cli.schema_check import check_schemas  # noqa: PLC0415 - as program.py says

    raise typer.Exit(check_schemas(names or [], against, form, files=files))


def _schema_export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Made if there is none.", show_default=False)
    ],
    form: Form = OutputFormat.TABLE,
) -> None:
    """Write the schema of each event, command and reply to DIR as <full name>.avsc."""
    from penstock.infra.cli.schemas import export_project  # noqa: PLC0415 - as program.py says

    export_project(folder, form)


def _schema_generate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Avro schemas (*.avsc), or folders of them."),
    ],
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The package's folder; made if need be.")
    ],
    package: Annotated[
        str,
        typer.Option(metavar="NAME", help="By which it will be imported, as in shop.contracts."),
    ],
    commands: Annotated[
        list[str] | None,
        typer.Option(
            "--command",
            metavar="TYPE",
            help="Make a Command of it though it names no reply. May be given several times.",
        ),
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that have another content.")
    ] = False,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Write Python classes for schemas, a module for each namespace.

    A schema with a "topic" becomes an Event, with a "reply" too a Command, and what a command names
    as its reply a Reply; all others become plain records.
    """
    from penstock.infra.cli.schema_generate import (  # noqa: PLC0415 - as program.py says
        generate_classes,
    )

    generate_classes(files, folder, package, form, commands=commands or [], overwrite=force)
