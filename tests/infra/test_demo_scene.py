"""What stands around the demo's sagas."""

import asyncio
import logging

import pytest

from penstock.infra.cache import Cache
from penstock.infra.demo_scene import cache_words
from penstock.infra.settings import Settings

SETTINGS = Settings(app="shop", kafka="127.0.0.1:1")


def test_what_the_cache_says_at_its_end_is_found_in_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The latest of it: a killed process said nothing, and the one behind it writes on."""
    prices = Cache("prices", ttl_s=60.0)

    async def scenario() -> None:
        for asked in range(2):
            async with prices.open(SETTINGS):
                for _ in range(asked):
                    await prices.get("lamp")

    with caplog.at_level(logging.INFO, logger="penstock.cache"):
        asyncio.run(scenario())
    log = "\n".join(f"12:00:00 info {each.getMessage()}" for each in caplog.records)
    assert cache_words(log) == str(prices.statistics())


def test_a_process_that_said_nothing_of_its_cache_is_no_failure() -> None:
    """It was killed, or has not ended yet."""
    assert cache_words("12:00:00 info worker payments started") is None
