"""Mutated payloads and bombs: only values and DecodeErrors, in bounded steps and memory.

The million is a command, or PENSTOCK_TEST_PAYLOADS=1000000; see mutation.py.
"""

import os
import subprocess
import sys
from typing import Any

import pytest

from penstock.schemas.codec_errors import DecodeError
from tests.schemas.mutation import BOMBS, bombs, read_mutated, step_limit, steps_of

PAYLOADS = int(os.environ.get("PENSTOCK_TEST_PAYLOADS", "20000"))
SEEDS = 4


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.timeout(3_600 if PAYLOADS > 100_000 else 120)
def test_mutated_payloads_give_values_or_decode_errors(seed: int) -> None:
    """Of many schemas, in both framings, by the same and by other readers, and nothing is shown."""
    found, _ = read_mutated(PAYLOADS // SEEDS, seed)
    assert found.total() == PAYLOADS // SEEDS
    # Were the mutations too mild or too wild, the test would say nothing.
    assert found["a value"] > found.total() // 20
    assert len(found) > 10


def test_bombs_take_less_than_200_mb() -> None:
    """In a process that has no more: what does not fit would be a MemoryError."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.schemas.mutation", "--bombs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == len(BOMBS)
    assert "WRONG" not in done.stdout


@pytest.mark.parametrize(("name", "read", "size"), [*bombs()], ids=BOMBS)
def test_bombs_take_no_more_steps_than_their_bytes_allow(name: str, read: Any, size: int) -> None:
    """Steps are calls, as the interpreter counts them: no clock is asked."""
    answer, steps = steps_of(read)
    assert steps <= step_limit(size)
    assert isinstance(answer, DecodeError) or name in {
        "as many objects as are let through",
        "as many wide objects as are let through",
        "a million empty lists",
        "decimals of all digits",
        "moments",
        "text of a megabyte",
    }
