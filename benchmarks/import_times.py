"""What `python -X importtime` says, summed up by package."""

from collections import Counter
from typing import Final

__all__ = ["import_times_ms"]

_MARK: Final = "import time:"
_OURS: Final = "penstock.infra.embedded"


def import_times_ms(report: str) -> list[tuple[str, int, float]]:
    """Sum up a report.

    Args:
        report: what the interpreter has written; other lines are passed over.

    Returns:
        Package, how many of its modules were imported, and milliseconds spent in these modules
        themselves; the slowest first. The embedded broker's rooms count as packages.
    """
    times: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for line in report.splitlines():
        if line.startswith(_MARK) and "|" in line:
            own, _, name = line.removeprefix(_MARK).split("|")
            if own.strip().isdecimal():
                package = _package(name.strip())
                times[package] += int(own)
                modules[package] += 1
    return [(name, modules[name], spent / 1000) for name, spent in times.most_common()]


def _package(module: str) -> str:
    if not module.startswith(_OURS):
        return module.partition(".")[0]
    return ".".join(module.split(".")[:4])
