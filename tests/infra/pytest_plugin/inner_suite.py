"""Suites that are run by a test, with the plugin loaded as users have it."""

from importlib.metadata import entry_points
from typing import Final

import pytest

__all__ = ["ARGUMENTS", "run", "run_process"]

_INSTALLED: Final = any(each.name == "penstock" for each in entry_points(group="pytest11"))

ARGUMENTS: Final = (
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    *(() if _INSTALLED else ("-p", "penstock.infra.pytest_plugin")),
)
"""What pytest is started with; users have the plugin by its entry point."""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the suite in this process, where penstock is imported already."""
    return pytester.runpytest_inprocess(*ARGUMENTS, *arguments)


def run_process(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the suite in a process of its own."""
    return pytester.runpytest_subprocess(*ARGUMENTS, *arguments, timeout=60)
