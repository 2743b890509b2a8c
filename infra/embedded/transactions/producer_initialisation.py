"""What InitProducerId finds, and what it does about it.

    unknown id                 a new producer id, epoch 0
    markers being written      CONCURRENT_TRANSACTIONS: ask again
    open transaction           fence: abort it with a raised epoch; CONCURRENT_TRANSACTIONS
    none open                  the next epoch; after the last one a new producer id, epoch 0

A producer that names itself (KIP-360) wants its own epoch raised, after an error, and may ask again
when the answer got lost. It is refused where somebody else has taken the id over.

Source: TransactionCoordinator.prepareInitProducerIdTransit, KIP-98, KIP-360; what Apache Kafka
4.1.0 answered to each row is in the tests. Pure: producer ids are drawn through an argument.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.transactions.transaction import (
    EXHAUSTED_EPOCH,
    NO_EPOCH,
    NO_PRODUCER_ID,
    fenced,
    initialised,
    new_transactional_id,
)
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import (
    COMPLETING_STATES,
    TransactionState,
)

__all__ = ["InitRequest", "initialise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRequest:
    """InitProducerId for a transactional id."""

    transactional_id: str
    """Not empty."""
    timeout_ms: int
    """How long its transactions may last; checked already."""
    producer_id: int = NO_PRODUCER_ID
    """Who the producer says it is; NO_PRODUCER_ID: a new one."""
    producer_epoch: int = NO_EPOCH
    """Its epoch; NO_EPOCH: a new one. Both or none are given."""


def initialise(
    known: TransactionKept | None,
    request: InitRequest,
    *,
    draw_producer_id: Callable[[], int],
    now_ms: int,
) -> TransactionKept | ErrorCode:
    """Decide.

    Args:
        known: What is known of the id; None: nothing.
        request: What is asked.
        draw_producer_id: Gives a producer id that was never given before.
        now_ms: Milliseconds since 1970.

    Returns:
        What is known from now on, or why nothing changes. PrepareAbort means that an open
        transaction was fenced: the answer is CONCURRENT_TRANSACTIONS.
    """
    if known is None:
        return new_transactional_id(
            request.transactional_id,
            producer_id=draw_producer_id(),
            timeout_ms=request.timeout_ms,
            now_ms=now_ms,
        )
    if known.state in COMPLETING_STATES:
        return ErrorCode.concurrent_transactions
    if not _may_be(known, request):
        return ErrorCode.producer_fenced
    if known.state is TransactionState.ONGOING:
        return fenced(known, now_ms=now_ms)
    holder = _next_holder(known, request, draw_producer_id)
    if isinstance(holder, ErrorCode):
        return holder
    producer_id, producer_epoch, last_epoch = holder
    return initialised(
        known,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        last_epoch=last_epoch,
        timeout_ms=request.timeout_ms,
        now_ms=now_ms,
    )


def _may_be(known: TransactionKept, request: InitRequest) -> bool:
    """Say whether the producer is nobody yet, or the id's, or was before its epochs ran out."""
    return request.producer_id in {NO_PRODUCER_ID, known.producer_id} or (
        request.producer_id == known.previous_producer_id
        and request.producer_epoch >= EXHAUSTED_EPOCH
    )


def _next_holder(
    known: TransactionKept, request: InitRequest, draw_producer_id: Callable[[], int]
) -> tuple[int, int, int] | ErrorCode:
    """Return producer id, epoch, and the epoch that the producer asked to raise."""
    current, named = known.producer_epoch, request.producer_epoch
    if current >= EXHAUSTED_EPOCH:
        if named in {NO_EPOCH, current}:
            return draw_producer_id(), 0, named
        # Kafka stumbles here over its own check, where PRODUCER_FENCED would be the answer.
        return ErrorCode.unknown_server_error
    if named in {NO_EPOCH, current}:
        return known.producer_id, current + 1, named
    if named == known.last_producer_epoch:
        return known.producer_id, current, named
    return ErrorCode.producer_fenced
