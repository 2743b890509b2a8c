"""The protocol itself: versions, what is unknown, what is garbage, and the order of answers."""

import struct
from collections.abc import Callable

import pytest
from kio.schema.errors import ErrorCode

from tests.conformance.broker_under_test import BrokerUnderTest
from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import API_KEYS, RawClient, only
from tests.conformance.record_batches import Batch, Record

MUST_HAVE = {
    "produce": (0, 13),  # 0 to 2 are announced for librdkafka's sake, and not taken (KIP-896)
    "fetch": (4, 18),
    "list_offsets": (1, 10),
    "metadata": (0, 13),
    "offset_commit": (2, 9),
    "offset_fetch": (1, 9),
    "find_coordinator": (0, 6),
    "join_group": (0, 9),
    "heartbeat": (0, 4),
    "leave_group": (0, 5),
    "sync_group": (0, 5),
    "describe_groups": (0, 6),
    "list_groups": (0, 5),
    "api_versions": (0, 4),
    "create_topics": (2, 7),
    "delete_topics": (1, 6),
    "delete_records": (0, 2),
    "init_producer_id": (0, 5),
    "offset_for_leader_epoch": (2, 4),
    "add_partitions_to_txn": (0, 5),
    "add_offsets_to_txn": (0, 4),
    "end_txn": (0, 5),
    "txn_offset_commit": (0, 5),
    "describe_configs": (1, 4),
    "alter_configs": (0, 2),
    "describe_log_dirs": (1, 4),
    "create_partitions": (0, 3),
    "delete_groups": (0, 2),
    "incremental_alter_configs": (0, 1),
    "list_partition_reassignments": (0, 0),
    "offset_delete": (0, 0),
    "describe_cluster": (0, 2),
    "describe_producers": (0, 0),
    "describe_transactions": (0, 0),
    "list_transactions": (0, 2),
    "describe_topic_partitions": (0, 0),
}
"""What clients use, and which versions of it Apache Kafka 4.1 announces."""
SOFTWARE = {"client_software_name": "conformance", "client_software_version": "1.0"}


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_each_version_of_api_versions_lists_the_apis(version: int, client: RawClient) -> None:
    """Nothing that a client uses is missing, and nothing is announced lower or higher."""
    answer = client.ask("api_versions", version, **(SOFTWARE if version >= 3 else {}))
    assert not answer.error_code
    found = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
    wanted = {API_KEYS[name]: versions for name, versions in MUST_HAVE.items()}
    assert {key: found.get(key) for key in wanted} == wanted


def test_no_new_transaction_protocol_is_finalized(client: RawClient) -> None:
    """So that clients keep to the old one; see `warm_up`."""
    answer = client.ask("api_versions", 4, **SOFTWARE)
    assert "transaction.version" not in {each.name for each in answer.finalized_features}


@pytest.mark.parametrize("version", [5, 99])
def test_an_unknown_version_of_api_versions_is_answered(version: int, client: RawClient) -> None:
    """Error 35 in the format of v0, with the versions of this one API; the connection stays."""
    correlation = client.send_unknown(18, version)
    frame = client.read_frame()
    head = struct.unpack_from(">ihi", frame)
    assert head[:2] == (correlation, ErrorCode.unsupported_version)
    listed = [struct.unpack_from(">hhh", frame, 10 + 6 * number) for number in range(head[2])]
    assert len(frame) == 10 + 6 * len(listed)
    assert listed == [(18, 0, 4)]
    assert not client.ask("api_versions", 0).error_code


@pytest.mark.parametrize("name", ["", "a b", "-a", "fine-Name.1"])
def test_a_client_may_not_call_itself_anything(name: str, client: RawClient) -> None:
    """ApiVersions v3 tells name and version of the client's software; nonsense is refused."""
    answer = client.ask("api_versions", 3, client_software_name=name, client_software_version="1.0")
    expected = ErrorCode.none if name == "fine-Name.1" else ErrorCode.invalid_request
    assert answer.error_code == expected
    assert not client.ask("api_versions", 0).error_code


@pytest.mark.parametrize(
    ("key", "version"), [(999, 0), (-1, 0), (3, 77), (0, 2), (1, 99), (2, -1)], ids=str
)
def test_what_is_unknown_closes_the_connection(key: int, version: int, client: RawClient) -> None:
    """An API or a version that the broker does not have."""
    client.send_unknown(key, version)
    assert client.is_closed()


