"""Subscribers in a group, killed and paused: every event is handled, and few are handled twice.

What a killed process had not committed comes again: at most what it finished within an interval of
commits, and what it had in hand. A process that was paused for longer than its session is thrown
out, and finds its way back.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.infra.bootstrap import connect
from penstock.infra.settings import Settings
from penstock.infra.topic_operations import apply_plan, plan_topics, topics_wanted
from tests.faults.subscribing_process import SubscribingFleet, subscribing_fleet, type_on
from tests.integration.workbench import eventually, off_loop, opened_topics

SEED = 20_261_127
EVENTS = 3_000
KILLS = 4
LIMIT_S = 90.0
PAUSE_S = 8.0
"""Longer than a session of 6 s."""
REPEATS = 700
"""Of one interruption at most: what two intervals of a second hold at 2 ms and more for each event,
and what was in hand; far below what a group that forgets its offsets would repeat."""


async def befall(fleet: SubscribingFleet) -> None:
    """Kill one and another, start others, and let one miss its heartbeats."""
    draw = random.Random(SEED)
    running = [fleet.start(), fleet.start()]
    for turn in range(KILLS):
        handled = len(set(fleet.handled()))
        goal = min(EVENTS - 1, handled + draw.randint(50, 300))
        await eventually(
            lambda goal=goal: len(set(fleet.handled())) >= goal,  # type: ignore[misc] # mypy knows no such lambda
            limit_s=LIMIT_S,
            what=lambda: f"progress; {fleet.logs()}",
        )
        victim = running.pop(0)
        if turn == 1:
            victim.pause()
            await asyncio.sleep(PAUSE_S)
            victim.resume()
            running.append(victim)
        else:
            await off_loop(victim.kill)
            running.append(fleet.start())
    await eventually(
        lambda: len(set(fleet.handled())) == EVENTS,
        limit_s=LIMIT_S,
        what=lambda: f"{EVENTS} events; {len(set(fleet.handled()))}; {fleet.logs()}",
    )
    for process in running:
        await eventually(process.diary.exists, what="a process to be there")
        assert await off_loop(process.terminate) == 0, fleet.logs()


@pytest.mark.timeout(400)
def test_every_event_is_handled_whoever_is_killed(
    kafka: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    """At least once; repeated is only what was not committed at an interruption."""
    settings = Settings.model_validate({"app": unique("app"), "kafka": kafka})
    topic = unique("faults.happened")
    happened = type_on(topic)

    async def scenario(fleet: SubscribingFleet) -> None:
        async with opened_topics(settings.connection()) as topics:
            wanted = topics_wanted(settings.app, [happened], [])
            await apply_plan(topics, await plan_topics(topics, wanted), replication=1)
        async with connect(settings) as bus:
            await bus.publish_many([happened(number=number) for number in range(EVENTS)])
        await befall(fleet)

    with subscribing_fleet(settings, topic, tmp_path) as fleet:
        asyncio.run(scenario(fleet))
        counts = Counter(fleet.handled())
    assert set(counts) == set(range(EVENTS))
    assert counts.total() - EVENTS <= KILLS * REPEATS


@pytest.mark.timeout(200)
def test_two_that_are_ended_while_they_join_end_well(
    kafka: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    """SIGTERM as soon as it is heard gives the exit code 0, whatever the group is doing."""
    settings = Settings.model_validate({"app": unique("app"), "kafka": kafka})
    topic = unique("faults.happened")

    async def scenario(fleet: SubscribingFleet) -> None:
        async with opened_topics(settings.connection()) as topics:
            wanted = topics_wanted(settings.app, [type_on(topic)], [])
            await apply_plan(topics, await plan_topics(topics, wanted), replication=1)
        for _ in range(3):
            pair = [fleet.start(), fleet.start()]
            for process in pair:
                await eventually(process.diary.exists, what="a process to be there")
            codes = await asyncio.gather(*(off_loop(each.terminate) for each in pair))
            assert codes == [0, 0], fleet.logs()

    with subscribing_fleet(settings, topic, tmp_path) as fleet:
        asyncio.run(scenario(fleet))
