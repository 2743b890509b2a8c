"""A slot's hold on its log: how it is taken, and how it is taken again after a doubt.

    take      fence -> ends -> read own components -> commit one's generation
    retake    look whether somebody else has it -> fence -> ends -> read on -> look again

Why in this order. The fence ends what a former owner left open, so behind it nothing of the slot's
can be added by anybody else; only then it makes sense to ask where the log ends. The ends are those
of all records, see counter_log.py. Up to them stand all counts of the slot, and only when they are
read may it count. The generation is committed last: where it is, the predecessor has lost.

A doubt may mean that somebody else has fenced, and may mean nothing. To fence again unasked would
take the slot from its rightful owner, who would take it back, and so for ever. So one looks first:
a generation larger than one's own says that the slot is taken. The look may come too early, between
the other's fence and its generation; then the look behind the own fence finds the generation, or
the other's commit fails and it takes the slot once more, which it may, since it came later.

Laws:
1. Own records that cannot be read are never passed over: counting on without them would hide them.
2. What was read is kept over failed attempts, and handed out once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, final

from penstock.events.log import LogReader, LogRecord, NewRecord, Partition
from penstock.events.partitioner import partition_of
from penstock.infra.replication.component_records import (
    Component,
    ComponentUnreadable,
    encode_component,
)
from penstock.infra.replication.counter_log import SlotLog
from penstock.infra.replication.counter_value import CounterToken
from penstock.infra.replication.patience import CountersCut
from penstock.infra.replication.slot_generation import generation_key, generation_record
from penstock.schemas.codec_errors import UnknownFingerprint
from penstock.schemas.errors import ExitCode, WorldError
from penstock.workers.changelog import closing
from penstock.workers.counters import CounterComponent
from penstock.workers.ports import Transaction, TransactionalWriter, TransactionDoubt

__all__ = ["Found", "SlotHold", "SlotTaken"]

READ_S: Final = 0.2
"""Longest wait for records before positions are looked at again."""
SILENCE_LIMIT: Final = 150
"""So many waits in a row without progress are a doubt: 30 s, three times what the transaction of
another slot may stay open."""


@dataclass(eq=False, kw_only=True)
class SlotTaken(WorldError):
    """Somebody else has a slot now."""

    slot: str
    """The slot."""
    counters: str
    """The set of counters."""
    reason: str
    """How that was found out."""

    code: ClassVar[str] = "PEN-I110"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIGURATION
    what: ClassVar[str] = "The slot {slot} of the counters {counters} is not ours: {reason}."
    why: ClassVar[str] = (
        "One process at a time counts in a slot, and the latest to open it has it. Increments that "
        "were not acknowledged are not counted."
    )
    remedy: ClassVar[str] = "Give each process a slot of its own, out of a small and stable set."


class Found(NamedTuple):
    """A component of the slot as it was read, and where."""

    component: CounterComponent
    token: CounterToken


@final
class SlotHold:
    """The hold of one process on one slot."""

    def __init__(
        self,
        counters: str,
        slot: str,
        log: SlotLog,
        decode: Callable[[LogRecord], Component],
        *,
        look_up: Callable[[bytes], Awaitable[object]],
        now_ms: Callable[[], int],
    ) -> None:
        """Hold nothing yet.

        Args:
            counters: the name of the set.
            slot: the slot's name.
            log: the topic, as this slot writes it.
            decode: says what a record holds; see `ComponentDecoder`.
            look_up: looks for the schema with a fingerprint, for `decode` to know it then.
            now_ms: wall clock, milliseconds since 1970.
        """
        self._counters = counters
        self._slot = slot
        self._log = log
        self._decode = decode
        self._look_up = look_up
        self._now_ms = now_ms
        self._generation_key = generation_key(slot)
        self._positions: dict[Partition, int] = {}
        self._found: dict[str, Found] = {}
        self._seen_generation = 0
        self.generation = 0
        """The number of this hold; 0 before the slot was taken."""

    async def take(self) -> tuple[TransactionalWriter, Mapping[str, Found]]:
        """Take the slot from whoever has it.

        Returns:
            The producer, and all components of the slot.

        Raises:
            TransactionDoubt: it did not succeed; it may be tried again.
            KafkaUnreachable: likewise.
            ComponentUnreadable: a record of the slot cannot be read.
        """
        writer = await self._log.fence()
        try:
            async with closing(await self._log.reader()) as reader:
                await self._begin(reader)
                await self._read(reader, await self._log.ends())
            await self._commit_generation(writer)
        except BaseException:
            writer.drop()
            raise
        return writer, self._hand_out()

    async def retake(self) -> tuple[TransactionalWriter, Mapping[str, Found]]:
        """Take the slot again after a doubt, unless somebody else has it.

        Returns:
            A new producer, and what was read behind what `wrote` has told.

        Raises:
            SlotTaken: somebody else has it.
            CountersCut: the log ends before what was read from it, or written to it.
            TransactionDoubt: it did not succeed; it may be tried again.
            KafkaUnreachable: likewise.
            ComponentUnreadable: a record of the slot cannot be read.
        """
        writer: TransactionalWriter | None = None
        try:
            async with closing(await self._log.reader()) as reader:
                await self._begin(reader)
                await self._read(reader, await self._visible_ends(reader))
                self._check_generation()
                writer = await self._log.fence()
                await self._read(reader, await self._log.ends())
                self._check_generation()
        except BaseException:  # also where it is cancelled while the reader closes
            if writer is not None:
                writer.drop()
            raise
        assert writer is not None, "behind the fence there is a producer"
        return writer, self._hand_out()

    def wrote(self, partition: Partition, end: int) -> None:
        """Take note of what was committed, so that it is not read after the next doubt.

        Args:
            partition: where it was written.
            end: the offset behind the last record.
        """
        self._positions[partition] = max(self._positions[partition], end)

    async def _begin(self, reader: LogReader) -> None:
        """Go to where reading stopped, or to the first record."""
        ends = await self._log.ends()
        for partition in self._log.partitions:
            position = self._positions.get(partition, 0)
            if position > ends[partition]:
                end = ends[partition]
                raise CountersCut(partition=partition, position=position, end=end)
            self._positions[partition] = max(position, reader.position(partition))
            reader.seek(partition, self._positions[partition])

    async def _visible_ends(self, reader: LogReader) -> Mapping[Partition, int]:
        partitions = self._log.partitions
        bounds = await asyncio.gather(*map(reader.bounds, partitions))
        return {place: end for place, (_, end) in zip(partitions, bounds, strict=True)}

    async def _read(self, reader: LogReader, ends: Mapping[Partition, int]) -> None:
        silent = 0
        positions = self._positions
        while any(positions[partition] < end for partition, end in ends.items()):
            before = dict(positions)
            for record in await reader.read(timeout_s=READ_S):
                await self._note(record)
            for partition in positions:
                positions[partition] = max(positions[partition], reader.position(partition))
            silent = 0 if positions != before else silent + 1
            if silent >= SILENCE_LIMIT:
                raise TransactionDoubt(reason=f"{self._log.partitions[0].topic} gives no records")

    async def _note(self, record: LogRecord) -> None:
        key = record.key or b""
        if not key.startswith(self._generation_key):
            return
        kind, increments, decrements = await self._decoded(record)
        if key == self._generation_key:
            self._seen_generation = max(self._seen_generation, increments)
            return
        place = Partition(record.topic, record.partition)
        try:
            counter = key[len(self._generation_key) :].decode()
        except UnicodeDecodeError as error:
            problem = "its counter is not UTF-8"
            raise ComponentUnreadable(
                partition=place, offset=record.offset, problem=problem
            ) from error
        component = CounterComponent(kind=kind, increments=increments, decrements=decrements)
        self._found[counter] = Found(component, CounterToken(place, record.offset))

    async def _decoded(self, record: LogRecord) -> Component:
        try:
            return self._decode(record)
        except UnknownFingerprint as error:
            if await self._look_up(bytes.fromhex(error.fingerprint)) is not None:
                return self._decode(record)
            place = Partition(record.topic, record.partition)
            raise ComponentUnreadable(
                partition=place, offset=record.offset, problem=error.code
            ) from error

    async def _commit_generation(self, writer: TransactionalWriter) -> None:
        number = self._seen_generation + 1
        key, value = self._generation_key, encode_component(generation_record(number))
        partitions = self._log.partitions
        place = partitions[partition_of(key, len(partitions))]
        record = NewRecord(key, value, [], self._now_ms())
        await writer.commit(Transaction(outputs={place: [record]}, offset=None))
        self.generation = self._seen_generation = number

    def _check_generation(self) -> None:
        if self._seen_generation > self.generation:
            reason = (
                f"it was taken as generation {self._seen_generation}, and ours is {self.generation}"
            )
            raise SlotTaken(slot=self._slot, counters=self._counters, reason=reason)

    def _hand_out(self) -> Mapping[str, Found]:
        found, self._found = self._found, {}
        return found
