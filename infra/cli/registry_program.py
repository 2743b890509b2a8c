"""The commands about the registry, with their options and their help; see program.py.

penstock registry list     who is there
penstock registry watch    who comes, changes and goes
"""

from typing import Annotated

import typer

from penstock.infra.cli.failures import guarded
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat

__all__ = ["add_registry_commands"]


def add_registry_commands(root: typer.Typer, *, debug: bool) -> None:
    """Add the group `registry` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    registry = group()
    registry.callback()(_registry)
    registry.command("list")(guarded(_registry_list, debug=debug))
    registry.command("watch")(guarded(_registry_watch, debug=debug))
    root.add_typer(registry, name="registry")


def _registry() -> None:
    """See which processes are there, and which of them take new work.

    Workers and sagas register where PENSTOCK_REDIS is set. Who says nothing for nine seconds is not
    there any more.
    """


def _registry_list(
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE", help="A worker, or saga-<name>; else all.", show_default=False
        ),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """List the instances of a service, or of all.

    Exits with 7 where entries cannot be read; all others are listed.
    """
    from penstock.infra.cli.registry import list_instances  # noqa: PLC0415 - as program.py says

    raise typer.Exit(list_instances(service, form))


def _registry_watch(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="A worker, or saga-<name>.")],
    form: Form = OutputFormat.TABLE,
) -> None:
    """Print a line for each instance that is there, comes, changes or goes, until Ctrl-C.

    With -o json each line is a JSON object.
    """
    from penstock.infra.cli.registry import watch_service  # noqa: PLC0415 - as program.py says

    watch_service(service, form)
