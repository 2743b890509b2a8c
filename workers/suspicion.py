"""Which record or timer made the broker refuse a batch.

What is certain to fail is checked before a transaction begins, but a topic's own limits are known
to the broker alone. A refused produce is a doubt: producer and memory go. What must survive is the
memory of which records were in that commit, or the same batch would be refused for ever. So the
next commits hold one record each; a record that fails alone twice is condemned: its outputs are
never sent again, it goes to the dead letters with the broker's reason.

Where even the dead letter is refused, because the record fills the topic's limit already, it is
parked once more without its value: its coordinates still say where the value lies.

Pure; one per partition, and the only thing besides doubts that outlives a doubt.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Condemnation", "Suspicion"]

Item = int | bytes
"""A record's offset, or the state key of a timer."""

_FAILURES_ALONE = 2
"""Refusals of a commit that held one record alone, until it is condemned (formats.md F18)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condemnation:
    """What is done with a record whose outputs the broker refuses."""

    reason: str
    """What the broker said."""
    without_value: bool
    """Whether even its dead letter was refused."""


class Suspicion:
    """The records of a partition that may have been refused."""

    def __init__(self) -> None:
        """Begin with none."""
        self._suspects: set[Item] = set()
        self._failures: dict[Item, int] = {}
        self._reasons: dict[Item, str] = {}

    def refused(self, items: Iterable[Item], reason: str) -> None:
        """The broker refused a commit that held these records."""
        items = tuple(items)
        self._suspects.update(items)
        if len(items) > 1:
            return
        for item in items:
            self._failures[item] = self._failures.get(item, 0) + 1
            self._reasons.setdefault(item, reason)

    def committed(self, items: Iterable[Item]) -> None:
        """These records and timers are done, or what they were is no more."""
        if not self._suspects:
            return
        for item in items:
            self._suspects.discard(item)
            self._failures.pop(item, None)
            self._reasons.pop(item, None)

    def forget(self) -> None:
        """The partition goes to another owner, who begins with no suspicion."""
        self._suspects.clear()
        self._failures.clear()
        self._reasons.clear()

    def condemned(self, item: Item) -> Condemnation | None:
        """What to do with a record instead of handling it; None where it is not condemned."""
        failures = self._failures.get(item, 0)
        if failures < _FAILURES_ALONE:
            return None
        return Condemnation(reason=self._reasons[item], without_value=failures > _FAILURES_ALONE)

    @property
    def timers(self) -> frozenset[bytes]:
        """The state keys of the timers that may have been refused."""
        return frozenset(item for item in self._suspects if isinstance(item, bytes))

    @property
    def at_most(self) -> int | None:
        """How many records the next commit may hold; None where nothing is suspected."""
        return 1 if self._suspects else None
