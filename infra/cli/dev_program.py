"""The command `penstock dev`, with its options and its help; see program.py."""

from pathlib import Path
from typing import Annotated

import typer

from penstock.infra.cli.failures import guarded

__all__ = ["add_dev_command"]


def add_dev_command(root: typer.Typer, *, debug: bool) -> None:
    """Add the command `dev` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    root.command("dev")(guarded(_dev, debug=debug))


def _dev(
    *,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart processes whose files have changed.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the broker; 0 for any that is free.")
    ] = 0,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the broker's records here; else in memory."),
    ] = None,
) -> None:
    """Run all of the project on this machine: broker, Redis, topics, workers and sagas.

    Nothing else needs to be installed. All processes write into one log; one that ends is started
    again. Ctrl-C drains them all, and it exits with 0; a second Ctrl-C kills them.
    """
    from penstock.infra.cli.dev import run_dev  # noqa: PLC0415 - as program.py says

    run_dev(reload=reload, port=port, data=data)
