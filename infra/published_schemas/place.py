"""Where schemas are looked for, as a command line says it.

    project              the classes of the project's modules, else its schema files
    git:REF[:PATH]       the files that were exported in a commit, a branch or a tag
    topic                the schemas topic of the cluster
    registry             the schema registry that the settings name
    DIR or FILE          files

Law: what begins with `-`, or is no name that git allows, is refused here, so that no such text ever
stands among the arguments of a program.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from penstock.infra.plain_text import excerpt
from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.schemas.errors import CallerError, ExitCode

__all__ = [
    "BadPlace",
    "FilesPlace",
    "GitPlace",
    "Place",
    "ProjectPlace",
    "RegistryPlace",
    "TopicPlace",
    "place_named",
]

_GIT: Final = "git"
_LONGEST: Final = 1_000
_ILLEGAL: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.]|[/.]$|\.lock$")
"""What no name of a branch or tag holds (git-check-ref-format); what walks back is taken off."""
_WALK: Final = re.compile(r"(?:[~^][0-9]{0,6}){0,10}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlace:
    """The project itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitPlace:
    """A commit."""

    ref: str
    """A branch, a tag or a commit; what walks back from it may follow, as in `main~2`."""
    path: str | None = None
    """A folder or file from the project's folder on; None takes what the project lists."""

    def __str__(self) -> str:
        """As it was written."""
        return f"git:{self.ref}" + ("" if self.path is None else f":{self.path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlace:
    """The schemas topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPlace:
    """The schema registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPlace:
    """A folder or a file."""

    path: str
    """Its path."""


Place: TypeAlias = ProjectPlace | GitPlace | TopicPlace | RegistryPlace | FilesPlace
"""Where schemas are looked for."""


@dataclass(eq=False, kw_only=True)
class BadPlace(CallerError):
    """No place is called so."""

    place: str
    """The text, as given."""
    problem: str
    """What is wrong with it, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I186"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: ClassVar[str] = "Schemas cannot be looked for in {place}."
    why: ClassVar[str] = "{problem}."
    remedy: ClassVar[str] = "Say project, git:main, topic, registry, or the path of a folder."


_WORDS: Final[dict[str, Place]] = {
    "project": ProjectPlace(),
    "topic": TopicPlace(),
    "registry": RegistryPlace(),
}


def place_named(text: str, *, is_path: bool) -> Place:
    """Return the place that a text names.

    Args:
        text: as given on the command line.
        is_path: whether a file or a folder has that path. The words win over it; `./topic` is a
            folder.

    Raises:
        BadPlace: there is no such place.
    """
    if text in _WORDS:
        return _WORDS[text]
    kind, colon, rest = text.partition(":")
    if kind == _GIT and colon:
        return _git(text, rest)
    if is_path:
        return FilesPlace(path=text)
    problem = "There is no such folder, and no other place of that name"
    if meant := did_you_mean(text, (*_WORDS, "git:main")):
        problem += f"; did you mean {meant}"
    raise BadPlace(place=excerpt(text, 200) or "an empty text", problem=problem)


def _git(text: str, rest: str) -> GitPlace:
    ref, colon, path = rest.partition(":")
    name = _WALK.sub("", ref, count=1)
    problem = None
    if not ref:
        problem = "It names no branch, tag or commit"
    elif len(rest) > _LONGEST:
        problem = f"It has more than {_LONGEST} characters"
    elif _ILLEGAL.search(name) or not name:
        problem = f"{excerpt(ref)!a} is no name of a branch, a tag or a commit"
    elif colon and (not path or "\x00" in path or path.startswith(("/", "-", ":"))):
        problem = "The path behind it begins at the project's folder, as in git:main:schemas"
    if problem is not None:
        raise BadPlace(place=excerpt(text, 200), problem=problem)
    return GitPlace(ref=ref, path=path if colon else None)
