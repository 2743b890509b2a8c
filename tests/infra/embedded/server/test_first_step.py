import asyncio

import pytest

from penstock.infra.embedded.server.first_step import Finished, begin
from tests.infra.embedded.server.in_loop import in_loop


@in_loop
async def test_a_coroutine_that_does_not_wait_is_finished_at_once() -> None:
    """There is no task to pay for."""

    async def handler() -> int:
        return 7

    assert begin(handler()) == Finished(7)


@in_loop
async def test_the_first_step_has_happened_before_anything_else_can() -> None:
    """So that requests take effect in their order."""
    steps = []
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handler() -> int:
        steps.append("registered")
        return await future + await asyncio.sleep(0, 10)

    rest = begin(handler())
    assert steps == ["registered"]
    assert not isinstance(rest, Finished)
    task = asyncio.ensure_future(rest)
    future.set_result(7)
    assert await task == 17


@in_loop
async def test_an_exception_of_the_first_step_is_the_callers() -> None:
    """It is raised where the coroutine was begun."""

    async def handler() -> None:
        raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        begin(handler())


@in_loop
async def test_what_the_awaited_raises_reaches_the_coroutine() -> None:
    """As if a task had run it from the beginning."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handler() -> str:
        try:
            await future
        except LookupError as error:
            return f"handled {error}"
        return "nothing"

    rest = begin(handler())
    assert not isinstance(rest, Finished)
    future.set_exception(LookupError("later"))
    assert await rest == "handled later"


@in_loop
async def test_a_cancellation_of_the_task_reaches_the_coroutine() -> None:
    """So that it cleans up."""
    ends = []
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def handler() -> None:
        try:
            await future
        finally:
            ends.append("cleaned up")

    rest = begin(handler())
    assert not isinstance(rest, Finished)
    task = asyncio.ensure_future(rest)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends == ["cleaned up"]
