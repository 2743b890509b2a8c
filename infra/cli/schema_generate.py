"""`penstock schema generate`: classes from schema files, whose schemas come from elsewhere.

Neither a project nor settings are needed. What a class cannot say is named, not dropped silently.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.plain_text import escaped
from penstock.infra.schema_files.generation import write_package
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.schema_files.wishes import wishes_for
from penstock.schemas.class_source import class_source

__all__ = ["generate_classes"]

_COLUMNS = ("type", "class", "module")
_FILE_COLUMNS = ("file", "state")


def generate_classes(
    files: Sequence[Path],
    folder: Path,
    package: str,
    form: OutputFormat,
    *,
    commands: Sequence[str],
    overwrite: bool,
) -> None:
    """Write a package with the classes of some schemas.

    Args:
        files: of Avro schemas, and folders of them.
        folder: the package's own.
        package: the name by which it will be imported.
        form: tables, or one JSON object.
        commands: full names of those that are commands though they name no reply.
        overwrite: whether files with another content are to be replaced.

    Raises:
        BadSchemaFiles: a file is no schema of one record.
        UnusableRoles: what schemas say of topics, keys and replies cannot be said by classes.
        NoFaithfulClass: a schema says what no class says.
        ClassesNotWritten: the folder has other files in their places.
    """
    wishes = wishes_for(read_schemas(files), commands)
    source = class_source(wishes, package=package)
    written = write_package(source.files, folder, overwrite=overwrite)
    states = [
        {"file": str(each.path), "state": "written" if each.changed else "unchanged"}
        for each in written
    ]
    classes = [
        {"type": name, "class": local, "module": module}
        for name, (module, local) in source.homes.items()
    ]
    if form is OutputFormat.JSON:
        left_out = {name: list(pointers) for name, pointers in source.left_out.items()}
        print(json.dumps({"files": states, "classes": classes, "left_out": left_out}, indent=2))
        return
    print_list(states, _FILE_COLUMNS, form)
    print()
    print_list(classes, _COLUMNS, form)
    if source.left_out:
        print()
        print("The classes do not say what stands at these places of their schemas:")
        for name, pointers in source.left_out.items():
            print(escaped(f"  {name}: {', '.join(pointers)}"))
