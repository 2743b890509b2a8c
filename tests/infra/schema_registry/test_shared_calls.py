"""Calls that several wait for."""

import asyncio
import gc

import pytest

from penstock.infra.schema_registry.registry_errors import RegistryClosed
from penstock.infra.schema_registry.shared_calls import SharedCalls


def test_an_error_goes_to_all_who_wait_and_to_nobody_later() -> None:
    """The next caller asks anew."""
    calls = SharedCalls[int]()
    count = 0

    async def fail() -> int:
        nonlocal count
        count += 1
        await asyncio.sleep(0)
        raise KeyError(count)

    async def scenario() -> None:
        found = await asyncio.gather(
            *(calls.share("a", fail) for _ in range(3)), return_exceptions=True
        )
        assert [type(each) for each in found] == [KeyError] * 3
        with pytest.raises(KeyError):
            await calls.share("a", fail)

    asyncio.run(scenario())
    assert count == 2


def test_what_fails_unseen_makes_no_noise() -> None:
    """The interpreter would complain at some later time, about something else as it seems."""
    calls = SharedCalls[int]()
    heard: list[object] = []

    async def fail() -> int:
        await asyncio.sleep(0)
        raise KeyError

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: heard.append(told))
        waiting = asyncio.ensure_future(calls.share("a", fail))
        await asyncio.sleep(0)
        waiting.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert calls.under_way == 0
        gc.collect()

    asyncio.run(scenario())
    assert heard == []


def test_the_end_is_told_as_such() -> None:
    """Nobody sees a cancellation that is not their own."""
    calls = SharedCalls[int]()

    async def for_ever() -> int:
        await asyncio.Event().wait()
        return 1

    async def scenario() -> None:
        waiting = asyncio.ensure_future(calls.share("a", for_ever))
        await asyncio.sleep(0)
        await calls.close()
        with pytest.raises(RegistryClosed):
            await waiting
        with pytest.raises(RegistryClosed):
            await calls.share("a", for_ever)

    asyncio.run(scenario())
