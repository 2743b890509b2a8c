"""Which replicas a partition can have where there is one broker, in Kafka's words."""

from collections.abc import Iterable, Sequence

from penstock.infra.embedded.only_broker import ONLY_BROKER

__all__ = ["assignment_fault", "assignments_fault", "replication_fault"]


def assignment_fault(brokers: Sequence[int]) -> str | None:
    """Say what is wrong with the replicas of one partition that somebody placed by hand.

    Args:
        brokers: the ids of the brokers that should have a replica.

    Returns:
        None, or Kafka's sentence.
    """
    if not brokers:
        return "The manual partition assignment includes an empty replica list."
    previous = None
    for broker in sorted(brokers):
        if broker == previous:
            return f"The manual partition assignment includes the broker {broker} more than once."
        if broker != ONLY_BROKER:
            return (
                f"The manual partition assignment includes broker {broker}, but no such broker "
                "is registered."
            )
        previous = broker
    return None


def assignments_fault(assignments: Iterable[tuple[int, Sequence[int]]]) -> str | None:
    """Say what is wrong with all partitions of a topic, placed by hand.

    Args:
        assignments: partition and brokers of each.

    Returns:
        None, or Kafka's sentence.
    """
    partitions: set[int] = set()
    for partition, brokers in assignments:
        if partition in partitions:
            return f"Found multiple manual partition assignments for partition {partition}"
        fault = assignment_fault(brokers)
        if fault is not None:
            return fault
        partitions.add(partition)
    if partitions != set(range(len(partitions))):
        return "partitions should be a consecutive 0-based integer sequence"
    return None


def replication_fault(factor: int) -> str | None:
    """Say what is wrong with a number of replicas.

    Args:
        factor: how many, -1 resolved.

    Returns:
        None, or Kafka's sentence.
    """
    if factor == 1:
        return None
    if factor < 1:
        return "Replication factor must be larger than 0, or -1 to use the default value."
    return (
        f"Unable to replicate the partition {factor} time(s): The target replication factor of "
        f"{factor} cannot be reached because only 1 broker(s) are registered."
    )
