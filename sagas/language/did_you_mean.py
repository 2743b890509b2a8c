"""Names that were perhaps meant by one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["did_you_mean"]

_LONGEST = 100
"""Characters; longer names are no slips of the pen, and comparing costs their square."""
_MOST = 2_000
"""Names that are compared."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to an unknown one, or None where none is near.

    Args:
        name: what was written.
        known: what could have been; the same letters in other cases count as nearest, then a full
            name that ends in the given one.
    """
    candidates = list(known)[:_MOST]
    if len(name) > _LONGEST:
        return None
    for fits in (_same_letters, _same_end):
        if found := [each for each in candidates if fits(name, each)]:
            return min(found)
    close = get_close_matches(name, candidates, n=1, cutoff=0.65)
    return close[0] if close else None


def _same_letters(name: str, candidate: str) -> bool:
    return name.replace("-", "_").casefold() == candidate.replace("-", "_").casefold()


def _same_end(name: str, candidate: str) -> bool:
    return name.rpartition(".")[2] == candidate.rpartition(".")[2]
