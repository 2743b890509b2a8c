"""Suites of users, run by pytest as theirs are: what each fixture gives, and what failures say."""

import asyncio
import socket
from contextlib import ExitStack

import pytest

from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.kafka.connection import KafkaConnection, KafkaUnreachable
from penstock.infra.kafka.log_ends import open_log_ends
from penstock.infra.pytest_plugin.choice import kafka_choice
from penstock.infra.pytest_plugin.clock import PenstockClock
from penstock.infra.pytest_plugin.kafka import KafkaServers
from tests.infra.pytest_plugin.inner_suite import run, run_process

pytest_plugins = ["pytester"]

SHOP = """
from penstock.events import Event, Topic
from penstock.workers import Backoff, Worker

class Placed(Event, topic=Topic("shop.orders", partitions=1), key="order"):
    order: str

class Noted(Event, topic=Topic("shop.notes", partitions=1), key="order"):
    order: str

clerk = Worker("clerk")

@clerk.on(Placed, exactly_once=True, retries=Backoff(attempts=1))
async def note(placed: Placed, delivery) -> list[Noted]:
    if placed.order == "bad":
        raise ValueError("no such book")
    return [Noted(order=placed.order)]
"""


def suite(pytester: pytest.Pytester, tests: str) -> None:
    """Write a shop and its tests."""
    name = pytester.path.name.replace("-", "_")  # modules of one name would be shared in-process
    (pytester.path / f"shop_{name}.py").write_text(SHOP, "utf-8")
    pytester.makepyfile(f"from shop_{name} import Placed, Noted, clerk\n" + tests)
    pytester.syspathinsert()


def test_a_suite_that_uses_nothing_pays_nothing(pytester: pytest.Pytester) -> None:
    """Neither imports nor outcomes change."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            heavy = {"pydantic", "aiokafka", "kio", "testcontainers", "redis"}
            assert not heavy & set(sys.modules)
            ours = {name for name in sys.modules if name.startswith("penstock.")}
            assert ours <= {"penstock.infra", "penstock.infra.pytest_plugin"}
        """
    )
    run_process(pytester).assert_outcomes(passed=1)


def test_an_app_runs_in_every_manner_of_test(pytester: pytest.Pytester) -> None:
    """In asyncio.run, under anyio's plugin, without a loop; each test on a broker of its own."""
    suite(
        pytester,
        """
import asyncio
import pytest

async def scenario(penstock_app):
    async with penstock_app.running(clerk) as app:
        await app.publish(Placed(order="1"))
        await app.settled()
        assert await app.published(Noted) == [Noted(order="1")]
        assert await app.published(Placed) == [Placed(order="1")]
        assert await app.dead_letters() == []

def test_run(penstock_app):
    asyncio.run(scenario(penstock_app))

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_anyio(penstock_app):
    await scenario(penstock_app)

def test_thread(penstock_app):
    with penstock_app.in_thread(clerk) as app:
        app.publish_many([Placed(order="1"), Placed(order="2")])
        app.settled()
        assert {each.order for each in app.published(Noted)} == {"1", "2"}
""",
    )
    run(pytester).assert_outcomes(passed=3)


def test_a_failed_test_shows_its_broker(pytester: pytest.Pytester) -> None:
    """Address, ends of topics, dead letters; also where the broker was told to serve nobody."""
    suite(
        pytester,
        """
def test_letters(penstock_app, penstock_kafka):
    with penstock_app.in_thread(clerk) as app:
        app.publish(Placed(order="bad"))
        app.settled()
        (letter,) = app.dead_letters()
        assert letter.note.handler.endswith(":note")
    penstock_kafka.faults.stop_serving()
    assert penstock_kafka.address == ""

def test_passes(penstock_kafka):
    pass
""",
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- penstock -*",
            "Kafka: 127.0.0.1:* (embedded, this test's own)",
            "app: test-letters-*",
            "shop.orders: partitions end at 0:*",
            "dead letter of shop.orders/0@0: * builtins.ValueError * no such book",
        ]
    )


