"""Counting: from what a handler asked for to the components that its partition writes.

    asked for -> own component in the partition's state -> added -> state, and the counters' topic

The partition is the replica (formats.md F20). Its component stands in its state, so in its
changelog, which is the truth; the record for the counters' topic is an output of the same
transaction that commits the input's offset, and of several in one commit only the last is written.

Laws:
1. Nothing is awaited from the reading of a component to the moment its change counts, so nobody
   else counts in between. What a component was made from travels with it all the same, and whoever
   makes it count refuses what has been overtaken (partition_work.py): an increment that is lost is
   never found again.
2. A component that cannot be read fails the partition, as all state does: counting on from zero
   would be hidden behind what readers have seen, and lost. So does one that a newer version wrote,
   for what is added there would be lost.
3. Pure: time is an argument.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.events.topic import Topic
from penstock.schemas.codec import decoder_of, encoder_of
from penstock.schemas.codec_errors import DecodeError
from penstock.schemas.lookup import SchemaLookup, own_in
from penstock.schemas.record import declaration_of
from penstock.schemas.single_object import fingerprint_in
from penstock.workers.counters import (
    CounterComponent,
    advanced,
    component_key,
    counter_partition,
    partition_replica,
)
from penstock.workers.group_commit import Effects
from penstock.workers.increments import Asked
from penstock.workers.state import PartitionState, state_key, table_prefix
from penstock.workers.state_table import StateUnreadable

__all__ = ["COMPONENTS_PREFIX", "Tally"]

_SCHEMA: Final = declaration_of(CounterComponent).schema
_TABLE: Final = declaration_of(CounterComponent).full_name
COMPONENTS_PREFIX: Final = table_prefix(_TABLE)
"""What the changelog keys of all components begin with."""
REMEMBERED_LIMIT: Final = 10_000
"""Counters whose places and latest components are at hand; the rest is made and read again."""


@dataclass(slots=True)
class _Known:
    """What is the same each time that a partition counts in a counter, and what it wrote last."""

    state_key: bytes
    place: Partition
    key: bytes
    value: bytes | None = None
    component: CounterComponent | None = None


@final
class Tally:
    """Counts for the handlers of one input topic of one worker."""

    def __init__(self, *, worker: str, topics: Mapping[str, Topic], schemas: SchemaLookup) -> None:
        """Have counted nothing.

        Args:
            worker: The worker's name, which is part of the replica's.
            topics: The topics of counters, by the name of the set.
            schemas: Knows the schemas of older versions.
        """
        self._worker = worker
        self._topics = topics
        self._schemas = schemas
        self._encode: Callable[[CounterComponent], bytes] = encoder_of(CounterComponent)
        self._decoders: dict[bytes, Callable[[bytes], CounterComponent]] = {}
        self._known: dict[tuple[int, str, str], _Known] = {}

    def count(
        self,
        asked: Iterable[Asked],
        record: LogRecord,
        state: PartitionState,
        *,
        now_ms: int,
        effects: Effects,
    ) -> None:
        """Add what a record's handler asked for to the record's effects.

        Args:
            asked: What is to be counted, each counter once.
            record: The input record; its partition is the replica.
            state: The partition's state.
            now_ms: Wall clock, milliseconds since 1970.
            effects: Takes the components.

        Raises:
            CounterOverflow: a component would become larger than it can be.
            StateUnreadable: a component cannot be read.
        """
        for counters, counter, increments, decrements in asked:
            known = self._known_of(record, counters.name, counter)
            value = state.get(known.state_key)
            # The same bytes say the same, whatever became of the state in between.
            before = known.component if value is known.value else self._read(value)
            after = advanced(
                counters, counter, before, increments=increments, decrements=decrements
            )
            known.value, known.component = self._encode(after), after
            effects.advance(known.state_key, value, known.value)
            effects.replace(known.place, NewRecord(known.key, known.value, [], now_ms))

    def __len__(self) -> int:
        """The number of counters, of all partitions, that are at hand now."""
        return len(self._known)

    def _known_of(self, record: LogRecord, counters: str, counter: str) -> _Known:
        at = (record.partition, counters, counter)
        known = self._known.get(at)
        if known is None:
            topic = self._topics[counters]
            replica = partition_replica(self._worker, record.topic, record.partition)
            known = _Known(
                state_key(_TABLE, f"{counters}/{counter}"),  # the name of a set holds no "/"
                Partition(topic.name, counter_partition(counter, topic.partitions)),
                component_key(replica, counter),
            )
            if len(self._known) >= REMEMBERED_LIMIT:
                self._known.clear()
            self._known[at] = known
        return known

    def _read(self, value: bytes | None) -> CounterComponent | None:
        if value is None:
            return None
        try:
            fingerprint = fingerprint_in(value)
            decode = self._decoders.get(fingerprint)
            if decode is None:
                writer = own_in(self._schemas, fingerprint, _SCHEMA)
                decode = self._decoders[fingerprint] = decoder_of(writer, CounterComponent)
            component = decode(value)
        except DecodeError as error:
            raise StateUnreadable(table=_TABLE, reason=error.code) from error
        if min(component.increments, component.decrements) < 0:
            raise StateUnreadable(table=_TABLE, reason="a component is negative")
        return component
