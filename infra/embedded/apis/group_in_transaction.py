"""Whether a group is part of a producer's transaction, in the words of TxnOffsetCommit (KIP-890).

Kafka asks the transaction coordinator before it takes a position that is to count when the
transaction commits, and this request's clients know another word for a producer that was fenced.
"""

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.transaction_coordinator import TransactionCoordinator

__all__ = ["group_refused"]


def group_refused(
    transactions: TransactionCoordinator,
    *,
    transactional_id: str,
    producer_id: int,
    producer_epoch: int,
    group: str,
    knows_abortable: bool,
) -> ErrorCode:
    """Say why positions of a group are not taken into a transaction.

    Args:
        transactions: The coordinator.
        transactional_id: The producer's.
        producer_id: Who commits.
        producer_epoch: Its epoch.
        group: Whose positions.
        knows_abortable: Whether the client knows TRANSACTION_ABORTABLE.

    Returns:
        None where the group is part of the open transaction.
    """
    error = transactions.verify_group(transactional_id, producer_id, producer_epoch, group)
    if error is ErrorCode.producer_fenced:
        return ErrorCode.invalid_producer_epoch
    if error is ErrorCode.transaction_abortable and not knows_abortable:
        return ErrorCode.invalid_txn_state
    return error
