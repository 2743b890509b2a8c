"""Which names a topic may have, in Kafka's words (its Topic class)."""

import re
from typing import Final

__all__ = ["LONGEST_NAME", "METADATA_LOG", "collision_key", "name_fault"]

LONGEST_NAME: Final = 249
"""A partition's folder is named topic-partition, and file names end at 255."""
METADATA_LOG: Final = "__cluster_metadata"
"""The log that Kafka's controllers keep what they know in; nobody makes a topic of that name."""
_LEGAL: Final = re.compile(r"[a-zA-Z0-9._-]+")
_SHOWN: Final = 1000
"""A name in a refusal is not longer than this, whatever a client sends."""


def name_fault(name: str) -> str | None:
    """Say what is wrong with a name.

    Args:
        name: as a client sends it.

    Returns:
        None for a legal name, else Kafka's sentence.
    """
    if not name:
        return "Topic name is invalid: the empty string is not allowed"
    if name in {".", ".."}:
        return f"Topic name is invalid: '{name}' is not allowed"
    shown = name[:_SHOWN]
    if len(name) > LONGEST_NAME:
        return (
            f"Topic name is invalid: the length of '{shown}' is longer than the max allowed "
            f"length {LONGEST_NAME}"
        )
    if not _LEGAL.fullmatch(name):
        return (
            f"Topic name is invalid: '{shown}' contains one or more characters other than ASCII "
            "alphanumerics, '.', '_' and '-'"
        )
    return None


def collision_key(name: str) -> str:
    """Return what two names share that Kafka does not allow beside each other: `a.b` and `a_b`.

    Kafka's metrics are named after topics and have `_` for `.`.
    """
    return name.replace(".", "_")
