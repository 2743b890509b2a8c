"""The embedded broker with a data folder, killed again and again in the middle of transactions.

Each round a producer with the same transactional id writes one number into two partitions in each
transaction; at some moment the broker's process gets SIGKILL, and the next round starts another one
on the same folder. Whatever the moment: every commit that was acknowledged is there, each number is
in both partitions or in none, and none is there twice.
"""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from penstock.infra.embedded_process import EmbeddedProcess, EmbeddedWishes
from tests.conformance.conversation import Conversation
from tests.conformance.raw_client import ConnectionClosed, RawClient
from tests.conformance.transactional_producer import started

pytestmark = pytest.mark.timeout(300)

SEED = 6
ROUNDS = 12
LIMIT_S = 60.0
TOPIC = "numbers"


@contextmanager
def broker(folder: Path, *, fsync: bool) -> Iterator[tuple[int, Conversation, str]]:
    """A broker's process id, a conversation with it, and its address."""
    wishes = EmbeddedWishes(data=folder, fsync=fsync)
    process = EmbeddedProcess(log=folder.with_suffix(".log"), wishes=wishes)
    process.start()
    try:
        host, _, port = process.bootstrap.rpartition(":")
        with RawClient((host, int(port))) as client:
            yield process.pid, Conversation(client), process.bootstrap
    finally:
        process.end()


def write_until_killed(
    talk: Conversation, numbers: Iterator[int], kill: Timer, kill_at: int
) -> list[int]:
    """Commit numbers, every seventh of them aborted, until the broker is gone.

    Returns:
        The numbers whose commit was acknowledged.
    """
    acknowledged: list[int] = []
    producer = started(talk, "numbers")
    try:
        for count, number in enumerate(numbers):
            if count == kill_at:
                kill.start()
            for partition in (0, 1):
                producer.write(TOPIC, b"%d" % number, partition=partition)
            producer.end(commit=number % 7 != 0)
            if number % 7 != 0:
                acknowledged.append(number)
    except (ConnectionClosed, OSError):
        kill.join()
    return acknowledged


async def read_all(address: str) -> list[list[int]]:
    """What a reader of committed records sees in each partition."""
    places = [TopicPartition(TOPIC, number) for number in (0, 1)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    consumer.assign(places)
    found: list[list[int]] = [[], []]
    for place, end in (await consumer.end_offsets(places)).items():
        while await consumer.position(place) < end:
            for records in (await consumer.getmany(place, timeout_ms=200)).values():
                found[place.partition] += [int(record.value) for record in records]
    await consumer.stop()
    return found


@pytest.mark.parametrize("fsync", [False, True], ids=["cached", "fsync"])
def test_no_acknowledged_commit_is_lost_and_none_is_half(tmp_path: Path, fsync: bool) -> None:
    """Killed within the records, the end, the markers, or the writing of an answer."""
    chance = random.Random(SEED)
    folder = tmp_path / "data"
    acknowledged: list[int] = []
    numbers = itertools.count(1)
    with broker(folder, fsync=fsync) as (_, talk, _):
        talk.create_topic(TOPIC, partitions=2)
    for _ in range(ROUNDS):
        with broker(folder, fsync=fsync) as (process, talk, _):
            kill = Timer(chance.random() * 0.01, os.kill, (process, signal.SIGKILL))
            acknowledged += write_until_killed(talk, numbers, kill, chance.randrange(1, 20))
    with broker(folder, fsync=fsync) as (_, talk, address):
        started(talk, "numbers")  # ends what the last kill has left open
        first, second = asyncio.run(asyncio.wait_for(read_all(address), LIMIT_S))
    assert len(acknowledged) > ROUNDS
    assert first == second
    assert len(set(first)) == len(first)
    assert set(acknowledged) <= set(first)
    assert not {number for number in first if number % 7 == 0}
