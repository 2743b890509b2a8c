"""What a reader has merged from a topic of counters.

Records come in the order of their offsets within a partition, some of them twice. Each is merged
into the component that its key names, by the larger number, so what has been seen is never lost
again. A counter's value is the sum of its components.

Laws:
1. A record that came before is merged again and changes nothing.
2. A record that is new and yet smaller than what is merged means that somebody counts who has not
   restored, or two that count as one replica: it is counted, and told as an alarm. It is the only
   outward sign of lost increments.
3. What cannot be read is skipped, counted and told (formats.md F19). A kind that the declaration
   does not know is merged, counted and told.
4. Alarms hold coordinates and counts, never a key. Of one kind there is an alarm at the 1st, 10th,
   100th time and so on: a topic full of foreign bytes must not drown what else is told.
5. Pure: records are given, positions are told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, final

from penstock.events.alarm import Alarm, RaiseAlarm
from penstock.events.log import LogRecord, Partition
from penstock.infra.replication.component_records import Component, ComponentUnreadable
from penstock.infra.replication.counter_value import CounterValue
from penstock.infra.replication.g_counter import GCounter
from penstock.infra.replication.pn_counter import PNCounter
from penstock.infra.replication.slot_generation import is_generation_key
from penstock.schemas.errors import ExitCode, WorldError
from penstock.workers.counters import BadComponentKey, CounterKind, parse_component_key

__all__ = ["COMPONENTS_LIMIT", "ComponentView", "ComponentViewStatistics", "TooManyComponents"]

COMPONENTS_LIMIT: Final = 1_000_000
"""Components of one view at most: some 400 MB. Ten times what Akka's replicated data allows."""


