"""The choice between several ways to a server of our own.

Laws:
1. The first way that nothing stands in is taken; later ones are not asked about, as a question may
   pull an image.
2. When something stands in each, the reasons are told, in order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

__all__ = ["AllBlocked", "open_way"]

_Way = TypeVar("_Way", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllBlocked:
    """No way is open."""

    reasons: str
    """What stands in each."""


def open_way(obstacles: Mapping[_Way, Callable[[], str | None]]) -> _Way | AllBlocked:
    """Choose.

    Args:
        obstacles: the ways in order of preference, each with a question for what stands in it.

    Returns:
        The way.
    """
    reasons = []
    for way, obstacle in obstacles.items():
        reason = obstacle()
        if reason is None:
            return way
        reasons.append(f"{way}: {reason}")
    return AllBlocked(reasons="; ".join(reasons))
