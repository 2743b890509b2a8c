"""The broker in numbers, without its connections, which it does not know."""

from dataclasses import dataclass
from typing import final

from penstock.infra.embedded.groups.group_statistics import GroupStatistics
from penstock.infra.embedded.partition_logs import PartitionLogsStatistics
from penstock.infra.embedded.transactions.transaction_answers import CoordinatorStatistics

__all__ = ["BrokerStatistics"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerStatistics:
    """The broker in numbers."""

    topics: int
    """Topics now."""
    batches_appended: int
    """Batches of producers taken since the start, without duplicates."""
    records_appended: int
    """Their records."""
    bytes_appended: int
    """Their bytes, as they came."""
    appends_refused: int
    """Since the start, for whatever reason."""
    logs: PartitionLogsStatistics
    groups: GroupStatistics
    transactions: CoordinatorStatistics
