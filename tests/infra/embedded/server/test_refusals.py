from importlib import import_module

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.wire.answer_maker import misspelt_fields
from penstock.infra.embedded.wire.api_table import API_TABLE, Api
from penstock.infra.embedded.wire.call import Call, ListenerAddress
from penstock.infra.embedded.wire.connection_state import ConnectionState
from penstock.infra.embedded.wire.message_types import request_type
from penstock.infra.embedded.wire.message_writer import write_message
from tests.infra.embedded.wire.random_message import RandomMessages


@pytest.mark.parametrize("api", [pytest.param(a, id=a.key.name) for a in API_TABLE.values()])
def test_every_request_in_every_version_can_be_refused_as_a_whole(api: Api) -> None:
    """Faults and our own bugs answer so; an answer that cannot be written would be a second bug."""
    messages = RandomMessages(api.key)
    handlers = import_module(f"penstock.infra.embedded.apis.{api.schema_name}")
    assert callable(handlers.handle)
    for version in range(api.lowest, api.highest + 1):
        call = Call(
            api_key=api.key,
            version=version,
            request=messages.make(request_type(api.key, version)),
            client_id="",
            client_host="/127.0.0.1",
            principal="User:ANONYMOUS",
            listener=ListenerAddress("127.0.0.1", 9092),
            connection=ConnectionState(),
        )
        answer = handlers.refuse(call, ErrorCode.unknown_server_error)
        if answer is None:
            assert call.connection.ends, "without an answer, the connection is the answer"
        else:
            pieces: list[bytes] = []
            write_message(answer, pieces)
            assert pieces
    assert not [field for field in misspelt_fields() if field[0] == api.key]
