import threading
import time

import pytest

from penstock.infra.testing.fault_proxy import FaultProxy
from penstock.infra.testing.planned_fault import MessageLost
from tests.infra.testing.framed_peers import (
    EchoServer,
    FramedClient,
    answer_frame,
    request_frame,
)

PRODUCE, METADATA, END_TXN = 0, 3, 26
LIMIT_S = 10.0
SILENCE_S = 0.05


def test_honest_without_faults(proxy: FaultProxy, client: FramedClient) -> None:
    """Without faults every message passes, in order and unchanged, however long."""
    bodies = [b"", b"x", b"y" * 1_000_000, b"z"]
    requests = b"".join(request_frame(PRODUCE, n, body) for n, body in enumerate(bodies))
    sender = threading.Thread(target=client.send, args=(requests,))
    sender.start()
    answers = [client.read_answer() for _ in bodies]
    sender.join()
    assert answers == [answer_frame(n, body) for n, body in enumerate(bodies)]
    assert proxy.statistics().requests == {PRODUCE: 4}
    assert proxy.statistics().answers == {PRODUCE: 4}


def test_delay_is_latency(proxy: FaultProxy, client: FramedClient) -> None:
    """Messages sent together are late together: 100 delays of 0.2 s take no 20 seconds."""
    proxy.delay(0.2, PRODUCE)
    begin = time.monotonic()
    client.send(b"".join(request_frame(PRODUCE, n) for n in range(100)))
    assert [client.read_answer() for _ in range(100)] == [answer_frame(n) for n in range(100)]
    assert 0.2 <= time.monotonic() - begin < LIMIT_S


def test_delay_of_one_api_key(proxy: FaultProxy, client: FramedClient) -> None:
    """A delay of one API key leaves the others alone, and ends with `heal`."""
    proxy.delay(LIMIT_S * 2, END_TXN)
    client.send(request_frame(METADATA, 1))
    assert client.read_answer() == answer_frame(1)
    proxy.heal()
    client.send(request_frame(END_TXN, 2))
    assert client.read_answer() == answer_frame(2)


