"""An app as an AsyncAPI document: valid, stable, and with nothing in it that was not declared."""

import copy
import json
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given, settings

from penstock.events import Command, Event, Reply, Topic
from penstock.events.event_types import MessageType
from penstock.infra.asyncapi.document import Application, AsyncApiVersion, Server, asyncapi_document
from penstock.infra.asyncapi.messages import (
    DescribedMessage,
    MessageKind,
    PayloadFrame,
    message_object,
)
from penstock.infra.sagas.sources import load_sagas
from penstock.sagas.definition import Definition
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.schemas.type_tree import RecordType
from penstock.workers import Delivery, Worker
from tests.infra.asyncapi.judge import complaints, lost_references
from tests.schemas.generated import records

__namespace__ = "shop"

ORDERS = Topic(
    "shop.orders",
    partitions=12,
    retention=timedelta(days=30),
    config={"max.message.bytes": "2097164", "segment.ms": "1000"},
)
VERSIONS: tuple[AsyncApiVersion, ...] = get_args(AsyncApiVersion)


class OrderPlaced(Event, topic=ORDERS, key="order_id"):
    """A customer placed an order.

    It begins the saga.
    """

    order_id: str


class OrderCancelled(Event, topic=ORDERS, key="number"):
    number: int


class CountChanged(Event, topic=Topic("shop.counts", cleanup="compact"), key="shelf"):
    shelf: UUID


class Noted(Event, topic="shop.notes"):
    """Nobody knows the order of notes."""

    text: str


class StockReserved(Reply):
    """The items are set aside."""

    shelf: str


class ReserveStock(Command, topic="stock.commands", key="order_id", reply=StockReserved):
    """Set items aside."""

    order_id: str


class ReleaseStock(Command, topic="stock.commands", key="order_id"):
    order_id: str


TYPES: tuple[MessageType, ...] = (
    OrderPlaced,
    OrderCancelled,
    CountChanged,
    Noted,
    StockReserved,
    ReserveStock,
    ReleaseStock,
)


def stock_worker() -> Worker:
    """A worker that handles, answers and announces."""
    worker = Worker("stock")

    @worker.on(OrderPlaced)
    async def place(event: OrderPlaced, delivery: Delivery) -> list[CountChanged]:
        del event, delivery
        return []

    @worker.on(OrderCancelled)
    async def cancel(event: OrderCancelled, delivery: Delivery) -> None:
        del event, delivery

    @worker.command(ReserveStock)
    async def reserve(command: ReserveStock, delivery: Delivery) -> StockReserved:
        del command, delivery
        return StockReserved(shelf="a")

    @worker.command(ReleaseStock, undoes=ReserveStock)
    async def release(command: ReleaseStock, delivery: Delivery) -> None:
        del command, delivery

    return worker


SAGA = """
saga: order
version: 1
input: shop.OrderPlaced
key: $.input.order_id
steps:
  - name: reserve_stock
    call: stock.ReserveStock
    with: {order_id: $.input.order_id}
    undo:
      call: stock.ReleaseStock
      with: {order_id: $.input.order_id}
  - name: tell
    emit: shop.Noted
    with: {text: done}
"""


@pytest.fixture
def saga(tmp_path: Path) -> Definition:
    """A saga that is started by an event, asks for a step and says that it is done."""
    file = tmp_path / "order.saga.yaml"
    file.write_text(SAGA, "utf-8")
    schemas = {declaration_of(each).full_name: declaration_of(each).schema for each in TYPES}
    return load_sagas([file], schemas)[0]


def application(**more: Any) -> Application:
    """The app, with a worker."""
    types = {declaration_of(each).full_name: each for each in TYPES}
    given: dict[str, Any] = {
        "app": "shop",
        "version": "1.2.3",
        "types": types,
        "workers": (stock_worker(),),
    }
    return Application(**{**given, **more})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framing", ["single-object", "confluent"])
def test_documents_are_valid(version: AsyncApiVersion, framing: Any, saga: Definition) -> None:
    """By the official JSON schemas, Kafka bindings and Avro payloads included."""
    document = asyncapi_document(
        application(
            sagas=(saga,),
            frame=PayloadFrame(framing=framing, subject_names="topic-record"),
            servers=(
                Server(name="production", host="kafka.example.com:9093", protocol="kafka-secure"),
                Server(name="local", host="127.0.0.1:9092"),
            ),
            registry="https://registry.example.com",
            replicas=3,
        ),
        version=version,
    )
    assert document["asyncapi"] == version
    assert complaints(document) == []
    assert lost_references(document) == []


def test_an_app_without_anything_is_valid() -> None:
    """No types, no workers."""
    document = asyncapi_document(Application(app="shop", version="0", types={}))
    assert complaints(document) == []
    assert (document["channels"], document["operations"]) == ({}, {})


Spoil = Callable[[dict[str, Any]], None]


def _set(*path: Any, to: Any) -> Spoil:
    def spoil(document: dict[str, Any]) -> None:
        node: Any = document
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = to

    return spoil


