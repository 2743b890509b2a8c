"""The registry that we serve, before the clients of others: Confluent's own, over a real Kafka."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from penstock.infra.bootstrap import connect
from penstock.infra.settings import Settings
from tests.integration.registry_process import LIMIT_S, RegistryProcess, ShopProject

PLAIN = {"type": "record", "name": "B", "namespace": "x", "fields": []}


def text(**fields: Any) -> str:
    """A schema with these fields."""
    listed = [
        {"name": name, "type": kind} if not isinstance(kind, dict) else {"name": name, **kind}
        for name, kind in fields.items()
    ]
    return json.dumps(PLAIN | {"fields": listed})


@pytest.fixture
def shop(
    kafka: str, tmp_path: Path, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> ShopProject:
    """A project with its topics."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return ShopProject(tmp_path, kafka, unique)


@pytest.fixture
def served(shop: ShopProject) -> Iterator[RegistryProcess]:
    """The registry over that project's Kafka."""
    with shop.serving() as process:
        yield process


@pytest.fixture
def client(served: RegistryProcess) -> Iterator[Callable[[], SchemaRegistryClient]]:
    """Make clients of Confluent's, each with a memory of its own."""
    with ExitStack() as closing:
        yield lambda: closing.enter_context(SchemaRegistryClient({"url": served.url}))


def refused(call: Callable[[], object]) -> tuple[int, int]:
    """Status and code of a refusal, as Confluent's client reads them."""
    with pytest.raises(SchemaRegistryError) as error:
        call()
    assert error.value.error_message
    return error.value.http_status_code, error.value.error_code


def test_confluents_client(
    client: Callable[[], SchemaRegistryClient], unique: Callable[[str], str]
) -> None:
    """Registers, looks up, reads, asks and sets, and understands what is refused."""
    writer = client()
    subject, marker = f"{unique('a')}-value", unique("f").replace("-", "_")
    old = Schema(text(**{marker: "string"}), "AVRO")
    new = Schema(text(**{marker: "string", "note": {"type": "string", "default": ""}}), "AVRO")
    bad = Schema(text(**{marker: "string", "sum": "long"}), "AVRO")

    first = writer.register_schema(subject, old)
    assert writer.register_schema(subject, old) == first
    second = writer.register_schema(subject, new)
    fresh = client()
    assert json.loads(fresh.get_schema(first).schema_str or "") == json.loads(old.schema_str or "")
    assert subject in fresh.get_subjects()
    assert fresh.get_versions(subject) == [1, 2]
    assert fresh.get_latest_version(subject).schema_id == second
    assert fresh.get_version(subject, 1).schema_id == first
    assert fresh.lookup_schema(subject, new).version == 2
    assert fresh.get_schema_types() == ["AVRO"]
    assert fresh.get_global_mode() == "READWRITE"
    assert fresh.get_subjects_by_schema_id(first) == [subject]
    assert fresh.get_schema_versions(first)[0].subject == subject

    assert fresh.test_compatibility(subject, new)
    assert not fresh.test_compatibility(subject, bad, verbose=True)
    assert not fresh.test_compatibility_all_versions(subject, bad)
    assert refused(lambda: fresh.register_schema(subject, bad)) == (409, 409)
    assert fresh.get_compatibility(subject) == "BACKWARD_TRANSITIVE"
    fresh.set_compatibility(subject, "NONE")
    assert fresh.get_compatibility(subject) == "NONE"
    assert fresh.register_schema(subject, bad) > second

    assert refused(lambda: fresh.get_schema(2**31 - 1)) == (404, 40403)
    assert refused(lambda: fresh.get_versions("none")) == (404, 40401)
    assert refused(lambda: fresh.get_version(subject, 99)) == (404, 40402)
    assert refused(lambda: fresh.delete_subject(subject)) == (422, 42205)
    assert refused(lambda: fresh.set_compatibility(subject, "STRICT"))[1] == 42203
    assert refused(lambda: fresh.register_schema(subject, Schema('"string"', "AVRO"))) == (
        422,
        42201,
    )


def test_what_services_register_is_seen_while_it_runs(
    shop: ShopProject, client: Callable[[], SchemaRegistryClient]
) -> None:
    """An event that is published gives the subject of its topic a version."""
    reader = client()
    subject = f"{shop.orders}-value"
    assert refused(lambda: reader.get_versions(subject)) == (404, 40401)
    done = shop.run("publish", "shop.Placed", '{"order_id": "o-1", "total": 19.99}')
    assert done.returncode == 0, done.stderr
    found = reader.get_latest_version(subject)
    assert json.loads(found.schema.schema_str or "")["topic"] == shop.orders


