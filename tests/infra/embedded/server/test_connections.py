import asyncio
import logging
import socket
import struct
from dataclasses import replace
from datetime import timedelta

import pytest
from kio.schema.errors import ErrorCode

from penstock.infra.embedded.apis.fetch_session import FetchSessionStatistics
from penstock.infra.embedded.broker import LOG_MEMORY_BYTES
from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.connection import Connection
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.listener import AddressTaken
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.call import ListenerAddress
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from tests.infra.embedded.server.in_loop import in_loop, leap, turns, until
from tests.infra.embedded.server.raw_client import (
    RawClient,
    answer_of,
    encoded,
    frame,
    request_bytes,
)
from tests.infra.embedded.server.requests_by_hand import (
    FETCH,
    METADATA,
    PRODUCE,
    fetch,
    fetched,
    metadata,
    produce,
)
from tests.infra.embedded.server.slow_disk import SlowDisk

_VERSIONS = request_bytes(18, 0)
_TOO_LATE = b"SaslAuthenticate request received after successful authentication".hex()
_UNSUPPORTED = "0000 0007 0023 0000 0001 0012 0000 0004"
"""Error 35 in the format of version 0, with the versions of ApiVersions itself."""


def _with(**config: str) -> BrokerOptions:
    names = {name.replace("_", "."): value for name, value in config.items()}
    return BrokerOptions(config=names)


@pytest.mark.parametrize(
    ("request_frame", "expected"),
    [
        (request_bytes(18, 5, b"\2a\2b\0", flexible=True), _UNSUPPORTED),
        (request_bytes(18, 99, flexible=True), _UNSUPPORTED),
        (request_bytes(18, -1), _UNSUPPORTED),
        (request_bytes(18, 4, b"\1\2b\0", flexible=True), "0000 0007 002a 01 0000 0000 00"),
        (request_bytes(17, 1, b"\0\5PLAIN"), "0000 0007 0022 0000 0000"),
        (request_bytes(36, 0, b"\0\0\0\1a"), "0000 0007 0022 0041" + _TOO_LATE + "0000 0000"),
    ],
    ids=["newer", "far-newer", "negative", "nameless-client", "handshake", "authenticate"],
)  # fmt: skip
@in_loop
async def test_answers_are_byte_for_byte_those_of_apache_kafka(
    request_frame: bytes, expected: str
) -> None:
    """Measured before 4.1.0; the connection stays open after each."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        assert await client.ask_bytes(request_frame) == bytes.fromhex(expected)
        assert len(await client.ask_bytes(_VERSIONS)) > 100


@pytest.mark.parametrize("version", range(5))
@in_loop
async def test_every_version_of_api_versions_tells_the_whole_table(version: int) -> None:
    """A client goes by it, and asks for nothing that is not there."""
    body = b"\2a\2b\0" if version >= 3 else b""
    data = request_bytes(18, version, body, flexible=version >= 3)
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        answer = answer_of(ApiKey.API_VERSIONS, version, await client.ask_bytes(data))
    assert answer.error_code is ErrorCode.none
    assert {key.api_key: key.max_version for key in answer.api_keys} == {
        int(key): api.highest for key, api in API_TABLE.items()
    }


@pytest.mark.parametrize(
    "hostile",
    [
        struct.pack(">i", 2**31 - 1),
        struct.pack(">i", -1),
        struct.pack(">i", -(2**31)),
        struct.pack(">i", 104_857_601),
        struct.pack(">i", 0),
        frame(b"\0"),
        frame(b"GET / HTTP/1.1"),
        b"GET / HTTP/1.1\r\nHost: kafka\r\n\r\n",
        request_bytes(999, 0),
        request_bytes(0, 2),
        request_bytes(3, 99, flexible=True),
        request_bytes(3, 5, struct.pack(">i", 2**31 - 1)),
        request_bytes(3, 12, b"\xff" * 20, flexible=True),
        request_bytes(18, 3, b"\x09a", flexible=True),
    ],
    ids=["2GB", "negative", "least", "limit+1", "empty", "one-byte", "text-frame", "http",
         "unknown-api", "produce-v2", "unknown-version", "huge-count", "endless-number", "cut"],
)  # fmt: skip
@in_loop
async def test_bytes_that_make_no_sense_end_their_connection_and_no_other(hostile: bytes) -> None:
    """Without an answer: there is none that a client could read."""
    async with (
        EmbeddedBroker() as broker,
        await RawClient.connect(broker) as other,
        await RawClient.connect(broker) as client,
    ):
        client.send(hostile)
        assert await client.is_closed()
        assert len(await other.ask_bytes(_VERSIONS)) > 100


@in_loop
async def test_a_request_that_is_not_there_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """However many clients ask for it, however often."""
    with caplog.at_level(logging.WARNING, "penstock.embedded"):
        async with EmbeddedBroker() as broker:
            for number in (999, 999, 998, 999):
                async with await RawClient.connect(broker) as client:
                    client.send(request_bytes(number, 0))
                    assert await client.is_closed()
    said = [record.getMessage() for record in caplog.records]
    assert [("999" in line, "998" in line) for line in said] == [(True, False), (False, True)]


@in_loop
async def test_what_was_asked_before_the_nonsense_is_answered() -> None:
    """Its client counts on it."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        client.send(_VERSIONS + b"\xff\xff\xff\xff")
        assert len(await client.receive()) > 100
        assert await client.is_closed()


