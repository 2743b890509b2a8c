"""An environment with the given variables of ours and no others."""

import os

import pytest

__all__ = ["only"]


def only(patch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set PENSTOCK_<NAME> for each name, and remove all other variables of ours but the tests'."""
    for name in list(os.environ):
        if name.upper().startswith("PENSTOCK_") and not name.startswith("PENSTOCK_TEST_"):
            patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(f"PENSTOCK_{name}", value)
