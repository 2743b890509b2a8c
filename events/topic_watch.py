"""Whether topics that are read are still there.

A reader whose topic was deleted is given nothing more and told nothing. So whoever reads looks now
and then for what the cluster does not know. A broker that has just begun may not know all yet: a
topic is gone where two looks in a row have missed it.
"""

from collections.abc import Callable, Iterable
from typing import Final, final

from penstock.events.log import TopicMissing

__all__ = ["LOOK_S", "TopicWatch"]

LOOK_S: Final = 20.0
"""Seconds between looks."""


@final
class TopicWatch:
    """Looks now and then."""

    def __init__(self, now_s: float) -> None:
        """Begin.

        Args:
            now_s: the monotonic time; the first look is `LOOK_S` later.
        """
        self._due_s = now_s + LOOK_S
        self._missing: frozenset[str] = frozenset()

    @property
    def due_s(self) -> float:
        """The monotonic time of the next look."""
        return self._due_s

    def look(self, now_s: float, missing: Callable[[], Iterable[str]]) -> None:
        """Look, if it is time.

        Args:
            now_s: the monotonic time.
            missing: asks which of the topics the cluster does not know.

        Raises:
            TopicMissing: topics are gone.
        """
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_S
        before, self._missing = self._missing, frozenset(missing())
        if gone := self._missing & before:
            raise TopicMissing(topics=", ".join(sorted(gone)))
