"""A cluster in memory on a virtual clock, and what the tests of its ports do all the time."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from penstock.events.log import LogRecord, NewRecord, Partition
from penstock.infra.clock import SeededEntropy
from penstock.infra.memory.member import MemoryMember
from penstock.infra.memory.memory_cluster import MemoryCluster
from penstock.infra.memory.memory_options import MemoryOptions
from penstock.infra.memory.writer import MemoryWriter
from penstock.infra.virtual_clock import VirtualClock
from penstock.workers.ports import Assignments, GroupMember, Transaction
from tests.infra.memory.turning import turned

__all__ = ["Bench", "Seat", "record", "writes"]

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_DELAY = MappingProxyType({"group.initial.rebalance.delay.ms": "0"})
_ResultT = TypeVar("_ResultT")


def record(value: bytes | None, *, key: bytes | None = b"key") -> NewRecord:
    """A record of the first moment of the clock."""
    return NewRecord(key, value, [], VirtualClock().wall_ms())


def writes(partition: Partition, *values: bytes) -> Transaction:
    """A transaction of one output."""
    return Transaction(outputs={partition: [record(value) for value in values]}, offset=None)


class Bench:
    """One cluster, one clock."""

    def __init__(self, options: MemoryOptions | None = None) -> None:
        """Begin with an empty cluster."""
        self.clock = VirtualClock()
        self.cluster = MemoryCluster(
            clock=self.clock,
            entropy=SeededEntropy(1),
            options=options or MemoryOptions(config=_NO_DELAY),
        )

    async def turned(self, work: Coroutine[Any, Any, _ResultT]) -> _ResultT:
        """Let time pass until something has ended."""
        return await turned(self.clock, work)

    async def topic(
        self, name: str = "t", *, partitions: int = 1, config: Mapping[str, str] = _NOTHING
    ) -> Partition:
        """Make a topic; return its first partition."""
        await self.cluster.admin().create(name, partitions=partitions, replication=1, config=config)
        return Partition(name, 0)

    async def write(
        self,
        partition: Partition,
        *values: bytes | None,
        writer: MemoryWriter | None = None,
        timeout_s: float = 10.0,
    ) -> int:
        """Write values as one batch."""
        writer = writer or self.cluster.writer()
        batch = writer.new_batch()
        for value in values:
            assert batch.append(record(value))
        return await writer.write(partition, batch, timeout_s=timeout_s)

    async def committed(self, partition: Partition) -> list[LogRecord]:
        """All records that committed readers may see now."""
        reader = await self.cluster.reader(partition)
        _, end = await reader.bounds(partition)
        found: list[LogRecord] = []
        while reader.position(partition) < end:
            found.extend(await reader.read(timeout_s=0))
        return found

    async def values(self, partition: Partition) -> list[bytes | None]:
        """Their values."""
        return [each.value for each in await self.committed(partition)]


@dataclass(slots=True)
class Seat:
    """A member, what it was given, and when; it reads each partition from the beginning."""

    bench: Bench
    name: str
    topics: Sequence[str] = ("t",)
    drain_s: float = 0.0
    owned: set[Partition] = field(default_factory=set)
    revocations: list[set[Partition]] = field(default_factory=list)
    values: dict[Partition, list[bytes | None]] = field(default_factory=dict)
    member: MemoryMember | None = None

    async def join(self, **wishes: float) -> MemoryMember:
        """Become a member of the group g."""
        self.member = await self.bench.cluster.member(
            group="g",
            topics=self.topics,
            assignments=Assignments(assigned=self._assigned, revoked=self._revoked),
            name=self.name,
            **wishes,
        )
        return self.member

    def _assigned(self, member: GroupMember, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            member.seek(partition, 0)
        self.owned = set(partitions)

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        if partitions:
            self.revocations.append(set(partitions))
        if partitions and self.drain_s:
            clock = self.bench.clock
            await clock.sleep_until(clock.monotonic() + self.drain_s)
        self.owned = set()

    async def poll(self, timeout_s: float = 0.0) -> None:
        """Poll once."""
        assert self.member is not None
        found = await self.member.poll(timeout_s=timeout_s, max_records=100)
        for partition, records in found.items():
            self.values.setdefault(partition, []).extend(each.value for each in records)
