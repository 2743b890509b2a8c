"""A process that reads in a group and notes what it has handled; run as a script it is that one.

Each line of its diary is the number of an event, written when its body was done: an effect that
survives a kill -9. SIGTERM lets it end in order.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.events import Event, Topic
from penstock.infra.bootstrap import connect
from penstock.infra.settings import Settings

__all__ = ["GROUP", "SubscribingFleet", "SubscribingProcess", "subscribing_fleet", "type_on"]

GROUP = "witnesses"
PARTITIONS = 4
BODY_S = 0.002
"""How long each event takes, so that a kill finds something in hand."""
STOP_LIMIT_S = 60.0


class Happened(Event, abstract=True):
    """Something with a number."""

    number: int


def type_on(topic: str) -> type[Happened]:
    """The type of the events on a topic."""

    class HappenedHere(Happened, topic=Topic(topic, partitions=PARTITIONS), key="number"):
        """An event."""

    return HappenedHere


class SubscribingProcess:
    """One process, from outside."""

    def __init__(self, settings: Settings, topic: str, diary: Path) -> None:
        """Start it."""
        self.diary = diary
        self.log = diary.with_suffix(".log")
        arguments = [str(settings.kafka), settings.app, topic, str(diary)]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, __file__, *arguments], stdout=output, stderr=subprocess.STDOUT
            )

    def handled(self) -> list[int]:
        """The numbers that it has noted, in order."""
        if not self.diary.exists():
            return []
        lines = self.diary.read_text().splitlines(keepends=True)
        return [int(line) for line in lines if line.endswith("\n")]

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
        return self.process.wait(timeout=STOP_LIMIT_S)


class SubscribingFleet:
    """All processes that a test has started, in order."""

    def __init__(self, settings: Settings, topic: str, folder: Path) -> None:
        """Start none yet."""
        self._settings = settings
        self._topic = topic
        self._folder = folder
        self.started: list[SubscribingProcess] = []

    def start(self) -> SubscribingProcess:
        """Start another one."""
        diary = self._folder / f"{len(self.started):03}.diary"
        process = SubscribingProcess(self._settings, self._topic, diary)
        self.started.append(process)
        return process

    def handled(self) -> list[int]:
        """All numbers that were noted by anybody."""
        return [number for each in self.started for number in each.handled()]

    def logs(self) -> str:
        """What they have said."""
        return "\n".join(
            f"{each.log.name}: {each.log.read_text()[-2000:]}" for each in self.started
        )


@contextmanager
def subscribing_fleet(settings: Settings, topic: str, folder: Path) -> Iterator[SubscribingFleet]:
    """A fleet that leaves nothing behind."""
    fleet = SubscribingFleet(settings, topic, folder)
    try:
        yield fleet
    finally:
        for process in fleet.started:
            if process.process.poll() is None:
                process.kill()


# --- the process itself ------------------------------------------------------------------------


async def subscribe(settings: Settings, topic: str, diary: Path) -> None:
    """Read until SIGTERM. Once the diary is there, that is heard."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    descriptor = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with (
        connect(settings) as bus,
        bus.subscribe([type_on(topic)], group=GROUP) as happened,
    ):

        async def stop() -> None:
            await stopping.wait()
            happened.stop()

        stopped = asyncio.ensure_future(stop())
        async for delivered in happened:
            await asyncio.sleep(BODY_S)
            os.write(descriptor, f"{delivered.event.number}\n".encode())
        await stopped
    os.close(descriptor)


if __name__ == "__main__":
    bootstrap, app, topic_name, path = sys.argv[1:]
    given = Settings.model_validate({"app": app, "kafka": bootstrap, "session_timeout_s": 6.0})
    asyncio.run(subscribe(given, topic_name, Path(path)))
