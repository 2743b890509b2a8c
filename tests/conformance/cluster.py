"""A cluster as penstock's ports show it: what each implementation fills in for the suite.

The tests of ports (test_port_*.py) know this Protocol and the ports, and nothing of what is behind
them. All that is opened here is closed with its `async with`, in bounded time.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from penstock.events.log import BatchWriter, LogReader, Partition, TopicAdmin
from penstock.workers.ports import Assignments, GroupMember, ProducerGate

__all__ = ["Cluster", "Seat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """How a member joins."""

    group: str
    """The group's id."""
    topics: Sequence[str]
    """What it reads."""
    assignments: Assignments
    """Told of partitions that come and go."""
    session_timeout_s: float = 10.0
    """Without a heartbeat for so long, it is thrown out."""
    rebalance_timeout_s: float = 10.0
    """So long it may drain before the group goes on without it."""


class Cluster(Protocol):
    """One log with its groups and transactions."""

    @property
    def moves_time(self) -> bool:
        """Whether `pass_time` moves the broker's clock; elsewhere time passes by itself."""
        ...

    def writer(self) -> AbstractAsyncContextManager[BatchWriter]:
        """A started writer."""
        ...

    def reader(self, *partitions: Partition) -> AbstractAsyncContextManager[LogReader]:
        """A reader of these partitions, at their beginnings."""
        ...

    def topics(self) -> AbstractAsyncContextManager[TopicAdmin]:
        """Administration of topics."""
        ...

    def member(self, seat: Seat) -> AbstractAsyncContextManager[GroupMember]:
        """A member of a group, which leaves it at the end."""
        ...

    def gate(self) -> ProducerGate:
        """Where transactional producers come from."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Move the broker's clock on, where it can be moved."""
        ...
