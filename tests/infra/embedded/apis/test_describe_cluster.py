"""DescribeCluster: one broker, no controllers to be seen."""

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.apis.node_stand import NodeStand


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize(("asked", "operations"), [(True, 8096), (False, -(2**31))])
def test_the_broker_and_the_controller_are_one(version: int, asked: bool, operations: int) -> None:
    """Operations are told on demand."""
    stand = NodeStand()
    answer = stand.ask("describe_cluster", version, include_cluster_authorized_operations=asked)
    (broker,) = answer.brokers
    assert (broker.broker_id, broker.host, broker.port) == (1, "broker.test", 9092)
    assert (answer.controller_id, answer.cluster_id) == (1, stand.node.broker.cluster_id)
    assert answer.cluster_authorized_operations == operations
    assert (answer.error_code, answer.error_message) == (ErrorCode.none, None)


@pytest.mark.parametrize(
    ("endpoints", "error"),
    [(2, ErrorCode.mismatched_endpoint_type), (7, ErrorCode.unsupported_endpoint_type)],
)
def test_controllers_are_asked_elsewhere(endpoints: int, error: ErrorCode) -> None:
    """The words are Kafka's."""
    answer = NodeStand().ask("describe_cluster", 1, endpoint_type=endpoints)
    assert (answer.error_code, answer.brokers, answer.controller_id) == (error, (), -1)
    assert "ndpoint" in answer.error_message
