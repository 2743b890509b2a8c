"""What clients ask a broker, each named as a test names it. Kafka's own names stand beside them."""

from enum import StrEnum

__all__ = ["RequestKind"]


class RequestKind(StrEnum):
    """The requests that a fault can befall."""

    METADATA = "metadata"
    """Which partitions a topic has."""
    ADMINISTER = "administer"
    """Whatever changes or describes topics: CreateTopics, DescribeConfigs and their like."""
    PRODUCE = "produce"
    """Produce: one batch for one partition."""
    FETCH = "fetch"
    """Fetch: records of some partitions."""
    LIST_OFFSETS = "list offsets"
    """ListOffsets: where a partition begins and ends."""
    INIT_PRODUCER = "init producer"
    """InitProducerId: a producer's id, and for transactions the fence."""
    ADD_PARTITIONS = "add partitions"
    """AddPartitionsToTxn."""
    ADD_GROUP = "add group"
    """AddOffsetsToTxn."""
    COMMIT_IN_TRANSACTION = "commit in transaction"
    """TxnOffsetCommit."""
    END_TRANSACTION = "end transaction"
    """EndTxn."""
    JOIN = "join"
    """JoinGroup."""
    SYNC = "sync"
    """SyncGroup."""
    HEARTBEAT = "heartbeat"
    """Heartbeat."""
    LEAVE = "leave"
    """LeaveGroup."""
    COMMIT_OFFSET = "commit offset"
    """OffsetCommit."""
    FETCH_OFFSET = "fetch offset"
    """OffsetFetch."""
