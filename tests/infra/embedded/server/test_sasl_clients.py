import asyncio
import threading
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.wire.api_key import ApiKey
from tests.infra.embedded.server.in_loop import in_loop
from tests.infra.embedded.server.raw_client import Closed, RawClient, frame, request_bytes
from tests.infra.embedded.server.requests_by_hand import METADATA, metadata

PASSWORD = "secret, and = more"  # noqa: S105 - made up
"""With what both mechanisms must escape."""
WRONG = "guess"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OPTIONS = BrokerOptions(users={"alice": PASSWORD})


@pytest.mark.parametrize("mechanism", MECHANISMS)
@in_loop
async def test_aiokafka_gets_in_with_the_right_password_alone(mechanism: str) -> None:
    """Aiokafka gets in with the right password alone."""
    async with EmbeddedBroker(OPTIONS) as broker:
        how = {
            "bootstrap_servers": broker.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": mechanism,
            "sasl_plain_username": "alice",
        }
        producer = AIOKafkaProducer(**how, sasl_plain_password=PASSWORD)
        await producer.start()
        await producer.send_and_wait("t", b"a")
        await producer.stop()
        consumer = AIOKafkaConsumer(
            "t", **how, sasl_plain_password=PASSWORD, auto_offset_reset="earliest"
        )
        await consumer.start()
        assert (await consumer.getone()).value == b"a"
        await consumer.stop()
        stranger = AIOKafkaProducer(**how, sasl_plain_password=WRONG)
        with pytest.raises(KafkaError):
            await stranger.start()
        await stranger.stop()


@pytest.mark.parametrize("mechanism", MECHANISMS)
@in_loop
async def test_librdkafka_gets_in_with_the_right_password_alone(mechanism: str) -> None:
    """Librdkafka gets in with the right password alone."""
    async with EmbeddedBroker(OPTIONS) as broker:
        how = {
            "bootstrap.servers": broker.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": "alice",
        }

        def play() -> Any:
            right = {**how, "sasl.password": PASSWORD}
            producer = Producer(right)
            producer.produce("t", b"a")
            assert producer.flush(20) == 0
            consumer = Consumer({**right, "group.id": "g", "auto.offset.reset": "earliest"})
            consumer.subscribe(["t"])
            try:
                message = consumer.poll(20)
                return None if message is None else message.value()
            finally:
                consumer.close()

        assert await asyncio.to_thread(play) == b"a"

        def stranger() -> str:
            refused = threading.Event()
            texts = []

            def note(error: object) -> None:
                texts.append(str(error))
                refused.set()

            settings: dict[str, Any] = {**how, "sasl.password": WRONG, "error_cb": note}
            admin = AdminClient(settings)
            for _ in range(100):
                admin.poll(0.1)
                if refused.is_set():
                    break
            with pytest.raises(KafkaException):
                admin.list_topics(timeout=0.5)
            return texts[0]

        assert "uthentication failed" in await asyncio.to_thread(stranger)


@in_loop
async def test_a_client_that_has_not_said_who_it_is_is_disconnected() -> None:
    """It may ask which versions there are, and nothing else."""
    async with EmbeddedBroker(OPTIONS) as broker:
        async with await RawClient.connect(broker) as client:
            assert len(await client.ask_bytes(request_bytes(18, 0))) > 100
            with pytest.raises(Closed):
                await client.ask(ApiKey.METADATA, METADATA, metadata())
        async with await RawClient.connect(broker) as client:
            client.send(request_bytes(36, 0, b"\0\0\0\1a"))
            assert await client.is_closed()


@in_loop
async def test_a_mechanism_that_is_not_there_is_refused_with_those_that_are() -> None:
    """UNSUPPORTED_SASL_MECHANISM, and then the end."""
    async with EmbeddedBroker(OPTIONS) as broker, await RawClient.connect(broker) as client:
        answer = await client.ask_bytes(request_bytes(17, 1, b"\0\6GSSAPI"))
        assert answer[4:6] == b"\0\x21"
        assert all(name.encode() in answer for name in MECHANISMS)
        assert await client.is_closed()


@in_loop
async def test_a_failed_authentication_is_answered_then_the_connection_is_closed() -> None:
    """A failed authentication is answered then the connection is closed."""
    async with EmbeddedBroker(OPTIONS) as broker, await RawClient.connect(broker) as client:
        await client.ask_bytes(request_bytes(17, 1, b"\0\5PLAIN"))
        answer = await client.ask_bytes(request_bytes(36, 1, b"\0\0\0\x0c\0alice\0guess"))
        assert answer[4:6] == b"\0\x3a"
        assert b"Authentication failed: Invalid username or password" in answer
        assert await client.is_closed()


@in_loop
async def test_after_the_old_handshake_messages_come_bare() -> None:
    """Without a header, in which an error could be told: who is wrong loses the connection."""
    async with EmbeddedBroker(OPTIONS) as broker:
        async with await RawClient.connect(broker) as client:
            await client.ask_bytes(request_bytes(17, 0, b"\0\5PLAIN"))
            assert await client.ask_bytes(frame(b"\0alice\0" + PASSWORD.encode())) == b""
            answer = await client.ask(ApiKey.METADATA, METADATA, metadata())
            assert answer.brokers[0].node_id == 1
        async with await RawClient.connect(broker) as client:
            await client.ask_bytes(request_bytes(17, 0, b"\0\5PLAIN"))
            client.send(frame(b"\0alice\0guess"))
            assert await client.is_closed()
