"""A Kafka client that is nobody's here: franz-go's tour (franz_go/main.go) finds what is expected.

It needs Go, which nothing else of the house does, and fetches its modules at the first build.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.transcripts.golden import golden

pytestmark = pytest.mark.timeout(400)

_PROGRAM: Final = Path(__file__).parent / "franz_go"
_FOUND: Final = _PROGRAM / "found.txt"
_BUILD_LIMIT_S: Final = 250.0
_TOUR_LIMIT_S: Final = 120.0


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("franz-go is tried where Go is on the PATH")
    program = tmp_path_factory.mktemp("franz_go") / "tour"
    built = subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=_PROGRAM,
        env=os.environ | {"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=_BUILD_LIMIT_S,
        check=False,
    )
    if "requires go >=" in built.stderr:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr
    return program


def test_the_tour_finds_the_same_everywhere(
    tour: Path, kafka: str, unique: Callable[[str], str]
) -> None:
    """Topics, codecs, groups, transactions, fencing, administration: on each broker the same."""
    done = subprocess.run(
        [tour, kafka, unique("tour")],
        capture_output=True,
        text=True,
        timeout=_TOUR_LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == golden(_FOUND, done.stdout)
