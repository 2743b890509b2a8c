"""Random and mutated bytes, with fixed seeds: whatever a stranger sends, the broker lives."""

import asyncio
import logging
import random
import resource
import struct
from collections.abc import Callable
from datetime import timedelta

import pytest

from penstock.infra.embedded.server.broker_options import BrokerOptions
from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.wire.api_table import API_TABLE
from penstock.infra.embedded.wire.message_types import request_type
from tests.infra.embedded.server.in_loop import in_loop
from tests.infra.embedded.server.raw_client import RawClient, encoded, frame, request_bytes
from tests.infra.embedded.server.requests_by_hand import batch
from tests.infra.embedded.wire.random_message import RandomMessages

_VERSIONS = request_bytes(18, 0)
_ATTACKS = 120
"""Connections for each kind and seed."""
_LIKELY = {
    "string": ("t", "u", "g", "x", "m", "", "consumer", "range", "segment.ms", "60000", "1"),
    "number": (-1, 0, 0, 0, 0, 1, 1, 2, 4, 100),
    "records": (batch(b"a", b"b"),),
    "timedelta_i32": tuple(timedelta(milliseconds=ms) for ms in (-1, 0, 100, 10_000, 60_000)),
    "timedelta_i64": (timedelta(milliseconds=1000),),
    "uuid": (None,),
}
"""Names and numbers that a client might send: so that requests get further than the first check."""
_MEMORY_KB = 300_000
"""What all of them together may add to the process; a single hostile count asks for gigabytes."""


def _noise(source: random.Random) -> bytes:
    return source.randbytes(source.choice((1, 4, 30, 3000)))


def _framed_noise(source: random.Random) -> bytes:
    return frame(_noise(source))


def _lengths(source: random.Random) -> bytes:
    length = source.choice((2**31 - 1, 2**31 - 2, 104_857_600, -1, -(2**31), 0, 1, 70_000_000))
    return struct.pack(">i", length) + _noise(source)


def _unknown(source: random.Random) -> bytes:
    key, version = source.randrange(-(2**15), 2**15), source.randrange(-3, 40)
    return request_bytes(key, version, _noise(source), flexible=source.random() < 0.5)


def _valid(source: random.Random) -> bytes:
    api = source.choice(list(API_TABLE.values()))
    version = source.randint(api.lowest, api.highest)
    request = RandomMessages(source.randrange(2**32)).make(request_type(api.key, version))
    return encoded(api.key, version, request)


def _plausible(source: random.Random) -> bytes:
    api = source.choice(list(API_TABLE.values()))
    version = source.randint(api.lowest, api.highest)
    messages = RandomMessages(source.randrange(2**32), **_LIKELY)
    return encoded(api.key, version, messages.make(request_type(api.key, version)))


def _mutated(source: random.Random) -> bytes:
    data = bytearray(source.choice((_valid, _plausible))(source))
    body_at = min(17, len(data) - 1)  # behind length and header: what is hit is the message
    for _ in range(source.choice((1, 1, 2, 5))):
        data[source.randrange(body_at, len(data))] = source.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    return bytes(data)


def _cut(source: random.Random) -> bytes:
    data = _valid(source)
    return data[: source.randrange(len(data))]


def _wrong_length(source: random.Random) -> bytes:
    data = _valid(source)
    return struct.pack(">i", max(0, len(data) - 4 - source.randrange(30))) + data[4:]


@pytest.mark.parametrize(
    "attack",
    [_noise, _framed_noise, _lengths, _unknown, _valid, _plausible, _mutated, _cut, _wrong_length],
    ids=lambda attack: attack.__name__.strip("_"),
)
@pytest.mark.parametrize("seed", [1, 2])
@in_loop
async def test_the_broker_lives_others_do_not_notice_and_memory_stays_bounded(
    attack: Callable[[random.Random], bytes], seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing that was sent counts as a bug of the broker's own."""
    source = random.Random(seed)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with (
        EmbeddedBroker(BrokerOptions(log_memory_bytes=2**24)) as broker,
        await RawClient.connect(broker) as other,
    ):
        for _ in range(_ATTACKS):
            async with await RawClient.connect(broker) as client:
                client.send(attack(source))
                await other.ask_bytes(_VERSIONS)
                assert len(await other.ask_bytes(_VERSIONS)) > 100
        async with asyncio.timeout(10):
            while broker.statistics().connections > 1:
                await other.ask_bytes(_VERSIONS)
        now = broker.statistics()
        assert now.queued_bytes == 0
        assert now.waiting_fetches == 0
        assert now.waiting_members == 0
        assert now.failed == 0, caplog.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < _MEMORY_KB
    bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not bugs
