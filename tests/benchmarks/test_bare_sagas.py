"""The floor of the saga benchmark does whole sagas, or it would be no floor."""

import json
import os
from typing import Any

from benchmarks.bare_sagas import BareTopics, Compute, orchestrator, participants, start_value
from benchmarks.cpu_time import cpu_s, java_behind

TOPICS = BareTopics(run="test", done="bench.done")
ORDER = {"order_id": "o-1", "sku": "lamp", "quantity": 2, "card": "card-4711", "amount": "19.99"}
START = json.loads(start_value(ORDER))
KEY = b"o-1"


def outputs(compute: Compute, message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what an input gives, by topic."""
    return {topic: value for topic, key, value in compute(KEY, message) if key == KEY}


def test_a_saga_is_three_commands_and_their_answers_and_then_done() -> None:
    """Each input of the orchestrator writes a state, and one command or the end."""
    orchestrate, answer = orchestrator(TOPICS), participants(TOPICS)
    steps, message = [], START
    while TOPICS.commands in (given := outputs(orchestrate, message)):
        assert set(given) == {TOPICS.state, TOPICS.commands}
        steps.append(given[TOPICS.commands]["step"])
        replied = outputs(answer, given[TOPICS.commands])
        assert set(replied) == {TOPICS.inbox}
        message = replied[TOPICS.inbox]
    assert steps == ["reserve_stock", "charge_card", "ship"]
    assert set(given) == {TOPICS.state, TOPICS.done}
    assert given[TOPICS.state]["replies"]["ship"] == {"tracking": "o-1"}


def test_a_start_or_a_reply_that_comes_again_changes_nothing() -> None:
    """The bare orchestrator is no simpler than what exactly-once needs."""
    orchestrate, answer = orchestrator(TOPICS), participants(TOPICS)
    first = outputs(orchestrate, START)
    assert outputs(orchestrate, START) == {}
    reply = outputs(answer, first[TOPICS.commands])[TOPICS.inbox]
    assert outputs(orchestrate, reply)
    assert outputs(orchestrate, reply) == {}


def test_cpu_time_is_that_of_the_whole_process() -> None:
    """What /proc counts and what the process itself is told agree to within a few ticks."""
    told = os.times()
    assert abs(cpu_s(os.getpid()) - (told.user + told.system)) < 0.1


def test_no_jvm_is_found_behind_a_port_that_nobody_listens_on() -> None:
    """Port 0 is never listened on; without a JVM there is no figure, rather than a wrong one."""
    assert java_behind("127.0.0.1:0") is None
