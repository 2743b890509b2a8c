"""The generation of a slot: how often it was taken, written where its counts are.

A producer that was fenced, or that lost an answer, cannot know from that alone whether somebody
else has its slot now: Kafka fences a producer whose transaction took too long, too. So whoever
takes a slot writes a number, one more than the last, before it counts. Who finds a larger number
than its own has lost the slot; who finds its own is still the owner, and may fence again. Without
it, a process that was paused in the middle of a commit would take its slot back from the process
that had replaced it.

The number is a component like others, that of the slot's replica in a counter without a name, which
no counter can have. Readers pass it over.
"""

from typing import Final

from penstock.workers.counters import CounterComponent, slot_replica

__all__ = ["generation_key", "generation_record", "is_generation_key"]

_SLOTS: Final = b"slot/"


def generation_key(slot: str) -> bytes:
    """Return the key of a slot's generation: `slot/<slot>:`, with nothing behind the colon.

    Raises:
        IllegalName: the slot's name is illegal.
    """
    return f"{slot_replica(slot)}:".encode()


def is_generation_key(key: bytes) -> bool:
    """Whether a key of a topic of counters is that of some slot's generation."""
    return key.startswith(_SLOTS) and key.find(b":") == len(key) - 1


def generation_record(generation: int) -> CounterComponent:
    """Return what is written when a slot is taken.

    Args:
        generation: 1 for the first owner.
    """
    return CounterComponent(kind="g", increments=generation, decrements=0)
