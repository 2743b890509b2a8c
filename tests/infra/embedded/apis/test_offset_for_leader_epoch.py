"""OffsetForLeaderEpoch: one leader, one epoch."""

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.record_batches import Batch
from tests.infra.embedded.apis.node_stand import NodeStand


@pytest.fixture
def stand() -> NodeStand:
    """A node with a topic `t` of two records, the first of which is deleted."""
    made = NodeStand()
    made.create_topic("t")
    for _ in range(2):
        made.write("t", 0, Batch().encoded())
    made.log("t", 0).delete_before(1)
    return made


def look_up(stand: NodeStand, version: int, *, epoch: int, current: int = -1, **place: Any) -> Any:
    """Ask where an epoch ended."""
    where = {"topic": "t", "partition": 0, **place}
    part = {
        "partition": where["partition"],
        "current_leader_epoch": current,
        "leader_epoch": epoch,
    }
    topics = [{"topic": where["topic"], "partitions": [part]}]
    answer = stand.ask("offset_for_leader_epoch", version, topics=topics)
    return answer.topics[0].partitions[0]


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize(
    ("epoch", "end"), [(0, (0, 2)), (1, (-1, -1)), (-1, (-1, -1)), (-7, (-7, 1))]
)
def test_an_epoch_ends_where_the_log_does(
    stand: NodeStand, version: int, epoch: int, end: tuple[int, int]
) -> None:
    """Later ones are unknown; before the first there was nothing."""
    found = look_up(stand, version, epoch=epoch)
    assert found.error_code == ErrorCode.none
    assert (found.leader_epoch, found.end_offset) == end


@pytest.mark.parametrize(
    ("current", "error"), [(5, ErrorCode.unknown_leader_epoch), (-3, ErrorCode.fenced_leader_epoch)]
)
def test_the_readers_epoch_is_compared(stand: NodeStand, current: int, error: ErrorCode) -> None:
    """With the broker's."""
    found = look_up(stand, 4, epoch=0, current=current)
    assert (found.error_code, found.end_offset) == (error, -1)


@pytest.mark.parametrize("place", [{"partition": 9}, {"topic": "nobody"}])
def test_an_unknown_partition_is_told(stand: NodeStand, place: dict[str, Any]) -> None:
    """With its error."""
    found = look_up(stand, 4, epoch=0, **place)
    assert found.error_code == ErrorCode.unknown_topic_or_partition
