"""The markers that are to be written, and why: a settled outcome, or a log that nobody looks after.

A machine that dies may lose the journal's end and not that of a log: then nobody knows of the
transaction that is open there. Or it has kept that a transaction is complete, and lost a marker.
Either would keep readers of committed records waiting for ever; such transactions are orphans here.

Pure: writing the markers is the caller's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.transactions.transaction_entry import TransactionKept
from penstock.infra.embedded.transactions.transaction_state import TransactionState

__all__ = ["COORDINATOR_EPOCH", "MarkerWork", "orphans_work", "settled_work"]

COORDINATOR_EPOCH: Final = 0
"""In every marker. Kafka raises it when another broker takes the coordinator's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerWork:
    """An outcome that is settled and recorded: its markers are to be written, then reported."""

    transactional_id: str
    """Whose transaction; `markers_written` is told of it. Empty: nobody's, and nobody is told."""
    producer_id: int
    """Who wrote the transaction."""
    producer_epoch: int
    """Goes into the markers. An abort that fences has raised it above the epoch of the records."""
    coordinator_epoch: int
    """Goes into the markers; 0: there is one coordinator for ever."""
    commit: bool
    """Which marker."""
    partitions: frozenset[TopicPartition]
    """One marker for each. A partition whose topic was deleted meanwhile is skipped."""
    groups: frozenset[str]
    """The groups that make the transaction's offsets valid, or drop them."""


def settled_work(known: TransactionKept) -> MarkerWork:
    """Say what a settled outcome asks for.

    Args:
        known: PrepareCommit or PrepareAbort.

    Returns:
        The work.
    """
    return MarkerWork(
        transactional_id=known.transactional_id,
        producer_id=known.producer_id,
        producer_epoch=known.producer_epoch,
        coordinator_epoch=COORDINATOR_EPOCH,
        commit=known.state is TransactionState.PREPARE_COMMIT,
        partitions=known.partitions,
        groups=known.groups,
    )


def orphans_work(
    known: Iterable[TransactionKept], is_open: Iterable[tuple[TopicPartition, int, int]]
) -> list[MarkerWork]:
    """Say what ends the transactions that are open in a log and that nobody would end.

    Args:
        known: All transactional ids.
        is_open: Partition, producer id and epoch of each transaction that is open in a log.

    Returns:
        Work without a transactional id: a commit where that was the last outcome, or an abort.
    """
    holders = {one.producer_id: one for one in known}
    return [
        _orphan_work(holder, partition, producer_id, epoch)
        for partition, producer_id, epoch in is_open
        if (holder := holders.get(producer_id)) is None or partition not in holder.partitions
    ]


def _orphan_work(
    holder: TransactionKept | None, partition: TopicPartition, producer_id: int, epoch: int
) -> MarkerWork:
    return MarkerWork(
        transactional_id="",
        producer_id=producer_id,
        producer_epoch=epoch if holder is None else max(epoch, holder.producer_epoch),
        coordinator_epoch=COORDINATOR_EPOCH,
        commit=holder is not None
        and holder.state is TransactionState.COMPLETE_COMMIT
        and holder.producer_epoch == epoch,
        partitions=frozenset((partition,)),
        groups=frozenset(),
    )
