"""Which of the protocols that all members know becomes the group's.

Each member votes for the first of its own that all know; most votes win. Between equals Kafka
takes the first in the order of a Java hash table, which is fixed by the names; that order is made
here again, because two brokers must choose alike.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Final

from penstock.infra.embedded.java_hash import java_hash

__all__ = ["elect"]

_SMALLEST_TABLE: Final = 16
"""Buckets of a java.util.HashMap to begin with; it doubles when three quarters are taken."""


def elect(ballots: Iterable[Sequence[str]], candidates: Container[str]) -> str | None:
    """Count the votes.

    Args:
        ballots: each member's protocols in its order of preference.
        candidates: the protocols that all members know.

    Returns:
        The winner; None when there is no vote.
    """
    votes = Counter(vote for ballot in ballots if (vote := _vote(ballot, candidates)) is not None)
    if not votes:
        return None
    most = max(votes.values())
    buckets = _table_size(len(votes))
    tied = [name for name, count in votes.items() if count == most]
    return min(tied, key=lambda name: _bucket(name, buckets))


def _vote(ballot: Sequence[str], candidates: Container[str]) -> str | None:
    return next((name for name in ballot if name in candidates), None)


def _table_size(entries: int) -> int:
    size = _SMALLEST_TABLE
    while entries > size * 3 // 4:
        size *= 2
    return size


def _bucket(name: str, buckets: int) -> int:
    """Where java.util.HashMap puts a text: its hash, the upper half mixed in."""
    code = java_hash(name)
    return (code ^ (code >> 16)) & (buckets - 1)