@dataclass(eq=False, kw_only=True)
class TooManyComponents(WorldError):
    """There are more components of counters than a process can keep."""

    topic: str
    """Their topic."""
    limit: int
    """Components that are kept at most."""

    code: ClassVar[str] = "PEN-I96"
    exit_code: ClassVar[ExitCode] = ExitCode.DATA
    what: ClassVar[str] = "More than {limit} components of {topic} would have to be kept."
    why: ClassVar[str] = "Each stays in memory for ever, and a sum without some would be wrong."
    remedy: ClassVar[str] = (
        "Name counters after kinds of things, not after things, and keep slots few and stable."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentViewStatistics:
    """Counts since the start."""

    counters: int
    """Counters that are known."""
    components: int
    """Components that they consist of."""
    records: int
    """Records merged, those that came twice included."""
    skipped: int
    """Records that could not be read."""
    regressions: int
    """New records that were smaller than what had been merged."""
    mismatches: int
    """Components of a kind that the declaration does not know."""


@final
class _Component:
    """One replica's part of one counter, as far as it was seen."""

    __slots__ = ("counter", "decrements", "increments", "kept", "kind", "replica")

    def __init__(self, counter: str, replica: str) -> None:
        self.counter = counter
        self.replica = replica
        self.kept = False
        self.kind: CounterKind = "g"
        self.increments = 0
        self.decrements = 0


@final
class ComponentView:
    """All counters of one topic, as one reader sees them."""

    def __init__(
        self,
        partitions: Sequence[Partition],
        decode: Callable[[LogRecord], Component],
        *,
        kind: CounterKind | None,
        raise_alarm: RaiseAlarm,
        limit: int = COMPONENTS_LIMIT,
    ) -> None:
        """Begin with nothing.

        Args:
            partitions: all of the topic.
            decode: says what a record holds; see `ComponentDecoder`.
            kind: as the reader has it declared; None where it does not know.
            raise_alarm: is told of what is wrong.
            limit: components at most.
        """
        self._partitions = tuple(partitions)
        self._next = {partition.number: 0 for partition in partitions}
        self._decode = decode
        self._kind = kind
        self._raise_alarm = raise_alarm
        self._limit = limit
        self._components: dict[bytes, _Component] = {}
        self._counters: dict[str, list[_Component]] = {}
        self._records = 0
        self._skipped = 0
        self._regressions = 0
        self._mismatches = 0

    @property
    def positions(self) -> Mapping[Partition, int]:
        """The offset of each partition that is read next."""
        return {partition: self._next[partition.number] for partition in self._partitions}

    def moved(self, partition: Partition, position: int) -> bool:
        """Take note of how far a partition was read, past markers too; say whether that is news."""
        if position <= self._next[partition.number]:
            return False
        self._next[partition.number] = position
        return True

    def take(self, record: LogRecord) -> str | None:
        """Merge a record.

        Returns:
            The counter that has changed, or None.

        Raises:
            UnknownFingerprint: its schema is not known, or not yet; nothing was done. Find it and
                take the record again, or `skip` it.
            TooManyComponents: there are more than the limit.
        """
        key = record.key or b""
        component = self._components.get(key)
        try:
            if component is None:
                if is_generation_key(key):
                    self._note_position(record)
                    return None
                component = _named(key)
            seen = self._decode(record)
        except (BadComponentKey, ComponentUnreadable) as error:
            self.skip(record, error.problem)
            return None
        if not component.kept:
            self._keep(key, component, record.topic)
        self._records += 1
        is_new = self._note_position(record)
        kind, increments, decrements = seen
        ups, downs = component.increments, component.decrements
        if increments < ups or decrements < downs or kind != component.kind:
            self._look_closer(component, seen, record, is_new=is_new)
        if increments <= ups and decrements <= downs:
            return None
        component.increments = max(ups, increments)
        component.decrements = max(downs, decrements)
        return component.counter

    def skip(self, record: LogRecord, problem: str) -> None:
        """Pass over a record that cannot be read, and tell.

        Args:
            record: the record.
            problem: what is wrong with it; nothing of the record itself.
        """
        self._note_position(record)
        self._skipped += 1
        self._tell(
            "counter-record-skipped",
            self._skipped,
            record,
            f"A record of counters was skipped ({problem}). If it was a count, sums are too small "
            "by it until its replica counts again.",
        )

    def value(self, counter: str) -> CounterValue:
        """Return what is known of a counter; one that nobody has counted is 0."""
        state = self.state(counter)
        return CounterValue(value=state.value, versions=state.versions, offsets=self.positions)

    def state(self, counter: str) -> PNCounter:
        """Return a counter with all its components; one that only grows has no decrements."""
        known = self._counters.get(counter, ())
        return PNCounter(
            increments=GCounter(components={each.replica: each.increments for each in known}),
            decrements=GCounter(components={each.replica: each.decrements for each in known}),
        )

    def counters(self) -> list[str]:
        """Return the names of all counters that are known, in order."""
        return sorted(self._counters)

    def statistics(self) -> ComponentViewStatistics:
        """Return the counts."""
        return ComponentViewStatistics(
            counters=len(self._counters),
            components=sum(map(len, self._counters.values())),
            records=self._records,
            skipped=self._skipped,
            regressions=self._regressions,
            mismatches=self._mismatches,
        )

    def _keep(self, key: bytes, component: _Component, topic: str) -> None:
        if len(self._components) >= self._limit:
            raise TooManyComponents(topic=topic, limit=self._limit)
        component.kept = True
        self._components[key] = component
        self._counters.setdefault(component.counter, []).append(component)

    def _look_closer(
        self, component: _Component, seen: Component, record: LogRecord, *, is_new: bool
    ) -> None:
        """A record is smaller than what is merged, or of another kind: is anything wrong?"""
        kind, increments, decrements = seen
        less = increments < component.increments or decrements < component.decrements
        # A component that is "pn" stays so.
        if is_new and (less or (kind == "g" and component.kind == "pn")):
            self._regression(record)
        if kind == "pn" and component.kind == "g":
            component.kind = kind
            if self._kind == "g":
                self._mismatch(record)

    def _note_position(self, record: LogRecord) -> bool:
        """Whether a record is new; one that came before lies behind the position."""
        number, offset = record.partition, record.offset
        if offset < self._next[number]:
            return False
        self._next[number] = offset + 1
        return True

    def _regression(self, record: LogRecord) -> None:
        self._regressions += 1
        self._tell(
            "counter-regression",
            self._regressions,
            record,
            "A replica has written less than it had before: it did not restore, or two count as "
            "one. Increments of it are lost for readers that start from now on.",
        )

    def _mismatch(self, record: LogRecord) -> None:
        self._mismatches += 1
        self._tell(
            "counter-kind-mismatch",
            self._mismatches,
            record,
            "A counter that is declared to grow only is counted down, too, elsewhere. Its sum is "
            "right, and may fall: declare decrements=True here as there.",
        )

    def _tell(self, name: str, count: int, record: LogRecord, text: str) -> None:
        if str(count).strip("0") != "1":
            return
        facts: dict[str, str | int] = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "count": count,
        }
        self._raise_alarm(Alarm(name=name, text=text, facts=facts))


def _named(key: bytes) -> _Component:
    """The component that a key names.

    Raises:
        BadComponentKey: it names nothing.
    """
    replica, counter = parse_component_key(key)
    return _Component(counter, replica)
