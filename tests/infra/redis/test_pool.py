"""How calls share connections, seen from a server that counts them."""

import asyncio
from contextlib import suppress

import pytest

from penstock.infra.processes.loopback_port import LOOPBACK, LoopbackPort
from penstock.infra.redis.call_limit import CallLimit
from penstock.infra.redis.errors import RedisStoreClosed, RedisUnreachable
from penstock.infra.redis.limits import RedisLimits
from penstock.infra.redis.line import Line
from penstock.infra.redis.opening import open_redis
from penstock.infra.redis.store import RedisStore
from tests.infra.redis.scripted_server import SILENCE, Script, scripted_server

PONG = b"+PONG\r\n"
ONE = RedisLimits(connections=1, call_timeout_s=0.1)
PATIENT = RedisLimits(connections=1, call_timeout_s=60.0)
PATIENT_TWO = RedisLimits(connections=2, call_timeout_s=60.0)


def test_nothing_is_connected_to_before_the_first_call() -> None:
    """Redis may be away when a process starts."""

    async def scenario() -> None:
        async with scripted_server([PONG]) as server, open_redis(server.url) as store:
            assert store.statistics().connects == 0
            await store.ping()
            assert store.statistics().connects == 1
            assert server.connections == 1

    asyncio.run(scenario())


def test_a_connection_is_used_again() -> None:
    """One after the other, calls need one."""

    async def scenario() -> None:
        async with scripted_server([PONG]) as server, open_redis(server.url) as store:
            for _ in range(10):
                await store.ping()
            assert (store.statistics().idle, server.connections) == (1, 1)

    asyncio.run(scenario())


def test_there_are_no_more_connections_than_allowed() -> None:
    """A hundred calls at once wait for one another."""

    async def scenario() -> None:
        limits = RedisLimits(connections=3)
        async with scripted_server([PONG]) as server, open_redis(server.url, limits) as store:
            await asyncio.gather(*(store.ping() for _ in range(100)))
            assert server.connections == 3
            assert store.statistics().calls == 100

    asyncio.run(scenario())


def test_waiting_for_a_connection_counts_into_the_deadline() -> None:
    """A call that finds the only connection in use is never sent, and says so."""

    async def scenario() -> None:
        async with scripted_server([SILENCE]) as server, open_redis(server.url, ONE) as store:
            kept, end = asyncio.Event(), asyncio.Event()

            async def keep(_: Line) -> None:
                kept.set()
                await end.wait()

            keeper = asyncio.create_task(store._calls.use(keep, limit=CallLimit(60.0)))
            await kept.wait()
            with pytest.raises(RedisUnreachable, match="free connection") as caught:
                await store.ping()
            assert not caught.value.may_have_happened
            assert server.asked == []
            end.set()
            await keeper
            with pytest.raises(RedisUnreachable, match="the answer") as caught:
                await store.ping()
            assert caught.value.may_have_happened
            assert store.statistics().unreachable == 2

    asyncio.run(scenario())


def test_no_server() -> None:
    """A closed port is told at once, and nothing can have happened."""

    async def scenario() -> None:
        with LoopbackPort() as port:
            async with open_redis(f"redis://{port.address}") as store:
                with pytest.raises(RedisUnreachable, match=port.address) as caught:
                    await store.ping()
                assert not caught.value.may_have_happened

    asyncio.run(scenario())


def test_no_such_host() -> None:
    """A name that does not resolve is no bug of ours."""

    async def scenario() -> None:
        async with open_redis("redis://nowhere.invalid") as store:
            with pytest.raises(RedisUnreachable, match=r"nowhere\.invalid"):
                await store.ping()

    asyncio.run(scenario())


async def cancelled_ping(server: Script, store: RedisStore) -> None:
    """Begin a call, and cancel it once it was sent."""
    task = asyncio.create_task(store.ping())
    await server.was_asked.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_a_cancelled_call_drops_its_connection() -> None:
    """Its answer would otherwise be the next call's. The place is free again."""

    async def scenario() -> None:
        async with (
            scripted_server([SILENCE, PONG]) as server,
            open_redis(server.url, PATIENT) as store,
        ):
            await cancelled_ping(server, store)
            statistics = store.statistics()
            assert (statistics.idle, statistics.in_use, statistics.dropped) == (0, 0, 1)
            await store.ping()
            assert server.connections == 2

    asyncio.run(scenario())


