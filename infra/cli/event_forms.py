"""The forms in which commands about events print.

Law: `--help` waits for this file, so it imports nothing of the product.
"""

from enum import StrEnum

__all__ = ["DocumentForm", "TailForm"]


class TailForm(StrEnum):
    """How a record is printed."""

    TEXT = "text"
    JSON = "json"
    RAW = "raw"


class DocumentForm(StrEnum):
    """How a document is written."""

    YAML = "yaml"
    JSON = "json"
