"""The example's schema files are its classes' own: sagas read the files, services the classes."""

from importlib.resources import as_file, files
from pathlib import Path

from penstock.events.event_types import event_types_of
from penstock.infra.modules import import_modules
from penstock.infra.project import find_project
from penstock.infra.schema_files.export import file_text
from penstock.schemas.record import declaration_of


def test_the_folder_holds_what_an_export_would_write() -> None:
    """Run `penstock schema export schemas` in examples/orders where this fails (formats.md F5)."""
    with as_file(files("penstock.examples.orders")) as folder:
        project = find_project(folder)
        types = event_types_of(import_modules(project.modules, project))
        (schemas,) = project.schemas
        expected = {
            f"{name}.avsc": file_text(declaration_of(kind).schema) for name, kind in types.items()
        }
        assert _texts(schemas) == expected


def test_the_project_names_every_file_of_its_own() -> None:
    """A saga that is not listed gets no topics, and nobody checks it."""
    with as_file(files("penstock.examples.orders")) as folder:
        project = find_project(folder)
        assert sorted(project.sagas) == sorted(folder.glob("*.saga.yaml"))


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}
