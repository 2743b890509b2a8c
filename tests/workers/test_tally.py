"""What counting keeps at hand: bounded, and never what decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.schemas.codec import encoder_of
from penstock.schemas.record import declaration_of
from penstock.schemas.schema import AvroSchema
from penstock.workers import Counters
from penstock.workers.counters import CounterComponent
from penstock.workers.group_commit import Effects
from penstock.workers.increments import Asked
from penstock.workers.state import PartitionState, state_key
from penstock.workers.tally import REMEMBERED_LIMIT, Tally
from penstock.workers.topics import counters_topic

VISITS = Counters("visits")


@dataclass(frozen=True)
class Read:
    """A record as it was read."""

    offset: int = 0
    value: bytes | None = None
    key: bytes | None = None
    topic: str = "shop.orders"
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


class Known:
    """The schemas of this world."""

    def find(self, fingerprint: bytes) -> AvroSchema | None:
        """The one that there is."""
        schema = declaration_of(CounterComponent).schema
        return schema if fingerprint == schema.fingerprint else None


def test_what_is_kept_at_hand_is_bounded_and_counting_goes_on() -> None:
    """However many counters there are: what was let go is read from the state again."""
    topics = {VISITS.name: counters_topic("shop", VISITS.name)}
    tally, state = Tally(worker="clerk", topics=topics, schemas=Known()), PartitionState()
    for _ in range(2):
        for number in range(REMEMBERED_LIMIT + 1):
            effects = Effects()
            asked = Asked(VISITS, f"c{number}", 1, 0)
            tally.count([asked], Read(), state, now_ms=0, effects=effects)
            for key, value in effects.state.items():
                state.apply(key, value)
            assert len(tally) <= REMEMBERED_LIMIT
    twice = encoder_of(CounterComponent)(CounterComponent(kind="g", increments=2, decrements=0))
    for number in (0, REMEMBERED_LIMIT):
        assert state.get(state_key("penstock.CounterComponent", f"visits/c{number}")) == twice