@in_loop
async def test_forty_requests_in_flight_are_answered_in_their_order() -> None:
    """Also where some of them wait and others do not."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        for number in range(0, 40, 2):
            client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=1), number=number))
            client.send(request_bytes(18, 0, number=number + 1))
        numbers = [int.from_bytes((await client.receive())[:4], "big") for _ in range(40)]
    assert numbers == list(range(40))


@in_loop
async def test_an_answer_does_not_wait_for_the_acknowledgement_of_the_one_before() -> None:
    """With Nagle's algorithm, each of two requests in flight would take 40 ms."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask_bytes(_VERSIONS)
        (connection,) = broker._opened().clients.connections
        assert isinstance(connection, Connection)
        own = connection._transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@in_loop
async def test_a_frame_may_come_in_any_pieces() -> None:
    """Here byte by byte."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        for byte in _VERSIONS:
            client.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert len(await client.receive()) > 100


@in_loop
async def test_a_waiting_fetch_holds_up_its_own_connection_alone_and_is_woken_by_a_record() -> None:
    """What was asked behind it is answered behind it."""
    async with (
        EmbeddedBroker() as broker,
        await RawClient.connect(broker) as reader,
        await RawClient.connect(broker) as writer,
    ):
        await writer.ask(ApiKey.METADATA, METADATA, metadata("t"))
        reader.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=600_000), number=1))
        reader.send(request_bytes(18, 0, number=2))
        while not broker.statistics().waiting_fetches:
            await writer.ask_bytes(_VERSIONS)
        answer = await writer.ask(ApiKey.PRODUCE, PRODUCE, produce("t", b"hello"))
        assert answer.responses[0].partition_responses[0].error_code is ErrorCode.none
        first = await reader.receive()
        assert first[:4] == b"\0\0\0\1"
        records = fetched(answer_of(ApiKey.FETCH, FETCH, first)).records
        assert b"hello" in records
        assert (await reader.receive())[:4] == b"\0\0\0\2"
        assert broker.statistics().waiting_fetches == 0


@in_loop
async def test_fetch_sessions_are_counted() -> None:
    """They are what a handler keeps for its clients, and shows once somebody has used it."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        assert broker.statistics().kept == ()
        opens = replace(fetch("t", 0, wait_ms=0), session_epoch=0)
        await client.ask(ApiKey.FETCH, FETCH, opens)
        sessions = FetchSessionStatistics(sessions=1, partitions=1, evictions=0)
        assert broker.statistics().kept == (sessions,)


@in_loop
async def test_a_client_that_leaves_takes_its_wait_along() -> None:
    """Nothing is kept for whom nobody can answer."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        async with await RawClient.connect(broker) as reader:
            reader.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=600_000)))
            while not broker.statistics().waiting_fetches:
                await other.ask_bytes(_VERSIONS)
        while broker.statistics().waiting_fetches:
            await other.ask_bytes(_VERSIONS)
        assert broker.statistics().connections == 1


@in_loop
async def test_a_produce_without_acknowledgement_has_no_answer() -> None:
    """The next answer is that of the next request, which finds the record."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a", acks=0), number=1))
        client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=0), number=2))
        answer = await client.receive()
        assert answer[:4] == b"\0\0\0\2"
        assert fetched(answer_of(ApiKey.FETCH, FETCH, answer)).high_watermark == 1


