"""Runners in the registry, where there is none or it is away: nothing is different."""

import asyncio
import logging
import subprocess
import sys

import pytest

from penstock.infra.presence import presence
from penstock.infra.processes.loopback_port import LoopbackPort
from penstock.infra.settings import Settings

WITHOUT_REDIS = """
import asyncio, sys
from penstock.infra.presence import presence
from penstock.infra.settings import Settings

async def scenario():
    async with presence(Settings(app="shop", kafka="127.0.0.1:1"), ["orders"]) as seen:
        seen.drain()

asyncio.run(scenario())
print("redis" in sys.modules, "penstock.infra.registry" in sys.modules)
"""


def test_without_redis_nothing_happens() -> None:
    """Neither is it imported."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_REDIS], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_a_redis_that_is_away_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The block begins, drains and ends; each runner says once that nobody sees it."""
    with LoopbackPort() as port:
        settings = Settings(
            app="shop",
            kafka="127.0.0.1:1",
            redis=f"redis://{port.address}",
        )

        async def scenario() -> None:
            told: list[str] = []
            async with presence(settings, ["orders", "saga-order"]) as seen:
                while len(told) < 2:
                    await asyncio.sleep(0)
                    told = [record.getMessage() for record in caplog.records]
                seen.drain()
            assert len(told) == 2

        with caplog.at_level(logging.WARNING):
            asyncio.run(scenario())
    assert len(caplog.records) == 2
