"""Fetch: limits, waiting under a clock that the test moves, sessions, and versions."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch, Record, batches_in
from tests.infra.embedded.apis.node_stand import NodeStand

BATCH = Batch(records=[Record(key=None, value=b"x" * 100)]).encoded()
MEBIBYTE = 1 << 20
UNKNOWN_ID = UUID(int=9)


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t` of two partitions; the first has three batches of one record."""
    made = NodeStand()
    made.create_topic("t", 2)
    for _ in range(3):
        made.write("t", 0, BATCH)
    return made


def wish(offset: int = 0, *, partition: int = 0, most: int = MEBIBYTE, **fields: Any) -> Any:
    """What is wanted of one partition."""
    place = {"partition": partition, "fetch_offset": offset, "partition_max_bytes": most}
    return {**place, **fields}


def fields(
    stand: NodeStand, version: int, *wishes: Any, topic: str = "t", **others: Any
) -> dict[str, Any]:
    """The fields of a request for one topic."""
    named: dict[str, Any] = {"topic": topic}
    if version >= 13:
        named = {"topic_id": stand.topic_id(topic)}
    topics = [{**named, "partitions": list(wishes)}] if wishes else []
    return {"min_bytes": 1, "max_bytes": MEBIBYTE, "topics": topics, **others}


def fetch(stand: NodeStand, version: int, *wishes: Any, **others: Any) -> list[Any]:
    """The partitions of the answer."""
    answer = stand.ask("fetch", version, **fields(stand, version, *wishes, **others))
    return [part for topic in answer.responses for part in topic.partitions]


@pytest.mark.parametrize("version", range(4, 19))
def test_each_version_reads_the_same(stand: NodeStand, version: int) -> None:
    """Names up to version 12, ids from 13 on; empty partitions are told too."""
    full, empty = fetch(stand, version, wish(1), wish(partition=1))
    assert [batch.base_offset for batch in batches_in(full.records)] == [1, 2]
    assert (full.high_watermark, full.last_stable_offset) == (3, 3)
    assert full.aborted_transactions is None
    assert empty.records == b""
    assert empty.error_code == ErrorCode.none


def test_a_reader_of_committed_records_gets_a_list_of_aborted_transactions(
    stand: NodeStand,
) -> None:
    """Empty where there are none; null for those who read everything."""
    (found,) = fetch(stand, 11, wish(), isolation_level=1)
    assert found.aborted_transactions == ()