@in_loop
async def test_a_client_that_takes_no_answers_is_served_no_further_and_misses_nothing() -> None:
    """Its requests wait, and not their answers, which are a megabyte each."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        await other.ask(ApiKey.PRODUCE, PRODUCE, produce("t", bytes(900_000)))
        async with await RawClient.connect(broker) as reader:
            for number in range(60):
                request = fetch("t", 0, wait_ms=0)
                reader.send(encoded(ApiKey.FETCH, FETCH, request, number=number))
            for _ in range(100):
                await other.ask_bytes(_VERSIONS)
            now = broker.statistics()
            assert now.requests - 102 < 40, "the rest of the reader's wait; sockets hold some"
            assert now.unsent_bytes < 3_000_000
            for number in range(60):
                answer = await reader.receive()
                assert answer[:4] == number.to_bytes(4, "big")
                assert len(answer) > 900_000


@in_loop
async def test_answers_that_nobody_takes_have_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond it the connection is cut, and the log says so."""
    broker = EmbeddedBroker()
    async with broker:
        clients = broker._opened().clients
        # Not more than what one connection may keep, or it is only stopped: whether a second answer
        # is begun depends on how much of the first the system's buffers have taken.
        clients.unsent.limit = 1_000_000
        async with await RawClient.connect(broker) as other:
            await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
            await other.ask(ApiKey.PRODUCE, PRODUCE, produce("t", bytes(990_000)))
            raw = socket.create_connection(broker.address)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with raw:
                raw.sendall(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=0)) * 40)
                await until(lambda: broker.statistics().connections == 2)
                await until(lambda: broker.statistics().connections == 1)
            assert broker.statistics().unsent_bytes == 0
            assert "does not take its answers" in caplog.text


