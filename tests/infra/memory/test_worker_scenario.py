"""A real worker over the log in memory: exactly once whatever befalls it, and always the same."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from penstock.infra.memory.request_kind import RequestKind
from tests.infra.memory.turning import play
from tests.infra.memory.worker_play import ORDERS, ROUNDS, SECOND, day_of
from tests.repository.tree import ROOT


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_order_has_its_effects_once(seed: int) -> None:
    """Through a rebalance, a lost answer to a commit, a fence, a restart and an expired session."""
    day = play(day_of(seed))
    assert day.shares == [{"a": 1, "b": 1}, {"a": 2}]
    seen: dict[str, list[int]] = {}
    for order, times in day.noted:
        seen.setdefault(order, []).append(times)
    assert seen == {f"o{each:02}": [*range(1, ROUNDS + 1)] for each in range(ORDERS)}


def test_what_was_planned_has_happened() -> None:
    """The day would be an easy one otherwise."""
    day = play(day_of(1))
    assert day.statistics.faults_met == 1
    lost = [entry for entry in day.history if entry.fate == "answer lost"]
    assert [entry.request for entry in lost] == [RequestKind.END_TRANSACTION]
    fences = [
        entry
        for entry in day.history
        if (entry.client, entry.request) == (SECOND, RequestKind.INIT_PRODUCER)
    ]
    assert len(fences) >= 3, "the owner, the stranger, and an owner again"
    assert day.statistics.incarnation == 2
    assert (day.statistics.waiting_readers, day.statistics.timers) == (0, 0)


def test_the_same_seed_is_the_same_day() -> None:
    """To the millisecond and the request; another seed is another day with the same result."""
    day, again, other = (play(day_of(seed)) for seed in (1, 1, 2))
    assert again.history == day.history
    assert again.noted == day.noted
    assert other.history != day.history
    assert sorted(other.noted) == sorted(day.noted)
    assert all(one.time_ms <= next_.time_ms for one, next_ in pairwise(day.history))


@pytest.mark.timeout(240)
def test_it_is_the_same_day_in_every_process() -> None:
    """Nothing depends on the order of a set, which each process hashes in its own way."""
    digests = {
        subprocess.run(
            [sys.executable, "-m", "tests.infra.memory.worker_play", "7"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests != {""}