def test_sigterm_ends_it_with_0(shop: ShopProject) -> None:
    """Also with a client connected; and whoever listens for others is warned."""
    with (
        shop.serving("--host", "0.0.0.0") as process,  # noqa: S104 - the point
        SchemaRegistryClient({"url": process.url}) as connected,
    ):
        connected.get_subjects()
        code, errors = process.stop()
    assert code == 0, errors
    assert "penstock: whoever reaches 0.0.0.0 can read and register schemas" in errors
    assert "Traceback" not in errors


# Messages, both ways


@asynccontextmanager
async def bus_of(shop: ShopProject, **settings: Any) -> AsyncIterator[Any]:
    """A program of the project."""
    async with connect(Settings(app=shop.app, kafka=shop.kafka, **settings)) as bus:
        yield bus


def placed(shop: ShopProject) -> Any:
    """The project's event."""
    return import_module(shop.module).Placed


async def published(shop: ShopProject, event: Any, **settings: Any) -> None:
    """Publish one event."""
    async with bus_of(shop, **settings) as bus:
        await bus.publish(event)


async def read_all(shop: ShopProject, **settings: Any) -> list[Any]:
    """Read the topic to its end."""
    async with (
        bus_of(shop, **settings) as bus,
        bus.subscribe([placed(shop)], until="end") as events,
    ):
        return [each.event async for each in events]


def consumed(shop: ShopProject) -> bytes:
    """The value of the topic's first record."""
    consumer = Consumer(
        {
            "bootstrap.servers": shop.kafka,
            "group.id": f"{shop.app}-confluent",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([shop.orders])
    try:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                value = message.value()
                assert isinstance(value, bytes)
                return value
    finally:
        consumer.close()
    pytest.fail("nothing came")


def produce(shop: ShopProject, value: bytes | None) -> None:
    """Write one record with Confluent's client, which ends with this call."""
    producer = Producer({"bootstrap.servers": shop.kafka})
    producer.produce(shop.orders, key=b"o-7", value=value)
    assert producer.flush(LIMIT_S) == 0


WAYS = pytest.mark.parametrize("over_http", [False, True], ids=["own ids", "ids over HTTP"])


def settings_of(served: RegistryProcess, *, over_http: bool) -> dict[str, Any]:
    """Ids from the topic itself, or from the registry over HTTP: they are the same."""
    return {"schema_registry": served.url} if over_http else {"framing": "confluent"}


@WAYS
def test_confluents_deserializer_reads_what_we_write(
    shop: ShopProject,
    served: RegistryProcess,
    client: Callable[[], SchemaRegistryClient],
    over_http: bool,
) -> None:
    """With the id that the served registry gives for it."""
    event = placed(shop)(order_id="o-1", total=Decimal("19.99"), note="soon")
    asyncio.run(published(shop, event, **settings_of(served, over_http=over_http)))
    value = consumed(shop)
    assert value[0] == 0
    deserializer = AvroDeserializer(client())
    found = deserializer(value, SerializationContext(shop.orders, MessageField.VALUE))
    assert found == {"order_id": "o-1", "total": Decimal("19.99"), "note": "soon"}


@WAYS
def test_we_read_what_confluents_serializer_writes(
    shop: ShopProject,
    served: RegistryProcess,
    client: Callable[[], SchemaRegistryClient],
    over_http: bool,
) -> None:
    """A schema of their own, without our attributes; what it lacks has its default."""
    foreign = json.dumps(
        {
            "type": "record",
            "name": "Placed",
            "namespace": "shop",
            "fields": [
                {"name": "order_id", "type": "string"},
                {
                    "name": "total",
                    "type": {
                        "type": "bytes",
                        "logicalType": "decimal",
                        "precision": 12,
                        "scale": 2,
                    },
                },
                {"name": "shelf", "type": "int"},
            ],
        }
    )
    serializer = AvroSerializer(client(), foreign)
    context = SerializationContext(shop.orders, MessageField.VALUE)
    value = serializer({"order_id": "o-7", "total": Decimal("7.50"), "shelf": 3}, context)
    produce(shop, value)
    (event,) = asyncio.run(read_all(shop, **settings_of(served, over_http=over_http)))
    assert event == placed(shop)(order_id="o-7", total=Decimal("7.50"), note=None)
