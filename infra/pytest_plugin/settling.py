"""When a system of workers and sagas has come to rest. Pure.

    what is done -> the sagas' states -> up to where logs can be seen -> where they end:
        at rest, or what is not

The order is what counts. What is done up to where is read of all workers in one step, without a
wait. Where that is the end of each log which is asked for later, the ends have not moved in
between, as an end does not go back and nobody is done beyond it; so nothing was in flight all that
time, and nothing came. Sagas that were at rest meanwhile wait for nothing but commands of people.

Kafka answers a commit before its markers are written, and until then nobody sees its records. So
where a log can be seen, and where all of its records end, must be one place.

Law: every reason names what is not finished, so that a wait in vain tells what for.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeAlias

from penstock.events.log import Partition
from penstock.sagas.engine.state import Phase, SagaState

__all__ = ["Done", "at_work", "behind", "unseen", "waiting_sagas"]

Done: TypeAlias = Mapping[tuple[str, Partition], int | None]
"""Up to where each input partition is done, by worker. None: it does not run, or is at work. One
that nobody has yet is missing."""


def at_work(expected: frozenset[tuple[str, Partition]], done: Done) -> Iterator[str]:
    """Yield what runs, or is not there yet, in words.

    Args:
        expected: every worker's input partitions.
        done: up to where they are done.
    """
    for worker, partition in sorted(expected):
        if (worker, partition) not in done:
            yield f"{worker} does not have {partition} yet"
        elif done[worker, partition] is None:
            yield f"{worker} is at work on {partition}"


def behind(
    expected: frozenset[tuple[str, Partition]], done: Done, ends: Mapping[Partition, int]
) -> Iterator[str]:
    """Yield what is not done to its end, in words.

    Args:
        expected: every worker's input partitions, none of them at work.
        done: up to where they are done.
        ends: up to where their logs can be seen, asked for later.
    """
    for worker, partition in sorted(expected):
        position, end = done[worker, partition], ends[partition]
        if position != end:
            yield f"{worker} has done {partition} up to {position} of {end}"


def unseen(seen: Mapping[Partition, int], ends: Mapping[Partition, int]) -> Iterator[str]:
    """Yield where something is written that committed readers do not see yet, in words.

    Args:
        seen: up to where they see logs.
        ends: of all records, those of open transactions included; asked for later.
    """
    for partition, end in sorted(ends.items()):
        if seen[partition] < end:
            yield f"a transaction is open on {partition} at {seen[partition]} of {end}"


def waiting_sagas(
    saga: str, states: Mapping[str, SagaState], now_ms: int, *, may_wait: bool
) -> Iterator[str]:
    """Yield the sagas that have not come to rest, in words.

    Args:
        saga: their name.
        states: by key.
        now_ms: the time, in milliseconds since 1970.
        may_wait: whether one is at rest, too, that waits for a time which has not come.
    """
    for key, state in sorted(states.items()):
        if state.phase.ended or state.phase is Phase.PARKED:
            continue
        due_ms = state.due_ms
        if may_wait and (due_ms is None or due_ms > now_ms):
            continue
        until = (
            "" if due_ms is None else f"; it waits for {timedelta(milliseconds=due_ms - now_ms)}"
        )
        yield f"the saga {saga} of {ascii(key)[1:-1]} is {state.phase}{until}"
