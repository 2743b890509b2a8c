"""`Problem`: one thing that is wrong in a saga file, and where.

    order.saga.yaml:14:12: error[unknown-field]: shop.OrderConfirmed has no field 'ordr_id'; ...
        with: {ordr_id: $.input.order_id}
               ^

Laws:
1. What is rendered is safe to print: no character of a file reaches a terminal that could move its
   cursor or turn its text round.
2. A problem holds all that it takes to show it; nobody needs the file again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from penstock.sagas.language.problem_codes import ProblemCode

__all__ = ["Problem", "ProblemList", "Severity", "render"]

_SHOWN = 50
"""Problems in one text at most; nobody mends more at one sitting."""


class Severity(StrEnum):
    """Whether a problem stops the saga."""

    ERROR = "error"
    """The file is refused."""
    WARNING = "warning"
    """It will run; somebody should have a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or doubtful, at one place."""

    severity: Severity
    code: ProblemCode
    """The stable word for it."""
    message: str
    """What is wrong and why, on one line."""
    file: str
    """The file, as it is shown to people."""
    line: int
    """From 1."""
    column: int
    """In characters, from 1."""
    source: str
    """The line, or the part of a long one round the place."""
    caret: int
    """Columns of a terminal before the place in `source`."""

    @property
    def is_error(self) -> bool:
        """Whether it stops the saga."""
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        """Place, word and message on one line, as compilers write them and editors read them."""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}[{self.code}]: {self.message}"


def render(problems: Iterable[Problem], *, limit: int = _SHOWN) -> str:
    """Return problems as text: the message, the line of the file, a caret under the place.

    Args:
        problems: in the order in which they are shown.
        limit: so many at most; how many more there are is said at the end.

    Returns:
        Lines with an end each; empty where there is no problem.
    """
    problems = tuple(problems)
    shown = "".join(_rendered(problem) for problem in problems[:limit])
    more = len(problems) - limit
    return shown + (f"... and {more} more\n" if more > 0 else "")


def _rendered(problem: Problem) -> str:
    if not problem.source.strip():  # an empty line shows nothing, and a caret under it even less
        return f"{problem}\n"
    # No character is wider than two columns; a caret beside the line would only cost memory.
    before = " " * max(0, min(problem.caret, 2 * len(problem.source)))
    return f"{problem}\n  {problem.source}\n  {before}^\n"


class ProblemList(tuple[Problem, ...]):
    """All problems of a file, in the order of their places."""

    __slots__ = ()

    def __str__(self) -> str:
        """As `render` shows them."""
        return render(self)

    def __format__(self, form: str) -> str:
        """As `str`, so that an error's template shows the text and not a tuple."""
        return format(str(self), form)
