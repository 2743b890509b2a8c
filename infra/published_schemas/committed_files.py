"""Schema files as they stand in a commit: what was exported there is what was published.

git is asked as a program, and is told the name of a commit, paths and the ids of files: never
through a shell, never with a text that could be an option (place.py), never for longer than
`LIMIT_S` a question, never for more than `MOST_FILES` files.

    rev-parse    where the project lies in its repository, and which commit is meant
    ls-tree      which schema files are in it, and how large
    cat-file     their content

Laws:
1. The working tree does not count, and nothing of the repository is changed.
2. A commit without a schema file is an error: a check against nothing would always pass.
"""

import os
import posixpath
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, final

from penstock.infra.plain_text import excerpt
from penstock.infra.published_schemas.place import GitPlace
from penstock.infra.published_schemas.versions import PublishedSchemas, of_files
from penstock.infra.schema_files.texts import MOST_BYTES, SchemaTexts
from penstock.schemas.errors import CallerError
from penstock.schemas.schema import AvroSchema

__all__ = [
    "LIMIT_S",
    "MOST_FILES",
    "GitHasNoSchemas",
    "GitRefused",
    "published_in_git",
]

LIMIT_S: Final = 30.0
"""Seconds for one answer of git. A clone without blobs may have to fetch them first."""
MOST_FILES: Final = 10_000
"""Schema files of a commit at most; as many as a catalogue holds."""
_MOST_OUTPUT: Final = 256 * 1024 * 1024
"""Bytes of one answer at most."""
_SUFFIX: Final = ".avsc"
_ENTRY: Final = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(\d+|-)\t(.+)", re.DOTALL)
_HEAD: Final = re.compile(rb"[0-9a-f]{40,64} blob (\d+)\n")
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_SILENCE: Final = "git does not say why"
_NO_COMMIT: Final = "The repository has no commit of that name"
_FILE_MODES: Final = frozenset({"100644", "100755"})


@dataclass(eq=False, kw_only=True)
class GitRefused(CallerError):
    """git gave no answer, or none that helps."""

    place: str
    """What was asked for."""
    reason: str
    """What git said, or what happened to it, as a sentence without its end."""
    cure: str
    """What to do, as a sentence without its end."""

    code: ClassVar[str] = "PEN-I187"
    what: ClassVar[str] = "Schemas cannot be read from {place}."
    why: ClassVar[str] = "{reason}."
    remedy: ClassVar[str] = "{cure}."


