"""The commands about sagas, with their options and their help; see program.py.

    penstock check                       a whole project
    penstock saga check                  files
    penstock saga list | show            what there is
    penstock saga start | cancel         as a caller
    penstock saga retry | skip | mark-done | mark-undone    as an operator of a parked saga

A saga is named as `order/o-1`, or `o-1` where there is one saga only.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from penstock.infra.cli.failures import guarded
from penstock.infra.cli.group import Form, group
from penstock.infra.cli.output import OutputFormat

__all__ = ["add_saga_commands"]

_LONGEST_S: Final = 600.0

Address = Annotated[
    str,
    typer.Argument(metavar="ID", help="SAGA/KEY; just the key where there is one saga only."),
]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The step that has parked the saga.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the saga's history.")]
Actor = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who decides; else the user of this process."),
]
Timeout = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0.1, max=_LONGEST_S, help="How long to wait for the answer."
    ),
]
Schemas = Annotated[
    list[Path] | None,
    typer.Option(metavar="DIR", help="Avro schemas; else those of the project."),
]


_ACTS: Final[Mapping[str, str]] = {
    "retry": """Try the step that parked a saga again, with fresh attempts.

    A service remembers that it refused to do a step, and says so again; to undo one it tries anew.
    """,
    "skip": "Leave the step that parked a saga as it stands, and let the saga go on.",
    "mark-undone": "Say that the step that parked a saga had no effect, or has none any more.",
}
"""What an operator may do without saying more than why; the text is the command's help."""


def add_saga_commands(root: typer.Typer, *, debug: bool) -> None:
    """Add `check` and the group `saga` to the command line.

    Args:
        root: the command line.
        debug: whether failing commands print tracebacks.
    """
    root.command("check")(guarded(_check, debug=debug))
    sagas = group()
    sagas.callback()(_saga)
    commands: dict[str, Callable[..., None]] = {
        "check": _saga_check,
        "list": _saga_list,
        "show": _saga_show,
        "start": _saga_start,
        "cancel": _saga_cancel,
        "mark-done": _saga_mark_done,
        **{verb: _acting(verb, text) for verb, text in _ACTS.items()},
    }
    for name, command in commands.items():
        sagas.command(name)(guarded(command, debug=debug))
    root.add_typer(sagas, name="saga")


def _saga() -> None:
    """Look after sagas.

    ID is SAGA/KEY, as in order/o-1; just the key where there is one saga only. What is asked of a
    saga goes into its inbox and is answered by 'penstock run saga'.
    """


# --- checks ----------------------------------------------------------------------------------


def _check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="The project; else the one around this folder."),
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Check a project without running it: modules, types, topics, schemas and sagas.

    Needs no settings and no Kafka. Exits with 0 if all is well, 4 if not; warnings change nothing.
    """
    from penstock.infra.cli.saga_checks import check_project  # noqa: PLC0415 - help is lighter

    raise typer.Exit(check_project(folder, form))


def _saga_check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE...", help="Definitions; else those of the project."),
    ] = None,
    schemas: Schemas = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Check definitions of sagas without running them, and show every problem at its place.

    Needs no settings and no Kafka. Exits with 0 if all is well, 4 if not; warnings change nothing.
    """
    from penstock.infra.cli.saga_checks import check_files  # noqa: PLC0415 - help is lighter

    raise typer.Exit(check_files(files or [], schemas or [], form))


# --- looks -----------------------------------------------------------------------------------


def _saga_list(
    saga: Annotated[
        str | None, typer.Argument(metavar="SAGA", help="Only those of this name.")
    ] = None,
    phase: Annotated[
        str | None, typer.Option(metavar="PHASE", help="Only those that stand there: PARKED, ...")
    ] = None,
    form: Form = OutputFormat.TABLE,
) -> None:
    """List all sagas that are remembered, the latest last."""
    from penstock.infra.cli.saga_looks import list_sagas  # noqa: PLC0415 - help is lighter

    list_sagas(saga, phase, form)


def _saga_show(address: Address, form: Form = OutputFormat.TABLE) -> None:
    """Show one saga: where it stands, its steps, what an operator may do, and its history."""
    from penstock.infra.cli.saga_looks import show_saga  # noqa: PLC0415 - help is lighter

    show_saga(address, form)


# --- requests --------------------------------------------------------------------------------


def _saga_start(
    saga: Annotated[
        str, typer.Argument(metavar="SAGA", help="Its name; SAGA/KEY makes sure of the key.")
    ],
    data: Annotated[str, typer.Argument(metavar="JSON", help="Its input as a JSON object.")],
    timeout: Timeout = 10.0,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Start a saga in its latest version, and wait until that is accepted.

    Decimals, times and UUIDs are strings, as in "19.99"; bytes are base64. The same input again is
    no error; another input for a key that is known exits with 7.
    """
    from penstock.infra.cli.saga_requests import start_saga  # noqa: PLC0415 - help is lighter

    start_saga(saga, data, timeout_s=timeout, form=form)


def _saga_cancel(
    address: Address,
    *,
    reason: Reason,
    actor: Actor = None,
    timeout: Timeout = 10.0,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Turn a saga round: what was done is undone. Possible until its pivot is sent."""
    from penstock.infra.cli.saga_requests import cancel_saga  # noqa: PLC0415 - help is lighter

    cancel_saga(address, reason=reason, actor=actor, timeout_s=timeout, form=form)


def _acting(verb: str, text: str) -> Callable[..., None]:
    """Return the command of an operator's verb that needs nothing but a reason."""

    def act(
        address: Address,
        step: Step,
        *,
        reason: Reason,
        actor: Actor = None,
        timeout: Timeout = 10.0,
        form: Form = OutputFormat.TABLE,
    ) -> None:
        _operate(verb, address, step, reason=reason, actor=actor, timeout=timeout, form=form)

    act.__doc__ = text
    return act


def _saga_mark_done(
    address: Address,
    step: Step,
    *,
    reason: Reason,
    data: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="What the step is taken to have answered."),
    ] = None,
    actor: Actor = None,
    timeout: Timeout = 10.0,
    form: Form = OutputFormat.TABLE,
) -> None:
    """Say that the step that parked a saga is done, with the answer that it would have given."""
    _operate(
        "mark-done",
        address,
        step,
        reason=reason,
        actor=actor,
        timeout=timeout,
        form=form,
        data=data,
    )


def _operate(
    verb: str,
    address: str,
    step: str,
    *,
    reason: str,
    actor: str | None,
    timeout: float,
    form: OutputFormat,
    data: str | None = None,
) -> None:
    from penstock.infra.cli.saga_requests import operate_saga  # noqa: PLC0415 - help is lighter

    operate_saga(
        address, verb, step, reason=reason, actor=actor, data=data, timeout_s=timeout, form=form
    )
