"""What the members of a consumer group tell each other through the coordinator.

A subscription travels with JoinGroup, an assignment with SyncGroup; the coordinator passes both on
as bytes. The formats are Kafka's ConsumerProtocolSubscription and ConsumerProtocolAssignment in
version 0, which aiokafka writes too.

Law: this is a core.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from struct import Struct
from typing import Final

from penstock.events.log import Partition
from penstock.infra.embedded.groups.consumer_subscription import subscribed_topics

__all__ = [
    "ASSIGNOR",
    "PROTOCOL_TYPE",
    "decode_assignment",
    "encode_assignment",
    "encode_subscription",
    "round_robin",
    "subscribed_topics",
]

PROTOCOL_TYPE: Final = "consumer"
ASSIGNOR: Final = "roundrobin"
"""The one that infra/kafka uses."""

_VERSION: Final = Struct(">h")
_COUNT: Final = Struct(">i")
_NO_USER_DATA: Final = _COUNT.pack(0)


def encode_subscription(topics: Sequence[str]) -> bytes:
    """Write what a member reads."""
    names = b"".join(_text(topic) for topic in topics)
    return _VERSION.pack(0) + _COUNT.pack(len(topics)) + names + _NO_USER_DATA


def encode_assignment(partitions: Iterable[Partition]) -> bytes:
    """Write what a member gets."""
    numbers: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        numbers.setdefault(partition.topic, []).append(partition.number)
    topics = b"".join(
        _text(topic) + _COUNT.pack(len(each)) + b"".join(map(_COUNT.pack, each))
        for topic, each in numbers.items()
    )
    return _VERSION.pack(0) + _COUNT.pack(len(numbers)) + topics + _NO_USER_DATA


def decode_assignment(data: bytes) -> tuple[Partition, ...]:
    """Read what a member gets, as `encode_assignment` has written it; no bytes are no partitions.

    Returns:
        The partitions, sorted.
    """
    return tuple(sorted(_assigned(data))) if data else ()


def _assigned(data: bytes) -> Iterator[Partition]:
    (topics,) = _COUNT.unpack_from(data, _VERSION.size)
    position = _VERSION.size + _COUNT.size
    for _ in range(topics):
        (length,) = _VERSION.unpack_from(data, position)
        position += _VERSION.size
        topic = data[position : position + length].decode()
        position += length
        (count,) = _COUNT.unpack_from(data, position)
        position += _COUNT.size
        for _ in range(count):
            yield Partition(topic, *_COUNT.unpack_from(data, position))
            position += _COUNT.size


def round_robin(
    members: Mapping[str, frozenset[str]], partition_counts: Mapping[str, int]
) -> dict[str, list[Partition]]:
    """Deal partitions out in turn, as Kafka's RoundRobinAssignor and aiokafka's do.

    Args:
        members: topics that each member reads, by its id.
        partition_counts: partitions of each topic that exists.

    Returns:
        Partitions by member id; each member is there.
    """
    wanted = sorted(frozenset[str]().union(*members.values()) & partition_counts.keys())
    dealt: dict[str, list[Partition]] = {member: [] for member in members}
    turns = cycle(sorted(members))
    for topic in wanted:
        for number in range(partition_counts[topic]):
            # Somebody reads the topic, so the search ends within one round.
            member = next(turn for turn in turns if topic in members[turn])
            dealt[member].append(Partition(topic, number))
    return dealt


def _text(text: str) -> bytes:
    data = text.encode()
    return _VERSION.pack(len(data)) + data
