"""A broker that listens on several addresses is one broker."""

import asyncio
import os
import resource
import socket
from typing import Final

import pytest

from penstock.infra.embedded.server.broker_options import BrokerOptions, FurtherListener
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.listener import AddressTaken
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.call import ListenerAddress
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from tests.infra.embedded.server.in_loop import in_loop, leap, turns, until
from tests.infra.embedded.server.raw_client import RawClient
from tests.infra.embedded.server.requests_by_hand import METADATA, metadata


def listening(port: LoopbackPort, *, told: str = "box.example") -> BrokerOptions:
    """Listen on any port, and on this one, where clients are told another address."""
    bound = ListenerAddress(LOOPBACK, port.number)
    return BrokerOptions(further=(FurtherListener(bound, ListenerAddress(told, 7)),))


@in_loop
async def test_each_listener_tells_its_own_address() -> None:
    """The broker behind them is one: both see its topic."""
    with LoopbackPort() as port:
        async with EmbeddedBroker(listening(port)) as broker:
            broker.broker.ensure_topic("orders", now_ms=0)
            found = []
            for host, number in (broker.address, (LOOPBACK, port.number)):
                async with RawClient(*await asyncio.open_connection(host, number)) as client:
                    answer = await client.ask(ApiKey.METADATA, METADATA, metadata("orders"))
                (node,), (topic,) = answer.brokers, answer.topics
                found.append(((node.host, node.port), topic.error_code))
            assert found == [(broker.address, 0), (("box.example", 7), 0)]
            assert broker.statistics().accepted == 2


@in_loop
async def test_all_listeners_stop_serving_and_serve_again() -> None:
    """What stops the broker stops each."""
    with LoopbackPort() as port:
        async with EmbeddedBroker(listening(port)) as broker:
            addresses: list[tuple[str, int]] = [broker.address, (LOOPBACK, port.number)]
            await broker.faults.stop_serving()
            for address in addresses:
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(*address)
            await broker.faults.serve_again()
            for address in addresses:
                _, writer = await asyncio.open_connection(*address)
                writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*addresses[1])


_ACCEPTING: Final = range(6)
"""Turns of the loop between a client's connecting and the end: more than taking a client takes."""


@pytest.mark.parametrize("turns_before", _ACCEPTING)
@in_loop
async def test_a_client_that_comes_as_the_broker_stops_is_not_left_open(turns_before: int) -> None:
    """Wherever on its way in it is: it would wait for ever for a broker that is no more."""
    broker = EmbeddedBroker()
    await broker.start()
    with socket.create_connection(broker.address) as client:
        for _ in range(turns_before):
            await asyncio.sleep(0)
        await broker.stop()
        assert has_ended(client)


@pytest.mark.parametrize("turns_before", _ACCEPTING)
@in_loop
async def test_a_client_that_comes_as_a_fault_begins_is_cut_as_all_others(
    turns_before: int,
) -> None:
    """It would be served by a broker that is told to serve nobody."""
    async with EmbeddedBroker() as broker:
        with socket.create_connection(broker.address) as client:
            for _ in range(turns_before):
                await asyncio.sleep(0)
            await broker.faults.stop_serving()
            assert has_ended(client)
            assert broker.statistics().connections == 0
        await broker.faults.serve_again()
        with socket.create_connection(broker.address) as client:
            await until(lambda: broker.statistics().connections == 1)


@in_loop
async def test_where_no_descriptor_is_left_clients_wait_and_are_served_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is turned away, and the loop does not spin meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with EmbeddedBroker() as broker:
        with socket.create_connection(broker.address) as client:
            free = os.dup(client.fileno())
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                await until(lambda: "clients have to wait" in caplog.text)
                await turns()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert (broker.statistics().accepted, len(caplog.records)) == (0, 1)
            await leap(1.0)
            await until(lambda: broker.statistics().connections == 1)


def has_ended(client: socket.socket) -> bool:
    """Whether the other side has closed or reset a connection."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


@in_loop
async def test_one_address_that_is_taken_leaves_none_behind() -> None:
    """The broker does not half start."""
    with socket.create_server((LOOPBACK, 0)) as taken, LoopbackPort() as port:
        blocked = ListenerAddress(LOOPBACK, taken.getsockname()[1])
        options = BrokerOptions(
            port=port.number, further=(FurtherListener(blocked, ListenerAddress(LOOPBACK, 1)),)
        )
        with pytest.raises(AddressTaken):
            await EmbeddedBroker(options).start()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, port.number)
