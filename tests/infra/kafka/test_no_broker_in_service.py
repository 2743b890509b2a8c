"""A cluster whose only broker has just come back: it answers, and names no broker yet.

The controller has not put it into service, so the metadata are empty for a moment. The client
asserts that this cannot be.
"""

import asyncio
import struct

import pytest
from aiokafka.protocol.admin import ApiVersionResponse_v1
from aiokafka.protocol.metadata import MetadataResponse_v1

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection
from penstock.infra.kafka.transactions import fence
from penstock.infra.testing.kafka_frame import request_head
from penstock.workers.ports import TransactionDoubt
from tests.integration.workbench import play

_LENGTH, _CORRELATION = struct.Struct(">i"), struct.Struct(">i")
NOTHING_YET = MetadataResponse_v1(brokers=[], controller_id=-1, topics=[]).encode()
VERSIONS = ApiVersionResponse_v1(
    error_code=0,
    api_versions=[(ApiKey.METADATA, 0, 1), (ApiKey.API_VERSIONS, 0, 1)],
    throttle_time_ms=0,
).encode()
BODIES: dict[int, bytes] = {ApiKey.METADATA: NOTHING_YET, ApiKey.API_VERSIONS: VERSIONS}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what is asked until the client goes."""
    try:
        while True:
            (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            head = request_head(await with_length(reader, size))
            body = BODIES[head.api_key]
            if head.api_key == ApiKey.API_VERSIONS and head.api_version == 0:
                body = body[: -_LENGTH.size]  # no throttle time yet
            answer = _CORRELATION.pack(head.correlation_id) + body
            writer.write(_LENGTH.pack(len(answer)) + answer)
    except (asyncio.IncompleteReadError, ConnectionError):
        return  # the client has gone, perhaps before it had its answer
    finally:
        writer.close()


async def with_length(reader: asyncio.StreamReader, size: int) -> bytes:
    """A whole frame, as `request_head` takes it."""
    return _LENGTH.pack(size) + await reader.readexactly(size)


def test_a_fence_that_finds_no_broker_is_a_doubt() -> None:
    """It is tried again, like any fence that does not succeed; it is no bug of ours."""

    async def scenario() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransactionDoubt, match="no broker"):
            await fence(KafkaConnection(bootstrap=f"127.0.0.1:{port}"), "id", limit_s=5.0)
        server.close()

    play(scenario())
