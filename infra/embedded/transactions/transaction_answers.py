"""What the transaction coordinator answers."""

from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_state import TransactionState

__all__ = [
    "CoordinatorStatistics",
    "InitAnswer",
    "ListedTransaction",
    "TransactionDescription",
    "TransactionsListed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitAnswer:
    """The answer to InitProducerId."""

    error: ErrorCode
    """Why not."""
    producer_id: int = -1
    """Who the producer is; -1 with an error."""
    producer_epoch: int = -1
    """Its epoch; -1 with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTransaction:
    """One transactional id in the answer to ListTransactions."""

    transactional_id: str
    """The id."""
    producer_id: int
    """Who may act."""
    state: TransactionState
    """Its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionsListed:
    """The answer to ListTransactions."""

    error: ErrorCode = ErrorCode.none
    """INVALID_REGULAR_EXPRESSION, or none."""
    unknown_states: tuple[str, ...] = ()
    """Names in the request's filter that no state has."""
    transactions: tuple[ListedTransaction, ...] = ()
    """What passed all filters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDescription:
    """The answer to DescribeTransactions for one id. With an error all else is Kafka's default."""

    transactional_id: str
    """The id asked for."""
    error: ErrorCode = ErrorCode.none
    """TRANSACTIONAL_ID_NOT_FOUND, INVALID_REQUEST for an empty id, or none."""
    state: str = ""
    """The state's name; empty with an error."""
    timeout_ms: int = 0
    """How long a transaction may last."""
    start_ms: int = 0
    """When the last transaction began; -1: there was none."""
    producer_id: int = 0
    """Who may act."""
    producer_epoch: int = 0
    """The epoch of who may act."""
    partitions: tuple[TopicPartition, ...] = ()
    """The open transaction's, sorted. Groups show as partitions of __consumer_offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorStatistics:
    """The coordinator in numbers."""

    transactional_ids: int
    """Known now."""
    ongoing: int
    """Open transactions now."""
    completing: int
    """Transactions whose markers are not all written."""
    producer_ids_given: int
    """Since the start."""
    committed: int
    """Transactions committed since the start, counted when the outcome was recorded."""
    aborted: int
    """Transactions aborted since the start, fenced and timed out among them."""
    fenced: int
    """Aborted since the start because somebody else took the id over."""
    timed_out: int
    """Aborted since the start because they lasted too long."""
    expired_ids: int
    """Transactional ids forgotten since the start."""
    held_bytes: int
    """Memory of all transactional ids, by estimate."""
    held_bytes_limit: int
    """TransactionConfig.max_held_bytes."""
