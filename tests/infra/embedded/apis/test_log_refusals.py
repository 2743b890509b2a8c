"""What is answered when a request about logs, topics or the cluster fails as a whole."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE
from tests.infra.embedded.apis.node_stand import NodeStand

_ERROR: Final = ErrorCode.kafka_storage_error
_WITHOUT_A_PLACE: Final = {
    ("describe_log_dirs", 1),
    ("describe_log_dirs", 2),
}
"""Old answers that cannot say it; Kafka's cannot either."""

_INDEXED: Final = [{"partition_index": 0}, {"partition_index": 1}]
_PARTITIONS: Final = [{"partition": 0}, {"partition": 1}]
_PLAIN: Final = [0, 1]
_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "produce": {"acks": 1, "topic_data": [{"name": "t", "partition_data": [{"index": 0}]}]},
    "fetch": {"topics": [{"topic": "t", "partitions": _PARTITIONS}]},
    "list_offsets": {"topics": [{"name": "t", "partitions": _INDEXED}]},
    "metadata": {"topics": [{"name": "t"}, {"name": "u"}]},
    "describe_topic_partitions": {"topics": [{"name": "t"}]},
    "offset_for_leader_epoch": {"topics": [{"topic": "t", "partitions": _PARTITIONS}]},
    "delete_records": {"topics": [{"name": "t", "partitions": _INDEXED}]},
    "find_coordinator": {"key": "g", "coordinator_keys": ["g", "h"]},
    "describe_cluster": {},
    "describe_log_dirs": {"topics": [{"topic": "t", "partitions": _PLAIN}]},
    "describe_producers": {"topics": [{"name": "t", "partition_indexes": _PLAIN}]},
    "list_partition_reassignments": {"topics": [{"name": "t", "partition_indexes": _PLAIN}]},
    "elect_leaders": {"topic_partitions": [{"topic": "t", "partitions": _PLAIN}]},
}
"""A request of each API; fields that a version lacks are left out."""


def _cases() -> Iterator[tuple[str, int]]:
    for name in _FIELDS:
        api = API_TABLE[ApiKey[name.upper()]]
        yield from ((name, version) for version in range(api.lowest, api.highest + 1))


def _errors(value: Any) -> Iterator[ErrorCode]:
    if isinstance(value, ErrorCode):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _errors(part)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _errors(getattr(value, name))


@pytest.mark.parametrize(("api", "version"), list(_cases()))
def test_a_refusal_names_its_error_everywhere(api: str, version: int) -> None:
    """And in no other place is another one, nor none."""
    known = load_request_schema(ApiKey[api.upper()], version).__dataclass_fields__
    fields = {name: value for name, value in _FIELDS[api].items() if name in known}
    if api == "produce" and version >= 13:
        fields["topic_data"] = [{"partition_data": [{"index": 0}]}]
    if api == "fetch" and version >= 13:
        fields["topics"] = []
    answer = NodeStand().refuse(api, version, _ERROR, **fields)
    expected = set() if (api, version) in _WITHOUT_A_PLACE else {_ERROR}
    assert set(_errors(answer)) == expected
