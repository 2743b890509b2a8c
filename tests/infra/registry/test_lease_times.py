"""The times of heartbeats: formats F22, and what follows from it."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.infra.registry.lease_times import (
    HEARTBEAT_S,
    KEPT_S,
    LEASE_S,
    REMOVED_S,
    next_heartbeat_s,
    retry_s,
)

DRAWS = st.floats(0, 1, exclude_max=True)


def test_the_times_are_those_that_are_settled() -> None:
    """Others rely on them; and no key is forgotten while an entry in it may be alive."""
    assert (HEARTBEAT_S, LEASE_S, REMOVED_S) == (3.0, 9.0, 30.0)
    assert KEPT_S > REMOVED_S


@given(st.lists(DRAWS, min_size=3, max_size=3))
def test_three_heartbeats_always_lie_within_one_lease(draws: list[float]) -> None:
    """Jitter only shortens, by a tenth at most."""
    sent_s = 0.0
    for draw in draws:
        next_s = next_heartbeat_s(sent_s, draw)
        assert 0.9 * HEARTBEAT_S - 1e-9 <= next_s - sent_s <= HEARTBEAT_S + 1e-9
        sent_s = next_s
    assert sent_s <= LEASE_S + 1e-9


@given(st.integers(1, 10**9), DRAWS)
def test_a_silent_registry_is_asked_soon_and_then_as_often_as_by_a_heartbeat(
    failures: int, draw: float
) -> None:
    """So that an entry is back within a heartbeat of its return, and never in a busy loop."""
    assert 0.9 <= retry_s(failures, draw) <= HEARTBEAT_S
    assert retry_s(min(failures, 6), draw) <= 1.0
