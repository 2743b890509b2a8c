"""`BadSaga`: a saga file is refused, with everything that is wrong with it."""

from dataclasses import dataclass
from typing import ClassVar

from penstock.sagas.language.problem import ProblemList
from penstock.schemas.errors import CallerError, ExitCode

__all__ = ["BadSaga"]


@dataclass(eq=False, kw_only=True)
class BadSaga(CallerError):
    """A saga file cannot be run. Its text has several lines; `problems` has them one by one."""

    file: str
    """The file, as it is shown to people."""
    problems: ProblemList
    """Everything that is wrong or doubtful in it."""

    code: ClassVar[str] = "PEN-S1"
    exit_code: ClassVar[ExitCode] = ExitCode.SCHEMA
    what: ClassVar[str] = "The saga in {file} cannot be run.\n"
    why: ClassVar[str] = "\n{problems}"
    remedy: ClassVar[str] = (
        "Mend the places shown; `penstock check` reads the file without running it."
    )
