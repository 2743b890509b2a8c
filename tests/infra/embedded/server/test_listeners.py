"""A broker that listens on several addresses is one broker."""

import asyncio
import socket

import pytest

from penstock.infra.embedded.server.broker_options import BrokerOptions, FurtherListener
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.listener import AddressTaken
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.call import ListenerAddress
from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from tests.infra.embedded.server.in_loop import in_loop
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
