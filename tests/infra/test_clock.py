"""The real clock and the two sources of randomness keep their ports' promises."""

import asyncio
import time
from datetime import UTC, timedelta

from penstock.events.clock import Clock
from penstock.events.identity import Entropy
from penstock.infra.clock import SeededEntropy, SystemClock, SystemEntropy


def test_they_fulfil_their_ports() -> None:
    """The type checker holds the signatures; this line makes it look."""
    ports: tuple[Clock, Entropy, Entropy] = (SystemClock(), SystemEntropy(), SeededEntropy(1))
    assert len(ports) == 3


def test_wall_times_are_aware_and_agree() -> None:
    """Date and milliseconds come from one source, in UTC."""
    clock = SystemClock()
    wall = clock.wall()
    assert wall.tzinfo is UTC
    assert abs(wall.timestamp() * 1000 - clock.wall_ms()) < 1000


def test_a_sleeper_never_wakes_early() -> None:
    """When `sleep_until` returns, the clock has reached the time, by its own measure."""

    async def scenario() -> None:
        clock = SystemClock()
        for _ in range(20):
            until_s = clock.monotonic() + 0.001
            await clock.sleep_until(until_s)
            assert clock.monotonic() >= until_s

    asyncio.run(scenario())


def test_a_time_that_has_passed_costs_one_turn() -> None:
    """Others get their turn, and no time passes."""

    async def scenario() -> None:
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        started_s = time.monotonic()
        await SystemClock().sleep_until(started_s - 100)
        assert turns == [1]
        assert time.monotonic() - started_s < timedelta(seconds=5).total_seconds()

    asyncio.run(scenario())


def test_one_seed_gives_one_sequence() -> None:
    """Runs with one seed are alike, with another they are not."""

    def sequence(seed: int) -> list[object]:
        entropy = SeededEntropy(seed)
        return [entropy.uuid(), entropy.random(), entropy.random_bytes(8)]

    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)


def test_ids_are_of_version_4_and_numbers_lie_below_one() -> None:
    """As RFC 9562 and the port say."""
    for entropy in (SystemEntropy(), SeededEntropy(0)):
        ids = {entropy.uuid() for _ in range(100)}
        assert {each.version for each in ids} == {4}
        assert len(ids) == 100
        assert all(0 <= entropy.random() < 1 for _ in range(100))
        assert len(entropy.random_bytes(16)) == 16
