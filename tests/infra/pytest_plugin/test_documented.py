"""What docs/testing.md shows is run as it stands there."""

import re

import pytest

from tests.infra.pytest_plugin.inner_suite import run
from tests.repository.tree import ROOT

pytest_plugins = ["pytester"]


def test_the_page_for_users_runs(pytester: pytest.Pytester) -> None:
    """Every block of Python and YAML is a file of one small project, and its tests pass."""
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == len(re.findall(r"```(?:python|yaml)\n", page)) >= 5
    for name, text in blocks:
        (pytester.path / name).write_text(text, "utf-8")
    pytester.syspathinsert()
    run(pytester).assert_outcomes(passed=7)
