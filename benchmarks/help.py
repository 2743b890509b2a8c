"""How long `penstock --help` takes, as a whole process, beside Python's own start."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15


def seconds(*command: str) -> float:
    """One run."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    return time.perf_counter() - begun


def run() -> None:
    """Both in turn, then the medians."""
    penstock = str(Path(sys.executable).parent / "penstock")
    ours, bare = [], []
    for _ in range(RUNS):
        ours.append(seconds(penstock, "--help"))
        bare.append(seconds(sys.executable, "-c", ""))
    print(f"python -c ''       {statistics.median(bare) * 1000:8.0f} ms")
    print(f"penstock --help    {statistics.median(ours) * 1000:8.0f} ms")


if __name__ == "__main__":
    run()
