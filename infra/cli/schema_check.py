"""`penstock schema check`: may these schemas be published, and are the exported files theirs?

For CI: neither settings nor a server is needed for `--against git:main`, and the exit code says it
all. Two questions are asked, and both are answered before the command ends:

    compatibility    each type against what was published, by the level of its topic
    files            the exported files against the classes: what was not exported again is what
                     sagas, other languages and the next check would believe

Law: a check that looked at nothing does not pass.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.schema_places import SchemaPlaces
from penstock.infra.cli.schema_report import CheckReport, FileFault
from penstock.infra.cli.schema_views import CHECK_COLUMNS, check_row
from penstock.infra.plain_text import escaped
from penstock.infra.published_schemas.choice import chosen_names
from penstock.infra.published_schemas.place import FilesPlace, GitPlace, Place, ProjectPlace
from penstock.infra.published_schemas.verdicts import Verdict, gone, verdicts
from penstock.infra.published_schemas.versions import PublishedSchemas
from penstock.infra.schema_files.export import export_faults, holds_export
from penstock.infra.schema_files.reading import read_schemas
from penstock.infra.schema_files.roles import roles_of
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["NothingToCheck", "check_schemas"]


@dataclass(eq=False, kw_only=True)
class NothingToCheck(CallerError):
    """A check was asked for that would look at nothing."""

    reason: str
    """Why there is nothing, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I192"
    what: ClassVar[str] = "Nothing was checked."
    why: ClassVar[str] = "{reason}, and a check of nothing would always pass."
    remedy: ClassVar[str] = (
        "Say --against git:main, topic, registry or a folder; or export the schemas and list their "
        "folder under [tool.penstock] schemas."
    )


def check_schemas(
    names: Sequence[str], against: str | None, form: OutputFormat, *, files: bool
) -> ExitCode:
    """Check the project's schemas, and print what is found.

    Args:
        names: full names of types; none takes all.
        against: the place where earlier versions are, as the command line says it; None looks at
            exported files only.
        form: for people, or one JSON object.
        files: whether exported files are held against the classes.

    Returns:
        SCHEMA where a type is incompatible or a file is not its type's, else OK.

    Raises:
        NothingToCheck: there is neither a place nor a file to look at.
        UnknownSchema: the project has no type of such a name.
        PenstockError: the project or the place cannot be read.
    """
    places = SchemaPlaces()
    place = None if against is None else places.named(against)
    if isinstance(place, ProjectPlace):
        raise NothingToCheck(reason="The project would be held against itself")
    own = places.own()
    chosen = chosen_names(tuple(names), own)
    if not chosen:
        raise NothingToCheck(reason="The project has no events, commands or replies")
    faults = _file_faults(places, chosen, whole=not names) if files else None
    if place is None:
        if faults is None:
            raise NothingToCheck(reason=_without_files(files=files))
        report = CheckReport(published=None, verdicts=(), files=faults)
    else:
        published = places.at(place, wanted=[own.of(name)[-1].schema for name in chosen])
        judged = _judged(own, chosen, published)
        if not names:
            judged += _gone(places, own, place, published)
        report = CheckReport(published=published, verdicts=judged, files=faults)
    _print(report, form)
    return ExitCode.OK if report.passes else ExitCode.SCHEMA


def _without_files(*, files: bool) -> str:
    if not files:
        return "No place was named to check against"
    return "No place was named to check against, and none of the project's schemas was exported"


def _judged(
    own: PublishedSchemas, chosen: Sequence[str], published: PublishedSchemas
) -> tuple[Verdict, ...]:
    schemas = own.latest()
    return verdicts({name: schemas[name] for name in chosen}, roles_of(schemas), published)


def _gone(
    places: SchemaPlaces, own: PublishedSchemas, place: Place, published: PublishedSchemas
) -> tuple[Verdict, ...]:
    """Tell of types that the project's own files had; on a topic are those of other apps too."""
    if not isinstance(place, GitPlace | FilesPlace):
        return ()
    there = [path for path in places.project.schemas if _holds_schemas(path)]
    still = read_schemas(there) if there else {}
    known = {*own.versions, *still}
    return gone(known, roles_of(published.latest()), published)


def _holds_schemas(path: Path) -> bool:
    return path.is_file() or any(path.rglob("*.avsc"))


def _file_faults(
    places: SchemaPlaces, chosen: Sequence[str], *, whole: bool
) -> tuple[FileFault, ...] | None:
    """Hold exported files against the classes; None where nothing was exported.

    A folder that has no file of a type of ours holds what others exported, for sagas to read.
    """
    types = tuple(places.types().values())
    folders = [path for path in places.project.schemas if holds_export(types, path)]
    if not folders:
        return None
    found = [fault for folder in folders for fault in export_faults(types, folder)]
    wanted = {f"{name}.avsc" for name in chosen}
    return tuple(
        FileFault(file=_shown(fault.path), state=fault.kind.value)
        for fault in found
        if whole or fault.path.name in wanted
    )


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _print(report: CheckReport, form: OutputFormat) -> None:
    if form is OutputFormat.JSON:
        print(json.dumps(report.document(), indent=2))
        return
    if report.verdicts:
        print_list([check_row(each) for each in report.verdicts], CHECK_COLUMNS, form)
        print()
    for line in report.lines():
        print(escaped(line))
