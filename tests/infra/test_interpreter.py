"""An optimised Python is refused: the Kafka client's transactions would be unguarded."""

import subprocess
import sys

import pytest

from penstock.infra.interpreter import refuse_optimized_python

CODE = """
from penstock.infra.interpreter import PythonOptimized, refuse_optimized_python
try:
    refuse_optimized_python()
except PythonOptimized as refused:
    print(refused.code, refused.exit_code)
"""


def test_a_python_with_assertions_passes() -> None:
    """This very interpreter has them."""
    refuse_optimized_python()


@pytest.mark.parametrize("switch", ["-O", "-OO"])
def test_a_python_without_assertions_is_refused(switch: str) -> None:
    """T13: with -O a second transaction could begin while the first is being committed."""
    run = subprocess.run(
        [sys.executable, switch, "-c", CODE], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["PEN-I2", "3"]
