"""What stands in place of an answer where the connection is to be cut instead."""

from typing import Final

__all__ = ["CUT"]

CUT: Final = object()
"""No answer, and no connection any more."""
