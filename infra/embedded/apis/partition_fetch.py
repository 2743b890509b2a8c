"""One partition read for Fetch: its log asked, and Kafka's checks before it.

Beside the log's own answer there are errors of the request (an unknown topic, another topic under
the same name, a follower that is none) and the answer that a client's records are not those of this
log any more (KIP-595: a diverging epoch).

Laws:
1. Nothing here waits; whether an answer is worth sending is fetch.py's question.
2. Bytes are handed on as the log gives them.
"""

from typing import Final, NamedTuple, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.fetch_session import FetchKey, FetchProgress, FetchWish
from penstock.infra.embedded.apis.leader_epoch import EpochEnd, epoch_end, epoch_fault
from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.log.log_answers import LogRead
from penstock.infra.embedded.log.partition_log import PartitionLog

__all__ = ["FetchTerms", "PartitionFetch", "existence_fault", "read_partitions", "readable_bytes"]


@final
class FetchTerms(NamedTuple):
    """What holds for all partitions of a request."""

    max_bytes: int
    """For all partitions together; the first batch that is found comes whole all the same."""
    committed: bool
    """True for the isolation level READ_COMMITTED."""
    from_follower: bool
    """True for a request of another broker, which this one does not have."""


_NOTHING: Final = LogRead()


class PartitionFetch(NamedTuple):
    """What a request gets of one partition."""

    key: FetchKey
    error: ErrorCode
    read: LogRead = _NOTHING
    """Offsets of -1 and no bytes with an error."""
    diverging: EpochEnd | None = None
    """Where the log parted from what the client has read."""
    is_missing: bool = False
    """True where no log was asked."""

    @property
    def progress(self) -> FetchProgress:
        """What a fetch session remembers of it."""
        return FetchProgress(
            failed=self.error is not ErrorCode.none,
            has_records=len(self.read.records) > 0,
            diverges=self.diverging is not None,
            high_watermark=self.read.high_watermark,
            start_offset=self.read.start_offset,
        )


def existence_fault(broker: Broker, key: FetchKey, wish: FetchWish) -> ErrorCode:
    """Say whether there is such a partition, as Kafka asks before it reads anything.

    Args:
        broker: whose partition it is.
        key: as the request names it.
        wish: what is wanted of it.

    Returns:
        `none`, or the error that the client gets.
    """
    if wish.name is None:
        return ErrorCode.unknown_topic_id
    if broker.log(wish.name, key.partition) is None:
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.none


def read_partitions(
    broker: Broker, wishes: list[tuple[FetchKey, FetchWish]], terms: FetchTerms
) -> list[PartitionFetch]:
    """Read partitions one after another until the request's limit is reached.

    Args:
        broker: whose partitions they are.
        wishes: the partitions, which are known, in the order in which they are served.
        terms: of the request.

    Returns:
        One for each partition. At least one batch is read whole where there is any, whatever the
        limits, so that a batch larger than them does not stop its reader for ever.
    """
    room, must_progress, fetches = terms.max_bytes, True, []
    for key, wish in wishes:
        fetch = _read(broker, key, wish, terms, room=room, at_least_one=must_progress)
        size = len(fetch.read.records)
        must_progress = must_progress and size == 0
        room = max(0, room - size)
        fetches.append(fetch)
    return fetches


def readable_bytes(
    broker: Broker, key: FetchKey, wish: FetchWish, *, committed: bool
) -> int | None:
    """Say how many bytes a waiting request would get of a partition.

    Args:
        broker: whose partition it is.
        key: as the request names it.
        wish: what is wanted of it.
        committed: true for the isolation level READ_COMMITTED.

    Returns:
        Bytes; None where the answer is an error by now.
    """
    log = broker.log(wish.name or "", key.partition)
    if log is None or _is_other_topic(broker, key, wish):
        return None
    return log.readable_bytes(wish.offset, committed, max(0, wish.max_bytes))


def _read(
    broker: Broker,
    key: FetchKey,
    wish: FetchWish,
    terms: FetchTerms,
    *,
    room: int,
    at_least_one: bool,
) -> PartitionFetch:
    log = broker.log(wish.name or "", key.partition)
    if log is None:
        return PartitionFetch(key, ErrorCode.unknown_topic_or_partition)
    fault = _fault(broker, log, key, wish, terms)
    if fault is not ErrorCode.none:
        return PartitionFetch(key, fault)
    diverged = _diverged(log, key, wish)
    if diverged is not None:
        return diverged
    size = min(wish.max_bytes, room)
    if size < 0 and log.start_offset <= wish.offset < log.readable_end(terms.committed):
        return PartitionFetch(key, ErrorCode.unknown_server_error)  # as Kafka says it
    read = log.read(
        wish.offset,
        max_bytes=max(0, size),
        committed=terms.committed,
        at_least_one=at_least_one,
    )
    return PartitionFetch(key, read.error, read)


def _fault(
    broker: Broker, log: PartitionLog, key: FetchKey, wish: FetchWish, terms: FetchTerms
) -> ErrorCode:
    if _is_other_topic(broker, key, wish):
        return ErrorCode.inconsistent_topic_id
    if terms.from_follower:
        return ErrorCode.not_leader_or_follower
    return epoch_fault(log, wish.leader_epoch) if wish.leader_epoch >= 0 else ErrorCode.none


def _is_other_topic(broker: Broker, key: FetchKey, wish: FetchWish) -> bool:
    """True where the name has come to another topic since the session learnt it."""
    if not isinstance(key.topic, UUID):
        return False
    topic = broker.topics.get(wish.name or "")
    return topic is not None and topic.topic_id != key.topic


def _diverged(log: PartitionLog, key: FetchKey, wish: FetchWish) -> PartitionFetch | None:
    if wish.last_epoch < 0:
        return None
    end = epoch_end(log, wish.last_epoch)
    if end.end_offset < 0 or wish.offset < log.start_offset:
        return PartitionFetch(key, ErrorCode.offset_out_of_range)
    if end.epoch == wish.last_epoch and end.end_offset >= wish.offset:
        return None
    nothing = LogRead(
        high_watermark=log.end_offset,
        last_stable_offset=log.last_stable_offset,
        start_offset=log.start_offset,
    )
    return PartitionFetch(key, ErrorCode.none, nothing, end)
