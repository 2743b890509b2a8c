"""A warning that is switched off names its code, and says why, in the same comment."""

import re
import tokenize
from pathlib import Path
from typing import Final

import pytest

from tests.repository.tree import python_files

CODES: Final = r"[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*"
COMPLETE: Final = re.compile(rf"noqa:\s*{CODES}(?![\w,])|type:\s*ignore\[[\w\-, ]+\]")
ANY: Final = re.compile(r"\b(?:noqa\b|type:\s*ignore|(?:ruff|flake8|mypy|pyright):)", re.IGNORECASE)
REASON: Final = re.compile(r"[^\W\d_]{3,}")


def fault(comment: str) -> str | None:
    """Return what is wrong with a comment that switches a warning off, or None."""
    if not ANY.search(comment):
        return None
    rest = COMPLETE.sub("", comment)
    if ANY.search(rest):
        return "names no code"
    return None if REASON.search(rest) else "gives no reason"


def comments(path: Path) -> list[tuple[int, str]]:
    """Return the comments of a Python file with their lines."""
    with tokenize.open(path) as source:
        tokens = list(tokenize.generate_tokens(source.readline))
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def test_every_suppression_has_a_code_and_a_reason() -> None:
    """`# noqa: S311 seeded` is well; `# noqa`, `# noqa: S311` and file-wide ones are not."""
    found = [
        f"{path}:{line}: {comment} {told}"
        for path in python_files()
        for line, comment in comments(path)
        if (told := fault(comment))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("# a plain comment", None),
        ("# noqa: S311 seeded on purpose", None),
        ("# type: ignore[attr-defined]  # the stubs lack it", None),
        ("# type: ignore[misc, arg-type] # noqa: PLC0415 a cycle otherwise", None),
        ("# noqa", "names no code"),
        ("# noqa and a reason", "names no code"),
        ("# type: ignore", "names no code"),
        ("# ruff: noqa: S311 the whole file", "names no code"),
        ("# noqa: S311", "gives no reason"),
        ("# type: ignore[misc]", "gives no reason"),
    ],
)
def test_faults_are_told_apart(comment: str, told: str | None) -> None:
    """The search itself knows a complete suppression from one that lacks code or reason."""
    assert fault(comment) == told
