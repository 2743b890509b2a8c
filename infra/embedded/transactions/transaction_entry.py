"""What the transaction coordinator keeps over a restart.

The last entry of a transactional id says all about it, as in Kafka's __transaction_state. Time
does not pass for an entry: a transaction that was open goes on with the time-out that it had.
"""

from dataclasses import dataclass
from typing import Final

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_state import TransactionState

__all__ = [
    "ProducerIdBlockKept",
    "TransactionEntry",
    "TransactionForgotten",
    "TransactionKept",
    "weight_of",
]


_ID_WEIGHT: Final = 1_200
"""What CPython 3.11 takes for an id without its text, its deadline included, rounded up."""
_PARTITION_WEIGHT: Final = 500
"""The same of a partition, with the longest name of a topic."""
_GROUP_WEIGHT: Final = 150
"""The same of a group without its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerIdBlockKept:
    """All producer ids below are spoken for."""

    next_block: int
    """The first producer id of the block after this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionKept:
    """All that the coordinator knows of one transactional id."""

    transactional_id: str
    """Not empty."""
    producer_id: int
    """Who may act; 0 and more."""
    producer_epoch: int
    """The epoch of who may act; 0 to 32767."""
    previous_producer_id: int = -1
    """The producer id before the last InitProducerId; -1: none."""
    last_producer_epoch: int = -1
    """The epoch that the producer itself raised (KIP-360), so that it may ask again; -1: none."""
    timeout_ms: int
    """How long a transaction may last; 1 and more."""
    state: TransactionState
    """Never PrepareEpochFence nor Dead."""
    partitions: frozenset[TopicPartition] = frozenset()
    """The partitions of the open transaction."""
    groups: frozenset[str] = frozenset()
    """The groups whose offsets the open transaction commits."""
    start_ms: int = -1
    """When the last transaction began, in milliseconds since 1970; -1: there was none."""
    update_ms: int
    """The last change, in milliseconds since 1970; the id expires so long after it."""

    @property
    def weight(self) -> int:
        """Bytes that the coordinator holds for it, by estimate."""
        groups = sum(_GROUP_WEIGHT + len(group) for group in self.groups)
        partitions = _PARTITION_WEIGHT * len(self.partitions)
        return weight_of(self.transactional_id) + partitions + groups


def weight_of(transactional_id: str) -> int:
    """Estimate the bytes of an id without a transaction.

    Args:
        transactional_id: The id.
    """
    return _ID_WEIGHT + len(transactional_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionForgotten:
    """A transactional id has expired."""

    transactional_id: str
    """The id."""


TransactionEntry = ProducerIdBlockKept | TransactionKept | TransactionForgotten
"""An entry of the journal."""
