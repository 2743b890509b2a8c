"""The commands about the registry, with their options and their help; see program.py.

penstock registry list     who is there
penstock registry watch    who comes, changes and goes
penstock registry serve    another registry: that of schemas, over HTTP
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
    registry.command("serve")(guarded(_registry_serve, debug=debug))
    root.add_typer(registry, name="registry")


def _registry() -> None:
    """See which processes are there (list, watch), or serve schemas to other tools (serve).

    Workers and sagas register where PENSTOCK_REDIS is set. Who says nothing for nine seconds is not
    there any more. The registry of schemas is another one: it stands in Kafka, and serve answers
    for it what Kafka's tools ask of a schema registry.
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


def _registry_serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen on this address of the machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Listen on this port; 0 for any that is free.")
    ] = 8081,
) -> None:
    """Serve the schemas of the cluster over HTTP, as Confluent's schema registry does.

    Not the instances that list and watch show: this is for kcat, Kafka UIs and other clients, which
    read and register Avro schemas there. It keeps nothing of its own, and deletes nothing. It
    listens on this machine only, unless --host names an address that others reach; nothing protects
    it there. SIGTERM and Ctrl-C stop it, and it exits with 0.
    """
    from penstock.infra.cli.schema_registry import serve_registry  # noqa: PLC0415 - as program.py

    serve_registry(host=host, port=port)
