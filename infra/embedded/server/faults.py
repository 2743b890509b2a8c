"""Faults on demand: what can go wrong with a Kafka, at a word.

    held = broker.faults.hold(ApiKey.END_TXN)
    broker.faults.answer(ApiKey.PRODUCE, ErrorCode.not_leader_or_follower, times=3)
    broker.faults.drop(ApiKey.TXN_OFFSET_COMMIT, moment=Moment.AFTER)
    await held.wait_reached()

A fault strikes a request of one client; the others go on. Called in the broker's event loop.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.fault_rules import (
    Answer,
    Delay,
    Drop,
    FaultRules,
    Hold,
    Match,
    Moment,
)
from penstock.infra.embedded.server.planned_fault import HeldRequest, PlannedFault
from penstock.infra.embedded.server.struck_call import StruckCall
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.embedded.wire.call import Call

__all__ = ["FaultTarget", "Faults"]

Where = Callable[[Call], bool]


class FaultTarget(Protocol):
    """What faults do to the broker as a whole."""

    async def stop_serving(self) -> None:
        """Cut all connections and refuse new ones; the state stays."""
        ...

    async def serve_again(self) -> None:
        """Take connections again, at the same address."""
        ...

    def hold_markers(self, *, held: bool) -> None:
        """Let transactions end, or stay between their decision and their markers."""
        ...

    def move_clock(self, by: timedelta) -> None:
        """Move the broker's clock forward."""
        ...


@final
class Faults:
    """The faults of one broker."""

    def __init__(self, target: FaultTarget) -> None:
        """Begin without any.

        Args:
            target: the broker.
        """
        self._target = target
        self._rules = FaultRules()
        self._planned: dict[int, PlannedFault] = {}
        """By the rule's number, while requests can meet it."""
        self._held: dict[int, HeldRequest] = {}
        """By the rule's number, until somebody decides."""

    def answer(
        self,
        api: ApiKey,
        error: ErrorCode,
        *,
        times: int | None = 1,
        skip: int = 0,
        where: Where | None = None,
    ) -> PlannedFault:
        """Answer requests with an error, as Kafka does when the whole request fails.

        Args:
            api: which requests.
            error: the answer.
            times: how many; None: all, until it is withdrawn.
            skip: how many pass first.
            where: a further condition.

        Returns:
            The fault. The requests take no effect.
        """
        match = Match(api_key=api, times=times, skip=skip, where=where)
        number = self._rules.add(match, Answer(error=error))
        return self._plan(number, f"the answer {error.name} to {api.name}")

    def delay(
        self,
        api: ApiKey | None,
        seconds: float,
        *,
        times: int | None = None,
        skip: int = 0,
        where: Where | None = None,
    ) -> PlannedFault:
        """Let requests wait before they take effect, and all behind them on their connection.

        Args:
            api: which requests; None: all.
            seconds: how long, in real time.
            times: how many; None: all, until it is withdrawn.
            skip: how many pass first.
            where: a further condition.

        Returns:
            The fault.
        """
        match = Match(api_key=api, times=times, skip=skip, where=where)
        number = self._rules.add(match, Delay(seconds=seconds))
        return self._plan(number, f"a delay of {_name(api)}")

    def hold(
        self,
        api: ApiKey | None,
        *,
        moment: Moment = Moment.BEFORE,
        skip: int = 0,
        where: Where | None = None,
    ) -> HeldRequest:
        """Keep one request before it takes effect, or its answer after it has.

        Args:
            api: which requests; None: all.
            moment: what is kept, the request or its answer.
            skip: how many pass first.
            where: a further condition.

        Returns:
            The request in waiting.
        """
        match = Match(api_key=api, skip=skip, where=where)
        number = self._rules.add(match, Hold(moment=moment))
        held = self._held[number] = HeldRequest(self._plan(number, f"a held {_name(api)}"))
        return held

    def drop(
        self,
        api: ApiKey | None,
        *,
        moment: Moment = Moment.BEFORE,
        times: int | None = 1,
        skip: int = 0,
        where: Where | None = None,
    ) -> PlannedFault:
        """Cut the connection of requests, before or after they take effect.

        Args:
            api: which requests; None: all.
            moment: before the request takes effect, or after it and before the answer.
            times: how many; None: all, until it is withdrawn.
            skip: how many pass first.
            where: a further condition.

        Returns:
            The fault.
        """
        match = Match(api_key=api, times=times, skip=skip, where=where)
        number = self._rules.add(match, Drop(moment=moment))
        return self._plan(number, f"a connection cut at {_name(api)}")

    def clear(self) -> None:
        """Take all rules back and release what is held."""
        for held in list(self._held.values()):
            held.release()
        for fault in list(self._planned.values()):
            fault.withdraw()

    def hold_markers(self) -> None:
        """Leave transactions undone between their decision and their markers.

        EndTxn is answered; until `release_markers`, the last stable offset stays, and whoever
        begins the next transaction is told CONCURRENT_TRANSACTIONS.
        """
        self._target.hold_markers(held=True)

    def release_markers(self) -> None:
        """Write the markers that are due, and those to come at once."""
        self._target.hold_markers(held=False)

    async def stop_serving(self) -> None:
        """Cut all connections and refuse new ones. Topics, groups and transactions stay."""
        await self._target.stop_serving()

    async def serve_again(self) -> None:
        """Take connections again, at the same address."""
        await self._target.serve_again()

    def move_clock(self, by: timedelta) -> None:
        """Move the broker's clock forward; what is due by then happens before this returns.

        Args:
            by: how far.
        """
        self._target.move_clock(by)

    def _plan(self, number: int, name: str) -> PlannedFault:
        fault = PlannedFault(name=name, withdraw=lambda: self._withdraw(number))
        self._planned[number] = fault
        return fault

    def _withdraw(self, number: int) -> bool:
        # A hold comes here when it is decided, a used one too.
        self._held.pop(number, None)
        self._planned.pop(number, None)
        return self._rules.remove(number)

    # The broker's side.

    @property
    def active(self) -> bool:
        """True while there are rules: else a request need not be judged."""
        return len(self._rules) > 0

    def strike(self, call: Call) -> StruckCall | None:
        """Decide about the next request, and tell the faults that it meets.

        Returns:
            The request with its fault; None where it meets none.
        """
        if not self.active:
            return None
        verdict = self._rules.judge(call)
        for number in verdict.met:
            self._planned[number].meet()
            if number not in self._rules:
                del self._planned[number]
        if not verdict.met:
            return None
        # Now and not when it is there: all faults may be cleared while it is on its way.
        held = None if verdict.rule is None else self._held.get(verdict.rule)
        return StruckCall(call, verdict, held)


def _name(api: ApiKey | None) -> str:
    return "request" if api is None else api.name
