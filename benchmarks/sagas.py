"""Three-step sagas, exactly once everywhere, against the same loops stripped bare.

    python -m benchmarks.sagas [--rounds 3] [--sagas 6000] [--side penstock --side bare]

Each round begins each side anew, warms it up and measures it with 1, 16, 64 and 256 sagas in
flight: completed sagas per second, the median time of one, and the CPU seconds for 1 000 of
orchestrator, participants, Kafka and this driver. One more round, the first, is thrown away,
because a JVM that has just begun still compiles what it runs often. All share the machine: what the
driver uses is missing elsewhere, on every side alike.
"""

import argparse
import asyncio
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.cpu_time import cpu_s, java_behind
from benchmarks.rig import kafka
from benchmarks.saga_driver import Meter, Played, driving
from benchmarks.saga_sides import BARE, ORCHESTRATOR, PARTICIPANTS, PENSTOCK, SIDES, Side

DRIVER: Final = "driver"
KAFKA: Final = "kafka"
COLUMNS: Final = (ORCHESTRATOR, PARTICIPANTS, KAFKA, DRIVER)

SHARES: Final[Mapping[int, int]] = {1: 48, 16: 8, 64: 3, 256: 1}
"""Sagas in flight, and which part of --sagas is measured so: few in flight take longer for each."""
MOST: Final = max(SHARES)
FEWEST: Final = 40
"""Sagas of a measurement at least, for a median that means something."""
WARM_UP: Final = 8
"""The part of --sagas that each side does before it is measured."""
THROWN_AWAY: Final = 2
"""The part of --sagas that is done in the round that is thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A Kafka and the load that is put on it."""

    bootstrap: str
    """Its address."""
    server: int | None
    """Its process; None where it cannot be looked at."""
    sagas: int
    """Sagas of one measurement with the most in flight."""

    async def round(self, name: str, table: "Table") -> None:
        """Begin a side, warm it up, measure it."""
        async with (
            SIDES[name](self.bootstrap) as side,
            driving(
                self.bootstrap,
                inbox=side.inbox,
                done=side.done,
                start_value=side.start_value,
                check=side.check,
            ) as driver,
        ):
            meter = self._meter(side)
            await driver.play(1, 1, meter)  # until the processes are there
            await driver.play(max(self.sagas // WARM_UP, MOST), MOST, meter)
            for in_flight, share in SHARES.items():
                count = max(self.sagas // share, FEWEST)
                table.add(name, in_flight, await driver.play(count, in_flight, meter))

    def _meter(self, side: Side) -> Meter:
        ids = {process: owned.pid for process, owned in side.processes.items()}
        ids[DRIVER] = os.getpid()
        if self.server is not None:
            ids[KAFKA] = self.server
        return lambda: {process: cpu_s(number) for process, number in ids.items()}


async def measure(bootstrap: str, rounds: int, sagas: int, sides: Sequence[str]) -> "Table":
    """All sides in turn, round after round."""
    bench = Bench(bootstrap=bootstrap, server=java_behind(bootstrap), sagas=sagas)
    warming = replace(bench, sagas=sagas // THROWN_AWAY)
    table = Table()
    for number in range(rounds + 1):
        for name in sides:
            if number:
                await bench.round(name, table)
            else:
                await warming.round(name, Table())
        print(f"round {number} of {rounds} done", file=sys.stderr)
    return table


class Table:
    """What was measured, by side and sagas in flight."""

    def __init__(self) -> None:
        """Begin with none."""
        self._played: defaultdict[tuple[str, int], list[Played]] = defaultdict(list)

    def add(self, side: str, in_flight: int, played: Played) -> None:
        """Take one measurement."""
        self._played[side, in_flight].append(played)

    def median(self, side: str, in_flight: int, figure: Callable[[Played], float]) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(map(figure, self._played[side, in_flight]))

    def ratio(self, ours: str, theirs: str, in_flight: int) -> float:
        """Our rate over theirs: the median of the rounds' ratios."""
        pairs = zip(self._played[ours, in_flight], self._played[theirs, in_flight], strict=True)
        return statistics.median(our.rate / their.rate for our, their in pairs)

    def cpu(self, side: str, in_flight: int, process: str) -> float | None:
        """CPU seconds of a process for 1 000 sagas; None where it could not be looked at."""
        if process not in self._played[side, in_flight][0].cpu_s:
            return None
        return self.median(side, in_flight, lambda played: played.cpu_s_per_1000(process))

    def engine_cpu(self, side: str, in_flight: int) -> float | None:
        """CPU seconds for 1 000 sagas of all but the driver."""
        each = [self.cpu(side, in_flight, process) for process in COLUMNS if process != DRIVER]
        known = [seconds for seconds in each if seconds is not None]
        return sum(known) if len(known) == len(each) else None

    def print(self) -> None:
        """One line for each side and number in flight: medians of the rounds."""
        titles = " ".join(f"{process:>12}" for process in COLUMNS)
        print(f"\n{'':46}CPU s for 1 000 sagas")
        print(f"{'side':12} {'in flight':>9} {'sagas/s':>9} {'p50 ms':>8}  {titles}")
        for side, in_flight in self._played:
            rate = self.median(side, in_flight, lambda played: played.rate)
            p50 = self.median(side, in_flight, lambda played: played.p50_ms)
            cpu = [_shown(self.cpu(side, in_flight, process)) for process in COLUMNS]
            print(f"{side:12} {in_flight:9} {rate:9,.0f} {p50:8.1f}  {' '.join(cpu)}")

    def print_ratios(self, sides: Sequence[str]) -> None:
        """The lines that others read; those about penstock where it was measured."""
        print()
        for side in sides:
            seconds = self.engine_cpu(side, MOST)
            if seconds is not None:
                print(f"CPU s for 1 000 sagas, Kafka included, {side}: {seconds:.2f}")
        if PENSTOCK not in sides:
            return
        if BARE in sides:
            print(f"ratio sagas_vs_floor {self.ratio(PENSTOCK, BARE, MOST):.3f}")
        idle = self.median(PENSTOCK, 1, lambda played: played.p50_ms)
        print(f"ratio saga_idle_p50_ms {idle:.1f}")


def _shown(seconds: float | None) -> str:
    return f"{'-':>12}" if seconds is None else f"{seconds:12.3f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sagas", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=3, help="of each side")
    parser.add_argument("--sagas", type=int, default=6_000, help="of one measurement at 256")
    parser.add_argument("--side", action="append", choices=SIDES, help="all, if none is named")
    return parser.parse_args()


def run() -> None:
    """Find a Kafka, measure, print."""
    arguments = _arguments()
    sides = list(dict.fromkeys(arguments.side or SIDES))
    with kafka() as bootstrap:
        table = asyncio.run(measure(bootstrap, arguments.rounds, arguments.sagas, sides))
    table.print()
    table.print_ratios(sides)


if __name__ == "__main__":
    run()
