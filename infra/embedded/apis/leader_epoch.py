"""Leader epochs as this broker has them: one leader, for ever, and its first epoch.

Clients say which epoch of a partition's leader they believe in, and ask where an epoch ended
(KIP-320). The answers follow Apache Kafka's for a partition whose leader never changed.
"""

from typing import NamedTuple

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.log.partition_log import PartitionLog

__all__ = ["UNKNOWN_EPOCH", "EpochEnd", "epoch_end", "epoch_fault"]

UNKNOWN_EPOCH = -1
"""A client that does not say its epoch, and a question for no epoch."""


class EpochEnd(NamedTuple):
    """Where an epoch ended."""

    epoch: int
    """The largest epoch that is not larger than the one asked for; -1 where there is none."""
    end_offset: int
    """The offset behind its last record; -1 where it is not known."""


def epoch_fault(log: PartitionLog, claimed: int) -> ErrorCode:
    """Say what is wrong with the epoch that a client believes in.

    Args:
        log: of the partition.
        claimed: the client's epoch; -1 where it does not say.

    Returns:
        `none`, or the error that it gets.
    """
    if claimed in (UNKNOWN_EPOCH, log.leader_epoch):
        return ErrorCode.none
    if claimed < log.leader_epoch:
        return ErrorCode.fenced_leader_epoch
    return ErrorCode.unknown_leader_epoch


def epoch_end(log: PartitionLog, epoch: int) -> EpochEnd:
    """Say where an epoch ended.

    Args:
        log: of the partition.
        epoch: that is asked for.

    Returns:
        Its end; that of the current epoch is the log's end, and before it there was nothing.
    """
    if epoch == log.leader_epoch:
        return EpochEnd(epoch, log.end_offset)
    if epoch == UNKNOWN_EPOCH or epoch > log.leader_epoch:
        return EpochEnd(UNKNOWN_EPOCH, -1)
    return EpochEnd(epoch, log.start_offset)
