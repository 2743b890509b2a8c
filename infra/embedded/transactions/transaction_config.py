"""What can be set for the transaction coordinator: Kafka's own defaults."""

from dataclasses import dataclass
from typing import Final

__all__ = ["TransactionConfig"]

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionConfig:
    """The coordinator's settings."""

    max_timeout_ms: int = 900_000
    """`transaction.max.timeout.ms`: the longest time-out that a producer may ask for."""
    id_expiration_ms: int = 604_800_000
    """`transactional.id.expiration.ms`: an id that nobody used for so long is forgotten."""
    offsets_topic_partitions: int = 50
    """`offsets.topic.num.partitions`: Kafka shows a group in a transaction as the partition of
    `__consumer_offsets` that its name falls on."""
    max_held_bytes: int = 256 * _MIB
    """Memory for all transactional ids with their open transactions, estimated; about 200 000 ids.
    Ours, not Kafka's: beyond it a new id is refused with POLICY_VIOLATION, and what would be added
    to a transaction with INVALID_REQUEST."""
