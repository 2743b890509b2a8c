"""The demo as a newcomer runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(240)
def test_the_demo_ends_with_a_balanced_ledger(tmp_path: Path) -> None:
    """It starts its own broker, kills a service once, and says how it went in its last line."""
    penstock = Path(sys.executable).parent / "penstock"
    done = subprocess.run(
        [penstock, "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    last = re.fullmatch(
        r"demo: 50 sagas: (\d+) completed, (\d+) compensated, 0 parked; ledger balanced", lines[-1]
    )
    assert last, done.stdout
    completed, compensated = map(int, last.groups())
    assert completed + compensated == 50
    assert compensated >= 8, "what its data forbid is never completed"
    assert any("kill -9" in line for line in lines)
    assert any("is COMPENSATED" in line for line in lines), "one saga is told in full"
    everybody = "  the registry has payments 1, reporting 2, saga-order 1, shipping 1, stock 1"
    assert sum(line.startswith(everybody) for line in lines) == 2, "before the kill, and at the end"
    assert any(re.search(r"payments was out of it \d+\.\d s after", line) for line in lines)
    (counted,) = (line for line in lines if "processes counted together" in line)
    assert sum(map(int, re.findall(r"completed/\w+ (\d+)", counted))) == completed
    assert sum(map(int, re.findall(r"compensated/\w+ (\d+)", counted))) == compensated
    cached = re.search(r"the cache of prices, .*: (\d+) hits, (\d+) misses", done.stdout)
    assert cached, "the payments service says how its cache did"
    assert int(cached[1]) > 0
    assert "\x1b" not in done.stdout, "a pipe gets plain lines"
