from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from penstock.workers.lanes import DueTimer, Lanes, lane_of


@dataclass(frozen=True)
class Read:
    """A record as a lane sees it."""

    offset: int
    key: bytes | None
    value: bytes | None = None
    topic: str = "shop.orders"
    partition: int = 0
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


records = st.lists(st.one_of(st.none(), st.binary(max_size=2)), max_size=60).map(
    lambda keys: [Read(offset, key) for offset, key in enumerate(keys)]
)


def drained(lanes: Lanes, count: int) -> list[list[Read]]:
    """Everything that waits, by lane."""
    taken: list[list[Read]] = []
    for lane in range(count):
        taken.append([])
        while (record := lanes.take(lane)) is not None:
            assert isinstance(record, Read)
            taken[lane].append(record)
    return taken


@given(records, st.integers(1, 9), st.integers(0, 60))
def test_each_record_comes_out_once_and_a_key_in_order(
    read: list[Read], count: int, cut: int
) -> None:
    """Whatever the chunks, a key's records are in one lane, in the order of their offsets."""
    lanes = Lanes(count)
    touched = lanes.put(read[:cut]) | lanes.put(read[cut:])
    assert lanes.waiting == len(read)
    taken = drained(lanes, count)
    assert sorted(r.offset for lane in taken for r in lane) == [r.offset for r in read]
    assert touched == {number for number, lane in enumerate(taken) if lane}
    for lane in taken:
        assert [r.offset for r in lane] == sorted(r.offset for r in lane)
    for key in {r.key for r in read} - {None}:
        assert len({n for n, lane in enumerate(taken) for r in lane if r.key == key}) == 1


def test_records_without_a_key_are_spread_over_all_lanes() -> None:
    """They have no order to keep."""
    assert {lane_of(None, offset, 4) for offset in range(8)} == {0, 1, 2, 3}


def test_a_key_takes_the_same_lane_in_every_process() -> None:
    """So that a failure can be repeated; Python's own hash has another seed in each process."""
    assert [lane_of(key, 0, 16) for key in (b"c-001", b"c-002", b"")] == [10, 0, 0]


def test_cleared_lanes_are_empty() -> None:
    """What was not begun is forgotten."""
    lanes = Lanes(2)
    lanes.put([Read(0, b"a"), Read(1, b"b")])
    lanes.clear()
    assert lanes.waiting == 0
    assert drained(lanes, 2) == [[], []]


@given(st.binary(max_size=3), st.integers(1, 9))
def test_a_timer_takes_the_lane_of_its_key_behind_what_waits(key: bytes, count: int) -> None:
    """And before what comes later."""
    lanes = Lanes(count)
    (lane,) = lanes.put([Read(5, key), Read(6, key)])
    assert lanes.put_timer(b"t/a", key) == lane
    lanes.put([Read(7, key)])
    assert lanes.waiting == 4
    taken = [lanes.take(lane) for _ in range(5)]
    assert taken == [Read(5, key), Read(6, key), DueTimer(b"t/a"), Read(7, key), None]


def test_cleared_lanes_hold_no_timers() -> None:
    """Their entries name them for whoever runs the partition next."""
    lanes = Lanes(2)
    lane = lanes.put_timer(b"t/a", b"k")
    lanes.clear()
    assert lanes.waiting == 0
    assert lanes.take(lane) is None
