"""Golden texts: what a core says, kept in a file that people read.

A test compares what it got with `golden(path, got)`. With PENSTOCK_REWRITE_TRANSCRIPTS=1 in the
environment the file is written first, so that a wanted change is one command and one diff to read:

    PENSTOCK_REWRITE_TRANSCRIPTS=1 python -m pytest tests/transcripts tests/properties
"""

import os
from pathlib import Path

__all__ = ["golden"]


def golden(path: Path, got: str) -> str:
    """Return the text that is expected, after writing it where a rewrite was asked for."""
    if os.environ.get("PENSTOCK_REWRITE_TRANSCRIPTS"):
        path.write_text(got, encoding="utf-8")
    return path.read_text(encoding="utf-8") if path.exists() else ""
