"""The adapter's clients make no topic by looking at one, on a broker that would."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from penstock.events.log import Partition, TopicMissing
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.group import join_group
from penstock.infra.kafka.reader import open_reader
from penstock.infra.kafka.topics import KafkaTopics
from penstock.infra.kafka.writer import KafkaWriter
from penstock.workers.ports import Assignments
from tests.conformance.broker_under_test import BrokerUnderTest


async def none_revoked(partitions: Sequence[Partition]) -> None:
    """Nothing is assigned that could be taken away."""
    assert not partitions


def test_a_missing_topic_stays_missing(
    self_acting_broker: BrokerUnderTest, unique: Callable[[str], str]
) -> None:
    """Whoever looks: administration, a reader, a writer, a member of a group."""
    names = [unique(kind) for kind in ("described", "read", "written", "joined")]
    described, read, written, joined = names
    connection = KafkaConnection(bootstrap=self_acting_broker.bootstrap)

    async def look() -> set[str]:
        topics, writer = KafkaTopics(connection), KafkaWriter(connection)
        await topics.start()
        await writer.start()
        try:
            assert await topics.describe([described]) == {}
            with contextlib.suppress(TopicMissing):
                await (await open_reader(connection, [Partition(read, 0)])).close()
            with contextlib.suppress(TopicMissing):
                await writer.partition_count(written)
            with contextlib.suppress(TopicMissing):
                member = await join_group(
                    connection,
                    group=unique("group"),
                    topics=[joined],
                    assignments=Assignments(lambda _member, _given: None, none_revoked),
                    session_timeout_s=6.0,
                    rebalance_timeout_s=6.0,
                    max_poll_interval_s=60.0,
                )
                await member.stop()
            return set(names) & set(await topics.names())
        finally:
            await writer.close()
            await topics.close()

    assert asyncio.run(look()) == set()
