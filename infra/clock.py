"""Time and chance of the real world: what no two runs of a program have in common.

Everything below infra is given both as arguments, so a test or a simulation puts other ones in
their place: `VirtualClock` (virtual_clock.py) and `SeededEntropy`.

Laws:
1. One clock and one source of randomness per process, made where everything is wired together.
2. Nothing else in the product asks the operating system for either.
"""

import asyncio
import time
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Final, final
from uuid import UUID

__all__ = ["SeededEntropy", "SystemClock", "SystemEntropy"]

_UUID_BITS: Final = 128
_UUID_BYTES: Final = 16
_NANOSECONDS_PER_MS: Final = 1_000_000


@final
class SystemClock:
    """The machine's clock; fulfils events.clock.Clock."""

    __slots__ = ()

    def wall(self) -> datetime:
        """Return the date and time, aware, in UTC."""
        return datetime.now(UTC)

    def wall_ms(self) -> int:
        """Return whole milliseconds since 1970."""
        return time.time_ns() // _NANOSECONDS_PER_MS

    def monotonic(self) -> float:
        """Return seconds since an unknown moment; never goes back."""
        return time.monotonic()

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return once `monotonic()` has reached this; after one turn if it already has."""
        await asyncio.sleep(monotonic_s - time.monotonic())
        if time.monotonic() < monotonic_s:
            # The event loop rounds to its own resolution and may wake a sleeper a moment early.
            await self.sleep_until(monotonic_s)


class _Chance:
    """Makes ids and numbers out of a generator of the standard library."""

    __slots__ = ("_random",)

    def __init__(self, random: Random) -> None:
        self._random = random

    def uuid(self) -> UUID:
        """Return a new random id (version 4)."""
        return UUID(int=self._random.getrandbits(_UUID_BITS), version=4)

    def random(self) -> float:
        """Return a number in [0, 1)."""
        return self._random.random()

    def random_bytes(self, count: int) -> bytes:
        """Return this many random bytes."""
        return self._random.randbytes(count)


@final
class SystemEntropy(_Chance):
    """The operating system's randomness; fulfils events.identity.Entropy."""

    __slots__ = ()

    def __init__(self) -> None:
        """Draw from the operating system: two processes never share a sequence, nor do forks."""
        super().__init__(SystemRandom())


@final
class SeededEntropy(_Chance):
    """The same ids and numbers in each run, for tests, simulations and demonstrations."""

    __slots__ = ()

    def __init__(self, seed: int) -> None:
        """Begin a sequence.

        Args:
            seed: any number; equal seeds give equal sequences.
        """
        super().__init__(Random(seed))  # noqa: S311 - to be foreseen is the point
