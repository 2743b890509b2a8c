"""What `penstock schema check` has found, as it is told to people and to programs.

Pure: verdicts and files go in; lines and plain values for JSON come out. Whoever prints makes texts
harmless.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.infra.cli.schema_views import verdict_document
from penstock.infra.published_schemas.verdicts import State, Verdict, verdict_text
from penstock.infra.published_schemas.versions import PublishedSchemas

__all__ = ["CheckReport", "FileFault"]

_FAULTS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "stale": "is not what its type says now",
    "left-over": "is of no type of the project: remove it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """An exported file that is not as its type is."""

    file: str
    """Its path, as people see it from where they are."""
    state: str
    """`missing`, `stale` or `left-over`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check has found."""

    published: PublishedSchemas | None
    """What types were held against; None where only files were looked at."""
    verdicts: tuple[Verdict, ...]
    """One for each type."""
    files: tuple[FileFault, ...] | None
    """What is wrong with exported files; None where none were looked at."""

    @property
    def incompatible(self) -> tuple[Verdict, ...]:
        """The types that may not be published."""
        return tuple(each for each in self.verdicts if each.state is State.INCOMPATIBLE)

    @property
    def passes(self) -> bool:
        """Whether all is well."""
        return not (self.incompatible or self.files)

    def lines(self) -> list[str]:
        """Return what is told below the table of types."""
        told: list[str] = []
        if self.published is not None:
            place, numbered = self.published.place, self.published.keeps_versions
            for each in self.incompatible:
                told += [*verdict_text(each, place, keeps_versions=numbered).splitlines(), ""]
        if self.files:
            told += [f"{each.file} {_FAULTS[each.state]}." for each in self.files]
            mended = [each.file for each in self.files if each.state != "left-over"]
            for folder in dict.fromkeys(file.rpartition("/")[0] or "." for file in mended):
                told.append(f"Export the schemas again: penstock schema export {folder}")
            told.append("")
        return [*told, " ".join(self._summary())]

    def _summary(self) -> list[str]:
        parts = []
        if self.published is not None:
            checked = [each for each in self.verdicts if each.state is not State.GONE]
            failed = len(self.incompatible)
            parts.append(
                f"Checked {_many(len(checked), 'type')} against {self.published.place}: "
                f"{f'{failed} incompatible' if failed else 'all compatible'}."
            )
        if self.files is None:
            parts.append("No exported files were looked at.")
        elif self.files:
            verb = "is" if len(self.files) == 1 else "are"
            parts.append(f"{_many(len(self.files), 'exported file')} {verb} not as the types are.")
        else:
            parts.append("The exported files are as the types are.")
        return parts

    def document(self) -> dict[str, Any]:
        """Return all of it for programs."""
        files = self.files
        return {
            "ok": self.passes,
            "against": None if self.published is None else self.published.place,
            "types": [verdict_document(each) for each in self.verdicts],
            "files": None
            if files is None
            else [{"file": each.file, "state": each.state} for each in files],
        }


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