ORDERS_BINDING = ("channels", "shop.orders", "bindings", "kafka")
PLACED = ("components", "messages", "shop.OrderPlaced")
SPOILT = {
    "no partitions": _set(*ORDERS_BINDING, "partitions", to=0),
    "a policy as text": _set(*ORDERS_BINDING, "topicConfiguration", "cleanup.policy", to="delete"),
    "a number as text": _set(*ORDERS_BINDING, "topicConfiguration", "retention.ms", to="5"),
    "a binding that is no more": _set(*ORDERS_BINDING, "bindingVersion", to="0.5.1"),
    "a group as text": _set(
        "operations", "stock.handle.shop.orders", "bindings", "kafka", "groupId", to="shop.stock"
    ),
    "an unknown place of ids": _set(
        *PLACED, "bindings", "kafka", "schemaIdLocation", to="somewhere"
    ),
    "no Avro": _set(*PLACED, "payload", "schema", to={"type": "record", "name": "1"}),
    "no action": _set("operations", "stock.handle.shop.orders", "action", to="publish"),
    "a correlation anywhere": _set(
        "components", "correlationIds", "correlation", "location", to="header"
    ),
    "an own word": _set("channels", "shop.orders", "framing", to="none"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_the_judge_sees_mistakes(spoil: Spoil) -> None:
    """Each part of a document that penstock fills in is looked at, bindings included."""
    document = copy.deepcopy(asyncapi_document(application()))
    spoil(document)
    assert complaints(document)


def test_equal_declarations_give_equal_text(saga: Definition) -> None:
    """In whichever order modules define what they define."""
    first = asyncapi_document(application(sagas=(saga,)))
    for seed in range(5):
        shuffled = random.Random(seed).sample(TYPES, len(TYPES))
        types = {declaration_of(each).full_name: each for each in shuffled}
        again = asyncapi_document(application(sagas=(saga,), types=types))
        assert json.dumps(again) == json.dumps(first)


@given(records())
@settings(max_examples=25)
def test_every_schema_is_a_valid_payload(root: RecordType) -> None:
    """Whatever Avro can say, with the attributes of a command."""
    schema = AvroSchema.of(root, {"topic": "shop.orders", "reply": "shop.StockReserved"})
    message = DescribedMessage(kind=MessageKind.COMMAND, schema=schema)
    document = asyncapi_document(application())
    document["components"]["messages"]["shop.Drawn"] = message_object(message, PayloadFrame())
    assert complaints(document) == []
    payload = document["components"]["messages"]["shop.Drawn"]["payload"]
    assert AvroSchema.parse(json.dumps(payload["schema"])).text == schema.text


# --- channels --------------------------------------------------------------------------------


def test_a_channel_is_a_topic_as_declared() -> None:
    """Partitions and configuration; replicas only where they are laid down."""
    channels = asyncapi_document(application())["channels"]
    assert list(channels) == [
        "shop.counts",
        "shop.notes",
        "shop.orders",
        "stock.commands",
        "replies",
    ]
    assert channels["shop.orders"] == {
        "address": "shop.orders",
        "messages": {
            "shop.OrderCancelled": {"$ref": "#/components/messages/shop.OrderCancelled"},
            "shop.OrderPlaced": {"$ref": "#/components/messages/shop.OrderPlaced"},
        },
        "bindings": {
            "kafka": {
                "topic": "shop.orders",
                "partitions": 12,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "max.message.bytes": 2097164,
                    "retention.ms": 2592000000,
                    "segment.ms": "1000",
                },
                "bindingVersion": "0.5.0",
            }
        },
    }
    laid_down = asyncapi_document(application(replicas=3))["channels"]
    assert laid_down["shop.counts"]["bindings"]["kafka"]["replicas"] == 3


def test_a_topic_that_only_a_saga_knows_is_a_channel(saga: Definition) -> None:
    """Its partitions are not guessed."""
    types = {"shop.OrderPlaced": OrderPlaced}
    document = asyncapi_document(application(types=types, workers=(), sagas=(saga,)))
    assert document["channels"]["stock.commands"]["bindings"]["kafka"] == {
        "topic": "stock.commands",
        "bindingVersion": "0.5.0",
    }
    assert "stock.ReserveStock" in document["components"]["messages"]
    assert lost_references(document) == []


# --- messages --------------------------------------------------------------------------------


def message(name: str, **more: Any) -> dict[str, Any]:
    """A message of the app."""
    found: dict[str, Any] = asyncapi_document(application(**more))["components"]["messages"][name]
    return found


def test_a_message_has_its_schema_as_it_is_registered() -> None:
    """In the multi-format form, with every attribute; its doc in two lengths."""
    found = message("shop.OrderPlaced")
    assert found["payload"] == {
        "schemaFormat": "application/vnd.apache.avro;version=1.9.0",
        "schema": json.loads(declaration_of(OrderPlaced).schema.text),
    }
    assert found["summary"] == "A customer placed an order."
    assert found["description"].endswith("It begins the saga.")
    assert found["contentType"] == "application/avro"
    assert found["tags"] == [{"name": "event"}]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("shop.OrderPlaced", {"type": "string", "description": "The field order_id."}),
        ("shop.OrderCancelled", {"type": "integer", "description": "The field number."}),
        (
            "shop.CountChanged",
            {"type": "string", "format": "uuid", "description": "The field shelf."},
        ),
        ("shop.Noted", None),
    ],
)
def test_a_key_is_described_by_its_field(name: str, key: dict[str, str] | None) -> None:
    """And is absent where records have none."""
    assert message(name)["bindings"]["kafka"].get("key") == key


