"""What the broker answers when a whole request fails: every API can say so in every version."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import pytest
from kio.index import load_request_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.call import Call, ListenerAddress
from penstock.infra.embedded.wire.connection_state import ConnectionState
from penstock.infra.embedded.wire.message_writer import write_message
from tests.conformance.messages import message

_ERROR: Final = ErrorCode.coordinator_not_available

_PARTITIONS: Final = [{"partition_index": 0}, {"partition_index": 1}]
_TOPICS: Final = [{"name": "t", "partitions": _PARTITIONS}]
_TRANSACTION_TOPICS: Final = [{"name": "t", "partitions": [0, 1]}]
_FETCH_TOPICS: Final = [{"name": "t", "partition_indexes": [0, 1]}]
_RESOURCES: Final = [{"resource_type": 2, "resource_name": "t"}]

_FIELDS: Final[Mapping[ApiKey, Mapping[str, Any]]] = {
    ApiKey.JOIN_GROUP: {},
    ApiKey.SYNC_GROUP: {},
    ApiKey.HEARTBEAT: {},
    ApiKey.LEAVE_GROUP: {"members": [{"member_id": "m"}]},
    ApiKey.OFFSET_COMMIT: {"topics": _TOPICS},
    ApiKey.OFFSET_FETCH: {
        "topics": _FETCH_TOPICS,
        "groups": [{"group_id": "g", "topics": _FETCH_TOPICS}],
    },
    ApiKey.DESCRIBE_GROUPS: {"groups": ["g", "h"]},
    ApiKey.LIST_GROUPS: {},
    ApiKey.DELETE_GROUPS: {"groups_names": ["g", "h"]},
    ApiKey.OFFSET_DELETE: {"topics": _TOPICS},
    ApiKey.CONSUMER_GROUP_DESCRIBE: {"group_ids": ["g", "h"]},
    ApiKey.INIT_PRODUCER_ID: {},
    ApiKey.ADD_PARTITIONS_TO_TXN: {
        "v3_and_below_topics": _TRANSACTION_TOPICS,
        "transactions": [{"transactional_id": "x", "topics": _TRANSACTION_TOPICS}],
    },
    ApiKey.ADD_OFFSETS_TO_TXN: {},
    ApiKey.END_TXN: {},
    ApiKey.TXN_OFFSET_COMMIT: {"topics": _TOPICS},
    ApiKey.DESCRIBE_TRANSACTIONS: {"transactional_ids": ["x", "y"]},
    ApiKey.LIST_TRANSACTIONS: {},
    ApiKey.CREATE_TOPICS: {"topics": [{"name": "t"}, {"name": "u"}]},
    ApiKey.DELETE_TOPICS: {"topic_names": ["t", "u"], "topics": [{"name": "t"}, {"name": "u"}]},
    ApiKey.CREATE_PARTITIONS: {"topics": [{"name": "t"}, {"name": "u"}]},
    ApiKey.DESCRIBE_CONFIGS: {"resources": _RESOURCES},
    ApiKey.ALTER_CONFIGS: {"resources": _RESOURCES},
    ApiKey.INCREMENTAL_ALTER_CONFIGS: {"resources": _RESOURCES},
    ApiKey.LIST_CONFIG_RESOURCES: {},
    ApiKey.DESCRIBE_CLIENT_QUOTAS: {},
    ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS: {},
}
"""A request of each API that names something where it can; other versions' fields are left out."""


def _versions() -> Iterator[Any]:
    for key in _FIELDS:
        for version in range(API_TABLE[key].lowest, API_TABLE[key].highest + 1):
            yield pytest.param(key, version, id=f"{key.name.lower()}-v{version}")


def _call(key: ApiKey, version: int) -> Call:
    schema = load_request_schema(key, version)
    known = schema.__dataclass_fields__
    fields = {name: value for name, value in _FIELDS[key].items() if name in known}
    return Call(
        api_key=key,
        version=version,
        request=message(schema, fields),
        client_id="test",
        client_host="/127.0.0.1",
        principal="User:ANONYMOUS",
        listener=ListenerAddress("127.0.0.1", 9092),
        connection=ConnectionState(),
    )


def _errors(value: Any) -> Iterator[ErrorCode]:
    """Every error code in an answer, however deep."""
    if isinstance(value, ErrorCode):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _errors(part)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _errors(getattr(value, name))


@pytest.mark.parametrize(("key", "version"), list(_versions()))
def test_a_refusal_tells_its_error_wherever_the_answer_has_a_place_for_it(
    key: ApiKey, version: int
) -> None:
    """And it can be written and read again, in every version."""
    module = import_module(f"penstock.infra.embedded.apis.{API_TABLE[key].schema_name}")
    answer = module.refuse(_call(key, version), _ERROR)
    told = list(_errors(answer))
    assert _ERROR in told
    # AddPartitionsToTxn has errors on two levels, but no transaction is named in a refusal.
    assert set(told) <= {_ERROR, ErrorCode.none}
    pieces: list[bytes] = []
    write_message(answer, pieces)
    data = b"".join(pieces)
    read, size = entity_reader(type(answer))(data, 0)
    assert (list(_errors(read)), size) == (told, len(data))
