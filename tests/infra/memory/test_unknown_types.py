"""Types that nobody handles, in whole programs over a cluster in memory, in virtual time."""

import pytest

from penstock.events import Command, Topic
from penstock.events.dead_letter import parse_note
from penstock.events.log import Partition
from penstock.events.names import dead_letter_topic
from penstock.infra import connect
from penstock.infra.bootstrap import open_worker
from penstock.infra.memory import MemoryCluster, make_topics, play, running
from penstock.infra.sagas.bootstrap import open_saga
from penstock.workers import Delivery, Worker
from penstock.workers.type_rules import UnknownTypes
from tests.infra.memory.library import LOAN, SETTINGS, TYPES, Asked, Fetch, TurnedBack, desk

__namespace__ = "cellar"

CELLAR = Topic("cellar.commands", partitions=1)
ATTEMPTS_S = 10.0
"""The wait between the two attempts of the saga's step."""
TIMEOUTS_S = 2 * 120.0
"""What two attempts take that nobody answers."""


class Sweep(Command, topic=CELLAR, key="floor"):
    """What the cellar can do; `Fetch`, on the same topic, it cannot."""

    floor: str


def cellar(rule: UnknownTypes) -> Worker:
    """A worker that knows one of its topic's two commands."""
    worker = Worker("cellar", unknown_types=rule)

    @worker.command(Sweep)
    async def sweep(_command: Sweep, _delivery: Delivery) -> None: ...

    return worker


@pytest.mark.parametrize(("rule", "code"), [("park", "error"), ("skip", "timeout")])
def test_a_saga_that_asks_for_what_nobody_handles_turns_back(rule: UnknownTypes, code: str) -> None:
    """At once, where its commands are parked; where they are skipped, when its time is over."""

    async def turned_back(cluster: MemoryCluster) -> tuple[str, float, list[str], list[str]]:
        put_back: list[str] = []
        workers = [desk(put_back), cellar(rule)]
        await make_topics(cluster, SETTINGS, types=TYPES, workers=workers, sagas=[LOAN])
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            bus.subscribe([TurnedBack]) as turned,
            running(
                *(open_worker(SETTINGS, worker, cluster=cluster) for worker in workers),
                open_saga(SETTINGS, [LOAN], cluster=cluster),
            ),
        ):
            begun_s = cluster.clock.monotonic()
            await bus.publish(Asked(loan="1", title="Emma"))
            found = (await anext(turned)).event.code
            took_s = cluster.clock.monotonic() - begun_s
        letters = Partition(dead_letter_topic(CELLAR.name, SETTINGS.app, "cellar"), 0)
        reader = await cluster.reader(letters)
        reader.seek(letters, 0)
        records = await reader.read(timeout_s=1.0)
        await reader.close()
        return found, took_s, put_back, [parse_note(each.headers).message for each in records]

    found, took_s, put_back, letters = play(turned_back, seed=7)
    assert (found, put_back) == (code, ["1"])
    if rule == "park":
        assert ATTEMPTS_S <= took_s < TIMEOUTS_S / 2
        assert len(letters) == 2
        assert all("cellar.Fetch" in message for message in letters)
    else:
        assert took_s >= TIMEOUTS_S
        assert letters == []


def test_the_two_commands_share_a_topic() -> None:
    """Else the tests above would show nothing."""
    assert Fetch.__penstock__.attributes["topic"] == Sweep.__penstock__.attributes["topic"]
