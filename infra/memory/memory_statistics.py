"""A cluster in memory in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from penstock.infra.embedded.broker_statistics import BrokerStatistics
from penstock.infra.memory.request_kind import RequestKind

__all__ = ["MemoryStatistics"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStatistics:
    """Counters and what is under way."""

    requests: Mapping[RequestKind, int]
    """How many of each kind the broker has taken."""
    faults_met: int
    """How many requests a fault has befallen."""
    faults_pending: int
    """How many planned faults are still to come."""
    waiting_readers: int
    """Readers and members that wait for records."""
    waiting_members: int
    """Members that wait for the others of their group."""
    timers: int
    """What is to happen at a later time."""
    incarnation: int
    """Which run of the broker this is, from 1."""
    broker: BrokerStatistics
    """The core's numbers."""
