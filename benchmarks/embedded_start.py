"""How long the embedded broker takes from its start to the first acknowledged record.

Two ways to start one: as a process, with a client that runs already and waits for the line that
says where the broker listens; and in a running event loop, as a test's fixture does. The client is
aiokafka: it makes a topic, connects a producer and sends one record.

The process's bytecode is compiled by a first start that does not count, whatever
PYTHONDONTWRITEBYTECODE says here. Its CPU time is what a machine that is busy with other things
changes least.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, fields
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.import_times import import_times_ms
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded_process import broker_command

RUNS = int(os.environ.get("BENCHMARK_RUNS", "15"))
"""Starts of each kind."""
LIMIT_S = 30.0
SHOWN = 10
"""Packages in the table of imports."""
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Milliseconds of one start, each from the beginning."""

    bare_python: float
    """An interpreter that does nothing, for comparison."""
    bare_python_cpu: float
    """Its CPU time."""
    listening: float
    """The line that says where it listens."""
    acknowledged: float
    """The first record."""
    cpu: float
    """CPU time of the broker by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """Milliseconds of one start in a running loop, each from the beginning."""

    listening: float
    acknowledged: float
    stopped: float
    """And the time from the acknowledged record to a broker and a client that are closed."""


def since(begun: float) -> float:
    """Milliseconds."""
    return (time.perf_counter() - begun) * 1000


def bare_python() -> tuple[float, float]:
    """One run of an interpreter that does nothing: milliseconds, and those of CPU time."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True, env=ENVIRONMENT)
    taken, after = since(begun), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return taken, cpu_s * 1000


async def first_record(bootstrap: str) -> AIOKafkaProducer:
    """Have one record acknowledged; return the producer, still open.

    The topic is made in so many words: to a topic that it has just made by itself a broker has no
    leader yet, as it says, and aiokafka asks again 100 ms later.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("first", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait("first", b"record")
    return producer


def cpu_ms(process_id: int) -> float:
    """CPU time of a process with one thread; the kernel counts it in nanoseconds."""
    return int(Path(f"/proc/{process_id}/schedstat").read_text().split()[0]) / 1e6


async def process_start() -> Start:
    """Start the broker's process and produce to it."""
    bare, bare_cpu = bare_python()
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *broker_command(["--leash", "0"]), stdin=PIPE, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            bootstrap = await ready_line(process)
            listening = since(begun)
            producer = await first_record(bootstrap)
            acknowledged, cpu = since(begun), cpu_ms(process.pid)
            await producer.stop()
    finally:
        process.terminate()
        await process.communicate()
    return Start(
        bare_python=bare,
        bare_python_cpu=bare_cpu,
        listening=listening,
        acknowledged=acknowledged,
        cpu=cpu,
    )


async def ready_line(process: Process) -> str:
    """Wait for the broker's line and return its address."""
    assert process.stdout is not None, "it was asked for"
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the broker ended: {(await process.communicate())[1].decode()}")
    return line.split()[-1].decode()


async def fixture() -> Fixture:
    """Start the broker in this loop and produce to it."""
    begun = time.perf_counter()
    async with EmbeddedBroker() as broker:
        listening = since(begun)
        producer = await first_record(broker.bootstrap)
        acknowledged = since(begun)
        await producer.stop()
    return Fixture(
        listening=listening, acknowledged=acknowledged, stopped=since(begun) - acknowledged
    )


def print_starts(title: str, starts: list[Start] | list[Fixture]) -> None:
    """The table: minimum, median and maximum of each time."""
    print(f"{title:34} {'min':>8} {'median':>8} {'max':>8}  ms")
    for field in fields(starts[0]):
        times = [getattr(start, field.name) for start in starts]
        low, middle, high = min(times), statistics.median(times), max(times)
        print(f"  {field.name.replace('_', ' '):32} {low:8.1f} {middle:8.1f} {high:8.1f}")


def print_imports() -> None:
    """What the process imports until it listens, and how long that takes."""
    command = broker_command(["--leash", "0"])
    traced = [command[0], "-X", "importtime", *command[1:]]
    ended = subprocess.run(  # noqa: S603 - our own program; at the end of its leash it stops
        traced, input=b"", capture_output=True, check=True, env=ENVIRONMENT
    )
    packages = import_times_ms(ended.stderr.decode())
    print(f"{'imports until it listens':34} {'modules':>8} {'ms':>8}  (while they are timed)")
    for name, modules, spent in packages[:SHOWN]:
        print(f"  {name:32} {modules:8} {spent:8.1f}")
    rest = packages[SHOWN:]
    print(f"  {'all others':32} {sum(o[1] for o in rest):8} {sum(o[2] for o in rest):8.1f}")


async def run() -> None:
    """Both kinds in turn, then the tables."""
    await process_start()
    starts, fixtures, first = [], [], await fixture()
    for _ in range(RUNS):
        starts.append(await process_start())
        fixtures.append(await fixture())
    print_starts("process", starts)
    print_starts("in a running loop, first in process", [first])
    print_starts("in a running loop, after that", fixtures)
    print_imports()
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"ratio embedded_start_ms {statistics.median(s.acknowledged for s in starts):.1f}")
    print(f"ratio embedded_fixture_ms {statistics.median(f.acknowledged for f in fixtures):.1f}")


if __name__ == "__main__":
    asyncio.run(run())
