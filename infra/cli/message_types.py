"""The types that a command line may name: those in the modules of the project."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar, Final

from penstock.events.event import Message, Reply
from penstock.events.event_types import MessageType, event_types_of
from penstock.infra.cli.workplace import user_modules
from penstock.infra.plain_text import excerpt
from penstock.infra.project import Project
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["NoModules", "UnknownType", "project_types", "publishable"]

_NAMES_SHOWN: Final = 10


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


@dataclass(eq=False, kw_only=True)
class UnknownType(CallerError):
    """No type of the project has that name, or one that cannot be published."""

    name: str
    """The name, as given."""
    hint: str
    """What is there, or why it cannot be."""

    code: ClassVar[str] = "PEN-I8"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "There is no event or command named {name}."
    why: ClassVar[str] = "{hint}"
    remedy: ClassVar[str] = "Say the full name, as in shop.OrderPlaced."


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
        raise UnknownType(name=excerpt(name, 200), hint=_hint(name, types))
    if issubclass(found, Reply):
        hint = "It is a reply, and replies travel only to whoever has sent the command."
        raise UnknownType(name=name, hint=hint)
    return found


def _hint(name: str, types: Mapping[str, MessageType]) -> str:
    close = get_close_matches(name, types, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    shown = ", ".join(list(types)[:_NAMES_SHOWN])
    more = " and more" if len(types) > _NAMES_SHOWN else ""
    return f"The project has {shown}{more}." if types else "The project's modules define none."
