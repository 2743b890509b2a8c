"""The commands about replicated counters, with their options and their help; see program.py.

penstock crdt show     what they are
penstock crdt watch    how they change
"""

from typing import Annotated

import typer

from penstock.infra.cli.failures import guarded
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat

__all__ = ["add_counters_commands"]

_Name = Annotated[str, typer.Argument(metavar="NAME", help="As in Counters('NAME').")]


def add_counters_commands(root: typer.Typer, *, debug: bool) -> None:
    """Add the group `crdt` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    crdt = group()
    crdt.callback()(_crdt)
    crdt.command("show")(guarded(_crdt_show, debug=debug))
    crdt.command("watch")(guarded(_crdt_watch, debug=debug))
    root.add_typer(crdt, name="crdt")


def _crdt() -> None:
    """See replicated counters, whoever counts them.

    They are read from their topic; no code of the project is needed, and nothing is changed.
    """


def _crdt_show(
    name: _Name,
    counter: Annotated[
        str | None,
        typer.Argument(
            metavar="COUNTER", help="Only this one, with its components.", show_default=False
        ),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Print the values of counters."""
    from penstock.infra.cli.counters import show_counters  # noqa: PLC0415 - as program.py says

    show_counters(name, counter, form)


def _crdt_watch(name: _Name, form: Form = OutputFormat.TABLE) -> None:
    """Print a line for each change of a counter, until Ctrl-C.

    With -o json each line is a JSON object. Changes that follow each other quickly may share a
    line.
    """
    from penstock.infra.cli.counters import watch_counters  # noqa: PLC0415 - as program.py says

    watch_counters(name, form)
