"""A group that is to begin at given offsets, on a cluster that others have used before.

It must be empty: its offsets are committed as a tool's would be, without the mark of penstock, so
that a worker that finds them looks into its changelog first (workers/partition_life.py).
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest

from penstock.events.log import Partition
from penstock.infra.kafka.abandoned import stop_or_abandon
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.error_codes import describe
from penstock.infra.kafka.own_client import adapt

__all__ = ["begin_at"]

LIMIT_S: Final = 20.0
"""Longest of all: a cluster's first group waits until its topic of offsets is made."""
CLOSE_LIMIT_S: Final = 5.0
RETRY_S: Final = 0.1


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
    consumer = AIOKafkaConsumer(
        **connection.arguments(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    adapt(consumer._client)  # noqa: SLF001 - it has no other door
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.start()
            await _commit(consumer, group, offsets)
    except (TimeoutError, KafkaError, OSError) as error:
        raise KafkaUnreachable(bootstrap=connection.bootstrap, reason=describe(error)) from error
    finally:
        await stop_or_abandon(consumer, CLOSE_LIMIT_S)


async def _commit(consumer: AIOKafkaConsumer, group: str, offsets: Mapping[Partition, int]) -> None:
    """Commit as a tool does: without a generation. Tries until it succeeds or is refused.

    Not with `consumer.commit`, which leaves its request to itself when it is cancelled.
    """
    places = [(place.topic, [(place.number, offset, "")]) for place, offset in offsets.items()]
    forever = OffsetCommitRequest.DEFAULT_RETENTION_TIME
    request = OffsetCommitRequest(group, -1, "", forever, places)
    coordinator = consumer._coordinator  # noqa: SLF001 - finds the coordinator, and finds it anew
    client = consumer._client  # noqa: SLF001 - the consumer's connection
    while True:
        try:
            await coordinator.ensure_coordinator_known()
            node = coordinator.coordinator_id
            response = await client.send(node, request, group=ConnectionGroup.COORDINATION)
            codes = {code for _, partitions in response.topics for _, code in partitions}
            if codes <= {0}:
                return
            raise for_code(max(codes))
        except KafkaError as error:
            if not error.retriable:
                raise
            coordinator.coordinator_dead()
        await asyncio.sleep(RETRY_S)