def test_only_framing_by_ids_speaks_of_ids() -> None:
    """A single object says by itself which schema wrote it, and so does every answer."""
    frame = PayloadFrame(framing="confluent", subject_names="record")
    ids = {
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "4",
        "schemaLookupStrategy": "RecordNameStrategy",
    }
    with_ids = message("shop.OrderPlaced", frame=frame)
    assert with_ids["bindings"]["kafka"].items() >= ids.items()
    assert with_ids["x-framing"] == "confluent"
    for without in (message("shop.OrderPlaced"), message("shop.StockReserved", frame=frame)):
        assert ids.keys().isdisjoint(without["bindings"]["kafka"])
        assert without["x-framing"] == "single-object"


def test_headers_are_those_of_cloudevents_and_for_commands_of_sagas() -> None:
    """Each message names its own type."""
    assert message("shop.OrderPlaced")["headers"] == {
        "type": "object",
        "allOf": [
            {"$ref": "#/components/schemas/EventHeaders"},
            {"type": "object", "properties": {"ce_type": {"const": "shop.OrderPlaced"}}},
        ],
    }
    parts = message("stock.ReserveStock")["headers"]["allOf"]
    assert {"$ref": "#/components/schemas/CommandHeaders"} in parts
    document = asyncapi_document(application())
    required = document["components"]["schemas"]["EventHeaders"]["required"]
    assert {"ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion", "content-type"} == {
        *required
    }
    assert document["components"]["correlationIds"]["correlation"]["location"] == (
        "$message.header#/ce_correlationid"
    )


# --- operations ------------------------------------------------------------------------------


def test_a_worker_receives_answers_and_sends(saga: Definition) -> None:
    """Events of a topic together, each command by itself, and the same for a saga."""
    operations = asyncapi_document(application(sagas=(saga,)))["operations"]
    assert {name: each["action"] for name, each in operations.items()} == {
        "saga-order.ask.stock.ReleaseStock": "send",
        "saga-order.ask.stock.ReserveStock": "send",
        "saga-order.publish.shop.notes": "send",
        "saga-order.start.shop.OrderPlaced": "receive",
        "stock.execute.stock.ReleaseStock": "receive",
        "stock.execute.stock.ReserveStock": "receive",
        "stock.handle.shop.orders": "receive",
        "stock.publish.shop.counts": "send",
    }
    handle = operations["stock.handle.shop.orders"]
    assert handle["messages"] == [
        {"$ref": "#/channels/shop.orders/messages/shop.OrderCancelled"},
        {"$ref": "#/channels/shop.orders/messages/shop.OrderPlaced"},
    ]
    assert handle["bindings"]["kafka"] == {
        "groupId": {"type": "string", "enum": ["shop.stock"]},
        "clientId": {"type": "string", "enum": ["shop"]},
        "bindingVersion": "0.5.0",
    }
    assert "groupId" not in operations["stock.publish.shop.counts"]["bindings"]["kafka"]


def test_a_command_has_a_reply_at_the_address_in_its_header(saga: Definition) -> None:
    """On both sides; a command that is answered with nothing has none."""
    document = asyncapi_document(application(sagas=(saga,)))
    for name in ("stock.execute.stock.ReserveStock", "saga-order.ask.stock.ReserveStock"):
        assert document["operations"][name]["reply"] == {
            "address": {
                "description": "The inbox of the saga that asks.",
                "location": "$message.header#/reply-to",
            },
            "channel": {"$ref": "#/channels/replies"},
            "messages": [{"$ref": "#/channels/replies/messages/shop.StockReserved"}],
        }
    assert "reply" not in document["operations"]["stock.execute.stock.ReleaseStock"]
    # AsyncAPI 3: where a reply has an address, the address of its channel is unknown.
    assert document["channels"]["replies"]["address"] is None
    assert "penstock.InboxMessage" in document["components"]["schemas"]


def test_servers_stand_there_as_given() -> None:
    """With the registry, where there is one."""
    servers = (Server(name="b", host="b:1"), Server(name="a", host="a:1", protocol="kafka-secure"))
    document = asyncapi_document(application(servers=servers, registry="https://r"))
    assert list(document["servers"]) == ["a", "b"]
    assert document["servers"]["a"] == {
        "host": "a:1",
        "protocol": "kafka-secure",
        "bindings": {
            "kafka": {
                "schemaRegistryUrl": "https://r",
                "schemaRegistryVendor": "confluent",
                "bindingVersion": "0.5.0",
            }
        },
    }
    assert "servers" not in asyncapi_document(application(registry="https://r"))
