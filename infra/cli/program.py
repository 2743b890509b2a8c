"""All commands, with their options and their help.

Everything that a command does stands in a module of its own, which is imported when the command
runs: whoever asks for help waits for typer only.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from penstock.infra.cli.counters_program import add_counters_commands
from penstock.infra.cli.dev_program import add_dev_command
from penstock.infra.cli.event_program import add_event_commands
from penstock.infra.cli.failures import guarded, tell
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat
from penstock.infra.cli.registry_program import add_registry_commands
from penstock.infra.cli.saga_program import add_saga_commands
from penstock.infra.cli.schema_program import add_schema_commands

__all__ = ["main", "program"]

_DEBUG: Final = "--debug"
_BROKEN_PIPE: Final = 128 + 13  # SIGPIPE

LogLevel = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", help="debug, info, warning or error; else PENSTOCK_LOG_LEVEL."),
]


def main() -> None:
    """Run the command that the arguments of this process name, and exit."""
    arguments, debug = _without_debug(sys.argv[1:])
    if not __debug__:
        sys.exit(_refuse_optimized_python())
    try:
        program(debug=debug)(args=arguments, prog_name="penstock")
    except SystemExit as ended:
        # typer says 1 where the reader of its help has gone; in 1 Python itself ends.
        sys.exit(_BROKEN_PIPE if ended.code == 1 else ended.code)


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Take --debug out, wherever it stands: people put it at the end of what has just failed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != _DEBUG]
    return [*options, *arguments[end:]], len(options) < end


def _refuse_optimized_python() -> int:
    from penstock.infra.interpreter import PythonOptimized  # noqa: PLC0415 - help needs it not

    return tell(PythonOptimized(), debug=False)


def program(*, debug: bool) -> typer.Typer:
    """Return the command line.

    Args:
        debug: whether failing commands print tracebacks.
    """
    root, run, topic = group(), group(), group()
    root.callback(no_args_is_help=True)(_penstock)
    root.command("health")(guarded(_health, debug=debug))
    root.command("broker")(guarded(_broker, debug=debug))
    root.command("demo")(guarded(_demo, debug=debug))
    root.command("version")(guarded(_version, debug=debug))
    run.callback()(_run)
    run.command("worker")(guarded(_run_worker, debug=debug))
    run.command("saga")(guarded(_run_saga, debug=debug))
    topic.command("plan")(guarded(_topic_plan, debug=debug))
    topic.command("apply")(guarded(_topic_apply, debug=debug))
    add_schema_commands(root, debug=debug)
    add_event_commands(root, debug=debug)
    add_saga_commands(root, debug=debug)
    add_registry_commands(root, debug=debug)
    add_counters_commands(root, debug=debug)
    add_dev_command(root, debug=debug)
    root.add_typer(run, name="run", help="Run a process until it is stopped.")
    root.add_typer(topic, name="topic", help="Compare topics with their declarations.")
    return root


def _penstock(
    *,
    debug: Annotated[  # taken out by main(); here for the help
        bool, typer.Option(_DEBUG, help="Print tracebacks too; may stand anywhere.")
    ] = False,
) -> None:
    """Event-driven services on Kafka: typed Avro events, workers that lose nothing, sagas.

    Settings come from PENSTOCK_* variables, modules from [tool.penstock] in pyproject.toml.
    Exit codes: 0 ok, 2 usage, 3 configuration, 4 schema, 5 unreachable, 6 permission, 7 data,
    8 bug, 130 interrupted.
    """


def _run() -> None:
    """Run a process until it is stopped."""


def _run_worker(
    target: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="As in shop.stock:worker.")],
    accept_reset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC/PARTITION",
            help="Begin although the committed offset is lost or was reset: records may be "
            "skipped or repeated. May be given several times.",
        ),
    ] = None,
    log_level: LogLevel = None,
) -> None:
    """Run a worker; SIGTERM and Ctrl-C drain it, and it exits with 0."""
    from penstock.infra.cli.running import run_one_worker  # noqa: PLC0415 - as the module says

    run_one_worker(target, accept_reset=accept_reset or [], log_level=_level(log_level))


def _run_saga(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Definitions; else those of the project."),
    ] = None,
    schemas: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Avro schemas; else those of the project."),
    ] = None,
    accept_reset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC/PARTITION",
            help="Begin although the committed offset is lost or was reset: records may be "
            "skipped or repeated. May be given several times.",
        ),
    ] = None,
    log_level: LogLevel = None,
) -> None:
    """Run sagas; SIGTERM and Ctrl-C drain them, and they exit with 0."""
    from penstock.infra.cli.running import run_some_sagas  # noqa: PLC0415 - as the module says

    run_some_sagas(
        files or [],
        schemas=schemas or [],
        accept_reset=accept_reset or [],
        log_level=_level(log_level),
    )


def _level(text: str | None) -> str | None:
    known = ("debug", "info", "warning", "error")
    if text is not None and text.lower() not in known:
        message = f"the log level is one of {', '.join(known)}"
        raise typer.BadParameter(message)
    return None if text is None else text.lower()


def _topic_plan(form: Form = OutputFormat.TABLE) -> None:
    """Show what would have to change so that all topics are as declared."""
    from penstock.infra.cli.topics import show_plan  # noqa: PLC0415 - as the module says

    raise typer.Exit(show_plan(form))


def _topic_apply(
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete records, where the plan does, without asking.")
    ] = False,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Create and change topics so that they are as declared."""
    from penstock.infra.cli.topics import apply_topics  # noqa: PLC0415 - as the module says

    apply_topics(confirmed=yes, form=form)


def _health(
    worker: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only processes of this worker.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            envvar="PENSTOCK_PROGRESS_FILE", help="Only the process that writes this file."
        ),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Say whether workers of this machine get on; exits with 0 if all of them do."""
    from penstock.infra.cli.health import show_health  # noqa: PLC0415 - as the module says

    raise typer.Exit(show_health(worker=worker, file=file, form=form))


def _broker(
    *,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Listen on this address of the machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Listen on this port; 0 for any that is free.")
    ] = 9092,
    advertise: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="What clients are told; else where it listens."),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(metavar="MIB", min=1, help="Keep so much of records in memory; else 1024."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep the records in this folder; else in memory."),
    ] = None,
    fsync: Annotated[
        bool, typer.Option("--fsync", help="Acknowledge what is on the disk only.")
    ] = False,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="By Kafka's own names, as in num.partitions=3. May be given several times.",
        ),
    ] = None,
) -> None:
    """Run an embedded Kafka broker until it is stopped: one node, for development and tests.

    It listens on this machine only, unless --host names an address that others reach; nothing
    protects what is in it. It says on stdout where it listens.
    """
    from penstock.infra.cli.broker import become_broker  # noqa: PLC0415 - as the module says

    become_broker(
        host=host,
        port=port,
        advertise=advertise,
        memory=memory,
        data=data,
        fsync=fsync,
        config=config or [],
    )


def _demo(
    orders: Annotated[int, typer.Option(min=10, max=100_000, help="How many to place.")] = 50,
) -> None:
    """Run orders through a saga, kill a service on the way, and check its ledgers.

    It runs on an embedded broker of its own, and leaves its project in a temporary folder.
    """
    from penstock.infra.cli.workplace import demonstration  # noqa: PLC0415 - as the module says
    from penstock.infra.demo import run  # noqa: PLC0415 - as the module says

    demonstration()
    run(orders)


def _version(form: Form = OutputFormat.TABLE) -> None:
    """Show the versions of penstock and of what it stands on."""
    from penstock.infra.cli.versions import show_versions  # noqa: PLC0415 - as the module says

    show_versions(form)
