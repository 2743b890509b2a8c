"""A server, a proxy before it, and a client that came through the proxy."""

from collections.abc import Iterator

import pytest

from penstock.infra.testing.fault_proxy import FaultProxy
from tests.infra.testing.framed_peers import EchoServer, FramedClient


@pytest.fixture
def server() -> Iterator[EchoServer]:
    """A server that echoes."""
    with EchoServer() as server:
        yield server


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[FaultProxy]:
    """A proxy before it."""
    with FaultProxy(upstream=server.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[FramedClient]:
    """A client that came through the proxy."""
    with FramedClient(proxy.address) as client:
        yield client
