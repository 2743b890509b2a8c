import pytest

from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.testing.fault_proxy import FaultProxy, ProxyNotRunning
from penstock.infra.testing.kafka_frame import BrokenFrame
from penstock.infra.testing.planned_fault import MessageLost, NotReached, WaitedInVain
from tests.infra.testing.framed_peers import (
    EchoServer,
    FramedClient,
    answer_frame,
    request_frame,
)

PRODUCE, METADATA, END_TXN = 0, 3, 26
LIMIT_S = 10.0


def test_released_before_it_came(proxy: FaultProxy, client: FramedClient) -> None:
    """A hold that is released before a message came holds nothing."""
    held = proxy.hold(END_TXN)
    with pytest.raises(NotReached):
        held.cut()
    held.release()
    client.send(request_frame(END_TXN, 1))
    assert client.read_answer() == answer_frame(1)
    assert not held.reached


def test_withdrawn_fault(proxy: FaultProxy, client: FramedClient) -> None:
    """A fault that is withdrawn does not happen; one that has happened cannot be withdrawn."""
    assert proxy.reset(PRODUCE, after_bytes=1).withdraw()
    client.send(request_frame(PRODUCE, 1))
    assert client.read_answer() == answer_frame(1)
    dropped = proxy.drop_answer(PRODUCE, then="silence")
    client.send(request_frame(PRODUCE, 2))
    dropped.wait_reached(LIMIT_S)
    assert not dropped.withdraw()


def test_cutting_all(proxy: FaultProxy) -> None:
    """`cut_all` resets all connections, held ones too, and new ones may come."""
    with FramedClient(proxy.address) as first, FramedClient(proxy.address) as second:
        held = proxy.hold(END_TXN)
        first.send(request_frame(END_TXN, 1))
        held.wait_reached(LIMIT_S)
        second.send(request_frame(METADATA, 1))
        second.read_answer()
        assert proxy.cut_all() == 2
        for client in (first, second):
            with pytest.raises(ConnectionResetError):
                client.read(1)
        assert proxy.statistics().reset == 2
    held.release()
    held.wait_answered(LIMIT_S)
    with FramedClient(proxy.address) as third:
        third.send(request_frame(METADATA, 1))
        assert third.read_answer() == answer_frame(1)


def test_refusing(proxy: FaultProxy, client: FramedClient) -> None:
    """`refuse` refuses new connections and keeps open ones; `accept` takes new ones again."""
    client.send(request_frame(METADATA, 1))
    client.read_answer()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        FramedClient(proxy.address)
    client.send(request_frame(METADATA, 2))
    assert client.read_answer() == answer_frame(2)
    proxy.accept()
    FramedClient(proxy.address).close()


def test_healing(proxy: FaultProxy, client: FramedClient) -> None:
    """`heal` releases what is held, forgets faults to come and takes connections."""
    held = proxy.hold(END_TXN)
    proxy.drop_answer(END_TXN)
    proxy.refuse()
    client.send(request_frame(END_TXN, 1))
    held.wait_reached(LIMIT_S)
    proxy.heal()
    assert client.read_answer() == answer_frame(1)
    FramedClient(proxy.address).close()


def test_waiting(proxy: FaultProxy, client: FramedClient) -> None:
    """Waits end with what they wait for, or say in vain for what they waited."""
    client.send(request_frame(METADATA, 1) + request_frame(METADATA, 2))
    proxy.wait_for(METADATA, 2, LIMIT_S)
    proxy.wait_for(METADATA, 2, LIMIT_S, direction="answer")
    with pytest.raises(WaitedInVain, match="request 3 of API key 3"):
        proxy.wait_for(METADATA, 3, 0.01)
    with pytest.raises(WaitedInVain, match="API key 26"):
        proxy.hold(END_TXN).wait_reached(0.01)


def test_no_server_behind_it() -> None:
    """A client of a proxy whose server is down is reset, and the proxy counts it."""
    with LoopbackPort() as nobody, FaultProxy(upstream=nobody.address) as proxy:
        with pytest.raises(ConnectionResetError), FramedClient(proxy.address) as client:
            client.read(1)
        assert proxy.statistics().unreachable == 1


@pytest.mark.parametrize("stream", [b"\x16\x03\x01\x02\x00\x01", b"\x00\x00\x00\x01x"])
def test_not_kafka(server: EchoServer, stream: bytes) -> None:
    """A connection that is not Kafka's is ended, and `close` says why."""
    with (
        pytest.RaisesGroup(pytest.RaisesGroup(BrokenFrame)),
        FaultProxy(upstream=server.address) as proxy,
        FramedClient(proxy.address) as client,
    ):
        client.send(stream)
        assert client.read(1) == b""


def test_a_port_that_is_taken(server: EchoServer) -> None:
    """A proxy that cannot listen says so at the start and leaves nothing running."""
    with FaultProxy(upstream=server.address) as proxy:
        second = FaultProxy(upstream=server.address, port=proxy._port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        with pytest.raises(ProxyNotRunning):
            second.cut_all()


def test_closed_while_holding(server: EchoServer) -> None:
    """A proxy that is closed ends its connections, and what it held is lost and says so."""
    with FaultProxy(upstream=server.address) as proxy:
        client = FramedClient(proxy.address)
        held = proxy.hold(END_TXN)
        client.send(request_frame(END_TXN, 1))
        held.wait_reached(LIMIT_S)
    client.close()
    server.wait_ended()
    assert server.streams == [b""]
    with pytest.raises(MessageLost):
        held.wait_answered(LIMIT_S)


def test_not_running(server: EchoServer) -> None:
    """A proxy that is not running says so; closing it twice is fine."""
    proxy = FaultProxy(upstream=server.address)
    with pytest.raises(ProxyNotRunning):
        proxy.cut_all()
    proxy.close()
    proxy.close()
