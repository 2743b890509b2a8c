"""Asking where partitions begin and end, where a time begins in them, and which there are."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from kio.schema.errors import ErrorCode

from penstock.events.clock import Clock
from penstock.events.log import Partition, TopicMissing
from penstock.infra.memory.link import Link, NeverSent, NoAnswer
from penstock.infra.memory.memory_broker import MemoryBroker
from penstock.infra.memory.request_kind import RequestKind
from penstock.infra.memory.unreachable import described, unreachable

__all__ = ["ASK_LIMIT_S", "ask_bounds", "ask_ends", "ask_time", "find_topics", "partition_counts"]

ASK_LIMIT_S: Final = 10.0
"""Longest wait for an answer; as infra/kafka."""

_AGAIN_S: Final = 0.1

_AnswerT = TypeVar("_AnswerT")
_Bounds = tuple[int, int]
_BoundsFound = dict[Partition, _Bounds] | ErrorCode
_Counted = dict[str, int] | ErrorCode


async def ask_bounds(
    broker: MemoryBroker, clock: Clock, link: Link, partition: Partition
) -> _Bounds:
    """Ask for the first offset and the end of what committed readers may see.

    Raises:
        KafkaUnreachable: no answer in time, or no such partition.
    """
    bounds = await _ask(broker, clock, link, [partition], committed=True)
    return bounds[partition]


async def ask_time(
    broker: MemoryBroker, clock: Clock, link: Link, partition: Partition, timestamp_ms: int
) -> int:
    """Ask for the first offset whose timestamp is as late; the end where nothing is so late.

    Raises:
        KafkaUnreachable: no answer in time, or no such partition.
    """

    def take(_now_ms: int) -> int | ErrorCode:
        log = broker.core.log(*partition)
        if log is None:
            return ErrorCode.unknown_topic_or_partition
        found = log.offset_at(timestamp_ms, committed=True)
        return log.readable_end(committed=True) if found is None else found.offset

    until_s = clock.monotonic() + ASK_LIMIT_S
    try:
        found = await _asked(
            clock, link, RequestKind.LIST_OFFSETS, take, _no_offset, until_s=until_s
        )
    except (NeverSent, NoAnswer) as error:
        raise unreachable(f"{error}, about {partition}") from error
    if isinstance(found, ErrorCode):
        raise unreachable(f"{described(found)}, about {partition}")
    return found


async def ask_ends(
    broker: MemoryBroker, clock: Clock, link: Link, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    """Ask where partitions end, what is not committed yet included.

    Raises:
        TopicMissing: one of them does not exist.
        KafkaUnreachable: no answer in time.
    """
    partitions = list(partitions)
    await find_topics(broker, clock, link, partitions)
    bounds = await _ask(broker, clock, link, partitions, committed=False)
    return {partition: end for partition, (_, end) in bounds.items()}


async def find_topics(
    broker: MemoryBroker, clock: Clock, link: Link, partitions: Iterable[Partition]
) -> None:
    """Make sure that these partitions exist.

    Raises:
        TopicMissing: a topic does not exist, or has fewer partitions.
        KafkaUnreachable: no answer in time.
    """
    wanted = list(partitions)
    counts = await partition_counts(
        broker, clock, link, [each.topic for each in wanted], limit_s=ASK_LIMIT_S
    )
    unknown = {
        each.topic if each.topic not in counts else str(each)
        for each in wanted
        if not 0 <= each.number < counts.get(each.topic, 0)
    }
    if unknown:
        raise TopicMissing(topics=", ".join(sorted(unknown)))


async def partition_counts(
    broker: MemoryBroker, clock: Clock, link: Link, topics: Iterable[str], *, limit_s: float
) -> dict[str, int]:
    """Ask how many partitions topics have; missing ones are left out. None is created by asking.

    Raises:
        KafkaUnreachable: no answer in time.
    """
    names = list(topics)

    def take(_now_ms: int) -> _Counted:
        found = [topic for name in names if (topic := broker.core.topics.get(name)) is not None]
        return {topic.name: topic.partition_count for topic in found}

    until_s = clock.monotonic() + limit_s
    try:
        counts = await _asked(
            clock, link, RequestKind.METADATA, take, _not_counted, until_s=until_s
        )
    except (NeverSent, NoAnswer) as error:
        raise unreachable(error) from error
    if isinstance(counts, ErrorCode):
        raise unreachable(described(counts))
    return counts


async def _ask(
    broker: MemoryBroker,
    clock: Clock,
    link: Link,
    partitions: list[Partition],
    *,
    committed: bool,
) -> Mapping[Partition, _Bounds]:
    def take(_now_ms: int) -> _BoundsFound:
        logs = {partition: broker.core.log(*partition) for partition in partitions}
        found = {
            partition: (log.start_offset, log.readable_end(committed))
            for partition, log in logs.items()
            if log is not None
        }
        return found if len(found) == len(logs) else ErrorCode.unknown_topic_or_partition

    about = ", ".join(map(str, partitions))
    until_s = clock.monotonic() + ASK_LIMIT_S
    try:
        found = await _asked(
            clock, link, RequestKind.LIST_OFFSETS, take, _not_found, until_s=until_s
        )
    except (NeverSent, NoAnswer) as error:
        raise unreachable(f"{error}, about {about}") from error
    if isinstance(found, ErrorCode):
        raise unreachable(f"{described(found)}, about {about}")
    return found


async def _asked(
    clock: Clock,
    link: Link,
    kind: RequestKind,
    take: Callable[[int], _AnswerT],
    refuse: Callable[[ErrorCode], _AnswerT],
    *,
    until_s: float,
) -> _AnswerT:
    """Ask again where a connection broke: nothing is changed by asking twice."""
    while True:
        try:
            return await link.ask(kind, take, refuse, until_s=until_s)
        except NoAnswer:
            again_s = clock.monotonic() + _AGAIN_S
            if again_s >= until_s:
                raise
        await clock.sleep_until(again_s)


def _not_counted(error: ErrorCode) -> _Counted:
    return error


def _no_offset(error: ErrorCode) -> int | ErrorCode:
    return error


def _not_found(error: ErrorCode) -> _BoundsFound:
    return error
