"""Loads that callers share: who may be cancelled, and what everybody gets."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.infra.cache.errors import LoadNotFinished
from penstock.infra.cache.flights import Flight, Flights


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario, and see that no exception is left that nobody has looked at."""

    async def whole() -> None:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: unseen.append(told))
        await scenario()
        await turns()
        gc.collect()
        assert not unseen, unseen

    asyncio.run(whole())


async def turns(count: int = 5) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


class Airport:
    """Flights whose loads wait for a word."""

    def __init__(self, *, abandoned: int = 100) -> None:
        """Begin with no load."""
        self.unseen: list[BaseException] = []
        self.flights: Flights[str] = Flights(
            cache="prices", abandoned=abandoned, unseen=self.unseen.append
        )
        self.words: list[asyncio.Future[str]] = []

    def begin(self, name: str) -> Flight[str]:
        """Begin a load; the last of `words` ends it."""
        word: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.words.append(word)

        async def load() -> str:
            return await word

        return self.flights.begin(name, load())

    async def ask(self, name: str) -> str:
        """Join or begin, as a cache does."""
        return await self.flights.wait(self.flights.current(name) or self.begin(name))

    def asking(self, name: str, count: int) -> list[asyncio.Task[str]]:
        """So many callers at once."""
        return [asyncio.ensure_future(self.ask(name)) for _ in range(count)]


def test_all_who_ask_during_a_load_get_its_value() -> None:
    """One load for fifty."""

    async def scenario() -> None:
        airport = Airport()
        callers = airport.asking("lamp", 50)
        await turns()
        assert (len(airport.words), airport.flights.waiting, airport.flights.loading) == (1, 50, 1)
        airport.words[0].set_result("39.90")
        assert await asyncio.gather(*callers) == ["39.90"] * 50
        assert (airport.flights.waiting, airport.flights.loading) == (0, 0)
        assert airport.flights.current("lamp") is None

    play(scenario)


def test_an_error_reaches_all_and_is_not_kept() -> None:
    """The next who asks begins a new load."""

    async def scenario() -> None:
        airport = Airport()
        callers = airport.asking("lamp", 3)
        await turns()
        error = ZeroDivisionError("no lamp")
        airport.words[0].set_exception(error)
        assert await asyncio.gather(*callers, return_exceptions=True) == [error] * 3
        (again,) = airport.asking("lamp", 1)
        await turns()
        airport.words[1].set_result("39.90")
        assert await again == "39.90"
        assert not airport.unseen

    play(scenario)


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=8).filter(lambda told: not all(told)))
def test_cancelling_some_cancels_nobody_else(cancelled: list[bool]) -> None:
    """Neither the first, who began the load, nor any other."""

    async def scenario() -> None:
        airport = Airport()
        callers = airport.asking("lamp", len(cancelled))
        await turns()
        for caller, told in zip(callers, cancelled, strict=True):
            if told:
                caller.cancel()
        await turns()
        airport.words[0].set_result("39.90")
        await asyncio.wait(callers)
        ends = [None if caller.cancelled() else caller.result() for caller in callers]
        assert ends == [None if told else "39.90" for told in cancelled]
        assert len(airport.words) == 1

    play(scenario)


def test_a_load_whose_callers_have_all_gone_goes_on() -> None:
    """With callers that wait shorter than it takes, its value would else never be there."""

    async def scenario() -> None:
        airport = Airport()
        (caller,) = airport.asking("lamp", 1)
        await turns()
        caller.cancel()
        await turns()
        assert (airport.flights.loading, airport.flights.abandoned) == (1, 1)
        (next_one,) = airport.asking("lamp", 1)
        await turns()
        assert (airport.flights.abandoned, len(airport.words)) == (0, 1)
        airport.words[0].set_result("39.90")
        assert await next_one == "39.90"

    play(scenario)


def test_only_so_many_loads_go_on_alone() -> None:
    """One more is cancelled, and whoever asks then begins anew."""

    async def scenario() -> None:
        airport = Airport(abandoned=2)
        for name in ("lamp", "desk", "rug"):
            (caller,) = airport.asking(name, 1)
            await turns()
            caller.cancel()
            await turns()
        assert (airport.flights.loading, airport.flights.abandoned) == (2, 2)
        assert airport.flights.current("rug") is None
        airport.words[0].set_result("39.90")
        airport.words[1].set_result("249.00")
        await turns()
        assert (airport.flights.loading, airport.flights.abandoned) == (0, 0)
        assert not airport.unseen

    play(scenario)


def test_the_error_of_a_load_that_nobody_waits_for_is_told() -> None:
    """It would else be lost."""

    async def scenario() -> None:
        airport = Airport()
        (caller,) = airport.asking("lamp", 1)
        await turns()
        caller.cancel()
        await turns()
        error = ZeroDivisionError()
        airport.words[0].set_exception(error)
        await turns()
        assert airport.unseen == [error]

    play(scenario)


def test_nobody_joins_a_load_that_was_parted() -> None:
    """Those who waited get its value; who comes later, a newer one."""

    async def scenario() -> None:
        airport = Airport()
        (early,) = airport.asking("lamp", 1)
        await turns()
        airport.flights.part("lamp")
        (late,) = airport.asking("lamp", 1)
        await turns()
        airport.words[0].set_result("old")
        await turns()
        assert airport.flights.current("lamp") is not None
        airport.words[1].set_result("new")
        assert (await early, await late) == ("old", "new")

    play(scenario)


def test_a_load_that_is_cancelled_is_an_error_and_no_cancellation() -> None:
    """Whoever waits did not ask to be cancelled."""

    async def scenario() -> None:
        airport = Airport()
        callers = airport.asking("lamp", 2)
        await turns()
        airport.words[0].cancel()
        for end in await asyncio.gather(*callers, return_exceptions=True):
            assert isinstance(end, LoadNotFinished)
            assert end.retryable

    play(scenario)


def test_closing_ends_all_loads_and_tells_who_waits() -> None:
    """And a load that is begun afterwards does not run."""

    async def scenario() -> None:
        airport = Airport()
        callers = airport.asking("lamp", 2) + airport.asking("desk", 1)
        await turns()
        assert await airport.flights.close(1.0) == 0
        for end in await asyncio.gather(*callers, return_exceptions=True):
            assert isinstance(end, LoadNotFinished)
            assert end.reason == "The cache was closed"
        with pytest.raises(LoadNotFinished):
            airport.begin("rug")
        assert airport.flights.loading == 0

    play(scenario)


def test_closing_does_not_wait_for_ever() -> None:
    """A load that does not let itself be cancelled is counted, and nobody waits for it any more."""

    async def scenario() -> None:
        go = asyncio.Event()

        async def stubborn() -> str:
            while not go.is_set():
                try:
                    await go.wait()
                except asyncio.CancelledError:
                    continue
            return "at last"

        airport = Airport()
        flight = airport.flights.begin("lamp", stubborn())
        caller = asyncio.ensure_future(airport.flights.wait(flight))
        await turns()
        assert await airport.flights.close(0.01) == 1
        with pytest.raises(LoadNotFinished, match="was closed"):
            await asyncio.wait_for(caller, 10.0)
        go.set()
        await turns()
        assert airport.flights.loading == 0

    play(scenario)
