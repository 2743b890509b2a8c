"""Faults on demand, asked for by a test whose broker runs in another thread.

    held = penstock_kafka.faults.hold(ApiKey.END_TXN)
    penstock_kafka.faults.answer(ApiKey.PRODUCE, ErrorCode.not_leader_or_follower, times=3)
    await held.wait_reached()

The faults themselves are those of embedded/server/faults.py; each call here is carried out in the
broker's loop, and is in force when it returns.

Law: nothing here blocks a test's loop for longer than the broker needs for one step; what waits for
requests of clients, which may live in that loop, is awaited, or has a blocking twin for tests
without a loop.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar, final

from kio.schema.errors import ErrorCode

from penstock.infra.embedded.server.embedded_broker import EmbeddedBroker
from penstock.infra.embedded.server.fault_rules import Moment
from penstock.infra.embedded.server.faults import Faults
from penstock.infra.embedded.server.planned_fault import HeldRequest, PlannedFault
from penstock.infra.embedded.wire.api_key import ApiKey
from penstock.infra.testing.loop_thread import LoopThread

__all__ = ["ApiKey", "BrokerTime", "ErrorCode", "Fault", "HeldFault", "Moment", "PenstockFaults"]

_WAIT_S: Final = 10.0
_GRACE_S: Final = 5.0
"""How much later than the wait itself its thread is given up."""

_Wish = ParamSpec("_Wish")
_Planned = TypeVar("_Planned")
_Shown = TypeVar("_Shown")


@final
class Fault:
    """A fault that was asked for."""

    def __init__(self, thread: LoopThread, planned: PlannedFault) -> None:
        """Made by `PenstockFaults`."""
        self._thread = thread
        self._planned = planned

    @property
    def met(self) -> int:
        """How many requests have met it."""
        return self._planned.met

    async def wait_reached(self, timeout_s: float = _WAIT_S, *, times: int = 1) -> None:
        """Wait until requests have met it.

        Args:
            timeout_s: limit, in seconds of real time.
            times: how many requests.

        Raises:
            AwaitedInVain: so many did not come within the limit.
        """
        waiting = self._planned.wait_reached(timeout_s, times=times)
        await asyncio.wrap_future(self._thread.begin(waiting))

    def wait_reached_blocking(self, timeout_s: float = _WAIT_S, *, times: int = 1) -> None:
        """Do as `wait_reached`, for a test without a loop; its clients run elsewhere."""
        waiting = self._planned.wait_reached(timeout_s, times=times)
        self._thread.wait(waiting, limit_s=timeout_s + _GRACE_S)

    def withdraw(self) -> bool:
        """Take it back.

        Returns:
            False where it was used up, or taken back before.
        """
        return self._thread.call(self._planned.withdraw)


@final
class HeldFault:
    """A request that the broker keeps, or will keep when it comes."""

    def __init__(self, thread: LoopThread, held: HeldRequest) -> None:
        """Made by `PenstockFaults`."""
        self._thread = thread
        self._held = held

    @property
    def reached(self) -> bool:
        """True once a request is held, or was."""
        return self._held.reached

    async def wait_reached(self, timeout_s: float = _WAIT_S) -> None:
        """Wait until a request is held.

        Args:
            timeout_s: limit, in seconds of real time.

        Raises:
            AwaitedInVain: none came within the limit.
        """
        await asyncio.wrap_future(self._thread.begin(self._held.wait_reached(timeout_s)))

    def wait_reached_blocking(self, timeout_s: float = _WAIT_S) -> None:
        """Do as `wait_reached`, for a test without a loop; its clients run elsewhere."""
        self._thread.wait(self._held.wait_reached(timeout_s), limit_s=timeout_s + _GRACE_S)

    def release(self) -> None:
        """Let it go on, and all that queues behind it; before it came: hold nothing."""
        self._thread.call(self._held.release)

    def drop(self) -> None:
        """Lose it, and cut its connection; before it came: hold nothing."""
        self._thread.call(self._held.drop)


def _asked(
    plan: Callable[Concatenate[Faults, _Wish], _Planned],
    show: Callable[[LoopThread, _Planned], _Shown],
) -> "Callable[Concatenate[PenstockFaults, _Wish], _Shown]":
    """Make a method that carries out one of the broker's in the broker's loop."""

    @wraps(plan)
    def ask(self: "PenstockFaults", /, *args: _Wish.args, **wishes: _Wish.kwargs) -> _Shown:
        planned = self._thread.call(lambda: plan(self._faults, *args, **wishes))
        return show(self._thread, planned)

    return ask


@final
class PenstockFaults:
    """The faults of one test's broker; embedded/server/faults.py says more about each.

    A further condition, `where`, is called in the broker's thread.
    """

    def __init__(self, thread: LoopThread, broker: EmbeddedBroker) -> None:
        """Begin without any.

        Args:
            thread: the broker's loop runs there.
            broker: it was started.
        """
        self._thread = thread
        self._faults = broker.faults

    answer = _asked(Faults.answer, Fault)
    delay = _asked(Faults.delay, Fault)
    drop = _asked(Faults.drop, Fault)
    hold = _asked(Faults.hold, HeldFault)

    def hold_markers(self) -> None:
        """Leave transactions undone between their decision and their markers."""
        self._thread.call(self._faults.hold_markers)

    def release_markers(self) -> None:
        """Write the markers that are due, and those to come at once."""
        self._thread.call(self._faults.release_markers)

    def stop_serving(self) -> None:
        """Cut all connections and refuse new ones. Topics, groups and transactions stay."""
        self._thread.wait(self._faults.stop_serving())

    def serve_again(self) -> None:
        """Take connections again, at the same address.

        Raises:
            AddressTaken: somebody else has it by now.
        """
        self._thread.wait(self._faults.serve_again())

    def clear(self) -> None:
        """Take all rules back and release what is held."""
        self._thread.call(self._faults.clear)


@final
class BrokerTime:
    """The broker's own clock, without that of its clients."""

    def __init__(self, thread: LoopThread, broker: EmbeddedBroker) -> None:
        """Show it.

        Args:
            thread: the broker's loop runs there.
            broker: it was started.
        """
        self._thread = thread
        self._broker = broker

    @property
    def moved(self) -> timedelta:
        """By how much it was moved in all."""
        return self._broker.clock.moved

    def now_ms(self) -> int:
        """Return the broker's time in milliseconds since 1970."""
        return self._broker.clock.now_ms()

    def move(self, by: timedelta) -> None:
        """Let time pass for the broker alone; what is due by then happens before this returns.

        Nobody was heard of meanwhile: members of groups and open transactions time out.

        Args:
            by: how much.

        Raises:
            ValueError: time does not go back.
        """
        self._thread.call(lambda: self._broker.move_clock(by))

    def pass_by(self, by: timedelta) -> None:
        """Let time pass in which every member of a group was heard of, up to the end.

        Args:
            by: how much; not negative.
        """
        self._thread.call(lambda: self._pass_by(by))

    def _pass_by(self, by: timedelta) -> None:
        then_ms = self._broker.clock.now_ms() + by // timedelta(milliseconds=1)
        self._broker.broker.groups.hear_from_all(now_ms=then_ms)
        self._broker.move_clock(by)