def test_a_closed_store_refuses() -> None:
    """Whoever outlives its store is told, and nothing is connected any more."""

    async def scenario() -> None:
        async with scripted_server([PONG]) as server:
            async with open_redis(server.url) as store:
                await store.ping()
            with pytest.raises(RedisStoreClosed):
                await store.ping()
            await store.close()  # twice is fine
            assert server.connections == 1

    asyncio.run(scenario())


def test_calls_end_with_the_store() -> None:
    """One that is under way ends unanswered; one that waits for a connection is refused."""

    async def scenario() -> None:
        async with scripted_server([SILENCE]) as server:
            async with open_redis(server.url, PATIENT) as store:
                calls = [asyncio.create_task(store.ping()) for _ in range(2)]
                await server.was_asked.wait()
            under_way, waiting = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(under_way, RedisUnreachable)
            assert under_way.may_have_happened
            assert isinstance(waiting, RedisStoreClosed)
            assert server.connections == 1

    asyncio.run(scenario())


def test_what_was_not_sent_in_time_is_never_sent() -> None:
    """A dropped connection keeps nothing in memory for a server that may go on reading."""
    value = b"x" * 50_000_000
    may_read = asyncio.Event()

    came: asyncio.Queue[int] = asyncio.Queue()

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_read.wait()
        total = 0
        with suppress(ConnectionError):
            while data := await reader.read(1_000_000):
                total += len(data)
        writer.transport.abort()
        came.put_nowait(total)

    async def scenario() -> None:
        async with await asyncio.start_server(read_late, LOOPBACK, 0) as server:
            url = f"redis://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
            async with open_redis(url, RedisLimits(call_timeout_s=1.0)) as store:
                with pytest.raises(RedisUnreachable) as caught:
                    await store.put("key", value, ttl_ms=1000)
                assert caught.value.may_have_happened
                may_read.set()
                async with asyncio.timeout(10):
                    assert 0 < await came.get() < len(value)

    asyncio.run(scenario())


class Firewall:
    """A server behind a wall that forgets connections without telling anybody."""

    def __init__(self) -> None:
        """Forget none yet."""
        self.forgotten = False
        self.connections = 0
        self.has_ignored = asyncio.Event()
        """Set with the first question that it has forgotten whom to answer to."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes on connections that were not forgotten."""
        self.connections += 1
        is_new = self.forgotten
        with suppress(ConnectionError):
            while await reader.read(1000):
                if is_new or not self.forgotten:
                    writer.write(PONG)
                else:
                    self.has_ignored.set()
        writer.transport.abort()


@pytest.mark.parametrize("ended_by", ["the deadline", "the caller"])
def test_a_line_without_an_answer_takes_the_idle_ones_with_it(ended_by: str) -> None:
    """What cut off one without a word has cut off all that were silent since.

    Else each would cost one call its whole deadline, one call after the other.
    """

    async def scenario() -> None:
        wall = Firewall()
        async with await asyncio.start_server(wall.serve, LOOPBACK, 0) as server:
            url = f"redis://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
            limits = RedisLimits(call_timeout_s=1.0 if ended_by == "the deadline" else 60.0)
            async with open_redis(url, limits) as store:
                await asyncio.gather(*(store.ping() for _ in range(5)))
                assert store.statistics().idle == wall.connections == 5
                wall.forgotten = True
                if ended_by == "the deadline":
                    with pytest.raises(RedisUnreachable):
                        await store.ping()
                else:
                    call = asyncio.create_task(store.ping())
                    await wall.has_ignored.wait()
                    call.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await call
                assert store.statistics().idle == 0
                await store.ping()
                assert (wall.connections, store.statistics().dropped) == (6, 5)

    asyncio.run(scenario())


def test_lines_that_have_spoken_since_are_kept() -> None:
    """One slow answer among many good ones says nothing about the others."""

    async def scenario() -> None:
        async with (
            scripted_server([PONG, SILENCE, PONG]) as server,
            open_redis(server.url, PATIENT_TWO) as store,
        ):
            await store.ping()
            server.was_asked.clear()
            slow = asyncio.create_task(store.ping())
            await server.was_asked.wait()
            await store.ping()
            slow.cancel()
            with suppress(asyncio.CancelledError):
                await slow
            assert (store.statistics().idle, store.statistics().dropped) == (1, 1)
            await store.ping()
            assert server.connections == 2

    asyncio.run(scenario())
