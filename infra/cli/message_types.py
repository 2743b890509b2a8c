"""The types that a command line may name: those in the modules of the project."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from penstock.events.event import Message, Reply
from penstock.events.event_types import MessageType, event_types_of
from penstock.infra.cli.workplace import user_modules
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project
from penstock.infra.type_names import UnknownType, name_hint
from penstock.schemas.errors import CallerError

__all__ = ["NoModules", "project_types", "publishable"]


@dataclass(eq=False, kw_only=True)
class NoModules(CallerError):
    """The project names no modules, so there are no types."""

    file: str
    """The pyproject.toml, or where none was found."""

    code: ClassVar[str] = "PEN-I15"
    what: ClassVar[str] = "No module with events or workers is known from {file}."
    why: ClassVar[str] = "Types and topics are found in the project's modules."
    remedy: ClassVar[str] = (
        'List them in pyproject.toml under [tool.penstock]: modules = ["shop.orders"].'
    )


def project_types(project: Project) -> dict[str, MessageType]:
    """Import the project's modules and return their types by full name.

    Raises:
        NoModules: the project names none.
        CallerError: a module cannot be imported, or types contradict each other.
    """
    if not project.modules:
        folder = "this folder" if project.folder is None else str(project.folder / "pyproject.toml")
        raise NoModules(file=excerpt(folder, 200))
    return event_types_of(user_modules(project))


def publishable(name: str, types: Mapping[str, MessageType]) -> type[Message]:
    """Return the type of that name.

    Raises:
        UnknownType: there is none, or it is a reply.
    """
    found = types.get(name)
    if found is None:
        raise UnknownType(name=excerpt(name, 200), hint=name_hint(name, types))
    if issubclass(found, Reply):
        hint = "It is a reply, and replies travel only to whoever has sent the command."
        raise UnknownType(name=name, hint=hint)
    return found
