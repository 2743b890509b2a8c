"""Fetch: records for consumers, at once or when there are enough.

The order of a request: its session says which partitions it is about (fetch_session.py); those that
exist are read (partition_fetch.py); where there is too little and no error, it waits until there is
enough or its time is over, and reads again; the session says what the answer leaves out. Partitions
that do not exist come last and end no waiting, as in Apache Kafka.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from itertools import groupby
from os import urandom
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.fetch_session import (
    FINAL_EPOCH,
    NO_SESSION,
    FetchKey,
    FetchSessions,
    FetchTurn,
    FetchWish,
)
from penstock.infra.embedded.apis.milliseconds import milliseconds
from penstock.infra.embedded.apis.partition_fetch import (
    FetchTerms,
    PartitionFetch,
    existence_fault,
    read_partitions,
    readable_bytes,
)
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.topic_partition import TopicPartition
from penstock.infra.embedded.wire.call import Call

__all__ = ["handle", "refuse"]

_SESSIONS_SINCE: Final = 7
_IDS_SINCE: Final = 13
_REPLICA_STATE_SINCE: Final = 15
_LEADER_SINCE: Final = 16
_ISOLATION_LEVELS: Final = (0, 1)
_READ_COMMITTED: Final = 1
_LARGEST_SESSION_ID: Final = 2**31 - 1
_LEADER_ERRORS: Final = (ErrorCode.not_leader_or_follower, ErrorCode.fenced_leader_epoch)


@final
class _Fetch(NamedTuple):
    """One request, read and sorted."""

    turn: FetchTurn
    wanted: list[tuple[FetchKey, FetchWish]]
    """The partitions to read."""
    missing: list[PartitionFetch]
    """The answers for partitions that do not exist."""
    terms: FetchTerms


def handle(node: Node, call: Call) -> Any | Awaitable[Any]:
    """Answer a Fetch, at once where that is possible.

    Args:
        node: where the logs are.
        call: the request.

    Returns:
        The answer, or an awaitable of it where the request waits for records.
    """
    request = call.request
    if request.isolation_level not in _ISOLATION_LEVELS:
        return refuse(call, ErrorCode.unknown_server_error)
    turn = _sessions(node).begin(
        session_id=getattr(request, "session_id", NO_SESSION),
        epoch=getattr(request, "session_epoch", FINAL_EPOCH),
        uses_ids=call.version >= _IDS_SINCE,
        wishes=_wishes(node, call),
        forgotten=_forgotten(call),
        name_of=_name_of(node),
        now_ms=node.now_ms(),
    )
    if turn.error is not ErrorCode.none:
        return call.make("FetchResponse", error_code=turn.error)
    fetch = _fetch(node, call, turn)
    found = read_partitions(node.broker, fetch.wanted, fetch.terms)
    if _answers_at_once(request, found, fetch.terms):
        return _answer(node, call, turn, found + fetch.missing)
    return _answer_later(node, call, fetch)


def refuse(call: Call, error: ErrorCode) -> Any:
    """Answer that the whole request fails.

    Args:
        call: the request.
        error: why.

    Returns:
        The answer; up to version 12 each partition names the error too.
    """
    topics = call.request.topics if call.version < _IDS_SINCE else ()
    return call.make(
        "FetchResponse",
        error_code=error,
        session_id=getattr(call.request, "session_id", NO_SESSION),
        responses=tuple(
            call.make(
                "FetchableTopicResponse",
                topic=topic.topic,
                partitions=tuple(
                    _partition(call, PartitionFetch(FetchKey(None, index), error, is_missing=True))
                    for index in dict.fromkeys(wish.partition for wish in topic.partitions)
                ),
            )
            for topic in topics
        ),
    )


def _sessions(node: Node) -> FetchSessions:
    def make() -> FetchSessions:
        return FetchSessions(
            draw_id=lambda: int.from_bytes(urandom(4), "big") & _LARGEST_SESSION_ID,
            slots=node.broker.config.integer("max.incremental.fetch.session.cache.slots"),
        )

    return node.kept(FetchSessions, make)


def _name_of(node: Node) -> Callable[[UUID], str | None]:
    def name_of(topic_id: UUID) -> str | None:
        topic = node.broker.topics.by_id(topic_id)
        return None if topic is None else topic.name

    return name_of


def _wishes(node: Node, call: Call) -> Mapping[FetchKey, FetchWish]:
    """A partition that is named twice counts once, with what is said last, as in Kafka."""
    by_id = call.version >= _IDS_SINCE
    name_of = _name_of(node)
    wishes = {}
    for topic in call.request.topics:
        named = topic.topic_id if by_id else topic.topic
        name = (named and name_of(named)) if by_id else named
        for part in topic.partitions:
            wishes[FetchKey(named, part.partition)] = FetchWish(
                name,
                part.fetch_offset,
                part.partition_max_bytes,
                getattr(part, "current_leader_epoch", -1),
                getattr(part, "last_fetched_epoch", -1),
            )
    return wishes


def _forgotten(call: Call) -> Iterable[FetchKey]:
    if call.version < _SESSIONS_SINCE:
        return ()
    by_id = call.version >= _IDS_SINCE
    return [
        FetchKey(topic.topic_id if by_id else topic.topic, partition)
        for topic in call.request.forgotten_topics_data
        for partition in topic.partitions
    ]


def _fetch(node: Node, call: Call, turn: FetchTurn) -> _Fetch:
    fetch = _Fetch(turn=turn, wanted=[], missing=[], terms=_terms(node, call))
    for key, wish in turn.wishes.items():
        error = existence_fault(node.broker, key, wish)
        if error is ErrorCode.none:
            fetch.wanted.append((key, wish))
        else:
            fetch.missing.append(PartitionFetch(key, error, is_missing=True))
    return fetch


def _terms(node: Node, call: Call) -> FetchTerms:
    request = call.request
    state = request.replica_state if call.version >= _REPLICA_STATE_SINCE else request
    return FetchTerms(
        max_bytes=min(request.max_bytes, node.broker.config.integer("fetch.max.bytes")),
        committed=request.isolation_level == _READ_COMMITTED,
        from_follower=state.replica_id >= 0,
    )


def _answers_at_once(request: Any, fetches: list[PartitionFetch], terms: FetchTerms) -> bool:
    return (
        not fetches
        or request.max_wait <= timedelta()
        or sum(len(fetch.read.records) for fetch in fetches) >= _least(request, terms)
        or any(fetch.error is not ErrorCode.none or fetch.diverging for fetch in fetches)
    )


def _least(request: Any, terms: FetchTerms) -> int:
    return int(min(request.min_bytes, terms.max_bytes))


async def _answer_later(node: Node, call: Call, fetch: _Fetch) -> Any:
    deadline_ms = node.now_ms() + milliseconds(call.request.max_wait)
    partitions = [TopicPartition(wish.name or "", key.partition) for key, wish in fetch.wanted]
    while (left_ms := deadline_ms - node.now_ms()) > 0:
        await node.wait_readable(partitions, left_ms)
        if _is_worth_it(node, fetch, _least(call.request, fetch.terms)):
            break
    found = read_partitions(node.broker, fetch.wanted, fetch.terms)
    return _answer(node, call, fetch.turn, found + fetch.missing)


def _is_worth_it(node: Node, fetch: _Fetch, least: int) -> bool:
    found = 0
    for key, wish in fetch.wanted:
        size = readable_bytes(node.broker, key, wish, committed=fetch.terms.committed)
        if size is None:
            return True
        found += size
        if found >= least:
            return True
    return False


def _answer(node: Node, call: Call, turn: FetchTurn, fetches: list[PartitionFetch]) -> Any:
    end = _sessions(node).finish(
        turn, {fetch.key: fetch.progress for fetch in fetches}, now_ms=node.now_ms()
    )
    by_key = {fetch.key: fetch for fetch in fetches}
    told = [by_key[key] for key in end.told]
    return call.make(
        "FetchResponse",
        error_code=end.error,
        session_id=end.session_id,
        responses=tuple(
            call.make(
                "FetchableTopicResponse",
                topic=topic,
                topic_id=topic,
                partitions=tuple(_partition(call, fetch, node.broker.node_id) for fetch in group),
            )
            for topic, group in groupby(told, key=lambda fetch: fetch.key.topic)
        ),
    )


def _partition(call: Call, fetch: PartitionFetch, leader: int = -1) -> Any:
    read = fetch.read
    more: dict[str, Any] = {}
    if fetch.diverging is not None:
        more["diverging_epoch"] = call.make("EpochEndOffset", **fetch.diverging._asdict())
    if fetch.error in _LEADER_ERRORS and call.version >= _LEADER_SINCE:
        more["current_leader"] = call.make("LeaderIdAndEpoch", leader_id=leader, leader_epoch=0)
    return call.make(
        "PartitionData",
        partition_index=fetch.key.partition,
        error_code=fetch.error,
        high_watermark=read.high_watermark,
        last_stable_offset=read.last_stable_offset,
        log_start_offset=read.start_offset,
        aborted_transactions=_aborted(call, fetch),
        records=read.records,
        **more,
    )


def _aborted(call: Call, fetch: PartitionFetch) -> tuple[Any, ...] | None:
    """Null where all records were asked for, or where a log was asked and failed, as in Kafka."""
    if fetch.is_missing:
        return ()
    is_read = fetch.error is ErrorCode.none and fetch.diverging is None
    if not is_read or call.request.isolation_level != _READ_COMMITTED:
        return None
    return tuple(
        call.make(
            "AbortedTransaction", producer_id=aborted.producer_id, first_offset=aborted.first_offset
        )
        for aborted in fetch.read.aborted
    )
