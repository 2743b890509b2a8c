"""What the tests of ports do all the time: a topic, records in, committed records out."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import final

from penstock.events.log import BatchWriter, LogRecord, Partition
from penstock.workers.ports import Assignments, GroupMember
from tests.conformance.cluster import Cluster, Seat
from tests.integration.workbench import eventually, new_record, read_to_end

__all__ = ["Reader", "committed", "committed_values", "filled", "make_topic"]

WRITE_LIMIT_S = 10.0
_NOTHING: Mapping[str, str] = MappingProxyType({})


async def make_topic(
    cluster: Cluster, name: str, *, partitions: int = 1, config: Mapping[str, str] = _NOTHING
) -> Partition:
    """Create a topic and wait until it can be written.

    Returns:
        Its first partition.
    """
    async with cluster.topics() as topics, cluster.writer() as writer:
        await topics.create(name, partitions=partitions, replication=1, config=config)
        for number in range(partitions):
            place = Partition(name, number)
            await eventually(lambda at=place: _readable(cluster, at), what=f"a leader of {place}")  # type: ignore[misc] # mypy knows no such lambda
        await eventually(lambda: _counts(writer, name, partitions), what=f"partitions of {name}")
    return Partition(name, 0)


async def _readable(cluster: Cluster, place: Partition) -> bool:
    async with cluster.topics() as topics:
        return place.topic in await topics.describe([place.topic])


async def _counts(writer: BatchWriter, name: str, partitions: int) -> bool:
    return await writer.partition_count(name) == partitions


async def filled(writer: BatchWriter, partition: Partition, *values: bytes | None) -> int:
    """Write these values as one batch.

    Returns:
        The offset of the first one.
    """
    batch = writer.new_batch()
    for value in values:
        assert batch.append(new_record(value))
    return await writer.write(partition, batch, timeout_s=WRITE_LIMIT_S)


async def committed(cluster: Cluster, partition: Partition) -> list[LogRecord]:
    """All records that committed readers may see."""
    async with cluster.reader(partition) as reader:
        return await read_to_end(reader, partition)


async def committed_values(cluster: Cluster, partition: Partition) -> list[bytes | None]:
    """Their values."""
    return [record.value for record in await committed(cluster, partition)]


@final
class Reader:
    """What a member is given and reads; each partition from the beginning, as nothing was kept."""

    def __init__(self, group: str, *topics: str, session_timeout_s: float = 10.0) -> None:
        """Sit down in a group that reads these topics."""
        self.owned: set[Partition] = set()
        self.revocations: list[set[Partition]] = []
        self.values: dict[Partition, list[bytes | None]] = {}
        self.seat = Seat(
            group=group,
            topics=topics,
            assignments=Assignments(assigned=self._assigned, revoked=self._revoked),
            session_timeout_s=session_timeout_s,
        )

    def _assigned(self, member: GroupMember, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            member.seek(partition, 0)
        self.owned = set(partitions)

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        if partitions:
            self.revocations.append(set(partitions))
        self.owned = set()

    async def polls(self, member: GroupMember, *, max_records: int = 100) -> int:
        """Poll once.

        Returns:
            How many records came.
        """
        found = await member.poll(timeout_s=0.05, max_records=max_records)
        for partition, records in found.items():
            self.values.setdefault(partition, []).extend(record.value for record in records)
        return sum(len(records) for records in found.values())

    async def owns(self, member: GroupMember, *partitions: Partition) -> bool:
        """Poll once, and say whether it owns exactly these partitions."""
        await self.polls(member)
        return self.owned == set(partitions)
