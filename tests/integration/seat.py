"""A member of a group that processes nothing: it takes partitions and lets them go."""

from collections.abc import Sequence

from penstock.events.log import Partition
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group import KafkaGroupMember, join_group
from penstock.workers.ports import Assignments, GroupMember
from tests.integration.workbench import eventually

__all__ = ["Seat", "group_of"]


def group_of(topic: str) -> str:
    """The group that a seat joins."""
    return f"group-of-{topic}"


class Seat:
    """A member with the partitions that it was given, and nothing that processes them."""

    def __init__(self, *, fails: str = "") -> None:
        """Take a seat; `fails` names the callback that raises."""
        self.fails = fails
        self.partitions: list[Partition] = []
        self.revocations = 0

    def assigned(self, member: GroupMember, partitions: Sequence[Partition]) -> None:
        """Pause what comes, at the beginning."""
        for partition in partitions:
            member.pause(partition)
            member.seek(partition, 0)
        self.partitions = list(partitions)
        if self.fails == "assigned":
            message = "no room"
            raise OverflowError(message)

    async def revoked(self, partitions: Sequence[Partition]) -> None:
        """Let go of everything."""
        self.revocations += 1
        self.partitions = [each for each in self.partitions if each not in partitions]
        if self.fails == "revoked" and partitions:
            message = "no way out"
            raise OverflowError(message)

    async def join(
        self,
        connection: KafkaConnection,
        topic: str,
        *,
        group: str | None = None,
        session_s: float = 6.0,
        max_poll_s: float = 60.0,
    ) -> KafkaGroupMember:
        """Join the topic's group, or another one."""
        return await join_group(
            connection,
            group=group or group_of(topic),
            topics=[topic],
            assignments=Assignments(self.assigned, self.revoked),
            session_timeout_s=session_s,
            rebalance_timeout_s=5.0,
            max_poll_interval_s=max_poll_s,
        )

    async def given(self, count: int) -> None:
        """Wait for so many partitions."""
        await eventually(lambda: len(self.partitions) == count, what=f"{count} partitions")
