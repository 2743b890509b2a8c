"""DeleteRecords: where a log begins afterwards, and what stays as it is."""

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch
from tests.infra.embedded.apis.node_stand import NodeStand


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t` of three records, and an empty `kept` that is only compacted."""
    made = NodeStand()
    made.create_topic("t")
    made.create_topic("kept", cleanup_policy="compact")
    for _ in range(3):
        made.write("t", 0, Batch().encoded())
    return made


def delete(stand: NodeStand, version: int, offset: int, **place: Any) -> tuple[int, int]:
    """Delete before an offset; return the error and where the partition begins."""
    where = {"topic": "t", "partition": 0, **place}
    parts = [{"partition_index": where["partition"], "offset": offset}]
    topics = [{"name": where["topic"], "partitions": parts}]
    answer = stand.ask("delete_records", version, topics=topics, timeout=1000)
    found = answer.topics[0].partitions[0]
    return found.error_code, found.low_watermark


@pytest.mark.parametrize("version", [0, 1, 2])
def test_records_before_an_offset_go(stand: NodeStand, version: int) -> None:
    """Those that are gone stay gone; -1 means all that there are."""
    assert delete(stand, version, 2) == (ErrorCode.none, 2)
    assert delete(stand, version, 1) == (ErrorCode.none, 2)
    assert delete(stand, version, -1) == (ErrorCode.none, 3)
    assert stand.log("t", 0).end_offset == 3


@pytest.mark.parametrize("offset", [4, -2])
def test_an_offset_out_of_range_changes_nothing(stand: NodeStand, offset: int) -> None:
    """Behind the end, or negative."""
    assert delete(stand, 2, offset) == (ErrorCode.offset_out_of_range, -1)
    assert stand.log("t", 0).start_offset == 0


def test_a_compacted_topic_loses_no_records_so(stand: NodeStand) -> None:
    """Its policy does not delete."""
    assert delete(stand, 2, 0, topic="kept") == (ErrorCode.policy_violation, -1)


@pytest.mark.parametrize("place", [{"partition": 9}, {"topic": "nobody"}])
def test_an_unknown_partition_is_told(stand: NodeStand, place: dict[str, Any]) -> None:
    """With its error."""
    assert delete(stand, 2, 0, **place) == (ErrorCode.unknown_topic_or_partition, -1)
