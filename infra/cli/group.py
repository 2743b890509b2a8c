"""Groups of commands, and the options that many commands share.

Law: `--help` waits for this file, so it imports typer and what is as light.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from penstock.infra.cli.output import OutputFormat

__all__ = ["Form", "group"]

Form = Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print what is listed.")]


class _Group(TyperGroup):
    """A group of commands whose flags say no instead of nothing.

    typer 0.29 imports pydantic to find out that a flag that was not given, --help among them, is
    neither True nor False; the help of every command below the group would wait for that.
    """

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override] # typer's own Context is a child of what it declares
        params = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False) and param.default is None:
                param.default = False
        return params


def group() -> typer.Typer:
    """Return a group without commands; alone it shows its help."""
    return typer.Typer(
        cls=_Group,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        # With markup or pretty exceptions typer imports rich.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