def test_aborted_transactions_are_named(stand: NodeStand) -> None:
    """With the producer and the offset where they began."""
    made = stand.ask("init_producer_id", 4, transactional_id="x", transaction_timeout=10_000)
    who = {"producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
    stand.ask(
        "add_partitions_to_txn",
        3,
        v3_and_below_transactional_id="x",
        v3_and_below_topics=[{"name": "t", "partitions": [1]}],
        **{f"v3_and_below_{name}": value for name, value in who.items()},
    )
    batch = Batch(transactional=True, sequence=0, **who).encoded()
    stand.write("t", 1, batch, transactional_id="x")
    (found,) = fetch(stand, 11, wish(partition=1), isolation_level=1)
    assert (found.records, found.last_stable_offset, found.high_watermark) == (b"", 0, 1)
    stand.ask("end_txn", 3, transactional_id="x", committed=False, **who)
    (found,) = fetch(stand, 11, wish(partition=1), isolation_level=1)
    (aborted,) = found.aborted_transactions
    assert (aborted.producer_id, aborted.first_offset) == (made.producer_id, 0)
    assert [batch.is_control for batch in batches_in(found.records)] == [False, True]


def test_limits_cut_between_batches(stand: NodeStand) -> None:
    """The partition's limit and the request's; the first batch comes whole whatever they say."""
    stand.write("t", 1, BATCH)
    one, two = len(BATCH), 2 * len(BATCH)

    def sizes(*wishes: Any, most: int = MEBIBYTE) -> list[int]:
        return [len(part.records) for part in fetch(stand, 12, *wishes, max_bytes=most)]

    assert sizes(wish(most=two), wish(partition=1)) == [two, one]
    assert sizes(wish(most=1), wish(partition=1, most=1)) == [one, 0]
    assert sizes(wish(), wish(partition=1), most=two + 1) == [two, 0]
    assert sizes(wish(), wish(partition=1), most=0) == [one, 0]


def test_negative_limits_are_an_error_where_there_is_something_to_read(stand: NodeStand) -> None:
    """As Kafka has it."""
    full, empty = fetch(stand, 12, wish(most=-1), wish(partition=1, most=-1))
    assert full.error_code == ErrorCode.unknown_server_error
    assert empty.error_code == ErrorCode.none


@pytest.mark.parametrize("offset", [-1, 4, 2**62])
def test_an_offset_out_of_range_is_told_at_once(stand: NodeStand, offset: int) -> None:
    """However long the request would wait."""
    (found,) = fetch(stand, 12, wish(offset), max_wait=10_000)
    assert found.error_code == ErrorCode.offset_out_of_range
    assert (found.high_watermark, found.last_stable_offset, found.log_start_offset) == (-1, -1, -1)


@pytest.mark.parametrize(
    ("version", "error"),
    [(12, ErrorCode.unknown_topic_or_partition), (13, ErrorCode.unknown_topic_id)],
)
def test_an_unknown_topic_comes_last(stand: NodeStand, version: int, error: ErrorCode) -> None:
    """Behind what can be read, and named as in the request."""
    request = fields(stand, version, wish())
    key = "topic_id" if version >= 13 else "topic"
    name: Any = UNKNOWN_ID if version >= 13 else "nobody"
    request["topics"].insert(0, {key: name, "partitions": [wish()]})
    answer = stand.ask("fetch", version, max_wait=10_000, **request)
    assert [getattr(topic, key) for topic in answer.responses][-1] == name
    assert answer.responses[-1].partitions[0].error_code == error
    assert answer.responses[0].partitions[0].records


def test_a_partition_named_twice_is_read_once(stand: NodeStand) -> None:
    """Kafka keeps what is said last."""
    (found,) = fetch(stand, 12, wish(0), wish(2))
    assert [batch.base_offset for batch in batches_in(found.records)] == [2]


def test_leader_epochs_are_compared(stand: NodeStand) -> None:
    """A later one than the broker's is unknown; none, and none at all, is fine."""
    for epoch, error in ((1, ErrorCode.unknown_leader_epoch), (0, 0), (-1, 0), (-3, 0)):
        (found,) = fetch(stand, 12, wish(3, current_leader_epoch=epoch))
        assert found.error_code == error


@pytest.mark.parametrize(
    ("offset", "epoch", "error", "diverging"),
    [
        (3, 0, ErrorCode.none, (-1, -1)),
        (4, 0, ErrorCode.none, (0, 3)),
        (3, 4, ErrorCode.offset_out_of_range, (-1, -1)),
        (-1, 0, ErrorCode.offset_out_of_range, (-1, -1)),
    ],
)
def test_a_reader_whose_records_are_gone_is_told_where_the_log_ends(
    stand: NodeStand, offset: int, epoch: int, error: ErrorCode, diverging: tuple[int, int]
) -> None:
    """The truncation of KIP-595, at once."""
    waits = 0 if diverging == (-1, -1) else 10_000
    (found,) = fetch(stand, 12, wish(offset, last_fetched_epoch=epoch), max_wait=waits)
    told = found.diverging_epoch
    assert (found.error_code, (told.epoch, told.end_offset)) == (error, diverging)


@pytest.mark.parametrize("version", [11, 15, 16])
def test_no_broker_follows_this_one(stand: NodeStand, version: int) -> None:
    """Its leader is told from version 16 on."""
    replica: dict[str, Any] = {"replica_id": 4}
    if version >= 15:
        replica = {"replica_state": replica}
    (found,) = fetch(stand, version, wish(), **replica)
    assert found.error_code == ErrorCode.not_leader_or_follower
    if version >= 16:
        assert found.current_leader.leader_id == 1


@pytest.mark.parametrize("version", [6, 12, 13])
def test_an_unknown_isolation_level_fails_the_request(stand: NodeStand, version: int) -> None:
    """Each partition says so up to version 12, the request from version 7 on."""
    request = fields(stand, version, wish(), isolation_level=3)
    answer = stand.ask("fetch", version, **request)
    parts = [part.error_code for topic in answer.responses for part in topic.partitions]
    assert parts == ([ErrorCode.unknown_server_error] if version < 13 else [])
    assert getattr(answer, "error_code", -1) == ErrorCode.unknown_server_error


# Waiting: the clock stands still unless the test moves it.


async def started(waiting: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Begin to wait."""
    task = asyncio.ensure_future(waiting)
    await asyncio.sleep(0)
    assert not task.done()
    return task


def later(stand: NodeStand, *wishes: Any, **others: Any) -> Coroutine[Any, Any, Any]:
    """A fetch that waits for up to 500 ms."""
    waits = {"max_wait": 500, **others}
    return stand.ask_later("fetch", 12, **fields(stand, 12, *wishes, **waits))


def test_a_fetch_waits_until_its_time_is_over(stand: NodeStand) -> None:
    """And is answered without an error and without records."""

    async def play() -> None:
        task = await started(later(stand, wish(3)))
        stand.move(501)
        (part,) = (await task).responses[0].partitions
        assert (part.error_code, part.records, part.high_watermark) == (0, b"", 3)

    asyncio.run(play())


def test_a_fetch_is_answered_when_a_record_comes(stand: NodeStand) -> None:
    """To the partition that it waits for, and to no other."""

    async def play() -> None:
        task = await started(later(stand, wish(3)))
        stand.write("t", 1, BATCH)
        await asyncio.sleep(0)
        assert not task.done()
        stand.write("t", 0, BATCH)
        (part,) = (await task).responses[0].partitions
        assert [batch.base_offset for batch in batches_in(part.records)] == [3]

    asyncio.run(play())


def test_a_fetch_waits_for_as_many_bytes_as_it_wants(stand: NodeStand) -> None:
    """All its partitions count; when the time is over it gets what there is."""

    async def play() -> None:
        both = (wish(3), wish(partition=1))
        task = await started(later(stand, *both, min_bytes=2 * len(BATCH)))
        stand.write("t", 0, BATCH)
        await asyncio.sleep(0)
        assert not task.done()
        stand.write("t", 1, BATCH)
        first, second = (await task).responses[0].partitions
        assert (len(first.records), len(second.records)) == (len(BATCH), len(BATCH))
        task = await started(later(stand, wish(3), min_bytes=2 * len(BATCH)))
        stand.move(501)
        (part,) = (await task).responses[0].partitions
        assert len(part.records) == len(BATCH)

    asyncio.run(play())


def test_no_more_bytes_are_waited_for_than_the_answer_may_have(stand: NodeStand) -> None:
    """A `min_bytes` over `max_bytes` means `max_bytes`."""
    (found,) = fetch(stand, 12, wish(), max_wait=10_000, min_bytes=MEBIBYTE, max_bytes=100)
    assert len(found.records) == len(BATCH)


@pytest.mark.parametrize("others", [{"min_bytes": 0}, {"max_wait": 0}, {"max_wait": -1}])
def test_who_does_not_want_to_wait_does_not(stand: NodeStand, others: dict[str, int]) -> None:
    """Neither who wants no time nor who wants no bytes."""
    (found,) = fetch(stand, 12, wish(3), **{"max_wait": 10_000, **others})
    assert found.records == b""


def test_a_fetch_of_nothing_does_not_wait(stand: NodeStand) -> None:
    """Nor one of partitions that do not exist."""
    assert fetch(stand, 12, max_wait=10_000) == []
    (found,) = fetch(stand, 12, wish(partition=9), max_wait=10_000)
    assert found.error_code == ErrorCode.unknown_topic_or_partition


def test_a_waiting_fetch_learns_that_its_topic_is_deleted(stand: NodeStand) -> None:
    """At once."""

    async def play() -> None:
        task = await started(later(stand, wish(3), max_wait=100_000))
        stand.delete_topic("t")
        (part,) = (await task).responses[0].partitions
        assert part.error_code == ErrorCode.unknown_topic_or_partition

    asyncio.run(play())


def test_a_transaction_that_ends_wakes_readers_of_committed_records(stand: NodeStand) -> None:
    """Its records can be read from then on, though none was written."""

    async def play() -> None:
        made = stand.ask("init_producer_id", 4, transactional_id="x", transaction_timeout=10_000)
        who = {"producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
        stand.ask(
            "add_partitions_to_txn",
            3,
            v3_and_below_transactional_id="x",
            v3_and_below_topics=[{"name": "t", "partitions": [1]}],
            **{f"v3_and_below_{name}": value for name, value in who.items()},
        )
        task = await started(later(stand, wish(partition=1), isolation_level=1))
        batch = Batch(transactional=True, sequence=0, **who).encoded()
        stand.write("t", 1, batch, transactional_id="x")
        await asyncio.sleep(0)
        assert not task.done()
        stand.ask("end_txn", 3, transactional_id="x", committed=True, **who)
        (part,) = (await task).responses[0].partitions
        assert len(batches_in(part.records)) == 2

    asyncio.run(play())


# Sessions: what fetch_session.py's own tests do not see.


def test_a_session_belongs_to_the_broker(stand: NodeStand) -> None:
    """Not to the connection that began it."""
    opened = stand.ask("fetch", 12, **fields(stand, 12, wish(3)), session_id=0, session_epoch=0)
    stand.reconnect()
    told = stand.ask(
        "fetch", 12, **fields(stand, 12), session_id=opened.session_id, session_epoch=1
    )
    assert (told.error_code, told.session_id) == (ErrorCode.none, opened.session_id)
    assert told.responses == ()


def test_a_session_of_names_does_not_serve_requests_with_ids(stand: NodeStand) -> None:
    """Nor the other way round."""
    for first, then in ((12, 13), (13, 12)):
        opened = stand.ask(
            "fetch", first, **fields(stand, first, wish(3)), session_id=0, session_epoch=0
        )
        told = stand.ask(
            "fetch", then, **fields(stand, then), session_id=opened.session_id, session_epoch=1
        )
        assert told.error_code == ErrorCode.fetch_session_topic_id_error


def test_a_session_learns_of_a_topic_made_again(stand: NodeStand) -> None:
    """It knows the id, which is another topic's no longer."""
    opened = stand.ask("fetch", 13, **fields(stand, 13, wish(3)), session_id=0, session_epoch=0)
    session = {"session_id": opened.session_id, "min_bytes": 1, "max_bytes": MEBIBYTE}
    stand.delete_topic("t")
    told = stand.ask("fetch", 13, session_epoch=1, **session)
    error = told.responses[0].partitions[0].error_code
    assert error == ErrorCode.unknown_topic_or_partition
    stand.create_topic("t")
    told = stand.ask("fetch", 13, session_epoch=2, **session)
    assert told.responses[0].partitions[0].error_code == ErrorCode.inconsistent_topic_id


def test_two_requests_of_one_session_at_a_time_are_told_apart(stand: NodeStand) -> None:
    """The one that waited is told that its epoch is over."""

    async def play() -> None:
        request = fields(stand, 12, wish(3))
        opened = stand.ask("fetch", 12, **request, session_id=0, session_epoch=0)
        session = {**fields(stand, 12), "session_id": opened.session_id, "max_wait": 500}
        first = await started(stand.ask_later("fetch", 12, **session, session_epoch=1))
        second = await started(stand.ask_later("fetch", 12, **session, session_epoch=2))
        stand.write("t", 0, BATCH)
        assert (await first).error_code == ErrorCode.invalid_fetch_session_epoch
        assert (await second).error_code == ErrorCode.none

    asyncio.run(play())


def test_the_number_of_sessions_is_the_configured_one() -> None:
    """Who comes later gets none, and is served all the same."""
    stand = NodeStand(config={"max.incremental.fetch.session.cache.slots": "1"})
    stand.create_topic("t")
    request = fields(stand, 12, wish(), session_id=0, session_epoch=0)
    assert stand.ask("fetch", 12, **request).session_id > 0
    told = stand.ask("fetch", 12, **request)
    assert (told.session_id, told.error_code) == (0, ErrorCode.none)
    assert len(told.responses) == 1
