"""Each order is lent and counted once, whatever befalls two processes of a worker meanwhile."""

from collections import Counter
from random import Random
from typing import Final

import pytest

from penstock.events.names import consumer_group
from penstock.infra import connect
from penstock.infra.bootstrap import open_worker
from penstock.infra.memory import (
    Fault,
    Latency,
    Loss,
    MemoryCluster,
    MemoryOptions,
    MemoryProcess,
    RequestKind,
    make_topics,
    play,
    running,
)
from tests.infra.memory.library import LENT, SETTINGS, TYPES, Asked, Lent, clerk

SHAKY: Final = MemoryOptions(latency=Latency(least_s=0.001, most_s=0.02))
NAMES: Final = ("one", "two")
KINDS: Final = [each for each in RequestKind if each is not RequestKind.ADMINISTER]
ASKED_ONCE: Final = (RequestKind.METADATA, RequestKind.LIST_OFFSETS)
"""One of these without an answer is a program's whole patience: their losses are noticed."""
ROUNDS: Final = 3
LOANS: Final = 6
"""In one round."""


def fault_of(chance: Random) -> Fault:
    """Lose a request of a kind, or its answer."""
    kind = chance.choice(KINDS)
    return Fault(
        request=kind,
        after=chance.randrange(5),
        loses=chance.choice([Loss.REQUEST, Loss.ANSWER]),
        noticed=kind in ASKED_ONCE or chance.random() < 0.5,
    )


async def befall(cluster: MemoryCluster, chance: Random) -> None:
    """Do something worse to the cluster, or nothing."""
    match chance.randrange(4):
        case 0:
            cluster.restart()
        case 1:
            cluster.stop()
            away_s = chance.uniform(0.1, 8.0)
            await cluster.clock.sleep_until(cluster.clock.monotonic() + away_s)
            cluster.start()
        case 2:
            group, name = consumer_group(SETTINGS.app, "clerk"), chance.choice(NAMES)
            if any(each.client_id == name for each in cluster.core.groups.describe(group).members):
                cluster.expire(group, name)
        case _:
            return


@pytest.mark.parametrize("seed", range(20))
def test_each_order_has_its_effects_once(seed: int) -> None:
    """Lost requests and answers of any kind, restarts, absences and expired sessions."""
    chance = Random(seed)
    loans = [[f"{turn}-{each}" for each in range(LOANS)] for turn in range(ROUNDS)]

    async def storm(cluster: MemoryCluster) -> None:
        await make_topics(cluster, SETTINGS, types=TYPES, workers=[clerk()])
        processes = [MemoryProcess(cluster, name) for name in NAMES]
        openings = [open_worker(SETTINGS, clerk(), cluster=process) for process in processes]
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            bus.subscribe([Lent]) as lent,
            running(*openings),
        ):
            for of_this_round in loans:
                # Few enough for no partition to have five doubts in a row: it would give up.
                for _ in range(chance.randrange(4)):
                    cluster.faults.add(fault_of(chance))
                await bus.publish_many(Asked(loan=each, title="Emma") for each in of_this_round)
                await befall(cluster, chance)
                for _ in of_this_round:
                    await anext(lent)
            cluster.faults.clear()
        async with (
            connect(SETTINGS, cluster=cluster) as bus,
            bus.counters(LENT) as reader,
            bus.subscribe([Lent], until="end") as all_lent,
        ):
            await reader.restored()
            found = Counter([each.event.loan async for each in all_lent])
            assert found == Counter(each for of_one_round in loans for each in of_one_round)
            assert reader.values() == {"Emma": ROUNDS * LOANS}

    play(storm, seed=seed, options=SHAKY)
