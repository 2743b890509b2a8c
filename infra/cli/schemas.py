"""`penstock schema export`: the schemas of the project's types as files."""

from pathlib import Path

from penstock.infra.cli.message_types import project_types
from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.workplace import project_here
from penstock.infra.schema_files.export import export_schemas

__all__ = ["export_project"]


def export_project(folder: Path, form: OutputFormat) -> None:
    """Write a file for each event, command and reply of the project; needs no settings.

    Args:
        folder: where to.
        form: a table, or one JSON array.

    Raises:
        ExportRefused: the folder cannot take them.
        NoModules: the project names no modules.
    """
    exported = export_schemas(project_types(project_here()).values(), folder)
    rows = [
        {
            "type": each.full_name,
            "file": str(each.path),
            "state": "written" if each.changed else "unchanged",
        }
        for each in exported
    ]
    print_list(rows, ("type", "file", "state"), form)
