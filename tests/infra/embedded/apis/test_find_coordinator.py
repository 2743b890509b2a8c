"""FindCoordinator: always this broker, said in each version's way."""

import pytest
from kio.schema.errors import ErrorCode

from tests.infra.embedded.apis.node_stand import NodeStand


@pytest.fixture
def stand() -> NodeStand:
    """A node."""
    return NodeStand()


@pytest.mark.parametrize("version", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", [0, 1])
def test_one_key_is_answered_up_to_version_3(stand: NodeStand, version: int, kind: int) -> None:
    """From version 1 on for transactions too, and with Kafka's word for no error."""
    more = {"key_type": kind} if version >= 1 else {}
    answer = stand.ask("find_coordinator", version, key="g", **more)
    assert (answer.node_id, answer.host, answer.port) == (1, "broker.test", 9092)
    assert answer.error_code == ErrorCode.none
    if version >= 1:
        assert answer.error_message == "NONE"


@pytest.mark.parametrize("version", [4, 5, 6])
@pytest.mark.parametrize("kind", [0, 1])
def test_many_keys_are_answered_from_version_4_on(
    stand: NodeStand, version: int, kind: int
) -> None:
    """In their order."""
    answer = stand.ask("find_coordinator", version, key_type=kind, coordinator_keys=["g", "", "t"])
    assert [found.key for found in answer.coordinators] == ["g", "", "t"]
    for found in answer.coordinators:
        assert (found.node_id, found.host, found.port) == (1, "broker.test", 9092)
        assert (found.error_code, found.error_message) == (ErrorCode.none, "")


@pytest.mark.parametrize("version", [1, 3, 4, 6])
@pytest.mark.parametrize("kind", [2, 3, -1])
def test_other_kinds_are_refused(stand: NodeStand, version: int, kind: int) -> None:
    """Share groups, which this broker does not have, and what Kafka does not know."""
    named = {"key": "g"} if version < 4 else {"coordinator_keys": ["g"]}
    answer = stand.ask("find_coordinator", version, key_type=kind, **named)
    found = answer if version < 4 else answer.coordinators[0]
    assert found.error_code == ErrorCode.invalid_request
    assert (found.node_id, found.host, found.port) == (-1, "", -1)