GARBAGE = {
    "letters": b"GET / HTTP/1.1\r\nHost: kafka\r\n\r\n",
    "negative length": struct.pack(">i", -5) + bytes(20),
    "two gigabytes": struct.pack(">i", 2**31 - 1) + bytes(20),
    "a header cut short": struct.pack(">i", 3) + b"\0\3\0",
    "a body cut short": struct.pack(">ihhih", 12, 3, 5, 1, 0) + b"\0\0",
    "a string longer than the frame": struct.pack(">ihhih", 10, 3, 5, 1, 3000),
    "a count without its elements": struct.pack(">ihhihi", 14, 3, 5, 1, 0, 2**31 - 1),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_closes_the_connection(
    garbage: bytes, client: RawClient, connect: Callable[..., RawClient]
) -> None:
    """And nobody else notices."""
    client.send_bytes(garbage)
    assert client.is_closed()
    assert not connect().ask("api_versions", 0).error_code


def test_answers_come_in_the_order_of_the_requests(
    talk: Conversation, topic: str, client: RawClient
) -> None:
    """However many are under way."""
    sent = [
        client.send("produce", 9, **talk.produce_fields(topic, _batch(number)))
        for number in range(40)
    ]
    offsets = [
        only(only(client.answer(each).responses).partition_responses).base_offset for each in sent
    ]
    assert offsets == list(range(40))


def _batch(number: int) -> bytes:
    return Batch(records=[Record(value=str(number).encode())]).encoded()


def test_a_request_may_come_in_pieces(client: RawClient) -> None:
    """Byte by byte."""
    request = struct.pack(">hhih", 18, 0, 5, -1)
    for byte in struct.pack(">i", len(request)) + request:
        client.send_bytes(bytes([byte]))
    assert struct.unpack_from(">ih", client.read_frame()) == (5, 0)


def test_a_client_need_not_have_a_name(client: RawClient) -> None:
    """A client id of null is fine, in each kind of header."""
    client.send_frame(struct.pack(">hhihi", 3, 5, 7, -1, 0) + b"\0")
    assert struct.unpack_from(">i", client.read_frame()) == (7,)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
@pytest.mark.parametrize("key_type", [0, 1])
def test_the_coordinator_is_here(
    version: int, key_type: int, client: RawClient, broker: BrokerUnderTest
) -> None:
    """Of groups and, from v1 on, of transactions."""
    kind = {"key_type": key_type} if version else {}
    answer = client.ask("find_coordinator", version, key="warm", **kind)
    assert not answer.error_code
    assert (answer.node_id, (answer.host, answer.port)) == (1, broker.address)


@pytest.mark.parametrize("version", [4, 5, 6])
def test_several_coordinators_in_one_question(
    version: int, client: RawClient, broker: BrokerUnderTest
) -> None:
    """From v4 on."""
    answer = client.ask("find_coordinator", version, coordinator_keys=["warm", "a"])
    assert [each.key for each in answer.coordinators] == ["warm", "a"]
    assert {(each.host, each.port) for each in answer.coordinators} == {broker.address}
    assert {each.error_code for each in answer.coordinators} == {ErrorCode.none}


def test_an_unknown_kind_of_coordinator_is_refused(client: RawClient) -> None:
    """There are groups, transactions, and share groups."""
    answer = client.ask("find_coordinator", 3, key="warm", key_type=9)
    assert answer.error_code == ErrorCode.invalid_request


def test_the_cluster_is_described(client: RawClient, broker: BrokerUnderTest) -> None:
    """By the id that Metadata tells, too."""
    for version in (0, 1, 2):
        answer = client.ask("describe_cluster", version)
        assert not answer.error_code
        assert answer.controller_id == 1
        node = only(answer.brokers)
        assert (node.broker_id, (node.host, node.port)) == (1, broker.address)
        metadata = client.ask("metadata", 12, topics=[], allow_auto_topic_creation=False)
        assert answer.cluster_id == metadata.cluster_id


def test_log_folders_are_described(client: RawClient, talk: Conversation, topic: str) -> None:
    """The size of a partition is that of its records."""
    talk.write(topic, bytes(1000))
    for version in (1, 2, 3, 4):
        answer = client.ask(
            "describe_log_dirs", version, topics=[{"topic": topic, "partitions": [0]}]
        )
        told = only(answer.results)
        assert not told.error_code
        partition = only(only(told.topics).partitions)
        assert 1000 < partition.partition_size < 1200
        assert (partition.offset_lag, partition.is_future_key) == (0, False)


def test_nothing_is_being_reassigned(client: RawClient) -> None:
    """One node has nowhere to move anything."""
    answer = client.ask("list_partition_reassignments", 0, timeout=1000, topics=None)
    assert (answer.error_code, answer.topics) == (ErrorCode.none, ())
