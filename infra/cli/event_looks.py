"""`penstock event types`, `penstock event show` and `penstock event asyncapi`.

All three look at the project's modules and at nothing else: no broker is asked.
"""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Final, cast, get_args

import typer
from ruamel.yaml import YAML

from penstock.infra.addresses import parse_addresses
from penstock.infra.asyncapi.document import Application, AsyncApiVersion, Server, asyncapi_document
from penstock.infra.asyncapi.messages import MessageKind, PayloadFrame
from penstock.infra.cli.event_forms import DocumentForm
from penstock.infra.cli.event_listing import (
    FIELD_COLUMNS,
    TYPE_COLUMNS,
    TypeView,
    type_row,
    workers_by_type,
)
from penstock.infra.cli.message_types import project_types
from penstock.infra.cli.output import OutputFormat, print_list
from penstock.infra.cli.workplace import project_here, user_modules
from penstock.infra.dev.example_event import example_json
from penstock.infra.modules import workers_of
from penstock.infra.plain_text import escaped, excerpt
from penstock.infra.project import Project
from penstock.infra.sagas.sources import project_sagas
from penstock.infra.settings import load_settings
from penstock.infra.type_names import the_type
from penstock.schemas.errors import CallerError

__all__ = ["UnwritableFile", "list_types", "show_type", "write_asyncapi"]

_SERVER: Final = re.compile(
    r"(?P<name>[\w.-]+)=(?:(?P<protocol>kafka(?:-secure)?)://)?(?P<host>.+)"
)
_YAML_WIDTH: Final = 100
_UNVERSIONED: Final = "0.0.0"
_ARTICLES: Final = {MessageKind.EVENT: "an", MessageKind.COMMAND: "a", MessageKind.REPLY: "a"}


@dataclass(eq=False, kw_only=True)
class UnwritableFile(CallerError):
    """A document cannot be written where it was to be."""

    file: str
    """The file."""
    reason: str
    """What the operating system says."""

    code: ClassVar[str] = "PEN-I195"
    what: ClassVar[str] = "The document was not written to {file}."
    why: ClassVar[str] = "The operating system says: {reason}."
    remedy: ClassVar[str] = "Name a file in a folder that this user may write to."


def list_types(form: OutputFormat) -> None:
    """Print a line for each event, command and reply of the project.

    Args:
        form: a table, or one JSON array.

    Raises:
        NoModules: the project names no modules.
    """
    rows = [type_row(each) for each in project_types(project_here()).values()]
    if rows or form is OutputFormat.JSON:
        print_list(rows, TYPE_COLUMNS, form)
    else:
        print("The project's modules define no event, command or reply.")


def show_type(name: str, form: OutputFormat) -> None:
    """Print all about one type.

    Args:
        name: its full name, or its last part where that is enough.
        form: text, or one JSON object.

    Raises:
        UnknownType: the name stands for no type of the project, or for several.
        NoModules: the project names no modules.
    """
    project = project_here()
    types = project_types(project)
    full_name = the_type(name, types)
    found = types[full_name]
    workers = workers_by_type(workers_of(user_modules(project)))
    view = TypeView(
        message_type=found,
        handled_by=tuple(workers.get(full_name, ())),
        example=example_json(found),
    )
    if form is OutputFormat.JSON:
        print(json.dumps(view.document(), indent=2))
    else:
        _print_view(view)


def _print_view(view: TypeView) -> None:
    print(escaped(f"{view.name} is {_ARTICLES[view.kind]} {view.kind}"))
    for line in view.doc.splitlines():
        print(escaped(f"  {line}".rstrip()))
    print()
    for word, text in view.head():
        print(escaped(f"  {word:10}  {text}"))
    print()
    print_list(view.fields(), FIELD_COLUMNS, OutputFormat.TABLE)
    if headers := view.headers():
        print()
        print_list(
            [{"header": name, "value": text} for name, text in headers.items()],
            ("header", "value"),
            OutputFormat.TABLE,
        )
    print()
    print(escaped(_example_line(view)))


