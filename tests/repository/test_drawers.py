"""A file is named by its noun. Drawers, into which anything may be put, are not opened."""

import re

from tests.repository.tree import ROOT, python_files

DRAWER = re.compile(
    r"(?:.*_)?(?:utils?|utilit(?:y|ies)|helpers?|common|misc|base|managers?)", re.IGNORECASE
)


def test_no_file_or_folder_is_a_drawer() -> None:
    """No module and no package is called util, helpers, common, misc, base or manager."""
    found = [
        path
        for path in python_files()
        if any(DRAWER.fullmatch(part) for part in path.relative_to(ROOT).with_suffix("").parts)
    ]
    assert not found
