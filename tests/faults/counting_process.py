"""A process that counts in a slot and keeps a diary of it; run as a script it is that process.

    restored 17       the slot was opened, and this was counted by all its owners so far
    acknowledged 18   an increment was committed; the number is what the component must be now
    taken             somebody else has the slot
    closed            it was asked to end, and all was written

One increment at a time, so at most one is ever in flight. Whoever opens the slot after a kill must
find the last number of the diary, or exactly one more: an increment that was committed before its
acknowledgement was written down.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.infra.bootstrap import connect
from penstock.infra.replication.counter_slot import CounterSlot
from penstock.infra.replication.slot_hold import SlotTaken
from penstock.infra.settings import Settings
from penstock.workers.counters import Counters

__all__ = ["COUNTER", "ORDERS", "TAKEN", "CountingFleet", "CountingProcess", "Diary"]

ORDERS = Counters("orders")
COUNTER = "work"
TAKEN = 3
"""Exit code of a process whose slot was taken."""
STOP_LIMIT_S = 60.0


@dataclass(frozen=True)
class Entry:
    """A line of a diary."""

    word: str
    number: int


class Diary:
    """What one process has written down. Bytes that were written survive a kill -9."""

    def __init__(self, path: Path) -> None:
        """Read or write this file."""
        self.path = path

    def note(self, word: str, number: int) -> None:
        """Write a line."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{word} {number}\n".encode())
        os.close(descriptor)

    def entries(self) -> list[Entry]:
        """All lines that are whole."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines(keepends=True)
        words = [line.split() for line in lines if line.endswith("\n")]
        return [Entry(word, int(number)) for word, number in words]


class CountingProcess:
    """One process, from outside."""

    def __init__(self, bootstrap: str, app: str, slot: str, diary: Path) -> None:
        """Start it."""
        self.slot = slot
        self.diary = Diary(diary)
        self.log = diary.with_suffix(".log")
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, __file__, bootstrap, app, slot, str(diary)],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def acknowledged(self) -> int:
        """How many increments it has noted."""
        return sum(entry.word == "acknowledged" for entry in self.diary.entries())

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Kill -9, paused or not."""
        self.process.kill()
        self.process.wait(timeout=10)

    def pause(self) -> None:
        """SIGSTOP: it does not notice that time passes."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.process.pid, signal.SIGCONT)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """The exit code, when it has ended."""
        return self.process.wait(timeout=STOP_LIMIT_S)


class CountingFleet:
    """All processes that a test has started, in order; diaries by slot in the order of owners."""

    def __init__(self, bootstrap: str, app: str, folder: Path) -> None:
        """Start none yet."""
        self._bootstrap = bootstrap
        self._app = app
        self._folder = folder
        self.started: list[CountingProcess] = []

    def start(self, slot: str) -> CountingProcess:
        """Start a process; whoever has the slot loses it."""
        path = self._folder / f"{len(self.started):03}-{slot}.diary"
        process = CountingProcess(self._bootstrap, self._app, slot, path)
        self.started.append(process)
        return process

    def chain(self, slot: str) -> tuple[int, list[str]]:
        """Follow a slot through its owners.

        Returns:
            What the slot must have counted by its diaries, and every contradiction in them.
        """
        counted, wrong = 0, []
        for process in self.started:
            if process.slot != slot:
                continue
            for entry in process.diary.entries():
                if entry.word == "restored":
                    # One may have been committed and never written down.
                    if entry.number not in {counted, counted + 1}:
                        wrong.append(f"{process.diary.path.name}: {entry} after {counted}")
                    counted = entry.number
                elif entry.word == "acknowledged":
                    if entry.number != counted + 1:
                        wrong.append(f"{process.diary.path.name}: {entry} after {counted}")
                    counted = entry.number
        return counted, wrong

    def logs(self) -> str:
        """The ends of the logs of those that have ended by themselves, not well."""
        return "\n".join(
            f"{each.log.name} {each.process.returncode}: {each.log.read_text()[-2000:]}"
            for each in self.started
            if each.process.poll() not in {None, 0, TAKEN, -signal.SIGKILL}
        )


@contextmanager
def counting_fleet(bootstrap: str, app: str, folder: Path) -> Iterator[CountingFleet]:
    """A fleet that leaves nothing behind."""
    fleet = CountingFleet(bootstrap, app, folder)
    try:
        yield fleet
    finally:
        for process in fleet.started:
            if process.runs:
                process.kill()


# --- the process itself ------------------------------------------------------------------------


async def count(bootstrap: str, app: str, slot: str, diary: Diary) -> int:
    """Count until SIGTERM, or until the slot is taken."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    try:
        async with (
            connect(Settings(app=app, kafka=bootstrap)) as bus,
            bus.counting(ORDERS, slot=slot) as held,
        ):
            await _count_on(held, diary, stopping)
    except SlotTaken:
        diary.note("taken", 0)
        return TAKEN
    diary.note("closed", 0)
    return 0


async def _count_on(held: CounterSlot, diary: Diary, stopping: asyncio.Event) -> None:
    component = held.component(COUNTER)
    counted = 0 if component is None else component.increments
    diary.note("restored", counted)
    while not stopping.is_set():
        await held.increment(COUNTER, timeout_s=120.0)
        counted += 1
        diary.note("acknowledged", counted)


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(asyncio.run(count(given[0], given[1], given[2], Diary(Path(given[3])))))