def _example_line(view: TypeView) -> str:
    if view.example is None:
        return "No example is known: the class has rules of its own that its types do not say."
    if view.kind is MessageKind.REPLY:
        return view.example
    return f"penstock event publish {view.name} {shlex.quote(view.example)}"


# --- asyncapi --------------------------------------------------------------------------------


def write_asyncapi(
    *,
    version: str,
    app_version: str | None,
    servers: Sequence[str],
    file: Path | None,
    form: DocumentForm,
) -> None:
    """Write the project as an AsyncAPI document.

    Args:
        version: of the specification.
        app_version: of the app; else that of the project, else 0.0.0.
        servers: `NAME=HOST:PORT`, `kafka-secure://` before the host where connections are
            encrypted.
        file: where to; standard output if not given.
        form: YAML or JSON.

    Raises:
        NoModules: the project names no modules.
        BadSettings: the app has no name, or the settings contradict each other.
        UnwritableFile: the file cannot be written.
    """
    if version not in get_args(AsyncApiVersion):
        known = " and ".join(get_args(AsyncApiVersion))
        raise typer.BadParameter(f"there are {known}", param_hint="--version")
    named = tuple(_server(text) for text in servers)
    if len({server.name for server in named}) < len(named):
        raise typer.BadParameter("two have one name", param_hint="--server")
    project = project_here()
    application = _application(project, app_version, named)
    text = _text(asyncapi_document(application, version=cast("AsyncApiVersion", version)), form)
    if file is None:
        print(text, end="")
    else:
        _write(file, text)
        print(f"Wrote {escaped(str(file))}.")


def _application(
    project: Project, app_version: str | None, servers: tuple[Server, ...]
) -> Application:
    types = project_types(project)
    settings = load_settings(project, needs_kafka=False)
    registries = settings.schema_registry
    return Application(
        app=settings.app,
        version=app_version or _version_of(project) or _UNVERSIONED,
        types=types,
        workers=workers_of(user_modules(project)),
        sagas=project_sagas(project),
        servers=servers,
        frame=PayloadFrame(framing=settings.written_framing, subject_names=settings.subject_names),
        registry=None if registries is None else registries.partition(",")[0].strip(),
        replicas=settings.topic_replication,
    )


def _server(text: str) -> Server:
    found = _SERVER.fullmatch(text)
    if found is None:
        problem = f"{excerpt(text)} is not NAME=HOST:PORT, as in production=kafka.example.com:9092"
        raise typer.BadParameter(problem, param_hint="--server")
    if problems := parse_addresses(found["host"]).problems:
        raise typer.BadParameter("; ".join(problems), param_hint="--server")
    secure = found["protocol"] == "kafka-secure"
    return Server(
        name=found["name"],
        host=found["host"],
        protocol="kafka-secure" if secure else "kafka",
    )


def _version_of(project: Project) -> str | None:
    """Return the version in the project's pyproject.toml, where it stands there as it is."""
    if project.folder is None:
        return None
    with (project.folder / "pyproject.toml").open("rb") as file:
        table = tomllib.load(file).get("project")
    version = table.get("version") if isinstance(table, dict) else None
    return version if isinstance(version, str) else None


def _text(document: Mapping[str, Any], form: DocumentForm) -> str:
    if form is DocumentForm.JSON:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = _YAML_WIDTH
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # declared as None only
    # Equal parts are written out each time: not every reader of YAML follows anchors.
    yaml.representer.ignore_aliases = lambda *_: True
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _write(file: Path, text: str) -> None:
    file = file.resolve()  # a link stays one, and leads to the new text
    if file.exists() and not file.is_file():
        # /dev/stdout and /dev/null are written into: put in place of them, a file would be
        # believed to be the device by everybody on the machine.
        _write_into(file, text)
        return
    fresh = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        fresh.write_text(text, "utf-8")
        fresh.replace(file)
    except OSError as error:
        if fresh.is_file():
            fresh.unlink()
        raise UnwritableFile(
            file=excerpt(str(file), 200), reason=error.strerror or type(error).__name__
        ) from error


def _write_into(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise UnwritableFile(
            file=excerpt(str(file), 200), reason=error.strerror or type(error).__name__
        ) from error
