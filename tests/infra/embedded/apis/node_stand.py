"""A node without sockets, and handlers called as the server calls them.

    stand = NodeStand(config={"num.partitions": "2"})
    stand.create_topic("t")
    answer = stand.ask("produce", 7, acks=-1, topic_data=[...])

Requests go through bytes on their way in, and answers on their way out, written by this product
and read by kio: an answer that a client could not read is an error.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from importlib import import_module
from inspect import isawaitable
from io import BytesIO
from typing import Any, Final, final
from uuid import UUID, uuid4

from kio.index import load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer

from penstock.infra.embedded.broker import Broker
from penstock.infra.embedded.configs.broker_config import BrokerConfig
from penstock.infra.embedded.log.partition_log import PartitionLog
from penstock.infra.embedded.server.broker_clock import BrokerClock
from penstock.infra.embedded.server.node import Node
from penstock.infra.embedded.server.storage_port import MemoryStorage, Storage
from penstock.infra.embedded.topics.topic_creation import NewTopic
from penstock.infra.embedded.topics.topic_deletion import TopicReference
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.call import Call, ListenerAddress
from penstock.infra.embedded.wire.connection_state import ConnectionState
from penstock.infra.embedded.wire.message_reader import read_message
from penstock.infra.embedded.wire.message_writer import write_message
from tests.conformance.messages import message

__all__ = ["NodeStand"]

_NO_CONFIG: Final[Mapping[str, str]] = {}


@final
class NodeStand:
    """A node, and one connection to it."""

    def __init__(
        self, *, config: Mapping[str, str] = _NO_CONFIG, storage: Storage | None = None
    ) -> None:
        """Make it.

        Args:
            config: the broker's, by Kafka's names.
            storage: a new one; memory if not given.
        """
        storage = storage or MemoryStorage()
        self.clock = BrokerClock()
        broker = Broker(
            config=BrokerConfig.parse(config),
            stores=storage.store,
            journal=storage.keep,
            draw_uuid=uuid4,
            name_member=lambda prefix: f"{prefix}-{uuid4()}",
            now_ms=self.clock.now_ms(),
        )
        self.node = Node(broker=broker, clock=self.clock, storage=storage)
        self.connection = ConnectionState()

    def create_topic(self, name: str, partitions: int = 1, **configs: str) -> UUID:
        """Create a topic; underscores in configuration names stand for dots.

        Returns:
            Its id.
        """
        given = tuple((key.replace("_", "."), value) for key, value in configs.items())
        wish = NewTopic(name=name, num_partitions=partitions, configs=given)
        created = self.node.broker.create_topic(wish, now_ms=self.clock.now_ms())
        assert created.error is ErrorCode.none, created
        return created.topic_id

    def topic_id(self, name: str) -> UUID:
        """The id of a topic that exists."""
        topic = self.node.broker.topics.get(name)
        assert topic is not None
        return topic.topic_id

    def log(self, topic: str, partition: int) -> PartitionLog:
        """The log of a partition that exists."""
        log = self.node.broker.log(topic, partition)
        assert log is not None
        return log

    def write(
        self, topic: str, partition: int, batch: bytes, *, transactional_id: str | None = None
    ) -> None:
        """Append a batch, and wake who waits for it."""
        data = [{"index": partition, "records": batch}]
        written = self.ask(
            "produce",
            9,
            acks=-1,
            transactional_id=transactional_id,
            topic_data=[{"name": topic, "partition_data": data}],
        )
        told = written.responses[0].partition_responses[0]
        assert told.error_code == ErrorCode.none, told

    def delete_topic(self, name: str) -> None:
        """Delete a topic, and wake who waits for it."""
        wishes = [TopicReference(name=name)]
        (deleted,) = self.node.broker.delete_topics(wishes, now_ms=self.clock.now_ms())
        assert deleted.error is ErrorCode.none, deleted
        self.settle()

    def settle(self) -> None:
        """Let the last request take its effects, with a loop for the node's timer."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(self._settle())
        else:
            self.node.settle()

    async def _settle(self) -> None:
        self.node.settle()

    def reconnect(self) -> None:
        """Go on through another connection."""
        self.connection = ConnectionState()

    def move(self, milliseconds: int) -> None:
        """Move the clock."""
        self.clock.move(timedelta(milliseconds=milliseconds))

    def call(self, api: str, version: int, **fields: Any) -> Call:
        """Make a request."""
        key = ApiKey[api.upper()]
        schema = load_request_schema(key, version)
        written = BytesIO()
        entity_writer(schema)(written, message(schema, fields))
        request, _ = read_message(schema, written.getvalue())
        return Call(
            api_key=key,
            version=version,
            request=request,
            client_id="test",
            client_host="/127.0.0.1",
            principal="User:ANONYMOUS",
            listener=ListenerAddress("broker.test", 9092),
            connection=self.connection,
        )

    def ask(self, api: str, version: int, **fields: Any) -> Any:
        """Ask, and get the answer at once.

        Returns:
            The answer as a client reads it; None where there is none.
        """
        call = self.call(api, version, **fields)
        answer = _module(api).handle(self.node, call)
        assert not isawaitable(answer), "the request waits"
        self.settle()
        return _read(call, answer)

    async def ask_later(self, api: str, version: int, **fields: Any) -> Any:
        """Ask, and wait for the answer."""
        call = self.call(api, version, **fields)
        answer: Awaitable[Any] = _module(api).handle(self.node, call)
        assert isawaitable(answer), "the request does not wait"
        return _read(call, await answer)

    def refuse(self, api: str, version: int, error: ErrorCode, **fields: Any) -> Any:
        """Get the answer of a request that fails as a whole."""
        call = self.call(api, version, **fields)
        return _read(call, _module(api).refuse(call, error))


def _module(api: str) -> Any:
    return import_module(
        f"penstock.infra.embedded.apis.{API_TABLE[ApiKey[api.upper()]].schema_name}"
    )


def _read(call: Call, answer: Any) -> Any:
    if answer is None:
        return None
    pieces: list[bytes] = []
    write_message(answer, pieces)
    data = b"".join(pieces)
    found, size = entity_reader(load_response_schema(call.api_key, call.version))(data, 0)
    assert size == len(data), f"{len(data) - size} bytes are left over"
    return found
