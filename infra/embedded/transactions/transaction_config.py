"""What can be set for the transaction coordinator: Kafka's own defaults."""

from dataclasses import dataclass

__all__ = ["TransactionConfig"]


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
    max_ids: int = 100_000
    """Transactional ids known at a time, of about 1 KiB each. Kafka has no limit; a further id is
    refused with POLICY_VIOLATION, so that no client fills the machine's memory."""
    max_groups: int = 1_000
    """Groups in one transaction. Kafka has at most as many as __consumer_offsets has partitions;
    one more is refused with INVALID_REQUEST."""
