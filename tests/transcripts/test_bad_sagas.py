"""What is said of saga files that are wrong; golden.py says how to rewrite it.

Each file in bad_sagas/ has beside it the text that `check` renders. The files bend the order saga
of tests/sagas/order_language.py, whose types they use.
"""

from pathlib import Path

import pytest

from penstock.sagas.language.check import check
from penstock.sagas.language.problem import render
from tests.sagas.order_language import SCHEMAS
from tests.transcripts.golden import golden

FILES = sorted((Path(__file__).parent / "bad_sagas").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_said_is_what_is_written(file: Path) -> None:
    """Place, word, message, line and caret of every problem."""
    found = check(file.read_text("utf-8"), file=file.name, schemas=SCHEMAS)
    got = render(found.problems)
    assert got
    assert got == golden(file.with_suffix(".txt"), got)


def test_there_are_files() -> None:
    """An empty folder does not pass for success."""
    assert len(FILES) >= 12
