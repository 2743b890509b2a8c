"""A group that is to begin at given offsets, on a cluster that others have used before.

It must be empty: its offsets are committed as a tool's would be, without the mark of penstock, so
that a worker that finds them looks into its changelog first (workers/partition_life.py).
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from penstock.events.log import Partition
from penstock.infra.kafka.abandoned import stop_or_abandon
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe

__all__ = ["begin_at"]

LIMIT_S: Final = 20.0
"""Longest of all: a cluster's first group waits until its topic of offsets is made."""
CLOSE_LIMIT_S: Final = 5.0


async def begin_at(
    connection: KafkaConnection, group: str, offsets: Mapping[Partition, int]
) -> None:
    """Commit where a group is to begin.

    Args:
        connection: how to reach the cluster.
        group: an empty group.
        offsets: of the first record that it will read, by partition.

    Raises:
        KafkaUnreachable: no broker answered in time, or one refused.
    """
    begins = {
        TopicPartition(*partition): OffsetAndMetadata(offset, "")
        for partition, offset in offsets.items()
    }
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.start()
            consumer.assign(list(begins))
            await consumer.commit(begins)
    except (TimeoutError, KafkaError, OSError) as error:
        raise KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error)) from error
    finally:
        await stop_or_abandon(consumer, CLOSE_LIMIT_S)
