"""`Findings`: where the checks of a saga file put what they find.

A check does not stop at the first problem: whoever mends a file one error at a time gives up. It
tells what it has found, goes on with what is left, and the file is judged at the end.

Laws:
1. The same problem at the same place is told once.
2. However bad a file is, the work stays bounded: after `_MOST` problems further ones are counted,
   not built.
"""

from collections.abc import Iterable
from typing import final

from penstock.sagas.language.did_you_mean import did_you_mean
from penstock.sagas.language.problem import Problem, ProblemList, Severity
from penstock.sagas.language.problem_codes import ProblemCode
from penstock.sagas.language.source_text import Mark, SourceText, harmless

__all__ = ["Findings"]

_MOST = 300
"""Problems that are kept of one file."""


@final
class Findings:
    """The problems of one file so far."""

    def __init__(self, text: str, file: str) -> None:
        """Begin with none.

        Args:
            text: the file's content.
            file: its name, as it is shown to people.
        """
        self._source = SourceText.of(text)
        self._file = harmless(file)
        self._found: dict[tuple[ProblemCode, Mark, str], Problem] = {}
        self._last: Mark | None = None
        self.failed = False
        """Whether there is an error among them."""

    def error(
        self,
        code: ProblemCode,
        mark: Mark,
        message: str,
        *,
        name: str = "",
        among: Iterable[str] = (),
    ) -> None:
        """Tell an error.

        Args:
            code: the word for it.
            mark: the place.
            message: what is wrong and why.
            name: a name that is not known; if one of `among` is near, the message asks for it.
            among: the names that are known.
        """
        self.failed = True
        if name and not self.full and (meant := did_you_mean(name, among)):
            message += f" Did you mean '{meant}'?"
        self._add(Severity.ERROR, code, mark, message)

    def warning(self, code: ProblemCode, mark: Mark, message: str) -> None:
        """Tell something that is allowed and doubtful."""
        self._add(Severity.WARNING, code, mark, message)

    def _add(self, severity: Severity, code: ProblemCode, mark: Mark, message: str) -> None:
        mark = self._source.clamped(mark)
        if self.full:
            self._last = self._last or mark
            return
        self._found.setdefault(
            (code, mark, message), self._problem(severity, code, mark, harmless(message))
        )

    def _problem(self, severity: Severity, code: ProblemCode, mark: Mark, message: str) -> Problem:
        source, caret = self._source.window(mark)
        return Problem(
            severity=severity,
            code=code,
            message=message,
            file=self._file,
            line=mark.line,
            column=mark.column,
            source=source,
            caret=caret,
        )

    @property
    def full(self) -> bool:
        """Whether further problems are no longer told one by one."""
        return len(self._found) >= _MOST

    @property
    def problems(self) -> ProblemList:
        """All that was found, in the order of the file."""
        found = sorted(self._found.values(), key=lambda each: (each.line, each.column))
        if self._last is not None:
            code, message = ProblemCode.TOO_MANY_PROBLEMS, "There are more; mend these first."
            found.append(self._problem(Severity.ERROR, code, self._last, message))
        return ProblemList(found)