def test_held_request(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """A held request is not at the server, those behind it queue, and both go on when released."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(METADATA, 1) + request_frame(END_TXN, 2) + request_frame(METADATA, 3))
    held.wait_reached(LIMIT_S)
    server.wait_received(request_frame(METADATA, 1))
    assert client.read_answer() == answer_frame(1)
    assert client.is_silent(for_s=SILENCE_S)
    held.release()
    assert [client.read_answer(), client.read_answer()] == [answer_frame(2), answer_frame(3)]


def test_held_for_one_connection(proxy: FaultProxy, client: FramedClient) -> None:
    """A hold stops its own connection only, and takes one message only."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(END_TXN, 1))
    held.wait_reached(LIMIT_S)
    with FramedClient(proxy.address) as second:
        second.send(request_frame(END_TXN, 1))
        assert second.read_answer() == answer_frame(1)


def test_late_copy(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """A held request reaches the server although its client closed and asked again elsewhere."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(END_TXN, 1, b"first"))
    held.wait_reached(LIMIT_S)
    client.close()
    with FramedClient(proxy.address) as second:
        second.send(request_frame(END_TXN, 1, b"second"))
        assert second.read_answer() == answer_frame(1, b"second")
        assert server.streams == [b"", request_frame(END_TXN, 1, b"second")]
        held.release()
        assert held.wait_answered(LIMIT_S) == b"first"
        server.wait_received(
            request_frame(END_TXN, 1, b"first"), request_frame(END_TXN, 1, b"second")
        )
    server.wait_ended(0)


def test_late_copy_after_a_cut(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """`cut` on a held message resets its client at once and delivers the message all the same."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(END_TXN, 1))
    held.wait_reached(LIMIT_S)
    held.cut()
    with pytest.raises(ConnectionResetError):
        client.read(1)
    held.release()
    held.wait_answered(LIMIT_S)
    server.wait_received(request_frame(END_TXN, 1))


def test_overtaking(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """With `overtaking` later requests reach the server first; the client sees its own order."""
    held = proxy.hold(PRODUCE, overtaking=True)
    client.send(request_frame(PRODUCE, 1) + request_frame(METADATA, 2))
    server.wait_received(request_frame(METADATA, 2))
    assert client.is_silent(for_s=SILENCE_S)
    held.release()
    assert [client.read_answer(), client.read_answer()] == [answer_frame(1), answer_frame(2)]
    server.wait_received(request_frame(METADATA, 2) + request_frame(PRODUCE, 1))


def test_late_copy_that_was_overtaken(server: EchoServer) -> None:
    """An overtaken request is delivered after its client has gone, too, however late."""
    with FaultProxy(upstream=server.address, answer_limit_s=SILENCE_S / 2) as proxy:
        held = proxy.hold(PRODUCE, overtaking=True)
        with FramedClient(proxy.address) as client, FramedClient(proxy.address) as idle:
            client.send(request_frame(PRODUCE, 1) + request_frame(METADATA, 2))
            held.wait_reached(LIMIT_S)
            client.close()
            assert idle.is_silent(for_s=SILENCE_S)
        held.release()
        # Not its answer: for that the server has no more than the limit, from now on.
        server.wait_received(request_frame(METADATA, 2) + request_frame(PRODUCE, 1), b"")


def test_overtaking_is_bounded(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """No more than 64 requests overtake a held one; the others queue, and none is lost."""
    held = proxy.hold(PRODUCE, overtaking=True)
    requests = [request_frame(PRODUCE, 0), *(request_frame(METADATA, n) for n in range(1, 101))]
    client.send(b"".join(requests))
    held.wait_reached(LIMIT_S)
    server.wait_received(b"".join(requests[1:65]))
    assert client.is_silent(for_s=SILENCE_S)
    assert proxy.statistics().requests[METADATA] == 64
    held.release()
    assert [client.read_answer() for _ in requests] == [answer_frame(n) for n in range(101)]


def test_discarding(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """A discarded request never arrives, nor what is behind it, and its connection is reset."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(END_TXN, 1) + request_frame(METADATA, 2))
    held.wait_reached(LIMIT_S)
    held.discard()
    with pytest.raises(ConnectionResetError):
        client.read(1)
    server.wait_ended()
    assert server.streams == [b""]
    with pytest.raises(MessageLost):
        held.wait_answered(LIMIT_S)


def test_discarding_before_a_full_lane(server: EchoServer) -> None:
    """A client that has sent more than the proxy reads ahead does not keep its connection alive."""
    with FaultProxy(upstream=server.address, lane_limit_bytes=1_000) as proxy:
        held = proxy.hold(PRODUCE)
        with FramedClient(proxy.address) as client:
            client.send(b"".join(request_frame(PRODUCE, n, b"x" * 1_000) for n in range(10)))
            held.wait_reached(LIMIT_S)
            held.discard()
            deadline = time.monotonic() + LIMIT_S
            while proxy.statistics().closed == 0:
                assert time.monotonic() < deadline


def test_held_answer(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """A held answer has taken effect at the server and is not at the client."""
    held = proxy.hold(END_TXN, "answer")
    client.send(request_frame(END_TXN, 1, b"done") + request_frame(METADATA, 2))
    held.wait_reached(LIMIT_S)
    server.wait_received(request_frame(END_TXN, 1, b"done") + request_frame(METADATA, 2))
    assert client.is_silent(for_s=SILENCE_S)
    assert held.wait_answered(LIMIT_S) == b"done"
    held.release()
    assert [client.read_answer(), client.read_answer()] == [
        answer_frame(1, b"done"),
        answer_frame(2),
    ]


def test_released_too_late(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """A message released after the server has closed is lost, and says so."""
    held = proxy.hold(END_TXN)
    client.send(request_frame(END_TXN, 1))
    held.wait_reached(LIMIT_S)
    server.wait_received(b"")
    server.close_connections()
    assert client.read(1) == b""
    held.release()
    with pytest.raises(MessageLost):
        held.wait_answered(LIMIT_S)


def test_dropped_answer_with_a_cut(
    proxy: FaultProxy, client: FramedClient, server: EchoServer
) -> None:
    """A dropped answer: the request took effect, and the client sees a reset."""
    dropped = proxy.drop_answer(END_TXN, skip=1)
    client.send(request_frame(END_TXN, 1))
    assert client.read_answer() == answer_frame(1)
    client.send(request_frame(END_TXN, 2))
    with pytest.raises(ConnectionResetError):
        client.read(1)
    dropped.wait_reached(LIMIT_S)
    server.wait_received(request_frame(END_TXN, 1) + request_frame(END_TXN, 2))
    assert proxy.statistics().dropped == 1


def test_dropped_answer_with_silence(
    proxy: FaultProxy, client: FramedClient, server: EchoServer
) -> None:
    """After silence requests still arrive, and no answer comes on that connection."""
    dropped = proxy.drop_answer(END_TXN, then="silence")
    client.send(request_frame(END_TXN, 1))
    dropped.wait_reached(LIMIT_S)
    client.send(request_frame(METADATA, 2))
    server.wait_received(request_frame(END_TXN, 1) + request_frame(METADATA, 2))
    assert client.is_silent(for_s=SILENCE_S)
    with FramedClient(proxy.address) as second:
        second.send(request_frame(METADATA, 1))
        assert second.read_answer() == answer_frame(1)


def test_reset_in_a_request(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """The server gets the first bytes of the request and an end; the client gets a reset."""
    broken = proxy.reset(PRODUCE, after_bytes=20)
    client.send(request_frame(PRODUCE, 1, b"x" * 100_000))
    with pytest.raises(ConnectionResetError):
        client.read(1)
    broken.wait_reached(LIMIT_S)
    server.wait_ended()
    assert server.streams == [request_frame(PRODUCE, 1, b"x" * 100_000)[:20]]


def test_reset_after_a_request(proxy: FaultProxy, client: FramedClient, server: EchoServer) -> None:
    """With more bytes than there are the whole request takes effect, and the client is cut."""
    proxy.reset(PRODUCE, after_bytes=1_000)
    client.send(request_frame(PRODUCE, 1))
    with pytest.raises(ConnectionResetError):
        client.read(1)
    server.wait_received(request_frame(PRODUCE, 1))


def test_reset_in_an_answer(proxy: FaultProxy, client: FramedClient) -> None:
    """The client gets the first bytes of the answer and then a reset."""
    broken = proxy.reset(PRODUCE, after_bytes=9, direction="answer")
    client.send(request_frame(PRODUCE, 1, b"x" * 100))
    assert client.read(9) == answer_frame(1, b"x" * 100)[:9]
    with pytest.raises(ConnectionResetError):
        client.read(1)
    broken.wait_reached(LIMIT_S)


def test_the_servers_end_is_the_clients(
    proxy: FaultProxy, client: FramedClient, server: EchoServer
) -> None:
    """When the server closes, what it sent arrives and then the client sees an end."""
    held = proxy.hold(METADATA, "answer")
    client.send(request_frame(METADATA, 1))
    held.wait_reached(LIMIT_S)
    server.close_connections()
    held.release()
    assert client.read_answer() == answer_frame(1)
    assert client.read(1) == b""


def test_lanes_are_bounded(server: EchoServer) -> None:
    """Behind a held request a client cannot send for ever: its TCP waits as for a slow server."""
    with (
        FaultProxy(upstream=server.address, lane_limit_bytes=100_000) as proxy,
        FramedClient(proxy.address) as client,
    ):
        held = proxy.hold(PRODUCE)
        requests = b"".join(request_frame(PRODUCE, n, b"x" * 100_000) for n in range(300))
        sender = threading.Thread(target=client.send, args=(requests,))
        sender.start()
        held.wait_reached(LIMIT_S)
        sender.join(0.5)
        assert sender.is_alive(), "30 MB went somewhere"
        held.release()
        for number in range(300):
            assert client.read_answer() == answer_frame(number, b"x" * 100_000)
        sender.join(LIMIT_S)


def test_a_server_that_owes_an_answer(server: EchoServer) -> None:
    """What a client leaves unanswered keeps the server's side open for a limited time only."""
    server.mute = True
    with FaultProxy(upstream=server.address, answer_limit_s=0.05) as proxy:
        with FramedClient(proxy.address) as client:
            client.send(request_frame(PRODUCE, 1))
            server.wait_received(request_frame(PRODUCE, 1))
        server.wait_ended()
        assert proxy.statistics().unanswered == 1
