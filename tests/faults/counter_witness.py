"""The independent witness of counters: what was counted, read with aiokafka and fastavro alone.

Nothing of penstock is used here except names. Each key of the topic is one replica's part of one
counter, its latest record holds all that this replica has counted, and the counter is their sum.
"""

from collections import defaultdict
from collections.abc import Mapping

from tests.faults.order_ledger import decoded, read_committed

__all__ = ["counts_on"]


async def counts_on(bootstrap: str, topic: str) -> Mapping[str, int]:
    """Add up the latest record of each part, and see that none ever went back.

    Args:
        bootstrap: Where Kafka is.
        topic: Of the counters.

    Returns:
        The value of each counter by its name.
    """
    schemas = await read_committed(bootstrap, "_penstock.schemas")
    latest: dict[str, tuple[int, int]] = {}
    for record, content in decoded(await read_committed(bootstrap, topic), schemas):
        key, part = record.key.decode(), (content["increments"], content["decrements"])
        before = latest.get(key, (0, 0))
        assert before[0] <= part[0], f"{key} went back from {before} to {part}"
        assert before[1] <= part[1], f"{key} went back from {before} to {part}"
        latest[key] = part
    counts: dict[str, int] = defaultdict(int)
    for key, (increments, decrements) in latest.items():
        replica, colon, counter = key.partition(":")
        assert replica, key
        assert colon, key
        counts[counter] += increments - decrements
    return dict(counts)
