"""What one reader knows of a service: the last good list, and how much it is still worth.

    look answered          the list is what was answered
    look not answered      the last good list stays, and is stale
    all had been lost      those who are missing stay until the leases end that they were seen with;
                           in that time each that lives registers again
    answered again after   those who are missing because their leases ended meanwhile stay for two
    an outage              heartbeats, in which each that lives registers again

Laws:
1. No outage of the registry empties a list that somebody had, and neither does FLUSHALL. Whoever
   left while the registry was well, or before its lease had ended, is gone at once.
2. A list that is not fresh says so, and how old its oldest part is.
3. Ends of leases are kept in the reader's monotonic time, counted from before the question was
   sent: never later than the server's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Final

from penstock.infra.registry.directory import LISTED_LIMIT, Snapshot
from penstock.infra.registry.instance import Instance, Status
from penstock.infra.registry.instance_codec import InstanceUnreadable
from penstock.infra.registry.lease_times import HEARTBEAT_S, LEASE_S

__all__ = ["Discovery", "Known", "View", "after_look", "after_silence"]

_ASK_AGAIN_S: Final = 1.0
"""After a question without an answer the next one waits so long, in seconds, where there is a list
to be served: else everybody who looks would wait for the same deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The instances of a service, as far as they are known."""

    service: str
    """Its name."""
    instances: tuple[Instance, ...]
    """Those that take new work, by id."""
    draining: tuple[Instance, ...]
    """Those that do not any more, by id."""
    age_s: float
    """Seconds since the oldest part of it was known to be true."""
    stale: bool
    """True where the registry gave no answer, or has just lost what it knew: some may be gone, and
    new ones are missing."""
    unreadable: tuple[InstanceUnreadable, ...] = ()
    """Entries that cannot be read."""
    left_out: int = 0
    """Instances beyond the number that is listed at most."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each kind, by its name: each status, and `unreadable`."""
        return {
            Status.UP.value: len(self.instances),
            Status.DRAINING.value: len(self.draining),
            "unreadable": len(self.unreadable),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One instance, as a reader knows it."""

    instance: Instance
    """The instance."""
    seen_s: float
    """When it was last known to be there, in monotonic seconds."""
    until_s: float
    """When its lease ends unless it is renewed, in monotonic seconds."""


_RETURN_S: Final = 2 * HEARTBEAT_S
"""By then whoever lives has registered again (formats F22)."""
_NOBODY: Final[Mapping[str, Known]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one reader knows of a service."""

    answered_s: float | None = None
    """When the last question was asked that was answered; None where there is none."""
    silent_since_s: float | None = None
    """When the first of the questions was asked that were not; None where the last one was."""
    ask_again_s: float = float("-inf")
    """Before that the registry is not asked, if there is a list to serve."""
    epoch: str = ""
    """As the last answer said."""
    event: str = ""
    """As the last answer said."""
    present: Mapping[str, Known] = field(default_factory=lambda: _NOBODY)
    """Those that the last answer named, by id."""
    kept: Mapping[str, Known] = field(default_factory=lambda: _NOBODY)
    """Those that the last answer did not name though they may be there, by id; see above."""
    unreadable: tuple[InstanceUnreadable, ...] = ()
    """As the last answer said."""
    left_out: int = 0
    """As the last answer said."""

    def asks(self, now_s: float) -> bool:
        """Say whether to ask the registry, or to serve what is there."""
        return self.answered_s is None or now_s >= self.ask_again_s

    def asking(self, now_s: float) -> "View":
        """Return what the other readers know while one asks a silent registry: not to ask as well.

        Args:
            now_s: monotonic seconds.
        """
        return replace(self, ask_again_s=now_s + _ASK_AGAIN_S)

    def listed(self) -> Mapping[str, Instance]:
        """Return all that are known, by id."""
        together = {**self.kept, **self.present}
        return {name: known.instance for name, known in sorted(together.items())}

    def next_end_s(self) -> float | None:
        """Return when the first lease ends unless it is renewed; None where nobody is known."""
        return min((known.until_s for known in self._all()), default=None)

    def discovery(self, service: str, now_s: float) -> Discovery:
        """Return what is known, in a reader's words."""
        listed = tuple(self.listed().values())
        oldest_s = min(
            (known.seen_s for known in self._all()),
            default=now_s if self.answered_s is None else self.answered_s,
        )
        return Discovery(
            service=service,
            instances=tuple(each for each in listed if each.status is Status.UP),
            draining=tuple(each for each in listed if each.status is not Status.UP),
            age_s=max(0.0, now_s - oldest_s),
            stale=self.silent_since_s is not None or bool(self.kept),
            unreadable=self.unreadable,
            left_out=self.left_out,
        )

    def _all(self) -> tuple[Known, ...]:
        return (*self.kept.values(), *self.present.values())


def after_look(before: View, found: Snapshot, *, asked_s: float) -> View:
    """Take an answer in.

    Args:
        before: what was known.
        found: the answer.
        asked_s: when the question was sent, in monotonic seconds.

    Returns:
        What is known; the same as before where a later question has been answered already.
    """
    if before.answered_s is not None and asked_s < before.answered_s:
        return before
    present = {
        lease.instance.id: Known(
            instance=lease.instance,
            seen_s=asked_s,
            until_s=asked_s + min(lease.left_s, LEASE_S),
        )
        for lease in found.leases
    }
    return View(
        answered_s=asked_s,
        epoch=found.epoch,
        event=found.event,
        present=present,
        kept=dict(islice(_kept(before, found, present, asked_s), LISTED_LIMIT)),
        unreadable=found.unreadable,
        left_out=found.left_out,
    )


def _kept(
    before: View, found: Snapshot, present: Mapping[str, Known], asked_s: float
) -> Iterator[tuple[str, Known]]:
    """Yield those that an answer does not name though they may be there."""
    all_lost = found.epoch != before.epoch
    for name, known in before.kept.items():
        if name not in present and known.until_s > asked_s:
            yield name, known
    silent_s = float("inf") if before.silent_since_s is None else before.silent_since_s
    for name, known in before.present.items():
        if name in present:
            continue
        if known.until_s > asked_s:
            if all_lost:
                yield name, known
        elif silent_s <= known.until_s:
            yield name, replace(known, until_s=asked_s + _RETURN_S)


def after_silence(before: View, *, asked_s: float, now_s: float) -> View:
    """Take in that no answer came, or none that could be used.

    Args:
        before: what was known.
        asked_s: when the question was sent, in monotonic seconds.
        now_s: monotonic seconds.
    """
    if before.answered_s is not None and asked_s < before.answered_s:
        return before  # somebody who asked later has been answered
    since_s = asked_s if before.silent_since_s is None else before.silent_since_s
    return replace(before, silent_since_s=since_s, ask_again_s=now_s + _ASK_AGAIN_S)