@in_loop
async def test_connections_beyond_the_limit_are_refused_and_those_within_live(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that goes makes room for the next."""
    async with EmbeddedBroker(_with(max_connections="2")) as broker:
        async with await RawClient.connect(broker) as one, await RawClient.connect(broker) as two:
            await one.ask_bytes(_VERSIONS)
            await two.ask_bytes(_VERSIONS)
            async with await RawClient.connect(broker) as three:
                assert await three.is_closed()
            assert broker.statistics().refused == 1
            assert "is refused" in caplog.text
            await one.ask_bytes(_VERSIONS)
            await two.ask_bytes(_VERSIONS)
        await until(lambda: broker.statistics().connections == 0)
        async with await RawClient.connect(broker) as four:
            await four.ask_bytes(_VERSIONS)


@in_loop
async def test_connections_of_one_address_have_a_limit_of_their_own() -> None:
    """`max.connections.per.ip`."""
    async with (
        EmbeddedBroker(_with(max_connections_per_ip="1")) as broker,
        await RawClient.connect(broker) as one,
    ):
        await one.ask_bytes(_VERSIONS)
        async with await RawClient.connect(broker) as two:
            assert await two.is_closed()


@in_loop
async def test_a_connection_that_nobody_uses_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    """After `connections.max.idle.ms`, and not before."""
    with caplog.at_level(logging.INFO, "penstock.embedded"):
        async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
            await client.ask_bytes(_VERSIONS)
            await leap(590.0)
            assert broker.statistics().connections == 1
            await leap(600.0)
            assert await client.is_closed()
    assert "idle for 600000 ms" in caplog.text


@in_loop
async def test_idleness_may_be_without_a_limit() -> None:
    """-1, as with Apache Kafka."""
    async with (
        EmbeddedBroker(_with(connections_max_idle_ms="-1")) as broker,
        await RawClient.connect(broker) as client,
    ):
        await client.ask_bytes(_VERSIONS)
        await leap(86_400.0)
        assert broker.statistics().connections == 1
        await client.ask_bytes(_VERSIONS)


@in_loop
async def test_a_wait_is_no_idleness() -> None:
    """Who waits for an answer is not cut off, however long that takes."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=3_600_000)))
        await until(lambda: broker.statistics().waiting_fetches == 1)
        await leap(1200.0)
        assert broker.statistics().connections == 1
        broker.faults.move_clock(timedelta(hours=1))
        answer = answer_of(ApiKey.FETCH, FETCH, await client.receive())
        assert fetched(answer).error_code is ErrorCode.none


@in_loop
async def test_a_request_longer_than_allowed_is_refused_by_its_length(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Before any of it has come; the log says why."""
    async with (
        EmbeddedBroker(_with(socket_request_max_bytes="1000")) as broker,
        await RawClient.connect(broker) as client,
    ):
        await client.ask_bytes(_VERSIONS)
        client.send(struct.pack(">i", 1001))
        assert await client.is_closed()
        assert broker.statistics().broken_off == 1
        assert "1001" in caplog.text


@in_loop
async def test_requests_of_all_connections_together_have_a_limit_and_none_is_lost() -> None:
    """Who has begun a request may finish it; who begins one beyond the limit waits."""
    big = encoded(ApiKey.PRODUCE, PRODUCE, produce("t", bytes(500_000)))
    async with EmbeddedBroker(_with(queued_max_request_bytes="600000")) as broker:
        clients = [await RawClient.connect(broker) for _ in range(6)]
        await clients[0].ask(ApiKey.METADATA, METADATA, metadata("t"))
        for client in clients:
            client.send(big[:400_000])
        await until(lambda: broker.statistics().queued_bytes >= 600_000)
        for client in clients:
            client.send(big[400_000:])
        offsets = set()
        for client in clients:
            answer = answer_of(ApiKey.PRODUCE, PRODUCE, await client.receive())
            offsets.add(answer.responses[0].partition_responses[0].base_offset)
            client.close()
        assert offsets == set(range(6))
        await until(lambda: broker.statistics().connections == 0)
        assert broker.statistics().queued_bytes == 0


@in_loop
async def test_an_answer_leaves_when_what_it_says_is_kept() -> None:
    """It would be a promise that a loss of power breaks."""
    disk = SlowDisk()
    async with (
        EmbeddedBroker(open_storage=lambda: disk) as broker,
        await RawClient.connect(broker) as client,
    ):
        disk.unsynced = False
        client.send(encoded(ApiKey.METADATA, METADATA, metadata("t")))
        await until(lambda: disk.unsynced)
        await turns()
        assert broker.statistics().requests == 1
        assert not client.has_mail
        disk.written.set()
        answer = answer_of(ApiKey.METADATA, METADATA, await client.receive())
        assert answer.topics[0].name == "t"


@in_loop
async def test_memory_has_a_limit_and_a_disk_has_its_own() -> None:
    """1 GiB of records is much for memory and little for a disk, which says when it is full."""
    disk = SlowDisk()
    disk.in_memory = False
    async with EmbeddedBroker() as broker, EmbeddedBroker(open_storage=lambda: disk) as on_disk:
        assert broker.broker.statistics().logs.memory_bytes == LOG_MEMORY_BYTES
        assert on_disk.broker.statistics().logs.memory_bytes is None
        disk.written.set()


@in_loop
async def test_what_a_client_did_is_done_although_it_left_while_the_disk_was_waited_for() -> None:
    """Those who wait for its record are woken as soon as that is safe."""
    disk = SlowDisk()
    async with (
        EmbeddedBroker(open_storage=lambda: disk) as broker,
        await RawClient.connect(broker) as reader,
        await RawClient.connect(broker) as client,
    ):
        disk.written.set()
        await reader.ask(ApiKey.METADATA, METADATA, metadata("t"))
        reader.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=600_000)))
        await until(lambda: broker.statistics().waiting_fetches == 1)
        disk.written.clear()
        disk.unsynced = True
        client.send(encoded(ApiKey.PRODUCE, PRODUCE, produce("t", b"a")))
        await until(lambda: broker.statistics().requests == 3)
        client.close()
        await until(lambda: broker.statistics().connections == 1)
        disk.written.set()
        await until(lambda: broker.statistics().waiting_fetches == 0)


@in_loop
async def test_a_member_whose_connection_ends_before_its_wait_has_begun_is_forgotten() -> None:
    """Nothing is kept for an answer that nobody will take."""
    async with EmbeddedBroker() as broker, await RawClient.connect(broker) as client:
        await client.ask_bytes(_VERSIONS)
        (connection,) = broker._listeners[0].clients.connections
        assert isinstance(connection, Connection)
        group, timeouts = b"\0\1g", struct.pack(">ii", 30_000, 30_000)
        protocols = b"\0\0\0\1" + b"\0\5range" + b"\0\0\0\0"
        join = request_bytes(11, 2, group + timeouts + b"\0\0" + b"\0\10consumer" + protocols)
        connection.data_received(join)
        assert broker.statistics().waiting_members == 1
        connection.connection_lost(None)  # as after an answer that could not be written
        await until(lambda: broker.statistics().waiting_members == 0)
        assert broker.broker.groups.statistics().waiting == 0


class _FullDisk(SlowDisk):
    """A storage that keeps nothing any more, once it is full."""

    is_full = False

    def keep(self, entry: object) -> None:
        """Refuse."""
        del entry
        if self.is_full:
            raise OSError(28, "No space left on device")


@in_loop
async def test_a_full_disk_is_said_once_and_answered_as_kafka_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever wants something kept is told KAFKA_STORAGE_ERROR; others do not notice."""
    disk = _FullDisk()
    async with (
        EmbeddedBroker(open_storage=lambda: disk) as broker,
        await RawClient.connect(broker) as client,
        await RawClient.connect(broker) as other,
    ):
        disk.is_full = True
        answer = await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        assert answer.topics[0].error_code is ErrorCode.kafka_storage_error
        await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        assert caplog.text.count("No space left on device") == 1
        assert broker.statistics().failed == 0
        await other.ask_bytes(_VERSIONS)
        await client.ask_bytes(_VERSIONS)


@in_loop
async def test_a_stop_does_not_wait_for_those_who_wait() -> None:
    """A fetch may wait for ten minutes."""
    broker = EmbeddedBroker()
    await broker.start()
    async with await RawClient.connect(broker) as client, await RawClient.connect(broker) as other:
        await other.ask(ApiKey.METADATA, METADATA, metadata("t"))
        client.send(encoded(ApiKey.FETCH, FETCH, fetch("t", 0, wait_ms=600_000)))
        while not broker.statistics().waiting_fetches:
            await other.ask_bytes(_VERSIONS)
        async with asyncio.timeout(5):
            await broker.stop()
        assert await client.is_closed()
        assert await other.is_closed()


@in_loop
async def test_an_address_that_is_taken_is_an_error_that_names_it() -> None:
    """And the broker that did not start can be stopped all the same."""
    async with EmbeddedBroker() as broker:
        second = EmbeddedBroker(BrokerOptions(port=broker.address.port))
        with pytest.raises(AddressTaken) as taken:
            await second.start()
        assert taken.value.port == broker.address.port
        await second.stop()


@in_loop
async def test_answers_name_the_address_that_is_bound_or_told() -> None:
    """What is told wins: it is how clients reach a broker in a container."""
    with LoopbackPort() as port:
        bound = BrokerOptions(port=port.number)
        told = replace(bound, advertised=ListenerAddress("box", 7))
        for options, address in ((bound, (LOOPBACK, port.number)), (told, ("box", 7))):
            async with EmbeddedBroker(options):
                connected = await asyncio.open_connection(LOOPBACK, port.number)
                async with RawClient(*connected) as client:
                    answer = await client.ask(ApiKey.METADATA, METADATA, metadata())
                assert (answer.brokers[0].host, answer.brokers[0].port) == address


class _BrokenStorage(SlowDisk):
    """A storage with a bug, once it is told to."""

    is_broken = False

    def keep(self, entry: object) -> None:
        """Fail as nobody should."""
        del entry
        if self.is_broken:
            message = "a bug of the storage"
            raise RuntimeError(message)

    async def sync(self) -> None:
        """Fail as nobody should."""
        if self.is_broken:
            message = "a bug of the storage"
            raise RuntimeError(message)


@in_loop
async def test_a_bug_is_logged_and_answered_and_others_do_not_notice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its client sees UNKNOWN_SERVER_ERROR, and nobody else sees anything."""
    storage = _BrokenStorage()
    async with (
        EmbeddedBroker(open_storage=lambda: storage) as broker,
        await RawClient.connect(broker) as client,
        await RawClient.connect(broker) as other,
    ):
        storage.is_broken = True
        answer = await client.ask(ApiKey.METADATA, METADATA, metadata("t"))
        assert answer.topics[0].error_code is ErrorCode.unknown_server_error
        assert "a bug of the storage" in caplog.text
        assert broker.statistics().failed == 1
        await other.ask_bytes(_VERSIONS)
        await client.ask_bytes(_VERSIONS)


@in_loop
async def test_a_bug_after_a_requests_effect_is_answered_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without its answer the client would take each next one for the one before."""
    storage = _BrokenStorage()
    async with (
        EmbeddedBroker(open_storage=lambda: storage) as broker,
        await RawClient.connect(broker) as client,
    ):
        storage.is_broken = storage.unsynced = True
        await client.ask_bytes(_VERSIONS)
        assert "a bug of the storage" in caplog.text
        storage.is_broken = storage.unsynced = False
        assert answer_of(
            ApiKey.METADATA,
            METADATA,
            await client.ask_bytes(encoded(ApiKey.METADATA, METADATA, metadata())),
        ).brokers
