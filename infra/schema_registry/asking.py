"""Asking a registry: one call, repeated at its addresses in turn, and what its answer means.

    round 0:  first address, second address, …    round 1: the same …    until the time is over
              └─ the one that answered last comes first         └─ after a pause, longer each time

Laws:
1. What may pass is repeated, what will not pass is told at once (retry_rule.py).
2. A call ends within `call_s`, whatever the addresses do.
3. A thing that is not there is an answer; anything else but an answer is an error with a code.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, final

from penstock.events.clock import Clock
from penstock.events.deadline import before
from penstock.events.identity import Entropy
from penstock.infra.plain_text import excerpt
from penstock.infra.schema_registry.client_settings import RegistryClientSettings
from penstock.infra.schema_registry.exchange import Exchange, NoAnswer, RegistryResponse
from penstock.infra.schema_registry.refusal import NOT_THERE, Refusal, refusal_in
from penstock.infra.schema_registry.registry_answer import UnusableAnswer
from penstock.infra.schema_registry.registry_errors import (
    RegistryAnswerUnusable,
    RegistryClosed,
    RegistryCredentialsRefused,
    RegistryRefused,
    RegistryUnreachable,
)
from penstock.infra.schema_registry.registry_request import RegistryRequest
from penstock.infra.schema_registry.retry_rule import Verdict, pause_s, verdict
from penstock.schemas.errors import PenstockError

__all__ = ["Asking", "AskingStatistics"]

_AnswerT = TypeVar("_AnswerT")

_CONFLICT: Final = 409
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingStatistics:
    """Counts since the start."""

    attempts: int
    """Requests that were sent."""
    repeats: int
    """Those of them that followed one without a usable answer."""
    failures: int
    """Calls that ended in an error."""


@final
class Asking:
    """Asks one registry, at one or several addresses."""

    def __init__(
        self,
        urls: Sequence[str],
        exchange: Exchange,
        clock: Clock,
        entropy: Entropy,
        *,
        who: str,
        settings: RegistryClientSettings,
    ) -> None:
        """Stand ready; nothing is asked yet.

        Args:
            urls: addresses with their base paths, at least one, without a slash at the end.
            exchange: carries requests; it is closed with this.
            clock: time.
            entropy: for jitter.
            who: as whom we ask, for errors; never a password.
            settings: limits.
        """
        assert urls, "nobody to ask"
        self._urls = tuple(urls)
        self._exchange = exchange
        self._clock = clock
        self._entropy = entropy
        self._who = who
        self._settings = settings
        self._first = 0
        self._closed = False
        self._attempts = self._repeats = self._failures = 0

    async def close(self) -> None:
        """Ask nothing any more, and close the connections."""
        self._closed = True
        await self._exchange.close()

    def statistics(self) -> AskingStatistics:
        """Return the counts."""
        return AskingStatistics(
            attempts=self._attempts, repeats=self._repeats, failures=self._failures
        )

    async def ask(
        self,
        request: RegistryRequest,
        read: Callable[[bytes], _AnswerT],
        *,
        absent: Collection[int] = NOT_THERE,
        conflict: Callable[[Refusal], PenstockError] | None = None,
    ) -> _AnswerT | None:
        """Make one call.

        Args:
            request: the call.
            read: takes the answer out of the body.
            absent: codes that mean that it is not there, which is an answer.
            conflict: what to raise where the registry answers with 409.

        Returns:
            The answer; None where there is no such thing.

        Raises:
            RegistryUnreachable: no answer in the time for a call.
            RegistryCredentialsRefused: it does not let us.
            RegistryAnswerUnusable: what answered is no registry that we understand.
            RegistryRefused: it says no for a reason that will not pass.
        """
        try:
            url, response = await self._answered(request)
            given = self._given(url, request, response, absent, conflict)
            return None if given is None else _read(url, request, given, read)
        except PenstockError:
            self._failures += 1
            raise

    def _given(
        self,
        url: str,
        request: RegistryRequest,
        response: RegistryResponse,
        absent: Collection[int],
        conflict: Callable[[Refusal], PenstockError] | None,
    ) -> bytes | None:
        """Return the body of an answer; None where what was asked for is not there."""
        match verdict(response.status):
            case Verdict.GIVEN:
                return response.body
            case Verdict.CREDENTIALS:
                raise RegistryCredentialsRefused(
                    url=url, status=response.status, who=self._who, call=request.purpose
                )
            case Verdict.REFUSED:
                refusal = refusal_in(response.status, response.body)
                if refusal.code in absent:
                    return None
                if response.status == _CONFLICT and conflict is not None:
                    raise conflict(refusal)
                raise _error_of(url, request, response.status, refusal)
            case _:
                problem = f"HTTP {response.status} is the answer of something else"
                raise _unusable(url, request, problem)

    async def _answered(self, request: RegistryRequest) -> tuple[str, RegistryResponse]:
        """Ask each address in turn, round by round, until one gives an answer that is final.

        Raises:
            RegistryUnreachable: none did, in the time for a call.
        """
        deadline_s = self._clock.monotonic() + self._settings.call_s
        attempts, reason = 0, ""
        for round_number in range(self._settings.rounds):
            asked_s: float | None = None
            for place in self._places():
                if self._closed:
                    raise RegistryClosed
                if self._clock.monotonic() >= deadline_s:
                    break
                self._attempts += 1
                self._repeats += attempts > 0
                attempts += 1
                url = self._urls[place]
                try:
                    response = await self._attempt(url, request, deadline_s)
                except NoAnswer as none:
                    reason = f"{url}: {none}"
                    continue
                if verdict(response.status) is not Verdict.MAY_PASS:
                    self._first = place
                    return url, response
                refusal = refusal_in(response.status, response.body)
                words = excerpt(refusal.message, 300)
                reason = f"{url} answered HTTP {response.status}, code {refusal.code}: {words}"
                asked_s = response.retry_after_s
            if not await self._paused(round_number, asked_s, deadline_s):
                break
        raise RegistryUnreachable(urls=", ".join(self._urls), attempts=attempts, reason=reason)

    def _places(self) -> Sequence[int]:
        """The addresses in the order of trying: the one that answered last comes first."""
        count = len(self._urls)
        return [(self._first + step) % count for step in range(count)]

    async def _attempt(
        self, url: str, request: RegistryRequest, deadline_s: float
    ) -> RegistryResponse:
        until_s = min(self._clock.monotonic() + self._settings.attempt_s, deadline_s)
        try:
            return await before(self._clock, until_s, self._exchange.send(url, request))
        except TimeoutError:
            raise NoAnswer("no answer in time") from None

    async def _paused(self, round_number: int, asked_s: float | None, deadline_s: float) -> bool:
        """Wait for the next round; False where there is none to wait for."""
        if round_number + 1 >= self._settings.rounds:
            return False
        wait_s = pause_s(
            round_number,
            self._entropy.random(),
            first_s=self._settings.backoff_s,
            longest_s=self._settings.longest_backoff_s,
            asked_s=asked_s,
        )
        until_s = self._clock.monotonic() + wait_s
        if until_s >= deadline_s:
            return False
        await self._clock.sleep_until(until_s)
        return True


def _unusable(url: str, request: RegistryRequest, problem: str) -> RegistryAnswerUnusable:
    return RegistryAnswerUnusable(url=url, call=request.purpose, problem=problem)


def _read(
    url: str, request: RegistryRequest, body: bytes, read: Callable[[bytes], _AnswerT]
) -> _AnswerT:
    try:
        return read(body)
    except UnusableAnswer as error:
        raise _unusable(url, request, str(error)) from error


def _error_of(
    url: str, request: RegistryRequest, status: int, refusal: Refusal
) -> RegistryAnswerUnusable | RegistryRefused:
    if refusal.code == _NOT_FOUND:
        # A registry names what is not there by a code of its own; this is a path of nobody.
        return _unusable(url, request, "it knows no such path (HTTP 404)")
    return RegistryRefused(
        url=url,
        call=request.purpose,
        status=status,
        api_code=refusal.code,
        reasons=refusal.message,
    )
