"""ListOffsets: special times by version, times of records, isolation and leader epochs."""

from typing import Any, Final, NamedTuple

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch, Record
from tests.infra.embedded.apis.node_stand import NodeStand

NOON: Final = 1_700_000_000_000
NOWHERE: Final = (-1, -1, -1)


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t`: two batches of two records in the first partition, the second empty.

    The records' times are noon and a second later, then noon and a millisecond, and two.
    """
    made = NodeStand()
    made.create_topic("t", 2)
    for times in ((NOON, NOON + 1000), (NOON + 1, NOON + 2)):
        records = [Record(timestamp_ms=at) for at in times]
        made.write("t", 0, Batch(records=records, timestamp_ms=times[0]).encoded())
    return made


def look_up(
    stand: NodeStand, version: int, *parts: tuple[int, int], epoch: int = -1, **others: Any
) -> list[Any]:
    """Ask for partitions and times, and return the partitions of the answer."""
    more = {"current_leader_epoch": epoch} if version >= 4 else {}
    wishes = [{"partition_index": index, "timestamp": at, **more} for index, at in parts]
    wanted = {"replica_id": -1, "topics": [{"name": "t", "partitions": wishes}], **others}
    answer = stand.ask("list_offsets", version, **wanted)
    return [part for topic in answer.topics for part in topic.partitions]


class Case(NamedTuple):
    """A time, the version since which it may be asked for, and what is told of both partitions."""

    time_ms: int
    since: int
    full: tuple[int, int, int]
    empty: tuple[int, int, int]


@pytest.mark.parametrize(
    "case",
    [
        Case(-1, 1, (-1, 4, 0), (-1, 0, 0)),
        Case(-2, 1, (-1, 0, 0), (-1, 0, 0)),
        Case(-3, 7, (NOON + 1000, 1, 0), NOWHERE),
        Case(-4, 8, (-1, 0, 0), (-1, 0, 0)),
        Case(-5, 9, NOWHERE, NOWHERE),
        Case(-6, 99, NOWHERE, NOWHERE),
        Case(-(2**63), 99, NOWHERE, NOWHERE),
        Case(0, 1, (NOON, 0, 0), NOWHERE),
        Case(NOON + 1, 1, (NOON + 1000, 1, 0), NOWHERE),
        Case(NOON + 1001, 1, NOWHERE, NOWHERE),
        Case(2**63 - 1, 1, NOWHERE, NOWHERE),
    ],
)
@pytest.mark.parametrize("version", range(1, 11))
def test_each_time_has_its_answer(stand: NodeStand, version: int, case: Case) -> None:
    """Special times since some version, before it an error; records' times in every version."""
    found = look_up(stand, version, (0, case.time_ms), (1, case.time_ms))
    is_known = version >= case.since
    for part, expected in zip(found, (case.full, case.empty), strict=True):
        told = expected if is_known else NOWHERE
        assert part.error_code == (0 if is_known else ErrorCode.unsupported_version)
        assert (part.timestamp, part.offset) == told[:2]
        assert getattr(part, "leader_epoch", told[2]) == told[2]


def test_deleted_records_are_not_found(stand: NodeStand) -> None:
    """The earliest offset is where the log begins now."""
    assert stand.log("t", 0).delete_before(2)[0] is ErrorCode.none
    (found,) = look_up(stand, 10, (0, -2))
    assert (found.offset, found.leader_epoch) == (2, 0)


def test_the_latest_offset_depends_on_the_isolation_level(stand: NodeStand) -> None:
    """Readers of committed records end at the last stable offset."""
    made = stand.ask("init_producer_id", 4, transactional_id="x", transaction_timeout=10_000)
    who = {"producer_id": made.producer_id, "producer_epoch": made.producer_epoch}
    stand.ask(
        "add_partitions_to_txn",
        3,
        v3_and_below_transactional_id="x",
        v3_and_below_topics=[{"name": "t", "partitions": [0]}],
        **{f"v3_and_below_{name}": value for name, value in who.items()},
    )
    batch = Batch(transactional=True, sequence=0, **who)
    stand.write("t", 0, batch.encoded(), transactional_id="x")
    offsets = [look_up(stand, 5, (0, -1), isolation_level=level)[0].offset for level in (0, 1)]
    assert offsets == [5, 4]
    (beyond,) = look_up(stand, 5, (0, NOON + 2000), isolation_level=1)
    assert beyond.offset == -1


@pytest.mark.parametrize(
    ("replica", "error"), [(-1, ErrorCode.unknown_server_error), (3, ErrorCode.none)]
)
def test_an_unknown_isolation_level_is_an_error_of_a_consumer(
    stand: NodeStand, replica: int, error: ErrorCode
) -> None:
    """Others are not asked for theirs."""
    (found,) = look_up(stand, 2, (0, -1), replica_id=replica, isolation_level=7)
    assert found.error_code == error


@pytest.mark.parametrize(
    ("epoch", "error"),
    [
        (5, ErrorCode.unknown_leader_epoch),
        (-5, ErrorCode.fenced_leader_epoch),
        (0, ErrorCode.none),
        (-1, ErrorCode.none),
    ],
)
def test_leader_epochs_are_compared(stand: NodeStand, epoch: int, error: ErrorCode) -> None:
    """From version 4 on."""
    (found,) = look_up(stand, 4, (0, -1), epoch=epoch)
    assert found.error_code == error


def test_unknown_partitions_and_topics_are_told(stand: NodeStand) -> None:
    """Beside those that are known."""
    topics = [
        {"name": "t", "partitions": [{"partition_index": 9, "timestamp": -1}]},
        {"name": "nobody", "partitions": [{"partition_index": 0, "timestamp": -1}]},
    ]
    answer = stand.ask("list_offsets", 7, replica_id=-1, topics=topics)
    errors = [part.error_code for topic in answer.topics for part in topic.partitions]
    assert errors == [ErrorCode.unknown_topic_or_partition] * 2


def test_a_partition_named_twice_is_refused(stand: NodeStand) -> None:
    """It is answered once; the others are not concerned."""
    found = look_up(stand, 7, (0, -1), (1, -1), (0, -2))
    assert {part.partition_index: part.error_code for part in found} == {
        0: ErrorCode.invalid_request,
        1: ErrorCode.none,
    }