@dataclass(eq=False, kw_only=True)
class GitHasNoSchemas(CallerError):
    """A commit holds no schema file where they were looked for."""

    place: str
    """The commit."""
    paths: str
    """Where they were looked for, from the repository's top."""

    code: ClassVar[str] = "PEN-I188"
    what: ClassVar[str] = "There is no schema file in {place} under {paths}."
    why: ClassVar[str] = "A check against nothing would pass whatever the schemas are."
    remedy: ClassVar[str] = (
        "Export and commit them there first, penstock schema export schemas; where they lay "
        "elsewhere then, say git:main:other/folder."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A file of a commit."""

    path: str
    """From the repository's top."""
    mode: str
    """What it is, in git's numbers."""
    object: str
    """The id of its content."""
    size: int
    """Bytes; 0 where it has no content of its own."""


def published_in_git(place: GitPlace, paths: Sequence[Path], folder: Path) -> PublishedSchemas:
    """Read the schema files of a commit.

    Args:
        place: the commit.
        paths: files and folders of the working tree, absolute; those of the commit at the same
            places count, whether they are still there now or not.
        folder: the project's, in the repository.

    Raises:
        GitRefused: there is no git, no repository, no such commit, or no answer in time.
        GitHasNoSchemas: no schema file was there.
        BadSchemaFiles: a file is no schema of one record, or two differ that have one name.
    """
    repository = _Repository(str(place), folder)
    commit = repository.commit(place.ref)
    wanted = [repository.inside(path) for path in paths]
    entries = [each for each in repository.entries(commit, wanted) if _counts(each, wanted)]
    if not entries:
        raise GitHasNoSchemas(
            place=excerpt(str(place), 200),
            paths=excerpt(", ".join(each or "." for each in wanted), 200),
        )
    return of_files(str(place), _schemas(repository, entries, place.ref))


def _counts(entry: _Entry, wanted: Sequence[str]) -> bool:
    """A file that was asked for by itself counts whatever its suffix, as on the disk."""
    return entry.path in wanted or entry.path.endswith(_SUFFIX)


def _schemas(
    repository: "_Repository", entries: Sequence[_Entry], ref: str
) -> Mapping[str, AvroSchema]:
    texts = SchemaTexts()
    readable = []
    for each in entries:
        if each.mode not in _FILE_MODES:
            texts.tell(f"{ref}:{each.path}", "It is a link, and links of a commit lead nowhere.")
        elif each.size > MOST_BYTES:
            texts.tell(f"{ref}:{each.path}", f"It has {each.size} bytes.")
        else:
            readable.append(each)
    repository.check_size(sum(each.size for each in readable))
    contents = repository.contents([each.object for each in readable])
    for each, content in zip(readable, contents, strict=True):
        texts.take(f"{ref}:{each.path}", content)
    return texts.schemas()


@final
class _Repository:
    """The repository around a folder."""

    def __init__(self, place: str, folder: Path) -> None:
        """Find it.

        Args:
            place: what was asked for, for errors.
            folder: a folder in it.
        """
        self._place = place
        self._folder = folder
        self._prefix = self._said("rev-parse", "--show-prefix").removesuffix("\n")

    def commit(self, ref: str) -> str:
        """Return the id of a commit."""
        cure = (
            "Name a branch, a tag or a commit that this clone has; one that a CI job has made is "
            "often shallow, and git fetch origin main:main brings main into it"
        )
        found = self._said(
            "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", cure=cure, silence=_NO_COMMIT
        )
        commit = found.strip()
        if _COMMIT.fullmatch(commit) is None:
            raise self._refused(f"git calls it {excerpt(commit)}, which is no commit", cure)
        return commit

    def inside(self, path: Path) -> str:
        """Return a path from the repository's top; empty for the top itself."""
        relative = Path(os.path.relpath(path, self._folder)).as_posix()
        found = posixpath.normpath(posixpath.join(self._prefix, relative))
        if found == ".." or found.startswith("../"):
            problem = f"{excerpt(str(path), 200)} lies outside of the repository"
            raise self._refused(problem, "Name a folder inside of it, as in git:main:schemas")
        return "" if found == "." else found

    def entries(self, commit: str, paths: Sequence[str]) -> list[_Entry]:
        """Return the files below some paths, in the order of their paths."""
        chosen = [] if "" in paths else list(dict.fromkeys(paths))
        listed = self._answer("ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *chosen)
        found = [_entry(line) for line in listed.split(b"\x00") if line]
        files = sorted((each for each in found if each is not None), key=lambda each: each.path)
        if len(files) > MOST_FILES:
            problem = f"More than {MOST_FILES} files lie there"
            raise self._refused(problem, "Name the folder of the schemas, as in git:main:schemas")
        return files

    def check_size(self, size: int) -> None:
        """Refuse files that are too large together."""
        if size > _MOST_OUTPUT // 2:
            problem = f"The files there have {size} bytes"
            raise self._refused(problem, "Name the folder of the schemas, as in git:main:schemas")

    def contents(self, objects: Sequence[str]) -> Iterator[bytes]:
        """Yield the contents of files, in the order of their ids."""
        given = "".join(f"{each}\n" for each in objects).encode()
        answer = self._answer("cat-file", "--batch", given=given)
        place = 0
        for each in objects:
            head = _HEAD.match(answer, place)
            if head is None:
                problem = f"git does not have the content of {each}"
                raise self._refused(problem, "Fetch the commit whole: git fetch --refetch")
            begin, size = head.end(), int(head[1])
            yield answer[begin : begin + size]
            place = begin + size + 1

    def _said(
        self,
        *arguments: str,
        cure: str = "Start inside of a git repository",
        silence: str = _SILENCE,
    ) -> str:
        return os.fsdecode(self._answer(*arguments, cure=cure, silence=silence))

    def _answer(
        self,
        *arguments: str,
        given: bytes = b"",
        cure: str = "Ask git itself; penstock has only read",
        silence: str = _SILENCE,
    ) -> bytes:
        """Ask git, and return what it prints.

        Input and output are files: no pipe can fill up, and what is too long is not read.
        """
        with (
            tempfile.TemporaryFile() as source,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
        ):
            source.write(given)
            source.seek(0)
            try:
                done = subprocess.run(  # noqa: S603 - no shell; commands of ours, a judged name, paths
                    ["git", *arguments],  # noqa: S607 - the user's git, wherever it is
                    cwd=self._folder,
                    env=_environment(os.environ),
                    stdin=source,
                    stdout=output,
                    stderr=errors,
                    timeout=LIMIT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                problem = f"git {arguments[0]} gave no answer within {LIMIT_S:g} s"
                raise self._refused(problem, "Look after the repository, then try again") from None
            except OSError as error:
                problem = f"git cannot be started: {error.strerror}"
                raise self._refused(problem, "Install git, and have it on the PATH") from error
            if done.returncode != 0:
                errors.seek(0)
                told = errors.read(1_000).decode(errors="replace").strip()
                said = f"git says: {excerpt(told, 300)}" if told else silence
                raise self._refused(said, cure)
            output.seek(0)
            answer = output.read(_MOST_OUTPUT + 1)
        if len(answer) > _MOST_OUTPUT:
            problem = f"git {arguments[0]} answers with more than {_MOST_OUTPUT} bytes"
            raise self._refused(problem, "Name the folder of the schemas, as in git:main:schemas")
        return answer

    def _refused(self, reason: str, cure: str) -> GitRefused:
        return GitRefused(place=excerpt(self._place, 200), reason=reason.rstrip("."), cure=cure)


def _entry(line: bytes) -> _Entry | None:
    """Read a line of ls-tree; what is neither a file nor a link is another repository's."""
    found = _ENTRY.fullmatch(line)
    if found is None or found[2] != b"blob":
        return None
    return _Entry(
        path=os.fsdecode(found[5]),
        mode=found[1].decode(),
        object=found[3].decode(),
        size=int(found[4]) if found[4].isdigit() else 0,
    )


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of git: the repository is the one around the folder, and nobody asks.

    A hook runs with GIT_DIR and its like, which point to the repository of whoever has called it.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if not name.startswith("GIT_") or name.startswith(("GIT_CONFIG", "GIT_SSH", "GIT_ASKPASS"))
    }
    own = {
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    return {**kept, **own}