def test_a_broker_that_cannot_be_looked_at_is_said_to_be(pytester: pytest.Pytester) -> None:
    """The report of what has failed is shown all the same, and the other tests run."""
    suite(
        pytester,
        """
import socket

others = []

def test_taken(penstock_kafka):
    penstock_kafka.faults.stop_serving()
    host, port = penstock_kafka.address.split(":")
    others.append(socket.create_server((host, int(port))))
    assert host == "elsewhere"

def test_passes(penstock_kafka):
    others.pop().close()
""",
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*elsewhere*", "it cannot be looked at: *"])


def test_a_worker_that_gives_up_fails_the_test(pytester: pytest.Pytester) -> None:
    """At the next wait, with its own error, and long before that wait's limit."""
    suite(
        pytester,
        """
import asyncio
import pytest
from penstock.workers import Worker
from penstock.infra.pytest_plugin.faults import ApiKey, ErrorCode
from penstock.schemas.errors import PenstockError

def test_lost(penstock_app, penstock_kafka):
    with pytest.raises(PenstockError, match="PEN-"), penstock_app.in_thread(clerk) as app:
        penstock_kafka.faults.answer(ApiKey.FETCH, ErrorCode.offset_out_of_range, times=None)
        app.publish(Placed(order="1"))
        app.settled(limit_s=60)

def test_two_lost(penstock_app, penstock_kafka):
    other = Worker("other")

    @other.on(Placed)
    async def look(placed: Placed, delivery) -> None:
        pass

    with pytest.raises(PenstockError) as lost, penstock_app.in_thread(clerk, other) as app:
        penstock_kafka.faults.answer(ApiKey.FETCH, ErrorCode.offset_out_of_range, times=None)
        app.publish(Placed(order="1"))
        app.run(asyncio.wait([member.task for member in app.app._members]), limit_s=60)
    (note,) = lost.value.__notes__
    assert note.startswith("A worker had ended, too: PEN-")
""",
    )
    run(pytester).assert_outcomes(passed=2)


def test_what_does_not_settle_is_named(pytester: pytest.Pytester) -> None:
    """With the partition that is not done."""
    suite(
        pytester,
        """
import pytest
from penstock.infra.pytest_plugin.faults import ApiKey

def test_held(penstock_app, penstock_kafka):
    with penstock_app.in_thread(clerk) as app:
        held = penstock_kafka.faults.hold(ApiKey.END_TXN)
        app.publish(Placed(order="1"))
        held.wait_reached_blocking()
        with pytest.raises(Exception, match="PEN-I153.*at work on shop.orders/0"):
            app.settled(limit_s=0.2)
        held.release()
        app.settled()
        assert app.published(Noted) == [Noted(order="1")]
""",
    )
    run(pytester).assert_outcomes(passed=1)


def test_time_passes_for_retries_and_nobody_is_thrown_out(pytester: pytest.Pytester) -> None:
    """An hour of waiting passes at once, and the worker is in its group as before."""
    suite(
        pytester,
        """
import asyncio
from datetime import timedelta
from penstock.workers import Backoff, Worker

calls = []
slow = Worker("slow")

@slow.on(Placed, exactly_once=True, retries=Backoff(attempts=2, delay_s=3600, max_delay_s=3600))
async def note(placed: Placed, delivery) -> list[Noted]:
    calls.append(placed.order)
    if len(calls) == 1:
        raise ValueError("not yet")
    return [Noted(order=placed.order)]

def test_hour(penstock_app, penstock_clock, penstock_kafka):
    before_ms = penstock_kafka.clock.now_ms()

    async def scenario():
        async with penstock_app.running(slow) as app:
            await app.publish(Placed(order="1"))
            for _ in range(1_000):
                if len(calls) == 2:
                    break
                if calls:
                    penstock_clock.move(timedelta(hours=1))
                    groups = penstock_kafka.clock._broker.broker.groups
                    assert len(groups.describe(f"{app.name}.slow").members) == 1
                await asyncio.sleep(0.01)
            await app.settled()
            assert await app.published(Noted) == [Noted(order="1")]
            (member,) = app._members
            assert [each.doubts for each in member.runner.statistics().partitions] == [0]

    asyncio.run(scenario())
    assert penstock_kafka.clock.now_ms() >= before_ms + 3_600_000
    assert penstock_kafka.clock.moved == penstock_clock.moved >= timedelta(hours=1)
""",
    )
    run(pytester).assert_outcomes(passed=1)


def test_tests_on_one_server_do_not_meet(pytester: pytest.Pytester) -> None:
    """On a Kafka that is given, each test sees its own records only, and none are removed."""
    suite(
        pytester,
        """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_shared(penstock_app, penstock_kafka, number):
    assert penstock_kafka.is_shared
    with pytest.raises(Exception, match="PEN-I151"):
        penstock_kafka.faults
    with penstock_app.in_thread(clerk) as app:
        app.publish(Placed(order=str(number)))
        app.settled()
        assert app.published(Noted) == [Noted(order=str(number))]
        assert app.published(Placed) == [Placed(order=str(number))]
""",
    )
    with ExitStack() as closing:
        servers = KafkaServers(kafka_choice("embedded"))
        closing.callback(servers.close)
        kafka = servers.open(closing, PenstockClock())
        run(pytester, f"--penstock-kafka={kafka.address}").assert_outcomes(passed=2)


def test_the_environment_says_what_the_tests_app_is(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that reads it meets the test's servers, and afterwards it is as it was."""
    monkeypatch.setenv("PENSTOCK_KAFKA", "production:9092")
    monkeypatch.setenv("PENSTOCK_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    pytester.makepyfile(
        """
        import asyncio
        import os
        from penstock.infra import connect

        def test_inside(penstock_app, penstock_redis, penstock_names, penstock_unique):
            assert os.environ["PENSTOCK_KAFKA"] == penstock_app.kafka.address
            assert os.environ["PENSTOCK_APP"] == penstock_app.name == penstock_names.app
            assert os.environ["PENSTOCK_REDIS"] == penstock_redis.url
            assert "PENSTOCK_KAFKA_SECURITY_PROTOCOL" not in os.environ
            assert penstock_redis.prefix == f"penstock:{penstock_app.name}:"
            assert penstock_unique("a") != penstock_unique("a")

            async def scenario():
                async with penstock_app.running(), connect():
                    pass

            asyncio.run(scenario())

        def test_outside():
            assert os.environ["PENSTOCK_KAFKA"] == "production:9092"
            assert os.environ["PENSTOCK_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_code_that_connects_can_have_the_tests_clock(pytester: pytest.Pytester) -> None:
    """What it publishes is of the test's time, as what workers publish is."""
    suite(
        pytester,
        """
import asyncio
import time
from datetime import timedelta
from penstock.infra import connect

async def scenario(penstock_app, penstock_clock):
    async with penstock_app.running(clerk) as app, connect(clock=penstock_clock) as bus:
        begun_s = time.time()
        penstock_clock.move(timedelta(days=3))
        await bus.publish(Placed(order="1"))
        await app.settled()
        async with app.bus.subscribe([Placed, Noted], until="end") as found:
            times_ms = [each.timestamp_ms async for each in found]
        assert len(times_ms) == 2
        assert min(times_ms) >= int((begun_s + 3 * 86_400) * 1_000)

def test_connected(penstock_app, penstock_clock):
    asyncio.run(scenario(penstock_app, penstock_clock))
""",
    )
    run(pytester).assert_outcomes(passed=1)


def test_each_test_finds_redis_empty(pytester: pytest.Pytester) -> None:
    """One server, emptied between tests."""
    pytester.makepyfile(
        """
        import socket
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_empty(penstock_redis, number):
            host, port = penstock_redis.url.removeprefix("redis://").split(":")
            with socket.create_connection((host, int(port)), 5) as connection:
                connection.sendall(b"*1\\r\\n$6\\r\\nDBSIZE\\r\\n")
                assert connection.recv(64) == b":0\\r\\n"
                connection.sendall(b"*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\na\\r\\n$1\\r\\nb\\r\\n")
                assert connection.recv(64) == b"+OK\\r\\n"
        """
    )
    run(pytester).assert_outcomes(passed=2)


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "errors")])
@pytest.mark.parametrize("fixture", ["penstock_kafka", "penstock_redis"])
def test_what_cannot_be_had_is_said_in_one_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, fixture: str, ci: str, outcome: str
) -> None:
    """Skipped at home; in continuous integration, where nobody reads skips, an error."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/no-engine")
    pytester.makepyfile(f"def test_it({fixture}): pass")
    option = fixture.replace("_", "-")
    result = run(pytester, f"--{option}=container", "-rsE")
    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines([f"*PEN-I152 There is no {option[9:].title()} for this test*"])


def test_an_unknown_word_is_refused(pytester: pytest.Pytester) -> None:
    """From the command line as from the ini file, which the command line wins over."""
    pytester.makeini("[pytest]\npenstock_kafka = zookeeper\n")
    pytester.makepyfile("def test_it(penstock_kafka): assert penstock_kafka.address")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*PEN-I150 --penstock-kafka is 'zookeeper'*"])
    run(pytester, "--penstock-kafka=embedded").assert_outcomes(passed=1)


def test_members_live_through_a_leap_of_the_tests_clock_only(pytester: pytest.Pytester) -> None:
    """The broker's own clock moves with it, and alone it lets sessions run out."""
    suite(
        pytester,
        """
from datetime import timedelta

HOURS = timedelta(hours=2)

def test_leaps(penstock_app, penstock_clock, penstock_kafka):
    with penstock_app.in_thread(clerk) as app:
        def members():
            broker = penstock_kafka.clock._broker.broker
            thread = penstock_kafka.clock._thread
            found = thread.call(lambda: broker.groups.describe(f"{app.name}.clerk").members)
            return {each.member_id for each in found}

        before = members()
        assert len(before) == 1
        penstock_clock.move(HOURS)
        assert members() == before
        assert penstock_kafka.clock.moved == penstock_clock.moved == HOURS
        penstock_kafka.clock.move(HOURS)
        assert not members() & before
        assert (penstock_kafka.clock.moved, penstock_clock.moved) == (2 * HOURS, HOURS)
        app.publish(Placed(order="1"))
        app.settled(limit_s=30)
        assert app.published(Noted) == [Noted(order="1")]
""",
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_fault_is_in_force_when_the_call_returns() -> None:
    """And counts who met it, in the broker's own thread, until it is withdrawn."""

    async def connect(address: str) -> None:
        async with open_log_ends(KafkaConnection(bootstrap=address)):
            pass

    with ExitStack() as closing:
        servers = KafkaServers(kafka_choice("embedded"))
        closing.callback(servers.close)
        kafka = servers.open(closing, PenstockClock())
        fault = kafka.faults.drop(ApiKey.METADATA, times=None)
        assert fault.met == 0
        with pytest.raises(KafkaUnreachable):
            asyncio.run(connect(kafka.address))
        assert fault.met > 0
        assert fault.withdraw()
        assert not fault.withdraw()
        asyncio.run(connect(kafka.address))


def test_every_test_has_a_broker_of_its_own() -> None:
    """At an address of its own, and gone with the test."""
    servers = KafkaServers(kafka_choice("embedded"))
    with ExitStack() as session:
        session.callback(servers.close)
        tests = [session.enter_context(ExitStack()) for _ in range(3)]
        addresses = [servers.open(test, PenstockClock()).address for test in tests]
        assert len(set(addresses)) == 3
        for test, address in zip(tests, addresses, strict=True):
            host, port = address.split(":")
            socket.create_connection((host, int(port)), 5).close()
            test.close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((host, int(port)), 5)


def test_workers_of_xdist_do_not_share_a_given_server(pytester: pytest.Pytester) -> None:
    """Their tests run side by side, and would see each other's records."""
    pytester.makepyfile("def test_it(penstock_app): pass")
    result = run_process(pytester, "-n1", "--penstock-kafka=127.0.0.1:9")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*--penstock-kafka=HOST:PORT gives all workers*"])
