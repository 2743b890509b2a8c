"""Where a time begins in a partition."""

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from penstock.events.log import Partition

__all__ = ["ask_time"]


async def ask_time(consumer: AIOKafkaConsumer, partition: Partition, timestamp_ms: int) -> int:
    """Ask for the first offset whose timestamp is as late, among what committed readers may see.

    Args:
        consumer: started, and reads committed records only.
        partition: of a topic that exists.
        timestamp_ms: milliseconds since 1970, 0 or more.

    Returns:
        It; the end where nothing is so late.

    Raises:
        KafkaError: it cannot be told.
    """
    place = TopicPartition(*partition)
    # The end before the time: a record that is written between both answers lies behind this end.
    end: int = (await consumer.end_offsets([place]))[place]
    found = (await consumer.offsets_for_times({place: timestamp_ms}))[place]
    return end if found is None else min(int(found.offset), end)
