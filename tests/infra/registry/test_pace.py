"""How often a watcher looks."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.registry.pace import BURST, LOOKS_PER_S, Pace


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_few_at_once_and_then_steadily(pauses: list[float]) -> None:
    """In no stretch of time more than the burst and two a second."""
    pace, now_s, looks = Pace(), 0.0, list[float]()
    for pause_s in pauses:
        now_s += pause_s
        pace, wait_s = pace.taken(now_s)
        now_s += wait_s
        looks.append(now_s)
    for first, begin_s in enumerate(looks):
        for count, end_s in enumerate(looks[first:], 1):
            assert count <= BURST + LOOKS_PER_S * (end_s - begin_s) + 1e-6


def test_a_single_event_does_not_wait() -> None:
    """As long as there were few before it."""
    pace, now_s = Pace(), 0.0
    for _ in range(20):
        pace, wait_s = pace.taken(now_s)
        assert wait_s == 0.0
        now_s += 1 / LOOKS_PER_S
